package cypher

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assim/graph"
	"assim/graph/graphtest"
)

// world is a graph under construction: what the setup of a scenario has made
// so far. It reaches the store as one Change of one source, so that what a
// setup deletes vanishes like anything a source no longer says.
type world struct {
	store graph.Store
	nodes map[graph.Key]graph.Node
	rels  map[string]graph.Rel
	next  int
	done  func() // closes the store, or nil
	open  []graph.Reader
}

func newWorld() *world { return newWorldIn(graphtest.NewMem()) }

func newWorldIn(store graph.Store) *world {
	return &world{store: store, nodes: map[graph.Key]graph.Node{}, rels: map[string]graph.Rel{}}
}

// close lets go of readers and store.
func (w *world) close() {
	for _, r := range w.open {
		_ = r.Close()
	}
	if w.done != nil {
		w.done()
	}
}

func (w *world) apply() error {
	c := graph.Change{Source: "tck", At: w.now()}
	for _, n := range w.nodes {
		c.Nodes = append(c.Nodes, n)
	}
	for _, r := range w.rels {
		c.Rels = append(c.Rels, r)
	}
	_, err := w.store.Apply(context.Background(), c)
	return err
}

// now is the time of the newest change.
func (w *world) now() time.Time { return time.Date(2026, 1, 1, 0, 0, w.next, 0, time.UTC) }

func (w *world) view() graph.Reader {
	r, err := w.store.View(context.Background(), time.Time{})
	if err != nil {
		panic(err)
	}
	w.open = append(w.open, r)
	if len(w.open) > 2 {
		_ = w.open[0].Close()
		w.open = w.open[1:]
	}
	return r
}

// bindings are a row of a setup statement.
type bindings map[string]any

