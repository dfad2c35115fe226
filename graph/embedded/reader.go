package embedded

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"assim/graph"
)

// reader is one connection pinned to one moment. When it looks at the past,
// every question is asked twice: of what holds now, if it began early enough,
// and of the versions that have ended since.
type reader struct {
	s    *Store
	c    *conn
	at   time.Time
	past bool
	when int64 // nanoseconds, when past
}

var (
	_ graph.Reader  = (*reader)(nil)
	_ graph.Sourcer = (*reader)(nil)
)

// View returns a Reader of now or of then.
func (s *Store) View(ctx context.Context, at time.Time) (graph.Reader, error) {
	c, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	r := &reader{s: s, c: c, at: at}
	if !at.IsZero() {
		r.past, r.when = true, nanos(at)
	}
	if err := r.pin(); err != nil {
		_ = c.exec("ROLLBACK") // it only read
		s.release(c)
		return nil, fmt.Errorf("graph: view: %w", err)
	}
	return r, nil
}

// nanos is a time as the file has it. Times beyond what fits are the first or
// the last that does.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return stillOpen - 1
	}
	return t.UnixNano()
}

// pin begins the transaction and reads something, which fixes the moment.
func (r *reader) pin() error {
	if err := r.c.exec("BEGIN"); err != nil {
		return err
	}
	if err := r.reaches(); err != nil || !r.s.readOnly {
		return err
	}
	return r.s.names.load(r.c) // whoever writes may have added some
}

// Close lets the moment go.
func (r *reader) Close() error {
	if r.c == nil {
		return nil
	}
	for q := range r.c.open {
		q.close()
	}
	err := r.c.exec("ROLLBACK")
	r.s.release(r.c)
	r.c = nil
	return err
}

// At returns the moment shown.
func (r *reader) At() time.Time { return r.at }

const (
	nodeColumns = "id, label, key, born, since, body"
	relColumns  = "id, a, type, b, born, since, body"
)

// nodesWhere returns the statement that finds nodes by a condition with
// parameters from ?2 on; ?1 is the time looked at.
func (r *reader) nodesWhere(cond string) string {
	return r.versions(nodeColumns, "node", "oldnode", cond)
}

func (r *reader) relsWhere(cond string) string {
	return r.versions(relColumns, "rel", "oldrel", cond)
}

func (r *reader) versions(columns, now, old, cond string) string {
	if !r.past {
		return "SELECT " + columns + " FROM " + now + " WHERE ?1=0 AND " + cond
	}
	return "SELECT " + columns + " FROM " + now + " WHERE since<=?1 AND " + cond +
		" UNION ALL SELECT " + columns + " FROM " + old + " WHERE since<=?1 AND till>?1 AND " + cond
}

func (r *reader) vertex(q *rows) (graph.Vertex, error) {
	label, err := r.s.names.text(q.int(1))
	if err != nil {
		return graph.Vertex{}, err
	}
	b, err := decodeBody(q.view(5))
	if err != nil {
		return graph.Vertex{}, fmt.Errorf("graph: node %s:%s: %w", label, q.text(2), err)
	}
	labels, props, err := r.s.names.extra(b)
	if err != nil {
		return graph.Vertex{}, err
	}
	if label != "" {
		labels = append([]string{label}, labels...)
	}
	return graph.Vertex{
		ID: graph.NodeID(q.int(0)), Key: graph.Key{Label: label, ID: q.text(2)}, Labels: labels, Props: props,
		Meta: meta(q.int(3), q.int(4)),
	}, nil
}

func (r *reader) edge(q *rows) (graph.Edge, error) {
	typ, err := r.s.names.text(q.int(2))
	if err != nil {
		return graph.Edge{}, err
	}
	b, err := decodeBody(q.view(6))
	if err != nil {
		return graph.Edge{}, fmt.Errorf("graph: relationship %d of type %s: %w", q.int(0), typ, err)
	}
	_, props, err := r.s.names.extra(b)
	if err != nil {
		return graph.Edge{}, err
	}
	return graph.Edge{
		ID: graph.RelID(q.int(0)), Type: typ, From: graph.NodeID(q.int(1)), To: graph.NodeID(q.int(3)), Props: props,
		Meta: meta(q.int(4), q.int(5)),
	}, nil
}

func meta(born, since int64) graph.Meta {
	return graph.Meta{FirstSeen: time.Unix(0, born).UTC(), LastChanged: time.Unix(0, since).UTC()}
}

// walk yields what scan makes of every row of a query.
func walk[T any](r *reader, scan func(*rows) (T, error), sql string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if r.c == nil {
			yield(none, graph.ErrClosed)
			return
		}
		q, err := r.c.query(sql, args...)
		if err != nil {
			yield(none, err)
			return
		}
		defer q.close()
		for q.next() {
			v, err := scan(q)
			if !yield(v, err) || err != nil {
				return
			}
		}
		if q.err != nil {
			yield(none, q.err)
		}
	}
}

