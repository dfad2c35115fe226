package bolt

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
)

// A transaction is written in pieces, nearly always one, each by one statement and
// one round trip: what a thousand systems say first is too much at a time for the
// server's memory, and while it works on one piece the next is made. A statement
// has parts that each unwind a list of rows. The lists are inside a map, because the
// server plans anew for every order of magnitude of a list that is a parameter
// itself. What ends goes first, relationships before nodes.
//
// There are two statements: all parts, and only those that a first discovery
// needs. The server plans a part against all others. What is on the server is
// found by Neo4j's own number, which is sure for as long as the transaction: an
// index that the same transaction has written to is asked slowly.
type part struct{ list, cypher string }

var writing = []part{
	{"endRels", `CALL () { UNWIND $p.endRels AS x MATCH (a) WHERE id(a) = x.a MATCH (b) WHERE id(b) = x.b MATCH (a)-[r]->(b) WHERE type(r) = x.t AND coalesce(r._rid, '') = x.d DELETE r }`},
	{"endNodes", `CALL () { UNWIND $p.endNodes AS x MATCH (n) WHERE id(n) = x DELETE n }`},
	// A relationship finds its ends by their places in a list, that of the nodes
	// made just now and then that of those met.
	{"newNodes", `CALL () { UNWIND $p.newNodes AS x UNWIND x[1] AS props CREATE (n:AssimNode:$(x[0])) SET n = props RETURN collect(n) AS made }
CALL () { UNWIND $p.ends AS x MATCH (n) WHERE id(n) = x RETURN collect(n) AS met }
WITH made, made + met AS ends, size(met) AS met
CALL (ends) { UNWIND $p.bareRels AS x UNWIND x[1] AS y WITH x, y, ends[y[0]] AS a, ends[y[1]] AS b CREATE (a)-[:$(x[0]) {_v: y[2]}]->(b) }
CALL (ends) { UNWIND $p.newRels AS x UNWIND x[1] AS y WITH x, y, ends[y[0]] AS a, ends[y[1]] AS b CREATE (a)-[r:$(x[0])]->(b) SET r = y[2] }`},
	{"nodes", `CALL () { UNWIND $p.nodes AS x MATCH (n) WHERE id(n) = x.n SET n = x.p }`},
	{"relabeled", `CALL () { UNWIND $p.relabeled AS x MATCH (n) WHERE id(n) = x.n SET n = x.p REMOVE n:$(x.gone) SET n:$(x.labels) }`},
	{"rels", `CALL () { UNWIND $p.rels AS x MATCH (a) WHERE id(a) = x.a MATCH (b) WHERE id(b) = x.b MATCH (a)-[r]->(b) WHERE type(r) = x.t AND coalesce(r._rid, '') = x.d SET r = x.p }`},
	{"oldNodes", `CALL () { UNWIND $p.oldNodes AS x CREATE (o:AssimOldNode) SET o = x }`},
	{"oldRels", `CALL () { UNWIND $p.oldRels AS x CREATE (o:AssimOldRel) SET o = x }`},
	{"allClaimsGone", `CALL () { UNWIND $p.allClaimsGone AS x MATCH (c:AssimClaim) WHERE c.key STARTS WITH x.elem DELETE c }`},
	{"endClaims", `CALL () { UNWIND $p.endClaims AS x MATCH (c:AssimClaim {key: x.key}) DELETE c }`},
	{"newClaims", `CALL () { UNWIND $p.newClaims AS x CREATE (c:AssimClaim) SET c = x }`},
	{"claims", `CALL () { UNWIND $p.claims AS x MERGE (c:AssimClaim {key: x.key}) SET c = x }`},
	{"endSources", `CALL () { UNWIND $p.endSources AS x MATCH (s:AssimSource {name: x.name}) DELETE s }`},
	{"newSources", `CALL () { UNWIND $p.newSources AS x CREATE (s:AssimSource) SET s = x }`},
	{"sources", `CALL () { UNWIND $p.sources AS x MATCH (s:AssimSource {name: x.name}) SET s = x }`},
	{"commits", `CALL () { UNWIND $p.commits AS x CREATE (c:AssimCommit) SET c = x }`},
	{"endRefs", `CALL () { UNWIND $p.endRefs AS x MATCH (d:AssimDocRef {ref: x.ref}) WHERE d.to = $p.open SET d.to = x.to, d.till = x.till }`},
	{"newRefs", `CALL () { UNWIND $p.newRefs AS x CREATE (d:AssimDocRef) SET d = x }`},
	{"documents", `CALL () { UNWIND $p.documents AS x MERGE (d:AssimDocument {hash: x.hash}) ON CREATE SET d.json = x.json }`},
	{"endRecords", `CALL () { UNWIND $p.endRecords AS x MATCH (r:AssimRecord {bucket: x.bucket, name: x.name}) DELETE r }`},
	{"records", `CALL () { UNWIND $p.records AS x MERGE (r:AssimRecord {bucket: x.bucket, name: x.name}) SET r.value = x.value }`},
	{"meta", `MATCH (m:AssimMeta {name: 'meta'}) SET m.serial = $p.serial, m.clock = $p.clock, m.node = $p.node, m.rel = $p.rel, m.source = $p.source RETURN met, [n IN made | id(n)]`},
}

