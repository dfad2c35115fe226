package bolt

import (
	"fmt"
	"maps"
	"slices"

	"assim/graph"
)

// docRef is whose document of a type is which, from when to when.
type docRef struct {
	doc   *graph.Document // names it
	hash  string          // "" = none
	ended *docEnd         // of what the server has
	fresh []*docVersion
}

type docEnd struct{ to, till int64 }

type docVersion struct {
	hash     string
	from, at int64
	docEnd
}

// readDocuments reads which documents are stored, and refuses what cannot be.
func (b *batch) readDocuments(changes []prepared) error {
	coming, asked := map[string]bool{}, map[string]bool{}
	for i := range changes {
		d := changes[i].Document
		if d == nil {
			continue
		}
		b.refs[refOf(d)] = &docRef{doc: d}
		switch {
		case d.Hash == "":
		case d.JSON != nil:
			coming[d.Hash] = true
			b.docs[d.Hash] = *d
		case !coming[d.Hash]:
			asked[d.Hash] = true
		}
	}
	if len(asked) > 0 {
		rows, err := collect(b.ctx, b.tx, "UNWIND $p.hashes AS h MATCH (d:AssimDocument {hash: h}) RETURN h", list("hashes", slices.Collect(maps.Keys(asked))))
		if err != nil {
			return err
		}
		for _, row := range rows {
			delete(asked, text(row[0]))
		}
		for hash := range asked {
			return fmt.Errorf("a document has no JSON and hash %q is not stored: %w", hash, graph.ErrNotFound)
		}
	}
	if len(b.refs) == 0 {
		return nil
	}
	rows, err := collect(b.ctx, b.tx, "UNWIND $p.refs AS r MATCH (d:AssimDocRef {ref: r}) WHERE d.to = $p.open RETURN r, d.hash",
		list("refs", slices.Collect(maps.Keys(b.refs))))
	for _, row := range rows {
		b.refs[text(row[0])].hash = text(row[1])
	}
	return err
}

// applyDocument reports whether it is news.
func (b *batch) applyDocument(d *graph.Document) bool {
	r := b.refs[refOf(d)]
	if r.hash == d.Hash {
		return false
	}
	b.visible = true
	end := docEnd{b.count.serial, b.count.clock}
	if r.hash != "" {
		if n := len(r.fresh); n > 0 {
			r.fresh[n-1].docEnd = end
		} else {
			r.ended = &end
		}
	}
	r.hash = d.Hash
	if d.Hash != "" {
		r.fresh = append(r.fresh, &docVersion{hash: d.Hash, from: b.count.serial, at: b.count.clock, docEnd: docEnd{to: open}})
	}
	return true
}

