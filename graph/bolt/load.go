package bolt

import (
	"fmt"
	"maps"
	"slices"

	"assim/graph"
)

// What a batch asks, each by one index.
const (
	askDocumentsText = samePlan + "UNWIND $p.hashes AS h MATCH (d:AssimDocument {hash: h}) RETURN h"
	loadRefsText     = samePlan + "UNWIND $p.refs AS r MATCH (d:AssimDocRef {ref: r}) WHERE d.to = $p.open RETURN r, d.hash"
	loadSourcesText  = samePlan + "UNWIND $p.names AS n MATCH (s:AssimSource {name: n}) RETURN n, s.hash, s.elems, s.number"
	loadNodesText    = samePlan + "UNWIND $p.keys AS k MATCH (n:AssimNode {_key: k}) RETURN k, properties(n), id(n)"
	loadClaimsText   = samePlan + "UNWIND $p.elems AS e MATCH (c:AssimClaim) WHERE c.key STARTS WITH e RETURN e, c.number, c.at, c.state"
	loadNamesText    = samePlan + "UNWIND $p.numbers AS n MATCH (s:AssimSource {number: n}) RETURN n, s.name"
)

func loadRelsText(typ string) string {
	return samePlan + "UNWIND $p.rows AS x MATCH (:AssimNode {_key: x.a})-[r:" + quote(typ) + "]->(:AssimNode {_key: x.b}) WHERE coalesce(r._rid, '') = x.d RETURN x.n, properties(r)"
}

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
		rows, err := collect(b.ctx, b.tx, askDocumentsText, list("hashes", slices.Collect(maps.Keys(asked))))
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
	rows, err := collect(b.ctx, b.tx, loadRefsText,
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
			b.sources[name] = &source{said: map[uid]element{}, elems: map[uid]*item{}}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := collect(b.ctx, b.tx, loadSourcesText, list("names", names))
	if err != nil {
		return err
	}
	for _, row := range rows {
		src := b.sources[text(row[0])]
		src.hash, src.number = text(row[1]), number(row[3])
		if src.said, err = decodeElements(text(row[2])); err != nil {
			return fmt.Errorf("source %s: %w", text(row[0]), err)
		}
	}
	for _, name := range names {
		src := b.sources[name]
		if src.number == 0 {
			b.count.source++
			src.number = b.count.source
		}
		b.names[src.number], b.numbers[name] = name, src.number
	}
	return nil
}

// readItems reads every element that the changes speak of or take back.
func (b *batch) readItems(changes []prepared) error {
	for i := range changes {
		p := &changes[i]
		src := b.sources[p.Source]
		if src == nil || !p.Keep && src.hash == p.hash && b.speaksOnce(changes, p.Source) {
			continue
		}
		for i, n := range p.said.Nodes {
			b.want(p.nodes[i], element{node: n.Key})
		}
		for u, e := range src.said {
			b.want(u, e)
		}
		for i, r := range p.said.Rels {
			it := b.want(p.rels[i], element{isRel: true, rel: r.Key()})
			it.from, it.to = b.items[p.uidOf(r.From)], b.items[p.uidOf(r.To)]
		}
	}
	if err := b.load(); err != nil {
		return err
	}
	for _, src := range b.sources {
		for u := range src.said {
			if it := b.items[u]; it != nil { // nil: it says the same again
				src.elems[u] = it
			}
		}
	}
	return nil
}

// want adds what is to be read.
func (b *batch) want(u uid, e element) *item {
	it := b.items[u]
	if it == nil {
		it = &item{uid: u, element: e}
		b.items[u] = it
	}
	return it
}

