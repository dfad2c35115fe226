package graphtest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"assim/graph"
)

// memReader shows what held at one number.
type memReader struct {
	m      *Mem
	serial int64
	at     time.Time
}

// View returns a Reader of now or of then.
func (m *Mem) View(ctx context.Context, at time.Time) (graph.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, graph.ErrClosed
	}
	return &memReader{m, m.serialAt(at), at}, nil
}

// serialAt returns the number of the last change at or before a time.
func (m *Mem) serialAt(at time.Time) int64 {
	if at.IsZero() {
		return m.serial
	}
	return int64(sort.Search(len(m.times), func(i int) bool { return m.times[i].After(at) })) - 1
}

func visible(spans []span, serial int64) *span {
	for i := len(spans) - 1; i >= 0; i-- {
		if s := &spans[i]; s.from <= serial {
			if serial < s.to {
				return s
			}
			return nil
		}
	}
	return nil
}

func (r *memReader) vertex(n *memNode) (graph.Vertex, bool) {
	s := visible(n.spans, r.serial)
	if s == nil {
		return graph.Vertex{}, false
	}
	labels := s.labels
	if n.key.Label != "" {
		labels = append([]string{n.key.Label}, labels...)
	}
	return graph.Vertex{ID: n.id, Key: n.key, Labels: labels, Props: s.props, Meta: graph.Meta{FirstSeen: s.born, LastChanged: s.since}}, true
}

func (r *memReader) edge(e *memRel) (graph.Edge, bool) {
	s := visible(e.spans, r.serial)
	if s == nil {
		return graph.Edge{}, false
	}
	return graph.Edge{ID: e.id, Type: e.key.Type, From: e.from.id, To: e.to.id, Props: s.props, Meta: graph.Meta{FirstSeen: s.born, LastChanged: s.since}}, true
}

func (r *memReader) Node(id graph.NodeID) (graph.Vertex, error) {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	if id >= 0 && int(id) < len(r.m.byNode) {
		if v, ok := r.vertex(r.m.byNode[id]); ok {
			return v, nil
		}
	}
	return graph.Vertex{}, fmt.Errorf("graph: node %d: %w", id, graph.ErrNotFound)
}

func (r *memReader) Find(k graph.Key) (graph.Vertex, error) {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	if n := r.m.nodes[k]; n != nil {
		if v, ok := r.vertex(n); ok {
			return v, nil
		}
	}
	return graph.Vertex{}, fmt.Errorf("graph: node %s: %w", k, graph.ErrNotFound)
}

func (r *memReader) Rel(id graph.RelID) (graph.Edge, error) {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	if id >= 0 && int(id) < len(r.m.byRel) {
		if e, ok := r.edge(r.m.byRel[id]); ok {
			return e, nil
		}
	}
	return graph.Edge{}, fmt.Errorf("graph: relationship %d: %w", id, graph.ErrNotFound)
}

// vertices walks those of a list that are visible and wanted. The lock is held
// for one look at a time, so a consumer may ask the Reader more meanwhile.
func (r *memReader) vertices(list []*memNode, want func(graph.Vertex) bool) iter.Seq2[graph.Vertex, error] {
	return func(yield func(graph.Vertex, error) bool) {
		for _, n := range list {
			r.m.mu.RLock()
			v, ok := r.vertex(n)
			r.m.mu.RUnlock()
			if ok && want(v) && !yield(v, nil) {
				return
			}
		}
	}
}

func (r *memReader) edges(list []*memRel, want func(graph.Edge) bool) iter.Seq2[graph.Edge, error] {
	return func(yield func(graph.Edge, error) bool) {
		for _, n := range list {
			r.m.mu.RLock()
			e, ok := r.edge(n)
			r.m.mu.RUnlock()
			if ok && want(e) && !yield(e, nil) {
				return
			}
		}
	}
}

func (r *memReader) Nodes(label string) iter.Seq2[graph.Vertex, error] {
	r.m.mu.RLock()
	list := slices.Clone(r.m.byLabel[label])
	r.m.mu.RUnlock()
	return r.vertices(list, func(v graph.Vertex) bool { return label == "" || slices.Contains(v.Labels, label) })
}