func (b *batch) readSources(changes []prepared) error {
	names := []string{}
	for i := range changes {
		name := changes[i].Source
		if b.sources[name] == nil && !(changes[i].Keep && len(changes[i].said.Nodes) == 0) {
			b.sources[name] = &source{elems: map[uid]bool{}}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := collect(b.ctx, b.tx, "UNWIND $p.names AS n MATCH (s:AssimSource {name: n}) RETURN n, s.hash, s.elems", list("names", names))
	for _, row := range rows {
		src := b.sources[text(row[0])]
		src.hash = text(row[1])
		for _, u := range texts(row[2]) {
			src.elems[uid(u)] = true
		}
	}
	return err
}

// readItems reads every element that the changes speak of or take back.
func (b *batch) readItems(changes []prepared) error {
	wanted := map[uid]element{}
	for i := range changes {
		p := &changes[i]
		src := b.sources[p.Source]
		if src == nil || !p.Keep && src.hash == p.hash && b.speaksOnce(changes, p.Source) {
			continue
		}
		for _, n := range p.said.Nodes {
			wanted[nodeUID(n.Key)] = element{node: n.Key}
		}
		for _, r := range p.said.Rels {
			wanted[relUID(r.Key())] = element{isRel: true, rel: r.Key()}
		}
		for u := range src.elems {
			if _, ok := wanted[u]; !ok {
				e, err := u.parse()
				if err != nil {
					return err
				}
				wanted[u] = e
			}
		}
	}
	return b.load(wanted)
}

// speaksOnce reports whether a source has a single change in the batch.
func (b *batch) speaksOnce(changes []prepared, name string) bool {
	n := 0
	for i := range changes {
		if changes[i].Source == name {
			n++
		}
	}
	return n == 1
}

// load reads elements with all claims. Relationships between nodes that do not
// exist are not asked for.
func (b *batch) load(wanted map[uid]element) error {
	keys := []string{}
	for u, e := range wanted {
		b.items[u] = &item{uid: u, element: e, claims: map[string]graph.Claim{}, altered: map[string]bool{}}
		if !e.isRel {
			keys = append(keys, u.short())
		}
	}
	if len(keys) > 0 {
		if err := b.loadFrom("UNWIND $p.keys AS k MATCH (n:AssimNode {_key: k}) RETURN n._uid, n._state", list("keys", keys)); err != nil {
			return err
		}
	}
	byType := map[string][]any{}
	for u, e := range wanted {
		if e.isRel && b.exists(e.rel.From) && b.exists(e.rel.To) {
			byType[e.rel.Type] = append(byType[e.rel.Type], relRow(u, e))
		}
	}
	for typ, rows := range byType {
		if err := b.loadFrom("UNWIND $p.rows AS x "+matchRel(typ)+" RETURN r._uid, r._state", list("rows", rows)); err != nil {
			return err
		}
	}
	return b.loadClaims()
}

func (b *batch) exists(k graph.Key) bool {
	it := b.items[nodeUID(k)]
	return it != nil && it.was != nil
}

func relRow(u uid, e element) map[string]any {
	return map[string]any{"k": u.short(), "t": e.rel.Type, "a": nodeUID(e.rel.From).short(), "b": nodeUID(e.rel.To).short()}
}

func matchRel(typ string) string {
	return "MATCH (:AssimNode {_key: x.a})-[r:" + quote(typ) + " {_key: x.k}]->(:AssimNode {_key: x.b})"
}

func (b *batch) loadFrom(cypher string, params map[string]any) error {
	rows, err := collect(b.ctx, b.tx, cypher, params)
	if err != nil {
		return err
	}
	for _, row := range rows {
		it := b.items[uid(text(row[0]))]
		if it == nil {
			return fmt.Errorf("%s was not asked for", text(row[0]))
		}
		if it.was, err = decodeVersion(text(row[1])); err != nil {
			return err
		}
		it.now = it.was
		if v := it.was; v.Owner != "" {
			it.claims[v.Owner] = graph.Claim{Source: v.Owner, At: instant(v.OwnerAt), Labels: v.Labels, Props: graph.Props(v.Props)}
		}
	}
	return nil
}

// loadClaims reads who says what of the elements that several speak of.
func (b *batch) loadClaims() error {
	shared := map[string]*item{}
	for u, it := range b.items {
		if it.was != nil && it.was.Owner == "" {
			shared[u.short()] = it
		}
	}
	if len(shared) == 0 {
		return nil
	}
	rows, err := collect(b.ctx, b.tx, "UNWIND $p.elems AS e MATCH (c:AssimClaim {elem: e}) WHERE c.source IS NOT NULL RETURN e, c.source, c.state", list("elems", slices.Collect(maps.Keys(shared))))
	if err != nil {
		return err
	}
	for _, row := range rows {
		v, err := decodeVersion(text(row[2]))
		if err != nil {
			return err
		}
		name := text(row[1])
		shared[text(row[0])].claims[name] = graph.Claim{Source: name, At: instant(v.OwnerAt), Labels: v.Labels, Props: graph.Props(v.Props)}
	}
	return nil
}

// list is a list of rows as a parameter. It is inside a map because the server
// plans a query anew for every order of magnitude of a list that is not.
func list(name string, rows any) map[string]any {
	return map[string]any{"p": map[string]any{name: rows, "open": open}}
}
