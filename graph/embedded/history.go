package embedded

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"assim/graph"
)

const (
	upkeepInterval = time.Minute
	pruneSlice     = 500 // rows that one step of pruning takes away
)

// Diff walks what differs between two times.
func (s *Store) Diff(ctx context.Context, from, to time.Time) iter.Seq2[graph.Difference, error] {
	return func(yield func(graph.Difference, error) bool) {
		found, err := s.diff(ctx, from, to)
		if err != nil {
			yield(graph.Difference{}, fmt.Errorf("graph: difference: %w", err))
			return
		}
		for _, d := range found {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (s *Store) diff(ctx context.Context, from, to time.Time) ([]graph.Difference, error) {
	view, err := s.View(ctx, to)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	now := view.(*reader)
	c := comparison{
		then: *now, now: *now,
		nodes: map[graph.Key]*graph.Difference{}, rels: map[graph.RelKey]*graph.Difference{},
		nodeEnds: map[graph.Key]int64{}, relEnds: map[graph.RelKey]int64{},
	}
	c.then.past, c.then.when = true, math.MinInt64
	if !from.IsZero() {
		c.then.when = nanos(from)
	}
	if err := c.then.reaches(); err != nil {
		return nil, err
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return c.sorted(), nil
}

// reaches says graph.ErrTooOld when the time looked at is not kept any more.
// Asking pins the moment.
func (r *reader) reaches() error {
	horizon, err := r.c.integer("SELECT value FROM meta WHERE name = 'horizon'")
	if err == nil && r.past && horizon > 0 && r.when < horizon {
		err = fmt.Errorf("%w: it begins at %s", graph.ErrTooOld, time.Unix(0, horizon).UTC().Format(time.RFC3339))
	}
	return err
}

// comparison looks at every element that was touched between two times, at
// both of them. It goes by key: what vanished and came back is the same.
type comparison struct {
	then, now reader
	nodes     map[graph.Key]*graph.Difference
	rels      map[graph.RelKey]*graph.Difference
	nodeEnds  map[graph.Key]int64 // when a version last ended
	relEnds   map[graph.RelKey]int64
}

func (c *comparison) run(ctx context.Context) error {
	until := int64(math.MaxInt64)
	if c.now.past {
		until = c.now.when
	}
	touched := map[elem]bool{}
	err := c.now.c.each(func(q *rows) error {
		elems, err := decodeElems(q.view(0))
		for _, e := range elems {
			touched[e] = true
		}
		return errors.Join(err, ctx.Err())
	}, "SELECT elems FROM log WHERE at>?1 AND at<=?2", c.then.when, until)
	if err != nil {
		return err
	}
	for e := range touched {
		look := c.lookNode
		if e.isRel() {
			look = c.lookRel
		}
		if err := errors.Join(look(e.id(), until), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) lookNode(id, until int64) error {
	look := func(r *reader, f func(d *graph.Difference, v graph.Vertex)) error {
		v, err := r.Node(graph.NodeID(id))
		if errors.Is(err, graph.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.nodes[v.Key] == nil {
			c.nodes[v.Key] = &graph.Difference{Node: v.Key}
		}
		f(c.nodes[v.Key], v)
		return nil
	}
	if err := look(&c.then, func(d *graph.Difference, v graph.Vertex) { d.Old, d.OldLabels = v.Props, extraLabels(v) }); err != nil {
		return err
	}
	if err := look(&c.now, func(d *graph.Difference, v graph.Vertex) {
		d.New, d.NewLabels, d.At = v.Props, extraLabels(v), v.Meta.LastChanged
	}); err != nil {
		return err
	}
	return c.now.c.each(func(q *rows) error {
		label, err := c.now.s.names.text(q.int(1))
		k := graph.Key{Label: label, ID: q.text(2)}
		c.nodeEnds[k] = max(c.nodeEnds[k], q.int(0))
		return err
	}, "SELECT till, label, key FROM oldnode WHERE id=?1 AND till<=?2 ORDER BY till DESC LIMIT 1", id, until)
}

func (c *comparison) lookRel(id, until int64) error {
	look := func(r *reader, f func(d *graph.Difference, e graph.Edge)) error {
		q, err := r.c.query(r.versions(relColumns+", rid", "rel", "oldrel", "id=?2"), r.when, id)
		if err != nil {
			return err
		}
		defer q.close()
		if !q.next() {
			return q.err
		}
		e, err := r.edge(q)
		if err != nil {
			return err
		}
		k, err := c.relKey(e.From, e.Type, e.To, q.text(7))
		if err != nil {
			return err
		}
		if c.rels[k] == nil {
			c.rels[k] = &graph.Difference{Rel: k}
		}
		f(c.rels[k], e)
		return nil
	}
	if err := look(&c.then, func(d *graph.Difference, e graph.Edge) { d.Old = e.Props }); err != nil {
		return err
	}
	if err := look(&c.now, func(d *graph.Difference, e graph.Edge) { d.New, d.At = e.Props, e.Meta.LastChanged }); err != nil {
		return err
	}
	return c.now.c.each(func(q *rows) error {
		typ, err := c.now.s.names.text(q.int(2))
		if err != nil {
			return err
		}
		k, err := c.relKey(graph.NodeID(q.int(1)), typ, graph.NodeID(q.int(3)), q.text(4))
		c.relEnds[k] = max(c.relEnds[k], q.int(0))
		return err
	}, "SELECT till, a, type, b, rid FROM oldrel WHERE id=?1 AND till<=?2 ORDER BY till DESC LIMIT 1", id, until)
}

func (c *comparison) relKey(from graph.NodeID, typ string, to graph.NodeID, rid string) (graph.RelKey, error) {
	a, err := c.keyOf(from)
	if err != nil {
		return graph.RelKey{}, err
	}
	b, err := c.keyOf(to)
	return graph.RelKey{From: a, Type: typ, To: b, ID: rid}, err
}

// keyOf returns the key of a node that exists or existed.
func (c *comparison) keyOf(id graph.NodeID) (graph.Key, error) {
	var k graph.Key
	var failed error
	found, err := c.now.c.one(func(q *rows) {
		k.Label, failed = c.now.s.names.text(q.int(0))
		k.ID = q.text(1)
	}, "SELECT label, key FROM node WHERE id=?1 UNION ALL SELECT label, key FROM oldnode WHERE id=?1 LIMIT 1", int64(id))
	if err == nil && !found {
		err = fmt.Errorf("node %d: %w", id, graph.ErrNotFound)
	}
	return k, errors.Join(err, failed)
}

// sorted returns what really differs, nodes first.
func (c *comparison) sorted() []graph.Difference {
	var out []graph.Difference
	for _, k := range slices.SortedFunc(maps.Keys(c.nodes), graph.Key.Compare) {
		out = appendDifference(out, *c.nodes[k], c.nodeEnds[k])
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.rels), graph.RelKey.Compare) {
		out = appendDifference(out, *c.rels[k], c.relEnds[k])
	}
	return out
}

// appendDifference adds d if it is one. What is no more is dated by its end.
func appendDifference(out []graph.Difference, d graph.Difference, end int64) []graph.Difference {
	switch {
	case d.Old == nil && d.New == nil:
		return out
	case d.Old == nil:
		d.Kind = graph.Added
	case d.New == nil:
		d.Kind = graph.Removed
		d.At = time.Unix(0, end).UTC()
	case d.Old.Same(d.New) && slices.Equal(d.OldLabels, d.NewLabels):
		return out
	default:
		d.Kind = graph.Changed
	}
	return append(out, d)
}

// extraLabels returns the labels beyond the primary one.
func extraLabels(v graph.Vertex) []string {
	if v.Key.Label != "" {
		return v.Labels[1:]
	}
	return v.Labels
}

// Prune forgets versions that ended before a time. Afterwards no question
// about an earlier moment is answered.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	for more := true; more; {
		err := s.submit(&request{ctx: ctx, job: func(w *writer) (err error) {
			more, err = w.prune(nanos(before))
			return err
		}})
		if err != nil {
			return fmt.Errorf("graph: prune: %w", err)
		}
	}
	return nil
}

// upkeep prunes what the retention setting no longer keeps, a little at a time.
func (w *writer) upkeep() {
	if w.s.opt.Retention <= 0 {
		return
	}
	before := w.clock - int64(w.s.opt.Retention)
	for more := true; more && len(w.s.queue) == 0; {
		err := w.transaction(func() (err error) {
			more, err = w.prune(before)
			return err
		})
		if err != nil {
			return // tried again in a minute
		}
	}
}

// prune takes away one slice of what ended up to a time and reports whether
// there may be more.
func (w *writer) prune(before int64) (more bool, err error) {
	for name, v := range map[string]int64{"horizon": before, "clock": w.clock, "node": w.nextNode - 1, "rel": w.nextRel - 1} {
		if err := w.c.exec("INSERT INTO meta(name, value) VALUES(?1,?2) ON CONFLICT DO UPDATE SET value=max(value, ?2)", name, v); err != nil {
			return false, err
		}
	}
	for _, p := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM oldnode WHERE (id, till) IN (SELECT id, till FROM oldnode WHERE till<=?1 LIMIT ?2) RETURNING 1", []any{before, int64(pruneSlice)}},
		{"DELETE FROM oldrel WHERE (id, till) IN (SELECT id, till FROM oldrel WHERE till<=?1 LIMIT ?2) RETURNING 1", []any{before, int64(pruneSlice)}},
		{"DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE at<=?1 AND seq<=?3 LIMIT ?2) RETURNING 1", []any{before, int64(pruneSlice), w.indexedTo}},
	} {
		n := 0
		if err := w.c.each(func(*rows) error { n++; return nil }, p.sql, p.args...); err != nil {
			return false, err
		}
		more = more || n == pruneSlice
	}
	docs, err := w.pruneDocs(before)
	return more || docs, err
}

func (w *writer) pruneDocs(before int64) (more bool, err error) {
	n := 0
	var docs, slots []int64
	var keys []string
	err = w.c.each(func(r *rows) error {
		docs, slots = append(docs, r.int(0)), append(slots, r.int(1))
		keys = append(keys, docsKey(r.text(2), r.text(3), r.text(4), r.text(5)))
		n++
		return nil
	}, "DELETE FROM docref WHERE (slot, till) IN (SELECT slot, till FROM docref WHERE till<=?1 AND till < 9223372036854775807 LIMIT ?2) RETURNING doc, slot, label, key, type, instance", before, int64(pruneSlice))
	for i := range docs {
		err = errors.Join(err, w.dropDoc(docs[i]), w.dropSlot(keys[i], slots[i]))
	}
	return n == pruneSlice, err
}

// dropDoc forgets a content that nobody refers to any more.
func (w *writer) dropDoc(id int64) error {
	return w.c.exec("DELETE FROM doc WHERE id=?1 AND NOT EXISTS (SELECT 1 FROM docref WHERE doc=?1)", id)
}
