package cma

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"assim/discovery"
	"assim/discovery/all"
	"assim/graph"
	"assim/graph/cypher"
	"assim/graph/derive"
	"assim/graph/oui"
)

// deriveDelay gathers documents of one system that come together, so that what
// follows from them is worked out once.
const deriveDelay = 200 * time.Millisecond

// wholeEvery is how often, at most, what the documents of a type mean together
// is worked out: it takes a walk over all of them.
const wholeEvery = time.Minute

// deriver works out, after documents changed, the relationships that need the
// graph of more than one system. It is behind by a moment and never blocks the
// way of a document: what is asked twice is done once.
type deriver struct {
	store   graph.Store
	commits *committer
	health  *health
	now     func() time.Time
	rules   []rule
	plugins []*discovery.Plugin
	wholes  []discovery.Whole
	swept   time.Time       // when the shared lists were looked through; of run alone
	lonely  map[string]bool // those that nobody had then

	mu   sync.Mutex
	news bool // documents changed since they were last seen together
	due  map[derivation]bool
	busy bool // with what was due
	wake chan struct{}
}

// derivation is one rule to be applied to one system. The first of a document
// spreads to the systems it affects.
type derivation struct {
	rule   int
	system string
	spread bool
}

// rule is a derive.Rule, parsed.
type rule struct {
	derive.Rule
	query, affected *cypher.Query
}

func newDeriver(store graph.Store, plugins []*discovery.Plugin, commits *committer, h *health, now func() time.Time) (*deriver, error) {
	d := &deriver{plugins: plugins, wholes: all.Wholes, store: store, commits: commits, health: h, now: now, due: map[derivation]bool{}, wake: make(chan struct{}, 1)}
	for _, r := range derive.Built() {
		one := rule{Rule: r}
		var err error
		if one.query, err = cypher.Parse(r.Query); err != nil {
			return nil, fmt.Errorf("derived relationship %s: %w", r.Name, err)
		}
		if r.Affected != "" {
			if one.affected, err = cypher.Parse(r.Affected); err != nil {
				return nil, fmt.Errorf("derived relationship %s: affected: %w", r.Name, err)
			}
		}
		d.rules = append(d.rules, one)
	}
	return d, nil
}

// changed notes that a system has a new document of a type.
func (d *deriver) changed(system, typ string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.news = true
	for i, r := range d.rules {
		for _, t := range r.Triggers {
			if t == typ {
				d.due[derivation{i, system, true}] = true
			}
		}
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (d *deriver) run(ctx context.Context) {
	leisure := time.NewTicker(wholeEvery)
	defer leisure.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-leisure.C:
			d.together(ctx)
			if now := d.now(); now.Sub(d.swept) >= sweepEvery {
				d.swept = now
				if err := d.tidy(ctx); err != nil && ctx.Err() == nil {
					d.health.failed("looking through the lists that systems share", err)
				}
			}
			continue
		case <-d.wake:
		}
		if !pause(ctx, deriveDelay) {
			return
		}
		d.mu.Lock()
		due := d.due
		d.due, d.busy = map[derivation]bool{}, true
		d.mu.Unlock()
		for one := range due {
			if err := d.derive(ctx, one); err != nil && ctx.Err() == nil {
				d.health.failed("working out "+d.rules[one.rule].Name+" of "+one.system, err)
			}
		}
		d.mu.Lock()
		d.busy = false
		d.mu.Unlock()
	}
}

// idle reports whether all that follows from the documents so far is worked out.
func (d *deriver) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.due) == 0 && !d.busy
}

// together works out what the documents of all systems mean together. Any change
// may matter to it: an address that only ARP knew is known when its system tells
// of it.
func (d *deriver) together(ctx context.Context) {
	d.mu.Lock()
	changed := d.news
	d.news = false
	d.mu.Unlock()
	if !changed {
		return
	}
	for _, w := range d.wholes {
		if err := d.wholeOf(ctx, w); err != nil && ctx.Err() == nil {
			d.health.failed("working out "+w.Name, err)
		}
	}
}

func (d *deriver) wholeOf(ctx context.Context, w discovery.Whole) error {
	view, err := d.store.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	change, err := w.Derive(view)
	now := d.now()
	news, waits, failed := contests(view, &change, now)
	if err = errors.Join(err, failed, view.Close()); err != nil {
		return err
	}
	if waits {
		d.mu.Lock()
		d.news = true // Time alone makes it news.
		d.mu.Unlock()
	}
	oui.Name(&change)
	change.At = now
	return d.commits.wait(ctx, commit{changes: []graph.Change{change}, events: news})
}

// derive applies one rule to one system, and notes whom else it concerns.
func (d *deriver) derive(ctx context.Context, one derivation) error {
	view, err := d.store.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	defer view.Close()
	r := &d.rules[one.rule]
	params := map[string]any{"system": one.system}
	if one.spread && r.affected != nil {
		rows, err := collect(ctx, r.affected, view, params)
		if err != nil {
			return err
		}
		d.mu.Lock()
		for _, row := range rows {
			if id, ok := row[0].(string); ok {
				d.due[derivation{one.rule, id, false}] = true
			}
		}
		again := len(d.due) > 0
		d.mu.Unlock()
		if again {
			select {
			case d.wake <- struct{}{}:
			default:
			}
		}
	}
	rows, err := collect(ctx, r.query, view, params)
	if err != nil {
		return err
	}
	links, err := derivedRows(r.query.Columns(), rows)
	if err != nil {
		return err
	}
	change := r.Change(graph.Key{Label: graph.System, ID: one.system}, links)
	change.At = d.now()
	return d.commits.do(ctx, change)
}

func collect(ctx context.Context, q *cypher.Query, view graph.Reader, params map[string]any) ([][]any, error) {
	rows, err := q.Run(ctx, view, params, cypher.Limits{})
	if err != nil {
		return nil, err
	}
	return rows.Collect()
}

// derivedRows reads the columns from, type, to, and the rest as properties.
func derivedRows(columns []string, rows [][]any) ([]derive.Row, error) {
	var out []derive.Row
	for _, row := range rows {
		var one derive.Row
		for i, c := range columns {
			switch c {
			case "from", "to":
				node, ok := row[i].(*cypher.Node)
				if !ok {
					return nil, fmt.Errorf("column %s holds a %T, not a node", c, row[i])
				}
				if c == "from" {
					one.From = node.Vertex().Key
				} else {
					one.To = node.Vertex().Key
				}
			case "type":
				one.Type = text(row[i])
			default:
				if one.Props == nil {
					one.Props = graph.Props{}
				}
				one.Props[c] = row[i]
			}
		}
		out = append(out, one)
	}
	return out, nil
}