// later are the lists that a first discovery leaves empty.
var later = []string{"endRels", "endNodes", "relabeled", "rels", "oldNodes", "oldRels", "allClaimsGone", "endClaims", "endSources", "sources", "endRefs", "endRecords", "records"}

var writeAll, writeFirst = statements()

func statements() (all, first string) {
	all, first = samePlan, samePlan
	for _, w := range writing {
		all += w.cypher + "\n"
		if !slices.Contains(later, w.list) {
			first += w.cypher + "\n"
		}
	}
	return all, first
}

// parts are the rows of writing, by the name of the list.
type parts map[string]any

var partNames = []string{"endRels", "endNodes", "newNodes", "ends", "nodes", "relabeled", "newRels", "bareRels", "rels", "oldNodes", "oldRels", "allClaimsGone", "endClaims", "newClaims", "claims",
	"endSources", "newSources", "sources", "commits", "endRefs", "newRefs", "documents", "endRecords", "records"}

func (b *batch) newParts() parts {
	p := parts{"open": open, "serial": b.count.serial, "clock": b.count.clock, "node": b.count.node, "rel": b.count.rel, "source": b.count.source}
	for _, name := range partNames {
		p[name] = []any{}
	}
	return p
}

func (p parts) add(name string, row any) {
	list, _ := p[name].([]any)
	p[name] = append(list, row)
}

func (p parts) statement() string {
	for _, name := range later {
		if len(p[name].([]any)) > 0 {
			return writeAll
		}
	}
	return writeFirst
}

// write sends the difference between what was read and what now holds.
func (b *batch) write() error {
	pieces := b.cut()
	var sent *piece
	var answer neo4j.Result
	var err error
	for i, this := range pieces {
		p := b.newParts()
		if err := b.writeNodes(this, p); err != nil {
			return err
		}
		if err := b.writeSources(this.sources, p); err != nil {
			return err
		}
		if i == len(pieces)-1 {
			if err := b.writeLast(p); err != nil {
				return err
			}
		}
		if err := sent.receive(b.ctx, answer); err != nil { // the numbers of its nodes
			return err
		}
		if err := b.writeRels(this, p); err != nil {
			return err
		}
		this.ends = len(p["ends"].([]any))
		if answer, err = b.tx.Run(b.ctx, p.statement(), map[string]any{"p": map[string]any(p)}); err != nil {
			return err
		}
		sent = this
	}
	return sent.receive(b.ctx, answer)
}

// writeLast is what is little, or stands for all pieces.
func (b *batch) writeLast(p parts) error {
	b.writeEnds(p)
	if err := b.writeOld(p); err != nil {
		return err
	}
	if err := b.writeClaims(p); err != nil {
		return err
	}
	b.writeCommits(p)
	b.writeDocuments(p)
	b.writeRecords(p)
	return nil
}

// piece is the new and the changed elements that are written together, and who
// says something else now.
type piece struct {
	nodes, rels []*item
	sources     []string
	made        []*item // in the order in which the statement makes them
	ends        int     // how many nodes it is to meet
}

// cut deals out what is to be written: nodes, and relationships where both their
// ends are, or later.
func (b *batch) cut() []*piece {
	pieces := []*piece{{}}
	for _, it := range b.items {
		if it.element.isRel || !it.stale(b.numbers) {
			continue
		}
		last := pieces[len(pieces)-1]
		if len(last.nodes) == b.pieceNodes {
			last = &piece{}
			pieces = append(pieces, last)
		}
		it.piece = len(pieces) - 1
		last.nodes = append(last.nodes, it)
	}
	for _, it := range b.items {
		if it.element.isRel && it.stale(b.numbers) {
			in := pieces[max(it.from.piece, it.to.piece)]
			in.rels = append(in.rels, it)
		}
	}
	n := 0
	for name, src := range b.sources {
		if src.changed {
			in := pieces[n%len(pieces)]
			in.sources = append(in.sources, name)
			n++
		}
	}
	return pieces
}