func (r *memReader) NodesWith(label, prop string, value any) iter.Seq2[graph.Vertex, error] {
	r.m.mu.RLock()
	list := r.m.byLabel[label]
	if r.m.indexed[[2]string{label, prop}] {
		list = r.m.byValue[valueKey(label, prop, value)]
	}
	list = slices.Clone(list)
	r.m.mu.RUnlock()
	return r.vertices(list, func(v graph.Vertex) bool {
		p, ok := v.Props[prop]
		return ok && (label == "" || slices.Contains(v.Labels, label)) && graph.Equal(p, value)
	})
}

func (r *memReader) Indexed(label, prop string) bool { return r.m.indexed[[2]string{label, prop}] }

func (r *memReader) Expand(id graph.NodeID, dir graph.Dir, types ...string) iter.Seq2[graph.Edge, error] {
	return func(yield func(graph.Edge, error) bool) {
		r.m.mu.RLock()
		if id < 0 || int(id) >= len(r.m.byNode) {
			r.m.mu.RUnlock()
			return
		}
		out, in := r.m.byNode[id].out, r.m.byNode[id].in
		r.m.mu.RUnlock()
		want := func(e graph.Edge) bool { return len(types) == 0 || slices.Contains(types, e.Type) }
		if dir&graph.Out != 0 {
			for e := range r.edges(out, want) {
				if !yield(e, nil) {
					return
				}
			}
		}
		if dir&graph.In != 0 {
			for e := range r.edges(in, want) {
				if dir == graph.Both && e.From == e.To {
					continue
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func (r *memReader) Rels(typ string) iter.Seq2[graph.Edge, error] {
	r.m.mu.RLock()
	list := slices.Clone(r.m.byType[typ])
	r.m.mu.RUnlock()
	return r.edges(list, func(graph.Edge) bool { return true })
}

func (r *memReader) Count(label string) int64 {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	return int64(len(r.m.byLabel[label]))
}

func (r *memReader) RelCount(typ string) int64 {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	return int64(len(r.m.byType[typ]))
}

func (r *memReader) Labels() []string {
	names := map[string]bool{}
	for v := range r.Nodes("") {
		for _, l := range v.Labels {
			names[l] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (r *memReader) RelTypes() []string {
	names := map[string]bool{}
	for e := range r.Rels("") {
		names[e.Type] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (r *memReader) PropNames() []string {
	names := map[string]bool{}
	for v := range r.Nodes("") {
		for p := range v.Props {
			names[p] = true
		}
	}
	for e := range r.Rels("") {
		for p := range e.Props {
			names[p] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (r *memReader) Documents(system graph.Key, typ string) iter.Seq2[graph.Document, error] {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	var out []graph.Document
	for k, list := range r.m.docs {
		if (system != graph.Key{} && k.system != system) || (typ != "" && k.typ != typ) {
			continue
		}
		for _, d := range list {
			if d.from <= r.serial && r.serial < d.to {
				out = append(out, r.m.document(k, d))
			}
		}
	}
	sortDocuments(out)
	return all(out)
}

func (m *Mem) document(k docKey, d memDoc) graph.Document {
	return graph.Document{System: k.system, Type: k.typ, Instance: k.instance, Hash: d.hash, JSON: bytes.Clone(m.json[d.hash]), At: d.at}
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

// Search looks at every node.
func (r *memReader) Search(words string, limit int) iter.Seq2[graph.Vertex, error] {
	wanted := graph.Words(words)
	var found []graph.Vertex
	for v := range r.Nodes("") {
		if _, ok := graph.Score(v, wanted); ok {
			found = append(found, v)
		}
	}
	return all(graph.Best(found, wanted, limit))
}

func (r *memReader) At() time.Time { return r.at }
func (r *memReader) Close() error  { return nil }

func (r *memReader) NodeSources(id graph.NodeID, limit int) ([]string, error) {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	if !r.at.IsZero() || id < 0 || int(id) >= len(r.m.byNode) {
		return nil, nil
	}
	return first(r.m.byNode[id].claims, limit), nil
}

func (r *memReader) RelSources(id graph.RelID, limit int) ([]string, error) {
	r.m.mu.RLock()
	defer r.m.mu.RUnlock()
	if !r.at.IsZero() || id < 0 || int(id) >= len(r.m.byRel) {
		return nil, nil
	}
	return first(r.m.byRel[id].claims, limit), nil
}

func first(claims map[string]graph.Claim, limit int) []string {
	names := slices.Sorted(maps.Keys(claims))
	return names[:min(limit, len(names))]
}

// Diff compares two times by looking at everything.
func (m *Mem) Diff(_ context.Context, from, to time.Time) iter.Seq2[graph.Difference, error] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a, b := m.serialAt(from), m.serialAt(to)
	if from.IsZero() {
		a = 0
	}
	var out []graph.Difference
	for _, k := range slices.SortedFunc(maps.Keys(m.nodes), graph.Key.Compare) {
		if d, ok := m.difference(m.nodes[k].spans, a, b); ok {
			d.Node = k
			out = append(out, d)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.rels), graph.RelKey.Compare) {
		if d, ok := m.difference(m.rels[k].spans, a, b); ok {
			d.Rel = k
			out = append(out, d)
		}
	}
	return all(out)
}

func (m *Mem) difference(spans []span, a, b int64) (graph.Difference, bool) {
	then, now := visible(spans, a), visible(spans, b)
	var d graph.Difference
	switch {
	case then == nil && now == nil:
		return d, false
	case then == nil:
		d.Kind = graph.Added
	case now == nil:
		d.Kind = graph.Removed
		d.At = m.endedBy(spans, b)
	case slices.Equal(then.labels, now.labels) && then.props.Same(now.props):
		return d, false
	default:
		d.Kind = graph.Changed
	}
	if then != nil {
		d.OldLabels, d.Old = then.labels, orEmpty(then.props)
	}
	if now != nil {
		d.NewLabels, d.New = now.labels, orEmpty(now.props)
		d.At = now.since
	}
	return d, true
}

// orEmpty tells "no properties" from "not there".
func orEmpty(p graph.Props) graph.Props {
	if p == nil {
		return graph.Props{}
	}
	return p
}

// endedBy returns when the last version that ended up to a number did so. One
// that lasted no time was never seen.
func (m *Mem) endedBy(spans []span, serial int64) time.Time {
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].to <= serial && m.times[spans[i].from].Before(m.times[spans[i].to]) {
			return m.times[spans[i].to]
		}
	}
	return time.Time{}
}

// Export says again all that was said.
func (m *Mem) Export(context.Context) iter.Seq2[graph.Change, error] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := m.exportDocuments() // first, because only they have times to keep
	for _, name := range slices.Sorted(maps.Keys(m.sources)) {
		out = append(out, m.exportSource(name)...)
	}
	for _, bucket := range slices.Sorted(maps.Keys(m.records)) {
		for _, name := range slices.Sorted(maps.Keys(m.records[bucket])) {
			out = append(out, graph.Change{Source: "copy", At: m.clock, Keep: true,
				Records: []graph.Record{{Bucket: bucket, Name: name, Value: bytes.Clone(m.records[bucket][name])}}})
		}
	}
	return all(out)
}

// exportSource returns one Change per time at which the source's claims arose.
func (m *Mem) exportSource(name string) []graph.Change {
	byTime := map[time.Time]*graph.Change{}
	change := func(at time.Time) *graph.Change {
		if byTime[at] == nil {
			byTime[at] = &graph.Change{Source: name, At: at, Keep: true}
		}
		return byTime[at]
	}
	src := m.sources[name]
	for k := range src.nodes {
		c := m.nodes[k].claims[name]
		to := change(c.At)
		to.Nodes = append(to.Nodes, graph.Node{Key: k, Labels: c.Labels, Props: c.Props})
	}
	for k := range src.rels {
		c := m.rels[k].claims[name]
		to := change(c.At)
		to.Rels = append(to.Rels, graph.Rel{From: k.From, Type: k.Type, To: k.To, ID: k.ID, Props: c.Props})
	}
	var out []graph.Change
	for _, at := range slices.SortedFunc(maps.Keys(byTime), time.Time.Compare) {
		out = append(out, *byTime[at])
	}
	return out
}

// exportDocuments returns every document that came, in order of time, and every
// one that went without another in its place.
func (m *Mem) exportDocuments() []graph.Change {
	var docs []graph.Document
	for k, list := range m.docs {
		for i, d := range list {
			docs = append(docs, m.document(k, d))
			if d.to != forever && (i+1 == len(list) || list[i+1].from != d.to) {
				docs = append(docs, graph.Document{System: k.system, Type: k.typ, Instance: k.instance, At: m.times[d.to]})
			}
		}
	}
	slices.SortStableFunc(docs, func(a, b graph.Document) int { return a.At.Compare(b.At) })
	var out []graph.Change
	for _, d := range docs {
		out = append(out, graph.Change{Source: "copy", At: d.At, Keep: true, Document: &d})
	}
	return out
}