// uidOf is nodeUID of one of the nodes that are said.
func (p *prepared) uidOf(k graph.Key) uid {
	i, _ := slices.BinarySearchFunc(p.said.Nodes, k, func(n graph.Node, k graph.Key) int { return n.Key.Compare(k) })
	return p.nodes[i]
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
func (b *batch) load() error {
	byKey := map[string]*item{} // of those whose key is not their identity
	keys := []string{}
	for u, it := range b.items {
		if it.element.isRel {
			continue
		}
		key := u.key()
		keys = append(keys, key)
		if key != string(u) {
			byKey[key] = it
		}
	}
	if len(keys) > 0 {
		err := b.loadFrom(loadNodesText, list("keys", keys), func(k any) *item {
			if it := b.items[uid(text(k))]; it != nil {
				return it
			}
			return byKey[text(k)]
		})
		if err != nil {
			return err
		}
	}
	if err := b.loadRels(); err != nil {
		return err
	}
	return b.loadClaims()
}

func (b *batch) loadRels() error {
	byType := map[string][]any{}
	var asked []*item
	for _, it := range b.items {
		if !it.element.isRel {
			continue
		}
		k := it.element.rel
		if it.from == nil { // taken back and not said again
			it.from, it.to = b.items[nodeUID(k.From)], b.items[nodeUID(k.To)]
		}
		if it.from.was == nil || it.to.was == nil {
			continue
		}
		row := map[string]any{"n": len(asked), "a": it.from.uid.key(), "b": it.to.uid.key(), "d": k.ID}
		asked = append(asked, it)
		byType[k.Type] = append(byType[k.Type], row)
	}
	for typ, rows := range byType {
		err := b.loadFrom(loadRelsText(typ), list("rows", rows), func(n any) *item { return asked[number(n)] })
		if err != nil {
			return err
		}
	}
	return nil
}

// loadFrom reads versions that hold now; whose tells by the first column which
// item's it is.
func (b *batch) loadFrom(cypher string, params map[string]any, whose func(any) *item) error {
	rows, err := collect(b.ctx, b.tx, cypher, params)
	if err != nil {
		return err
	}
	for _, row := range rows {
		it := whose(row[0])
		props, _ := row[1].(map[string]any)
		if it.was, err = decodeLive(props); err != nil {
			return fmt.Errorf("%s: %w", it.uid, err)
		}
		if it.element.isRel {
			it.was.A, it.was.B = it.from.was.ID, it.to.was.ID
		} else {
			it.own = number(row[2])
		}
		it.now = it.was
	}
	return nil
}

// loadClaims reads who says what of the elements: one source alone what holds,
// or several something each.
func (b *batch) loadClaims() error {
	shared := map[string]*item{}
	unknown := map[int64]bool{}
	for u, it := range b.items {
		switch {
		case it.was == nil:
		case it.was.Owner == 0:
			shared[u.key()+" "] = it
		case b.names[it.was.Owner] == "":
			unknown[it.was.Owner] = true
		}
	}
	var rows [][]any
	if len(shared) > 0 {
		var err error
		rows, err = collect(b.ctx, b.tx, loadClaimsText, list("elems", slices.Collect(maps.Keys(shared))))
		if err != nil {
			return err
		}
	}
	for _, row := range rows {
		if b.names[number(row[1])] == "" {
			unknown[number(row[1])] = true
		}
	}
	if err := b.nameSources(unknown); err != nil {
		return err
	}
	for _, it := range b.items {
		if v := it.was; v != nil && v.Owner != 0 {
			name := b.names[v.Owner]
			it.claims.put(graph.Claim{Source: name, At: instant(v.OwnerAt), Labels: v.Labels, Props: graph.Props(v.Props)})
		}
	}
	for _, row := range rows {
		said, err := decodeMore(text(row[3]))
		if err != nil {
			return err
		}
		name := b.names[number(row[1])]
		shared[text(row[0])].claims.put(graph.Claim{Source: name, At: instant(number(row[2])), Labels: said.Labels, Props: graph.Props(said.Props)})
	}
	return nil
}

// nameSources asks for the names of sources by their numbers.
func (b *batch) nameSources(unknown map[int64]bool) error {
	if len(unknown) == 0 {
		return nil
	}
	rows, err := collect(b.ctx, b.tx, loadNamesText, list("numbers", slices.Collect(maps.Keys(unknown))))
	if err != nil {
		return err
	}
	for _, row := range rows {
		n, name := number(row[0]), text(row[1])
		b.names[n], b.numbers[name] = name, n
		delete(unknown, n)
	}
	for n := range unknown {
		return damaged("source number %d, which says something, is not there", n)
	}
	return nil
}

// list is a list of rows as a parameter. It is inside a map because the server
// plans a query anew for every order of magnitude of a list that is not.
func list(name string, rows any) map[string]any {
	return map[string]any{"p": map[string]any{name: rows, "open": open}}
}