// receive takes what a statement answered.
func (s *piece) receive(ctx context.Context, answer neo4j.Result) error {
	if s == nil {
		return nil
	}
	row, err := answer.Single(ctx)
	if err != nil {
		return err
	}
	numbers, _ := row.Values[1].([]any)
	if number(row.Values[0]) != int64(s.ends) || len(numbers) != len(s.made) {
		return damaged("of %d nodes that were there, others are there now", s.ends)
	}
	for i, it := range s.made {
		it.own = number(numbers[i])
	}
	return nil
}

// stale reports whether an element has to be written, and gives its version
// the owner that it now has.
func (it *item) stale(numbers map[string]int64) bool {
	if it.now == nil || it.altered.empty() {
		return false
	}
	v := *it.now
	v.Owner, v.OwnerAt = 0, 0
	if it.claims.len() == 1 {
		for c := range it.claims.all() {
			v.Owner, v.OwnerAt = numbers[c.Source], c.At.UnixNano()
		}
	}
	it.now = &v
	return it.was == nil || it.was.From != v.From || it.was.Owner != v.Owner || it.was.OwnerAt != v.OwnerAt
}

func (b *batch) writeNodes(this *piece, p parts) error {
	fresh := grouped{}
	for _, it := range this.nodes {
		u, v := it.uid, it.now
		labels := allLabels(it.element.node, v.Labels)
		props, err := v.live(labels)
		if err != nil {
			return err
		}
		props["_key"], props["_id"] = u.key(), v.ID
		if whole := u.whole(); whole != nil {
			props["_uid"] = whole
		}
		if it.was == nil {
			fresh.add(strings.Join(labels, ":"), it, props)
			continue
		}
		row := map[string]any{"n": it.own, "p": props}
		if slices.Equal(v.Labels, it.was.Labels) {
			p.add("nodes", row)
			continue
		}
		row["labels"], row["gone"] = without(labels, it.was.Labels), without(it.was.Labels, v.Labels)
		p.add("relabeled", row)
	}
	for _, g := range fresh {
		for _, it := range g.of {
			it.place = len(this.made)
			this.made = append(this.made, it)
		}
		p.add("newNodes", []any{allLabels(g.of[0].element.node, g.of[0].now.Labels), g.rows})
	}
	return nil
}

// grouped are rows of what is written alike, so that what they have in common is
// sent once: the labels of nodes, the type of relationships.
type grouped map[string]*alike

type alike struct {
	of   []*item
	rows []any
}

func (g grouped) add(what string, of *item, row any) {
	a := g[what]
	if a == nil {
		a = &alike{}
		g[what] = a
	}
	a.of, a.rows = append(a.of, of), append(a.rows, row)
}

// without returns those of a that are not in b.
func without(a, b []string) []string {
	out := []string{}
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, l)
		}
	}
	return out
}

// writeRels comes after writeNodes, which places the new ends.
func (b *batch) writeRels(this *piece, p parts) error {
	met := map[*item]int{}
	end := func(it *item) int {
		if it.place < len(this.made) && this.made[it.place] == it {
			return it.place
		}
		n, ok := met[it]
		if !ok {
			n = len(this.made) + len(met)
			met[it] = n
			p.add("ends", it.own)
		}
		return n
	}
	fresh, bare := grouped{}, grouped{}
	for _, it := range this.rels {
		props, err := it.now.live(nil)
		if err != nil {
			return err
		}
		k := it.element.rel
		if k.ID != "" {
			props["_rid"] = k.ID
		}
		switch {
		case it.was != nil:
			row := it.relRow()
			row["p"] = props
			p.add("rels", row)
		case len(props) == 1: // the version, which each has
			bare.add(k.Type, it, []any{end(it.from), end(it.to), props["_v"]})
		default:
			fresh.add(k.Type, it, []any{end(it.from), end(it.to), props})
		}
	}
	for name, list := range map[string]grouped{"newRels": fresh, "bareRels": bare} {
		for typ, g := range list {
			p.add(name, []any{typ, g.rows})
		}
	}
	return nil
}

// relRow tells which relationship of those on the server. To look for its own
// number would be planned as a walk over all while there are none.
func (it *item) relRow() map[string]any {
	k := it.element.rel
	return map[string]any{"a": it.from.own, "b": it.to.own, "t": k.Type, "d": k.ID}
}

