package bolt

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"assim/graph"
)

// reader shows what a commit left behind.
type reader struct {
	s      *Store
	ctx    context.Context
	serial int64
	at     time.Time
	ahead  ahead
}

// View returns a Reader of now or of then.
func (s *Store) View(ctx context.Context, at time.Time) (graph.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.gate.RLock()
	ended, serial := s.ended, s.serial
	s.gate.RUnlock()
	if ended {
		return nil, graph.ErrClosed
	}
	if !at.IsZero() {
		var err error
		if serial, err = s.serialAt(ctx, at); err != nil {
			return nil, err
		}
	}
	return &reader{s: s, ctx: ctx, serial: serial, at: at}, nil
}

// serialAt returns the number of the last commit at or before a time.
func (s *Store) serialAt(ctx context.Context, at time.Time) (int64, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.serialWithin(ctx, at)
}

// serialWithin is serialAt for those who hold the gate.
func (s *Store) serialWithin(ctx context.Context, at time.Time) (int64, error) {
	if s.ended {
		return 0, graph.ErrClosed
	}
	if err := s.reaches(at); err != nil {
		return 0, err
	}
	switch year := at.Year(); {
	case year < 1970:
		return 0, nil
	case year > 2200: // beyond what nanoseconds hold
		at = time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := s.rows(ctx, "MATCH (c:AssimCommit) WHERE c.time <= $time RETURN c.serial, c.times ORDER BY c.time DESC, c.serial DESC LIMIT 1", map[string]any{"time": at.UnixNano()})
	if err != nil || len(rows) == 0 {
		return 0, s.explain(err)
	}
	serial := number(rows[0][0]) - 1
	times, _ := rows[0][1].([]any)
	for _, t := range times {
		if number(t) > at.UnixNano() {
			break
		}
		serial++
	}
	return serial, nil
}

// seen is a version and whose it is.
type seen struct {
	element
	*version
}

// look returns the versions shown: what now names, and unless this is the
// newest commit, what old names. No commit takes effect between them.
func (r *reader) look(now, old string, params map[string]any, decode func([]any) (seen, error)) ([]seen, error) {
	r.s.gate.RLock()
	defer r.s.gate.RUnlock()
	if r.s.ended {
		return nil, graph.ErrClosed
	}
	rows, err := r.s.rows(r.ctx, now, params)
	if err != nil {
		return nil, r.s.explain(err)
	}
	out := make([]seen, 0, len(rows))
	for _, row := range rows {
		f, err := decode(row)
		if err != nil {
			return nil, err
		}
		if f.shownAt(r.serial) {
			out = append(out, f)
		}
	}
	if r.serial == r.s.serial {
		return out, nil
	}
	before, err := r.lookBack(old, params)
	return append(out, before...), err
}

// lookBack returns what held then and holds no more.
func (r *reader) lookBack(old string, params map[string]any) ([]seen, error) {
	then := map[string]any{"serial": r.serial}
	maps.Copy(then, params)
	rows, err := r.s.rows(r.ctx, strings.Replace(old, "SHOWN", "o.to > $serial AND o.from <= $serial", 1)+" RETURN coalesce(o.uid, o.elem), o.state, o.to", then)
	if err != nil {
		return nil, r.s.explain(err)
	}
	out := make([]seen, 0, len(rows))
	for _, row := range rows {
		v, err := decodeVersion(text(row[1]))
		if err != nil {
			return nil, err
		}
		v.to = number(row[2])
		e, err := uid(text(row[0])).parse()
		if err != nil {
			return nil, err
		}
		if v.shownAt(r.serial) {
			out = append(out, seen{e, v})
		}
	}
	return out, nil
}

const (
	nodeNow = " RETURN properties(n)"
	relNow  = " WITH DISTINCT r RETURN type(r), startNode(r)._id, endNode(r)._id, properties(r)" // a loop may match twice
)

func decodeNode(row []any) (seen, error) {
	props, _ := row[0].(map[string]any)
	e, err := identity(props).parse()
	if err != nil {
		return seen{}, err
	}
	v, err := decodeLive(props)
	return seen{e, v}, err
}

// identity is what a node's properties say that it is.
func identity(props map[string]any) uid {
	if whole := text(props["_uid"]); whole != "" {
		return uid(whole)
	}
	return uid(text(props["_key"]))
}

// decodeRel tells of the identity only the type: an Edge has no more.
func decodeRel(row []any) (seen, error) {
	props, _ := row[3].(map[string]any)
	v, err := decodeLive(props)
	if err != nil {
		return seen{}, err
	}
	v.A, v.B = number(row[1]), number(row[2])
	return seen{element{isRel: true, rel: graph.RelKey{Type: text(row[0])}}, v}, nil
}

func (r *reader) oneNode(what any, now, old string, params map[string]any) (graph.Vertex, error) {
	found, err := r.look(now+nodeNow, old, params, decodeNode)
	if err != nil {
		return graph.Vertex{}, err
	}
	if len(found) == 0 {
		return graph.Vertex{}, fmt.Errorf("graph: node %v: %w", what, graph.ErrNotFound)
	}
	return found[0].vertex(found[0].node), nil
}

// Node returns one node by its number.
func (r *reader) Node(id graph.NodeID) (graph.Vertex, error) {
	if v, ok, err := r.nodeAhead(int64(id)); ok || err != nil {
		return v, err
	}
	return r.oneNode(id, "MATCH (n:AssimNode {_id: $id})", "MATCH (o:AssimOldNode {id: $id}) WHERE SHOWN", map[string]any{"id": int64(id)})
}

// Find returns one node by its key.
func (r *reader) Find(k graph.Key) (graph.Vertex, error) {
	return r.oneNode(k, "MATCH (n:AssimNode {_key: $key})", "MATCH (o:AssimOldNode {elem: $key}) WHERE SHOWN", map[string]any{"key": nodeUID(k).key()})
}

// Rel returns one relationship by its number. One that this Reader told of is
// looked for between its two ends; for another there is no index.
func (r *reader) Rel(id graph.RelID) (graph.Edge, error) {
	params := map[string]any{"id": int64(id), "head": strconv.FormatInt(int64(id), 10) + ","}
	found, err := r.look(r.matchRel(int64(id), params)+relNow, "MATCH (o:AssimOldRel {id: $id}) WHERE SHOWN", params, decodeRel)
	if err != nil {
		return graph.Edge{}, err
	}
	if len(found) == 0 {
		return graph.Edge{}, fmt.Errorf("graph: relationship %d: %w", id, graph.ErrNotFound)
	}
	return found[0].edge(found[0].rel), nil
}

func (r *reader) matchRel(id int64, params map[string]any) string {
	ends, ok := r.ahead.ends(id)
	if !ok {
		return "MATCH (:AssimNode)-[r]->(:AssimNode) WHERE r._v STARTS WITH $head"
	}
	params["a"], params["b"] = ends[0], ends[1]
	return "MATCH (:AssimNode {_id: $a})-[r]->(:AssimNode {_id: $b}) WHERE r._v STARTS WITH $head"
}

// vertices walks what look finds and want wants.
func (r *reader) vertices(now, old string, params map[string]any, want func(graph.Vertex) bool) iter.Seq2[graph.Vertex, error] {
	return func(yield func(graph.Vertex, error) bool) {
		found, err := r.look(now+nodeNow, old, params, decodeNode)
		if err != nil {
			yield(graph.Vertex{}, err)
			return
		}
		r.foundVertices(found)
		for _, f := range found {
			if v := f.vertex(f.node); want(v) && !yield(v, nil) {
				return
			}
		}
	}
}

func (r *reader) edges(now, old string, params map[string]any) iter.Seq2[graph.Edge, error] {
	return func(yield func(graph.Edge, error) bool) {
		found, err := r.look(now+relNow, old, params, decodeRel)
		if err != nil {
			yield(graph.Edge{}, err)
			return
		}
		r.ahead.toldOf(found)
		for _, f := range found {
			if !yield(f.edge(f.rel), nil) {
				return
			}
		}
	}
}

// Nodes walks all that carry a label.
func (r *reader) Nodes(label string) iter.Seq2[graph.Vertex, error] {
	now, old := nodesOf(label)
	return r.vertices(now, old, map[string]any{"label": label}, func(graph.Vertex) bool { return true })
}

func nodesOf(label string) (now, old string) {
	if label == "" {
		return "MATCH (n:AssimNode)", "MATCH (o:AssimOldNode) WHERE SHOWN"
	}
	return "MATCH (n:AssimNode" + labelText([]string{label}) + ")", "MATCH (o:AssimOldNode) WHERE SHOWN AND $label IN o.labels"
}

// NodesWith looks up where there is an index and otherwise walks the label.
func (r *reader) NodesWith(label, prop string, value any) iter.Seq2[graph.Vertex, error] {
	now, old := nodesOf(label)
	params := map[string]any{"label": label}
	if _, isList := value.([]any); r.Indexed(label, prop) && !isList {
		now = lookUpText(label, prop)
		params["value"] = showable(value, true)
	}
	return r.vertices(now, old, params, func(v graph.Vertex) bool { return has(v, prop, value) })
}

func lookUpText(label, prop string) string {
	return "MATCH (n:AssimNode" + labelText([]string{label}) + " {" + quote(neoName(prop)) + ": $value})"
}

func has(v graph.Vertex, prop string, value any) bool {
	p, ok := v.Props[prop]
	return ok && graph.Equal(p, value)
}

// Indexed reports whether NodesWith looks up.
func (r *reader) Indexed(label, prop string) bool { return slices.Contains(indexed[label], prop) }

// Expand walks the relationships of one node.
func (r *reader) Expand(id graph.NodeID, dir graph.Dir, types ...string) iter.Seq2[graph.Edge, error] {
	return func(yield func(graph.Edge, error) bool) {
		kind := typesText(types)
		found, ok, err := r.expandAhead(expansion{int64(id), dir, kind})
		if err != nil {
			yield(graph.Edge{}, err)
			return
		}
		if !ok {
			r.expandAlone(id, dir, kind, types)(yield)
			return
		}
		r.ahead.toldOf(found)
		for _, f := range found {
			if !yield(f.edge(f.rel), nil) {
				return
			}
		}
	}
}

func (r *reader) expandAlone(id graph.NodeID, dir graph.Dir, kind string, types []string) iter.Seq2[graph.Edge, error] {
	ends := "(o.a = $id OR o.b = $id)"
	switch dir {
	case graph.Out:
		ends = "o.a = $id"
	case graph.In:
		ends = "o.b = $id"
	}
	left, right := arrows(dir)
	return r.edges("MATCH (n:AssimNode {_id: $id})"+left+"[r"+kind+"]"+right+"()",
		"MATCH (o:AssimOldRel) WHERE "+ends+" AND SHOWN AND ($types = [] OR o.type IN $types)", map[string]any{"id": int64(id), "types": append([]string{}, types...)})
}

// Rels walks all relationships of a type.
func (r *reader) Rels(typ string) iter.Seq2[graph.Edge, error] {
	if typ == "" {
		return r.edges("MATCH ()-[r]->()", "MATCH (o:AssimOldRel) WHERE SHOWN", nil)
	}
	return r.edges("MATCH ()-[r:"+quote(typ)+"]->()", "MATCH (o:AssimOldRel) WHERE SHOWN AND o.type = $type", map[string]any{"type": typ})
}

// Count answers from Neo4j's own counters.
func (r *reader) Count(label string) int64 {
	if label == "" {
		label = "AssimNode"
	}
	return r.number("MATCH (n" + labelText([]string{label}) + ") RETURN count(n)")
}

// RelCount answers from Neo4j's own counters.
func (r *reader) RelCount(typ string) int64 {
	if typ != "" {
		typ = ":" + quote(typ)
	}
	return r.number("MATCH ()-[r" + typ + "]->() RETURN count(r)")
}

func (r *reader) number(cypher string) int64 {
	r.s.gate.RLock()
	defer r.s.gate.RUnlock()
	if r.s.ended {
		return 0
	}
	if n, ok := r.s.totals.get(r.s.serial, cypher); ok {
		return n
	}
	rows, err := r.s.rows(r.ctx, cypher, nil)
	if err != nil || len(rows) == 0 {
		return 0
	}
	n := number(rows[0][0])
	r.s.totals.put(cypher, n)
	return n
}

// totals are the counts that were asked for since the newest commit: planning
// a query asks for several, and for the same again and again.
type totals struct {
	mu     sync.Mutex
	serial int64
	counts map[string]int64 // by the query; as many as there are labels and types
}

func (t *totals) get(serial int64, cypher string) (int64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.serial != serial || len(t.counts) > maxTotals {
		t.serial, t.counts = serial, nil
	}
	n, ok := t.counts[cypher]
	return n, ok
}

// put is called with the gate held, since get said no: no commit came between.
func (t *totals) put(cypher string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	t.counts[cypher] = n
}

// names returns the distinct texts that a query answers about now, or, when
// this is not now, what walk finds.
func (r *reader) names(queries []string, walk func(add func(string))) []string {
	names := map[string]bool{}
	r.s.gate.RLock()
	latest := r.serial == r.s.serial
	r.s.gate.RUnlock()
	if latest {
		for _, q := range queries {
			rows, err := r.s.read(r.ctx, q, nil)
			if err != nil {
				continue
			}
			for _, row := range rows {
				names[text(row[0])] = true
			}
		}
	} else {
		walk(func(name string) { names[name] = true })
	}
	return slices.Sorted(maps.Keys(names))
}

// Labels returns the labels in use.
func (r *reader) Labels() []string {
	return r.names([]string{"MATCH (n:AssimNode) WITH DISTINCT labels(n) AS list UNWIND list AS l WITH DISTINCT l WHERE l <> 'AssimNode' RETURN l"}, func(add func(string)) {
		for v := range r.Nodes("") {
			for _, l := range v.Labels {
				add(l)
			}
		}
	})
}

// RelTypes returns the relationship types in use.
func (r *reader) RelTypes() []string {
	return r.names([]string{"MATCH ()-[r]->() RETURN DISTINCT type(r)"}, func(add func(string)) {
		for e := range r.Rels("") {
			add(e.Type)
		}
	})
}

// PropNames returns the names of the properties in use.
func (r *reader) PropNames() []string {
	const distinct = " UNWIND list AS p WITH DISTINCT p WHERE NOT p STARTS WITH '_' OR p STARTS WITH '__' RETURN p"
	found := r.names([]string{
		"MATCH (n:AssimNode) WITH DISTINCT keys(n) AS list" + distinct,
		"MATCH ()-[r]->() WITH DISTINCT keys(r) AS list" + distinct,
	}, func(add func(string)) {
		for v := range r.Nodes("") {
			for name := range v.Props {
				add(neoName(name))
			}
		}
		for e := range r.Rels("") {
			for name := range e.Props {
				add(neoName(name))
			}
		}
	})
	for i, name := range found {
		found[i] = ourName(name)
	}
	slices.Sort(found)
	return found
}

// Documents walks what was the newest then.
func (r *reader) Documents(system graph.Key, typ string) iter.Seq2[graph.Document, error] {
	return func(yield func(graph.Document, error) bool) {
		where := "d.from <= $serial AND d.to > $serial"
		if system != (graph.Key{}) {
			where = "d.ref STARTS WITH $system AND " + where
		}
		if typ != "" {
			where += " AND d.type = $type"
		}
		rows, err := r.s.read(r.ctx, "MATCH (d:AssimDocRef) WHERE "+where+" MATCH (j:AssimDocument {hash: d.hash}) RETURN d.ref, d.name, d.hash, d.at, j.json",
			map[string]any{"serial": r.serial, "system": refsOf(system), "type": typ})
		if err != nil {
			yield(graph.Document{}, err)
			return
		}
		docs := make([]graph.Document, len(rows))
		for i, row := range rows {
			if docs[i], err = documentOf(row); err != nil {
				yield(graph.Document{}, err)
				return
			}
		}
		sortDocuments(docs)
		for _, d := range docs {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// documentOf takes reference, name, hash, time and JSON.
func documentOf(row []any) (graph.Document, error) {
	d, err := parseRef(text(row[0]), text(row[1]))
	d.Hash, d.At, d.JSON = text(row[2]), instant(number(row[3])), bytesOf(row[4])
	return d, err
}

func sortDocuments(docs []graph.Document) {
	slices.SortFunc(docs, func(a, b graph.Document) int {
		if c := a.System.Compare(b.System); c != 0 {
			return c
		}
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return strings.Compare(a.Instance, b.Instance)
	})
}

// At returns the moment asked for.
func (r *reader) At() time.Time { return r.at }

// Close has nothing to give back: a Reader is a number.
func (r *reader) Close() error { return nil }

// NodeSources returns who says a node now.
func (r *reader) NodeSources(id graph.NodeID, limit int) ([]string, error) {
	return r.sources("MATCH (x:AssimNode {_id: $id}) RETURN x._v, coalesce(x._uid, x._key)", map[string]any{"id": int64(id)}, limit, func(row []any) string {
		return uid(text(row[1])).key()
	})
}

// RelSources returns who says a relationship now.
func (r *reader) RelSources(id graph.RelID, limit int) ([]string, error) {
	params := map[string]any{"head": strconv.FormatInt(int64(id), 10) + ","}
	return r.sources(r.matchRel(int64(id), params)+" RETURN r._v"+relKey, params, limit, func(row []any) string {
		k, err := relKeyOf(row[1:])
		if err != nil {
			return "" // of which nobody says anything
		}
		return relUID(k).key()
	})
}

// relKey returns of a relationship what relKeyOf makes its identity of.
const relKey = ", coalesce(startNode(r)._uid, startNode(r)._key), type(r), coalesce(endNode(r)._uid, endNode(r)._key), coalesce(r._rid, '')"

func relKeyOf(row []any) (graph.RelKey, error) {
	from, err := uid(text(row[0])).parse()
	if err != nil {
		return graph.RelKey{}, err
	}
	to, err := uid(text(row[2])).parse()
	return graph.RelKey{From: from.node, Type: text(row[1]), To: to.node, ID: text(row[3])}, err
}

// sources returns who says what a query finds; key names it by the query's row.
func (r *reader) sources(query string, params map[string]any, limit int, key func([]any) string) ([]string, error) {
	if !r.at.IsZero() {
		return nil, nil
	}
	rows, err := r.s.read(r.ctx, query, params)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	v, err := parseHead(text(rows[0][0]))
	if err != nil {
		return nil, err
	}
	if v.Owner != 0 {
		rows, err = r.s.read(r.ctx, "MATCH (s:AssimSource {number: $number}) RETURN s.name", map[string]any{"number": v.Owner})
	} else {
		rows, err = r.s.read(r.ctx, "MATCH (c:AssimClaim) WHERE c.key STARTS WITH $key MATCH (s:AssimSource {number: c.number}) RETURN s.name ORDER BY s.name LIMIT $limit",
			map[string]any{"key": key(rows[0]) + " ", "limit": int64(limit)})
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = text(row[0])
	}
	return out[:min(max(limit, 0), len(out))], err
}
