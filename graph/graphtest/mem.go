package graphtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"assim/graph"
)

// Mem is a graph.Store in memory. It numbers its changes and keeps every
// version of everything with the numbers between which it held, so a Reader is
// nothing but a number.
type Mem struct {
	mu      sync.RWMutex
	closed  bool
	serial  int64     // number of the newest change
	clock   time.Time // its time; never runs backwards
	times   []time.Time
	nodes   map[graph.Key]*memNode
	rels    map[graph.RelKey]*memRel
	byNode  []*memNode // by NodeID
	byRel   []*memRel  // by RelID
	byLabel map[string][]*memNode
	byType  map[string][]*memRel
	byValue map[string][]*memNode
	sources map[string]*memSource
	docs    map[docKey][]memDoc
	json    map[string][]byte
	records map[string]map[string][]byte
	indexed map[[2]string]bool
}

const forever = int64(1) << 62

// span is one version: what held from one change to another.
type span struct {
	from, to    int64
	born, since time.Time
	labels      []string
	props       graph.Props
}

type memNode struct {
	id      graph.NodeID
	key     graph.Key
	claims  map[string]graph.Claim
	spans   []span
	out, in []*memRel
}

type memRel struct {
	id       graph.RelID
	key      graph.RelKey
	from, to *memNode
	claims   map[string]graph.Claim
	spans    []span
}

type memSource struct {
	nodes map[graph.Key]bool
	rels  map[graph.RelKey]bool
}

type docKey struct {
	system        graph.Key
	typ, instance string
}

type memDoc struct {
	from, to int64
	at       time.Time
	hash     string
}

// NewMem returns an empty store.
func NewMem() *Mem {
	m := &Mem{
		times:   []time.Time{{}},
		nodes:   map[graph.Key]*memNode{},
		rels:    map[graph.RelKey]*memRel{},
		byLabel: map[string][]*memNode{},
		byType:  map[string][]*memRel{},
		byValue: map[string][]*memNode{},
		sources: map[string]*memSource{},
		docs:    map[docKey][]memDoc{},
		json:    map[string][]byte{},
		records: map[string]map[string][]byte{},
		indexed: map[[2]string]bool{},
	}
	for _, l := range graph.Labels {
		for _, p := range l.Index {
			m.indexed[[2]string{l.Label, p}] = true
		}
	}
	return m
}