// only returns the single thing that a walk yields.
func only[T any](seq iter.Seq2[T, error], what string, args ...any) (T, error) {
	for v, err := range seq {
		return v, err
	}
	var none T
	return none, fmt.Errorf("graph: "+what+": %w", append(args, graph.ErrNotFound)...)
}

// concat yields all of a, then all of b.
func concat[T any](a, b iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range a {
			if !yield(v, err) || err != nil {
				return
			}
		}
		for v, err := range b {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// filter yields what satisfies want.
func filter[T any](seq iter.Seq2[T, error], want func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if (err != nil || want(v)) && (!yield(v, err) || err != nil) {
				return
			}
		}
	}
}

func nothing[T any](func(T, error) bool) {}

// Node returns one node.
func (r *reader) Node(id graph.NodeID) (graph.Vertex, error) {
	return only(walk(r, r.vertex, r.nodesWhere("id=?2"), r.when, int64(id)), "node %d", id)
}

// Find returns the node of that key.
func (r *reader) Find(k graph.Key) (graph.Vertex, error) {
	label, ok := r.s.names.id(k.Label)
	if !ok {
		return graph.Vertex{}, fmt.Errorf("graph: node %s: %w", k, graph.ErrNotFound)
	}
	const placed = "id=(SELECT id FROM place WHERE key=?3 AND kind=?2)"
	now := walk(r, r.vertex, "SELECT "+nodeColumns+" FROM node WHERE (?1=0 OR since<=?1) AND "+placed, r.when, label, k.ID)
	if r.past {
		now = concat(now, walk(r, r.vertex, "SELECT "+nodeColumns+" FROM oldnode WHERE since<=?1 AND till>?1 AND label=?2 AND key=?3", r.when, label, k.ID))
	}
	return only(now, "node %s", k)
}

// Rel returns one relationship.
func (r *reader) Rel(id graph.RelID) (graph.Edge, error) {
	return only(walk(r, r.edge, r.relsWhere("id=?2"), r.when, int64(id)), "relationship %d", id)
}

// Nodes walks the nodes that carry a label.
func (r *reader) Nodes(label string) iter.Seq2[graph.Vertex, error] {
	if label == "" {
		return walk(r, r.vertex, r.nodesWhere("1"), r.when)
	}
	id, ok := r.s.names.id(label)
	if !ok {
		return nothing[graph.Vertex]
	}
	return concat(walk(r, r.vertex, r.nodesWhere("label=?2"), r.when, id), r.nodesAlso(label, id))
}

// nodesAlso walks the nodes that carry a label beside their primary one.
func (r *reader) nodesAlso(label string, id int64) iter.Seq2[graph.Vertex, error] {
	also := walk(r, r.vertex, "SELECT "+nodeColumns+" FROM node WHERE (?1=0 OR since<=?1) AND id IN (SELECT node FROM nodelabel WHERE label=?2)", r.when, id)
	if !r.past {
		return also
	}
	return concat(also, filter(r.endedSince(), func(v graph.Vertex) bool {
		return v.Key.Label != label && slices.Contains(v.Labels, label)
	}))
}

// endedSince walks the versions of nodes that held at the time looked at and
// have ended since.
func (r *reader) endedSince() iter.Seq2[graph.Vertex, error] {
	return walk(r, r.vertex, "SELECT "+nodeColumns+" FROM oldnode WHERE till>?1 AND since<=?1", r.when)
}

// NodesWith walks the nodes that carry a label and have a property.
func (r *reader) NodesWith(label, prop string, value any) iter.Seq2[graph.Vertex, error] {
	has := func(v graph.Vertex) bool {
		p, ok := v.Props[prop]
		return ok && (label == "" || slices.Contains(v.Labels, label)) && graph.Equal(p, value)
	}
	ix, ok := r.s.index.byName[[2]string{label, prop}]
	if !ok {
		return filter(r.Nodes(label), has)
	}
	now := walk(r, r.vertex, "SELECT n.id, n.label, n.key, n.born, n.since, n.body FROM value v CROSS JOIN node n ON n.id=v.node WHERE v.ix=?2 AND v.value=?3 AND (?1=0 OR n.since<=?1)",
		r.when, ix, indexedValue(value))
	if r.past {
		now = concat(now, r.endedSince())
	}
	return filter(now, has)
}

// Indexed reports whether NodesWith looks up or scans.
func (r *reader) Indexed(label, prop string) bool {
	_, ok := r.s.index.byName[[2]string{label, prop}]
	return ok
}

// Expand walks the relationships of one node.
func (r *reader) Expand(id graph.NodeID, dir graph.Dir, types ...string) iter.Seq2[graph.Edge, error] {
	if len(types) == 0 {
		return r.expand(dir, func(side string) iter.Seq2[graph.Edge, error] {
			return walk(r, r.edge, r.relsWhere(side+"=?2"), r.when, int64(id))
		})
	}
	return r.expand(dir, func(side string) iter.Seq2[graph.Edge, error] {
		return func(yield func(graph.Edge, error) bool) {
			for i, t := range types {
				typ, ok := r.s.names.id(t)
				if !ok || slices.Contains(types[:i], t) {
					continue
				}
				for e, err := range walk(r, r.edge, r.relsWhere(side+"=?2 AND type=?3"), r.when, int64(id), typ) {
					if !yield(e, err) || err != nil {
						return
					}
				}
			}
		}
	})
}