// writeEnds deletes what is no more.
func (b *batch) writeEnds(p parts) {
	for _, it := range b.items {
		switch {
		case it.was == nil || it.now != nil:
		case it.element.isRel:
			p.add("endRels", it.relRow())
		default:
			p.add("endNodes", it.own)
		}
	}
}

func (b *batch) writeOld(p parts) error {
	for u, it := range b.items {
		for _, v := range it.old {
			state, err := v.encode()
			if err != nil {
				return err
			}
			row := map[string]any{"elem": u.key(), "uid": u.whole(), "id": v.ID, "from": v.From, "to": v.to, "till": v.till, "state": state}
			if it.element.isRel {
				row["a"], row["b"], row["type"] = v.A, v.B, it.element.rel.Type
				p.add("oldRels", row)
				continue
			}
			row["labels"] = allLabels(it.element.node, v.Labels)
			p.add("oldNodes", row)
		}
	}
	return nil
}

// writeClaims keeps claims in nodes of their own while there are several.
func (b *batch) writeClaims(p parts) error {
	for u, it := range b.items {
		if it.altered.empty() {
			continue
		}
		wasShared := it.was != nil && it.was.Owner == 0
		if it.claims.len() < 2 {
			if wasShared {
				p.add("allClaimsGone", map[string]any{"elem": u.key() + " "})
			}
			continue
		}
		for c := range it.claims.all() {
			if wasShared && !it.altered.has(c.Source) {
				continue
			}
			state, err := more{c.Labels, packed(c.Props)}.encode()
			if err != nil {
				return err
			}
			list := "newClaims"
			if wasShared {
				list = "claims"
			}
			p.add(list, map[string]any{"key": b.claimKey(u, c.Source), "number": b.numbers[c.Source], "at": c.At.UnixNano(), "state": state})
		}
		for name := range it.altered.all() {
			if _, still := it.claims.of(name); !still && wasShared {
				p.add("endClaims", map[string]any{"key": b.claimKey(u, name)})
			}
		}
	}
	return nil
}

// claimKey names a claim: all of one element begin alike.
func (b *batch) claimKey(u uid, name string) string {
	return u.key() + " " + strconv.FormatInt(b.numbers[name], 10)
}

func (b *batch) writeSources(names []string, p parts) error {
	for _, name := range names {
		src := b.sources[name]
		if len(src.elems) == 0 {
			p.add("endSources", map[string]any{"name": name})
			src.hash = hashOf(&prepared{})
			continue
		}
		elems, err := b.encodeElements(src)
		if err != nil {
			return err
		}
		list := "newSources"
		if len(src.said) > 0 {
			list = "sources"
		}
		p.add(list, map[string]any{"name": name, "number": src.number, "hash": src.hash, "elems": elems, "words": b.words(name, src)})
	}
	return nil
}

// writeCommits writes when which commit was, all of a transaction together, and
// which nodes, and relationships between which two, it left as they now are:
// Diff finds them by that.
func (b *batch) writeCommits(p parts) {
	if len(b.times) == 0 {
		return
	}
	nodes, rels := []int64{}, []int64{}
	for _, it := range b.items {
		switch {
		case it.now == nil || it.now.From <= b.before:
		case it.element.isRel:
			rels = append(rels, it.now.A, it.now.B)
		default:
			nodes = append(nodes, it.now.ID)
		}
	}
	p.add("commits", map[string]any{"serial": b.before + 1, "time": b.times[0], "times": b.times, "nodes": nodes, "rels": rels})
}

// writeDocuments writes them. The reference that ends is the one that is open:
// it ends before another is created.
func (b *batch) writeDocuments(p parts) {
	for ref, r := range b.refs {
		if r.ended != nil {
			p.add("endRefs", map[string]any{"ref": ref, "to": r.ended.to, "till": r.ended.till})
		}
		for _, v := range r.fresh {
			if d, ok := b.docs[v.hash]; ok {
				p.add("documents", map[string]any{"hash": v.hash, "json": string(d.JSON)})
			}
			p.add("newRefs", map[string]any{"ref": ref, "name": refName(ref, r.doc), "type": r.doc.Type, "hash": v.hash, "from": v.from, "to": v.to, "at": v.at, "till": v.till})
		}
	}
}

// writeRecords keeps the last of each name.
func (b *batch) writeRecords(p parts) {
	last := map[string]graph.Record{}
	for _, r := range b.records {
		last[string(join(r.Bucket, r.Name))] = r
	}
	for _, r := range last {
		list := "records"
		if r.Value == nil {
			list = "endRecords"
		}
		p.add(list, map[string]any{"bucket": r.Bucket, "name": r.Name, "value": r.Value})
	}
}