// Apply makes changes true.
func (m *Mem) Apply(ctx context.Context, changes ...graph.Change) (graph.Result, error) {
	if err := ctx.Err(); err != nil {
		return graph.Result{}, err
	}
	said := make([]graph.Said, len(changes))
	for i, c := range changes {
		var err error
		if said[i], err = graph.Say(c); err != nil {
			return graph.Result{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return graph.Result{}, graph.ErrClosed
	}
	if err := m.checkDocuments(changes); err != nil {
		return graph.Result{}, err
	}
	var res graph.Result
	for i, c := range changes {
		m.apply(c, said[i], &res)
	}
	return res, nil
}

// checkDocuments refuses, before anything is altered, what cannot be stored.
func (m *Mem) checkDocuments(changes []graph.Change) error {
	coming := map[string]bool{}
	for _, c := range changes {
		d := c.Document
		if d == nil || d.Hash == "" {
			continue
		}
		if d.JSON == nil {
			if _, known := m.json[d.Hash]; !known && !coming[d.Hash] {
				return fmt.Errorf("graph: change of %q: document %s has no JSON and hash %q is not stored: %w", c.Source, d.Type, d.Hash, graph.ErrNotFound)
			}
			continue
		}
		if got := sha256.Sum256(d.JSON); hex.EncodeToString(got[:]) != d.Hash {
			return fmt.Errorf("graph: change of %q: document %s is not what its hash %q says", c.Source, d.Type, d.Hash)
		}
		coming[d.Hash] = true
	}
	return nil
}

func (m *Mem) apply(c graph.Change, said graph.Said, res *graph.Result) {
	at := c.At.UTC()
	if c.At.IsZero() {
		at = time.Now().UTC()
	}
	m.serial++
	if at.After(m.clock) {
		m.clock = at
	}
	m.times = append(m.times, m.clock)
	before := *res
	claimed := m.applySaid(c, at, said, res)
	stored := m.applyDocument(c.Document)
	m.applyRecords(c.Records)
	if !claimed && !stored && *res == before {
		res.Unchanged++
	}
}

// applySaid reports whether any claim changed.
func (m *Mem) applySaid(c graph.Change, at time.Time, said graph.Said, res *graph.Result) bool {
	src := m.sources[c.Source]
	if src == nil {
		src = &memSource{map[graph.Key]bool{}, map[graph.RelKey]bool{}}
		m.sources[c.Source] = src
	}
	changed := false
	for _, n := range said.Nodes {
		node := m.node(n.Key)
		if claim(node.claims, c.Source, at, n.Labels, n.Props, c.Keep) {
			src.nodes[n.Key] = true
			changed = true
			m.settleNode(node, res)
		}
	}
	for _, r := range said.Rels {
		rel := m.rel(r.Key())
		if claim(rel.claims, c.Source, at, nil, r.Props, c.Keep) {
			src.rels[r.Key()] = true
			changed = true
			m.settleRel(rel, res)
		}
	}
	if c.Keep {
		return changed
	}
	saidRels := map[graph.RelKey]bool{}
	for _, r := range said.Rels {
		saidRels[r.Key()] = true
	}
	for k := range src.rels {
		if !saidRels[k] {
			delete(src.rels, k)
			delete(m.rels[k].claims, c.Source)
			changed = true
			m.settleRel(m.rels[k], res)
		}
	}
	saidNodes := map[graph.Key]bool{}
	for _, n := range said.Nodes {
		saidNodes[n.Key] = true
	}
	for k := range src.nodes {
		if !saidNodes[k] {
			delete(src.nodes, k)
			delete(m.nodes[k].claims, c.Source)
			changed = true
			m.settleNode(m.nodes[k], res)
		}
	}
	return changed
}

// claim records what a source says and reports whether that is news. With keep
// it adds to what the source said before.
func claim(claims map[string]graph.Claim, source string, at time.Time, labels []string, props graph.Props, keep bool) bool {
	old, ok := claims[source]
	if ok && keep {
		labels, props = graph.Union([]graph.Claim{
			{Source: source, Labels: old.Labels, Props: old.Props},
			{Source: source, At: time.Unix(1, 0), Labels: labels, Props: props},
		})
	}
	if ok && slices.Equal(old.Labels, labels) && old.Props.Same(props) {
		return false
	}
	claims[source] = graph.Claim{Source: source, At: at, Labels: labels, Props: props}
	return true
}

func (m *Mem) node(k graph.Key) *memNode {
	n := m.nodes[k]
	if n == nil {
		n = &memNode{id: graph.NodeID(len(m.byNode)), key: k, claims: map[string]graph.Claim{}}
		m.nodes[k] = n
		m.byNode = append(m.byNode, n)
		m.byLabel[""] = append(m.byLabel[""], n)
	}
	return n
}

func (m *Mem) rel(k graph.RelKey) *memRel {
	r := m.rels[k]
	if r == nil {
		r = &memRel{id: graph.RelID(len(m.byRel)), key: k, claims: map[string]graph.Claim{}}
		r.from, r.to = m.node(k.From), m.node(k.To)
		m.rels[k] = r
		m.byRel = append(m.byRel, r)
		m.byType[""] = append(m.byType[""], r)
		m.byType[k.Type] = append(m.byType[k.Type], r)
		r.from.out = append(r.from.out, r)
		r.to.in = append(r.to.in, r)
	}
	return r
}

func (m *Mem) settleNode(n *memNode, res *graph.Result) {
	spans, what := m.settle(n.spans, slices.Collect(maps.Values(n.claims)))
	n.spans = spans
	switch what {
	case removed:
		res.Removed++
	case altered:
		res.Nodes++
		m.indexNode(n)
	}
}

func (m *Mem) settleRel(r *memRel, res *graph.Result) {
	spans, what := m.settle(r.spans, slices.Collect(maps.Values(r.claims)))
	r.spans = spans
	switch what {
	case removed:
		res.Removed++
	case altered:
		res.Rels++
	}
}

type outcome uint8

const (
	same outcome = iota
	altered
	removed
)

// settle closes the current version and opens another where the claims now say
// something else.
func (m *Mem) settle(spans []span, claims []graph.Claim) ([]span, outcome) {
	var last *span
	if n := len(spans); n > 0 && spans[n-1].to == forever {
		last = &spans[n-1]
	}
	if len(claims) == 0 {
		if last == nil {
			return spans, same
		}
		last.to = m.serial
		return spans, removed
	}
	labels, props := graph.Union(claims)
	born := m.clock
	if last != nil {
		if slices.Equal(last.labels, labels) && last.props.Same(props) {
			return spans, same
		}
		last.to = m.serial
		born = last.born
	}
	return append(spans, span{from: m.serial, to: forever, born: born, since: m.clock, labels: labels, props: props}), altered
}

// indexNode adds n to every list that its newest version belongs in. Readers
// look again at what they find there, so nothing is ever taken out.
func (m *Mem) indexNode(n *memNode) {
	s := n.spans[len(n.spans)-1]
	for _, l := range append([]string{n.key.Label}, s.labels...) {
		if l == "" {
			continue
		}
		m.byLabel[l] = appendNew(m.byLabel[l], n)
		for p, v := range s.props {
			if m.indexed[[2]string{l, p}] {
				k := valueKey(l, p, v)
				m.byValue[k] = appendNew(m.byValue[k], n)
			}
		}
	}
}

func valueKey(label, prop string, v any) string {
	return label + "\x00" + prop + "\x00" + string(graph.AppendEqual(nil, v))
}

func appendNew(list []*memNode, n *memNode) []*memNode {
	i := sort.Search(len(list), func(i int) bool { return list[i].id >= n.id })
	if i < len(list) && list[i] == n {
		return list
	}
	return slices.Insert(list, i, n)
}

func (m *Mem) applyDocument(d *graph.Document) bool {
	if d == nil {
		return false
	}
	k := docKey{d.System, d.Type, d.Instance}
	list := m.docs[k]
	had := len(list) > 0 && list[len(list)-1].to == forever
	if had && list[len(list)-1].hash == d.Hash {
		return false
	}
	if had {
		list[len(list)-1].to = m.serial
	}
	if d.Hash == "" {
		return had
	}
	if m.json[d.Hash] == nil {
		m.json[d.Hash] = bytes.Clone(d.JSON)
	}
	m.docs[k] = append(list, memDoc{from: m.serial, to: forever, at: m.clock, hash: d.Hash})
	return true
}

func (m *Mem) applyRecords(records []graph.Record) {
	for _, r := range records {
		if r.Value == nil {
			delete(m.records[r.Bucket], r.Name)
			continue
		}
		if m.records[r.Bucket] == nil {
			m.records[r.Bucket] = map[string][]byte{}
		}
		m.records[r.Bucket][r.Name] = bytes.Clone(r.Value)
	}
}

// Record returns one record's value.
func (m *Mem) Record(_ context.Context, bucket, name string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, graph.ErrClosed
	}
	v, ok := m.records[bucket][name]
	if !ok {
		return nil, fmt.Errorf("graph: record %s/%s: %w", bucket, name, graph.ErrNotFound)
	}
	return bytes.Clone(v), nil
}

// Records walks a bucket.
func (m *Mem) Records(_ context.Context, bucket string) iter.Seq2[graph.Record, error] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []graph.Record
	for _, name := range slices.Sorted(maps.Keys(m.records[bucket])) {
		out = append(out, graph.Record{Bucket: bucket, Name: name, Value: bytes.Clone(m.records[bucket][name])})
	}
	return all(out)
}

// Close ends the store; what it held is gone.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func all[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}