// expand asks one side, or both without telling self-loops twice.
func (r *reader) expand(dir graph.Dir, side func(string) iter.Seq2[graph.Edge, error]) iter.Seq2[graph.Edge, error] {
	switch dir {
	case graph.Out:
		return side("a")
	case graph.In:
		return side("b")
	case graph.Both:
		return concat(side("a"), filter(side("b"), func(e graph.Edge) bool { return e.From != e.To }))
	}
	return nothing[graph.Edge]
}

// Rels walks all relationships of a type.
func (r *reader) Rels(typ string) iter.Seq2[graph.Edge, error] {
	if typ == "" {
		return walk(r, r.edge, r.relsWhere("1"), r.when)
	}
	id, ok := r.s.names.id(typ)
	if !ok {
		return nothing[graph.Edge]
	}
	return walk(r, r.edge, r.relsWhere("type=?2"), r.when, id)
}

// Count tells how many nodes carry a label now.
func (r *reader) Count(label string) int64 { return r.usage(usedLabel, label) }

// RelCount tells how many relationships have a type now.
func (r *reader) RelCount(typ string) int64 { return r.usage(usedType, typ) }

func (r *reader) usage(kind int64, name string) int64 {
	id, ok := r.s.names.id(name)
	if name == "" {
		id = totalName
	}
	if !ok || r.c == nil {
		return 0
	}
	n, _ := r.c.integer("SELECT n FROM usage WHERE kind=?1 AND name=?2", kind, id) // an estimate may be 0
	return n
}

// Labels returns the labels in use.
func (r *reader) Labels() []string { return r.used(usedLabel) }

// RelTypes returns the relationship types in use.
func (r *reader) RelTypes() []string { return r.used(usedType) }

// PropNames returns the property names in use.
func (r *reader) PropNames() []string { return r.used(usedProp) }

func (r *reader) used(kind int64) []string {
	var out []string
	text := func(q *rows) (string, error) { return q.text(0), nil }
	for name, err := range walk(r, text, "SELECT n.text FROM usage u JOIN name n ON n.id=u.name WHERE u.kind=?1 AND u.n>0 ORDER BY n.text", kind) {
		if err != nil {
			return out
		}
		out = append(out, name)
	}
	return out
}

// Documents walks the documents that were the newest at this moment.
func (r *reader) Documents(system graph.Key, typ string) iter.Seq2[graph.Document, error] {
	which := "(?2='' OR type=?2)"
	args := []any{r.when, typ}
	if r.past {
		which += " AND since<=?1 AND till>?1"
	} else {
		which += " AND till=?1"
		args[0] = stillOpen
	}
	if (system != graph.Key{}) {
		which += " AND label=?3 AND key=?4 AND slot IN (SELECT id FROM place WHERE kind=?5 AND key>=?6 AND key<?7)"
		first := docsOf(system.Label, system.ID)
		args = append(args, system.Label, system.ID, placeOfDocs, first, strings.TrimSuffix(first, "\x00")+"\x01")
	}
	// Sorted first and joined then, so that no JSON is sorted.
	return walk(r, scanDocument, "SELECT r.label, r.key, r.type, r.instance, r.since, d.hash, d.json FROM (SELECT label, key, type, instance, since, doc FROM docref WHERE "+
		which+" ORDER BY label, key, type, instance LIMIT -1) r CROSS JOIN doc d ON d.id=r.doc", args...)
}

func scanDocument(q *rows) (graph.Document, error) {
	raw, err := unpackDoc(q.view(6))
	return graph.Document{
		System: graph.Key{Label: q.text(0), ID: q.text(1)}, Type: q.text(2), Instance: q.text(3),
		At: time.Unix(0, q.int(4)).UTC(), Hash: hex.EncodeToString(q.view(5)), JSON: raw,
	}, err
}

// NodeSources returns who says a node.
func (r *reader) NodeSources(id graph.NodeID, limit int) ([]string, error) {
	return r.sources("node", nodeElem(int64(id)), limit)
}

// RelSources returns who says a relationship.
func (r *reader) RelSources(id graph.RelID, limit int) ([]string, error) {
	return r.sources("rel", relElem(int64(id)), limit)
}

func (r *reader) sources(table string, e elem, limit int) ([]string, error) {
	if r.past {
		return nil, nil
	}
	var out []string
	text := func(q *rows) (string, error) { return q.text(0), nil }
	for name, err := range walk(r, text, "SELECT name FROM source WHERE id IN (SELECT src FROM "+table+" WHERE id=?1 AND src>0 UNION ALL SELECT src FROM claim WHERE elem=?2) ORDER BY name LIMIT ?3",
		e.id(), int64(e), int64(limit)) {
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}
