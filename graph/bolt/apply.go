package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
)

// prepared is a Change in canonical form with the hash of what it says.
type prepared struct {
	graph.Change
	said graph.Said
	at   time.Time
	hash string

	nodes, rels []uid // of what is said, in the same order
}

// Apply makes all changes true in one transaction. What is known to be there
// already is not sent.
func (s *Store) Apply(ctx context.Context, changes ...graph.Change) (graph.Result, error) {
	if err := ctx.Err(); err != nil {
		return graph.Result{}, err
	}
	ready := make([]prepared, len(changes))
	for i, c := range changes {
		var err error
		if ready[i], err = prepare(c); err != nil {
			return graph.Result{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return graph.Result{}, graph.ErrClosed
	}
	if s.allKnown(ready) {
		return graph.Result{Unchanged: len(ready)}, nil
	}
	var b *batch
	err := s.attempt(ctx, func(tx neo4j.ExplicitTransaction) (counters, error) {
		b = newBatch(ctx, tx, s.count)
		b.count.clock = max(b.count.clock, s.late)
		b.pieceNodes = s.piece
		if err := b.apply(ready); err != nil {
			return counters{}, err
		}
		return b.count, b.write()
	})
	if err != nil {
		return graph.Result{}, err
	}
	s.remember(b)
	s.upkeep(ctx)
	return b.res, nil
}

func prepare(c graph.Change) (prepared, error) {
	said, err := graph.Say(c)
	if err != nil {
		return prepared{}, err
	}
	p := prepared{Change: c, said: said, at: c.At.UTC()}
	if c.At.IsZero() {
		p.at = time.Now().UTC()
	}
	for _, n := range said.Nodes {
		p.nodes = append(p.nodes, nodeUID(n.Key))
	}
	for _, r := range said.Rels {
		p.rels = append(p.rels, relUID(r.Key()))
	}
	p.hash = hashOf(&p)
	if d := c.Document; d != nil && d.Hash != "" && d.JSON != nil {
		if sum := sha256.Sum256(d.JSON); hex.EncodeToString(sum[:]) != d.Hash {
			return prepared{}, fmt.Errorf("graph: change of %q: document %s is not what its hash %q says", c.Source, d.Type, d.Hash)
		}
	}
	return p, nil
}

// hashOf is the same for what says the same.
func hashOf(p *prepared) string {
	h := sha256.New()
	var b []byte
	for i, n := range p.said.Nodes {
		b = append(b[:0], 'n')
		b = append(b, p.nodes[i]...)
		b = append(b, join(n.Labels...)...)
		h.Write(graph.AppendProps(b, n.Props))
	}
	for i, r := range p.said.Rels {
		b = append(b[:0], 'r')
		b = append(b, p.rels[i]...)
		h.Write(graph.AppendProps(b, r.Props))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// refOf names whose document of which type: all of a system begin alike.
func refOf(d *graph.Document) string {
	return refsOf(d.System) + join(d.Type, d.Instance).key()
}

func refsOf(system graph.Key) string { return nodeUID(system).key() + " " }

// refName is what the reference does not tell because a part of it is hashed;
// nil where it tells all.
func refName(ref string, d *graph.Document) any {
	if !strings.Contains(ref, "#") {
		return nil
	}
	return string(join(d.System.Label, d.System.ID)) + " " + string(join(d.Type, d.Instance))
}

// parseRef is the inverse of refOf, given also what refName returned.
func parseRef(ref, name string) (graph.Document, error) {
	if name == "" {
		name = ref
	}
	var system, doc [2]string
	dec := json.NewDecoder(strings.NewReader(name))
	if err := errors.Join(dec.Decode(&system), dec.Decode(&doc)); err != nil {
		return graph.Document{}, fmt.Errorf("document %.80q is damaged: %w", name, err)
	}
	return graph.Document{System: graph.Key{Label: system[0], ID: system[1]}, Type: doc[0], Instance: doc[1]}, nil
}

// allKnown reports whether the server has all of it, as far as this process
// knows. Its time moves on nevertheless.
func (s *Store) allKnown(changes []prepared) bool {
	for i := range changes {
		p := &changes[i]
		if len(p.Records) > 0 || p.Keep && len(p.said.Nodes) > 0 {
			return false
		}
		if h, ok := s.known["s"+p.Source]; !p.Keep && (!ok || h != p.hash) {
			return false
		}
		if p.Document != nil {
			if h, ok := s.known["d"+refOf(p.Document)]; !ok || h != p.Document.Hash {
				return false
			}
		}
	}
	for i := range changes {
		s.late = max(s.late, changes[i].at.UnixNano())
	}
	return true
}

// remember notes what the server now has.
func (s *Store) remember(b *batch) {
	if len(s.known) > maxKnown {
		clear(s.known)
	}
	for name, src := range b.sources {
		s.known["s"+name] = src.hash
	}
	for ref, d := range b.refs {
		s.known["d"+ref] = d.hash
	}
}

// source is who speaks, and which elements it spoke of.
type source struct {
	number  int64
	hash    string          // "" = not what it said last, because that added to the earlier
	said    map[uid]element // on the server
	elems   map[uid]*item
	changed bool
}

// item is an element that a batch is concerned with.
type item struct {
	uid     uid
	element element
	was     *version // on the server
	now     *version
	old     []*version // that this batch ends
	claims  claims
	altered sources // whose claims are not what they were
	own     int64   // Neo4j's number of a node, while the transaction lasts
	piece   int     // of what is written, the one that makes the node
	place   int     // of a node among those that the piece makes
	from    *item   // the ends of a relationship
	to      *item
}

// batch is one transaction's work: what it concerns is read, altered in memory,
// and the difference written.
type batch struct {
	ctx        context.Context
	tx         neo4j.ExplicitTransaction
	count      counters
	res        graph.Result
	items      map[uid]*item
	sources    map[string]*source
	refs       map[string]*docRef
	docs       map[string]graph.Document // by hash
	records    []graph.Record
	names      map[int64]string // of sources, by number
	numbers    map[string]int64
	before     int64   // the newest commit before this batch
	times      []int64 // of the commits that it makes
	pieceNodes int
	visible    bool // whether the change at hand alters what readers see
}

func newBatch(ctx context.Context, tx neo4j.ExplicitTransaction, count counters) *batch {
	return &batch{ctx: ctx, tx: tx, count: count, before: count.serial, items: map[uid]*item{}, sources: map[string]*source{}, refs: map[string]*docRef{},
		docs: map[string]graph.Document{}, names: map[int64]string{}, numbers: map[string]int64{}}
}

func (b *batch) apply(changes []prepared) error {
	if err := b.readDocuments(changes); err != nil {
		return err
	}
	if err := b.readSources(changes); err != nil {
		return err
	}
	if err := b.readItems(changes); err != nil {
		return err
	}
	for i := range changes {
		b.applyOne(&changes[i])
	}
	return nil
}

func (b *batch) applyOne(p *prepared) {
	b.count.clock = max(b.count.clock, p.at.UnixNano())
	b.count.serial++
	b.visible = false
	before := b.res
	changed := b.applySaid(p)
	if p.Document != nil && b.applyDocument(p.Document) {
		changed = true
	}
	b.records = append(b.records, p.Records...)
	if !changed && b.res == before {
		b.res.Unchanged++
	}
	if !b.visible {
		b.count.serial--
		return
	}
	b.times = append(b.times, b.count.clock)
}

// applySaid reports whether any claim changed.
func (b *batch) applySaid(p *prepared) bool {
	if p.Keep && len(p.said.Nodes) == 0 {
		return false
	}
	src := b.sources[p.Source]
	if !p.Keep && src.hash == p.hash {
		return false
	}
	changed := false
	now := make(map[uid]*item, len(p.said.Nodes)+len(p.said.Rels))
	say := func(u uid, labels []string, props graph.Props) {
		it := b.items[u]
		now[u] = it
		news, joins := it.claim(p, labels, props)
		changed = changed || news
		if news && !joins {
			b.settle(it)
		}
	}
	for i, n := range p.said.Nodes {
		say(p.nodes[i], n.Labels, n.Props)
	}
	for i, r := range p.said.Rels {
		say(p.rels[i], nil, r.Props)
	}
	if p.Keep {
		src.changed = src.changed || changed
		if changed {
			src.hash = ""
		}
		maps.Copy(src.elems, now)
		return changed
	}
	if b.takeBack(p.Source, src.elems, now) {
		changed = true
	}
	src.changed, src.hash, src.elems = true, p.hash, now
	return changed
}

// takeBack ends a source's claims to what it says no more, relationships first
// because none may outlive its ends.
func (b *batch) takeBack(name string, before, now map[uid]*item) bool {
	var gone []*item
	for u, it := range before {
		if now[u] == nil {
			gone = append(gone, it)
		}
	}
	slices.SortFunc(gone, func(x, y *item) int {
		if x.element.isRel != y.element.isRel {
			if x.element.isRel {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, it := range gone {
		it.claims.drop(name)
		it.altered.add(name)
		b.settle(it)
	}
	return len(gone) > 0
}

// claim records what a source says and reports whether that is news, and if so,
// whether the source only joins those who said all of it before: then what they
// say together stays as it is, however many they are.
func (it *item) claim(p *prepared, labels []string, props graph.Props) (news, joins bool) {
	old, ok := it.claims.of(p.Source)
	if ok && p.Keep {
		labels, props = graph.Union([]graph.Claim{
			{Source: p.Source, Labels: old.Labels, Props: old.Props},
			{Source: p.Source, At: time.Unix(1, 0), Labels: labels, Props: props},
		})
	}
	if ok && slices.Equal(old.Labels, labels) && old.Props.Same(props) {
		return false, false
	}
	it.claims.put(graph.Claim{Source: p.Source, At: p.at, Labels: labels, Props: props})
	it.altered.add(p.Source)
	return true, !ok && it.now != nil && it.now.tells(labels, props)
}

// settle ends the version that holds and begins another where the claims say
// something else together.
func (b *batch) settle(it *item) {
	if it.claims.len() == 0 {
		b.end(it)
		if it.now != nil {
			b.res.Removed++
			it.now = nil
		}
		return
	}
	labels, props := it.claims.union()
	last := it.now
	if last != nil && slices.Equal(last.Labels, labels) && graph.Props(last.Props).Same(props) {
		return
	}
	next := &version{From: b.count.serial, Born: b.count.clock, Since: b.count.clock, Labels: labels, Props: packed(props), to: open}
	if last != nil {
		next.ID, next.A, next.B, next.Born = last.ID, last.A, last.B, last.Born
	} else {
		b.begin(it, next)
	}
	b.end(it)
	it.now = next
	b.visible = true
	if it.element.isRel {
		b.res.Rels++
	} else {
		b.res.Nodes++
	}
}

// begin numbers an element that comes into being.
func (b *batch) begin(it *item, v *version) {
	if !it.element.isRel {
		b.count.node++
		v.ID = b.count.node
		return
	}
	b.count.rel++
	v.ID = b.count.rel
	v.A, v.B = it.from.now.ID, it.to.now.ID
}

// end makes the version that holds an old one.
func (b *batch) end(it *item) {
	if it.now == nil {
		return
	}
	old := *it.now
	old.to, old.till = b.count.serial, b.count.clock
	it.old = append(it.old, &old)
	b.visible = true
}