// execute carries out a setup statement: reading clauses, CREATE and DELETE,
// in any order.
func (w *world) execute(text string) (err error) {
	tokens, err := lex(text)
	if err != nil {
		return err
	}
	p := &parser{text: text, tokens: tokens}
	defer func() {
		if b, ok := recover().(bail); ok {
			err = b.err
		}
	}()
	rows := []bindings{{}}
	for p.cur().kind != tokEnd {
		switch {
		case p.sym(";"):
		case p.word("CREATE"):
			if rows, err = w.create(p, p.patterns(), rows); err != nil {
				return err
			}
		case p.isWord(0, "DELETE") || p.isWord(0, "DETACH"):
			p.word("DETACH")
			p.word("DELETE")
			if err := w.remove(p, p.exprList(), rows); err != nil {
				return err
			}
		default:
			from := p.i
			for c := p.clause(); c != nil; c = p.nextReading() {
			}
			if p.i == from {
				return fmt.Errorf("setup: cannot execute %q", text[p.cur().from:])
			}
			if rows, err = w.read(text[tokens[from].from:tokens[p.i-1].to], rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextReading reads another clause unless it writes.
func (p *parser) nextReading() clause {
	if p.isWord(0, writeWords...) {
		return nil
	}
	return p.clause()
}

// read runs clauses over all rows at once, as aggregates among them demand.
func (w *world) read(clauses string, rows []bindings) ([]bindings, error) {
	list := make([]any, len(rows))
	for i, row := range rows {
		list[i] = map[string]any(row)
	}
	head := "UNWIND $rows AS `the row` WITH "
	for i, name := range slices.Sorted(maps.Keys(rows[0])) {
		if i > 0 {
			head += ", "
		}
		head += fmt.Sprintf("`the row`.`%s` AS `%s`", name, name)
	}
	if len(rows[0]) == 0 {
		head += "`the row`"
	}
	q, err := Parse(head + " " + clauses + " RETURN *")
	if err != nil {
		return nil, err
	}
	found, err := q.Run(context.Background(), w.view(), map[string]any{"rows": list}, Limits{})
	if err != nil {
		return nil, err
	}
	var out []bindings
	for values, err := range found.All() {
		if err != nil {
			return nil, err
		}
		b := bindings{}
		for i, c := range q.Columns() {
			b[c] = values[i]
		}
		delete(b, "the row")
		out = append(out, b)
	}
	return out, nil
}

// query runs text with the row's variables in scope.
func (w *world) query(text string, row bindings) ([]string, [][]any, error) {
	params := map[string]any{}
	var with []string
	for _, name := range slices.Sorted(maps.Keys(row)) {
		params["b_"+name] = row[name]
		with = append(with, fmt.Sprintf("$`b_%s` AS `%s`", name, name))
	}
	if len(with) > 0 {
		text = "WITH " + strings.Join(with, ", ") + " " + text
	}
	q, err := Parse(text)
	if err != nil {
		return nil, nil, err
	}
	rows, err := q.Run(context.Background(), w.view(), params, Limits{})
	if err != nil {
		return nil, nil, err
	}
	all, err := rows.Collect()
	return q.Columns(), all, err
}

func (w *world) create(p *parser, patterns []*pattern, rows []bindings) ([]bindings, error) {
	type made struct {
		row  int
		name string
		key  graph.Key
	}
	var named []made
	for i, row := range rows {
		keys := map[string]graph.Key{}
		for _, pt := range patterns {
			var chain []graph.Key
			for _, n := range pt.nodes {
				k, err := w.createNode(p, n, row, keys)
				if err != nil {
					return nil, err
				}
				chain = append(chain, k)
			}
			for j, r := range pt.rels {
				if err := w.createRel(p, r, chain[j], chain[j+1], row); err != nil {
					return nil, err
				}
			}
		}
		for name, k := range keys {
			named = append(named, made{i, name, k})
		}
	}
	if err := w.apply(); err != nil {
		return nil, err
	}
	r := w.view()
	for _, m := range named {
		v, err := r.Find(m.key)
		if err != nil {
			return nil, err
		}
		rows[m.row][m.name] = &Node{id: v.ID, v: v, loaded: true}
	}
	return rows, nil
}

func (w *world) createNode(p *parser, n *nodePattern, row bindings, keys map[string]graph.Key) (graph.Key, error) {
	if k, ok := keys[n.name]; ok && n.name != "" {
		return k, nil
	}
	if bound, ok := row[n.name].(*Node); ok && n.name != "" {
		return bound.v.Key, nil
	}
	w.next++
	key := graph.Key{ID: fmt.Sprintf("n%06d", w.next)}
	if len(n.labels) > 0 {
		key.Label = n.labels[0]
	}
	seen := maps.Clone(row)
	for name, k := range keys {
		seen[name] = map[string]any(w.nodes[k].Props)
	}
	props, err := w.props(p, n.props, seen)
	if err != nil {
		return key, err
	}
	w.nodes[key] = graph.Node{Key: key, Labels: n.labels, Props: props}
	if n.name != "" {
		keys[n.name] = key
	}
	return key, nil
}

func (w *world) createRel(p *parser, r *relPattern, from, to graph.Key, row bindings) error {
	if r.dir == graph.In {
		from, to = to, from
	}
	props, err := w.props(p, r.props, row)
	if err != nil {
		return err
	}
	w.next++
	id := fmt.Sprintf("r%06d", w.next)
	w.rels[id] = graph.Rel{From: from, Type: r.types[0], To: to, ID: id, Props: props}
	return nil
}

func (w *world) props(p *parser, e expr, row bindings) (graph.Props, error) {
	if e == nil {
		return nil, nil
	}
	at := e.loc()
	_, rows, err := w.query("RETURN "+p.text[p.tokens[at.from].from:p.tokens[at.to-1].to]+" AS x", row)
	if err != nil {
		return nil, err
	}
	props := graph.Props{}
	for k, v := range rows[0][0].(map[string]any) {
		if v == nil {
			continue
		}
		n, err := graph.Normalize(v)
		if err != nil {
			return nil, err
		}
		props[k] = n
	}
	return props, nil
}

func (w *world) remove(p *parser, list []expr, rows []bindings) error {
	for _, e := range list {
		v, ok := e.(*varExpr)
		if !ok {
			return fmt.Errorf("setup: DELETE of something that is no variable")
		}
		for _, row := range rows {
			switch x := row[v.name].(type) {
			case *Node:
				delete(w.nodes, x.v.Key)
				maps.DeleteFunc(w.rels, func(_ string, r graph.Rel) bool { return r.From == x.v.Key || r.To == x.v.Key })
			case *Rel:
				if err := w.removeRel(x); err != nil {
					return err
				}
			}
		}
	}
	return w.apply()
}

func (w *world) removeRel(x *Rel) error {
	r := w.view()
	from, err := r.Node(x.e.From)
	if err != nil {
		return err
	}
	to, err := r.Node(x.e.To)
	if err != nil {
		return err
	}
	for id, rel := range w.rels {
		if rel.From == from.Key && rel.To == to.Key && rel.Type == x.e.Type {
			delete(w.rels, id)
			return nil
		}
	}
	return fmt.Errorf("setup: the relationship to delete is not there")
}
