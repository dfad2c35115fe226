package bolt

import (
	"slices"
	"strings"

	"assim/graph"
)

// writing is one statement for all that a transaction writes: one round trip,
// and one text that the server plans once: inside a map, because it plans anew
// for every order of magnitude of a list that is a parameter itself. Each part
// unwinds its list of rows; most are empty most of the time. What ends goes
// first, relationships before nodes.
const writing = `
CALL () { UNWIND $p.endRels AS x MATCH (:AssimNode {_key: x.a})-[r]->(:AssimNode {_key: x.b}) WHERE type(r) = x.t AND r._key = x.k DELETE r }
CALL () { UNWIND $p.endNodes AS x MATCH (n:AssimNode {_key: x.k}) DELETE n }
CALL () { UNWIND $p.newNodes AS x CREATE (n:AssimNode) SET n = x.p SET n:$(x.labels) }
CALL () { UNWIND $p.nodes AS x MATCH (n:AssimNode {_key: x.k}) SET n = x.p REMOVE n:$(x.gone) SET n:$(x.labels) }
CALL () { UNWIND $p.newRels AS x MATCH (a:AssimNode {_key: x.a}) MATCH (b:AssimNode {_key: x.b}) CREATE (a)-[r:$(x.t)]->(b) SET r = x.p }
CALL () { UNWIND $p.rels AS x MATCH (:AssimNode {_key: x.a})-[r]->(:AssimNode {_key: x.b}) WHERE type(r) = x.t AND r._key = x.k SET r = x.p }
CALL () { UNWIND $p.oldNodes AS x CREATE (o:AssimOldNode) SET o = x }
CALL () { UNWIND $p.oldRels AS x CREATE (o:AssimOldRel) SET o = x }
CALL () { UNWIND $p.allClaimsGone AS x MATCH (c:AssimClaim {elem: x.elem}) WHERE c.source IS NOT NULL DELETE c }
CALL () { UNWIND $p.endClaims AS x MATCH (c:AssimClaim {elem: x.elem, source: x.source}) DELETE c }
CALL () { UNWIND $p.newClaims AS x CREATE (c:AssimClaim) SET c = x }
CALL () { UNWIND $p.claims AS x MERGE (c:AssimClaim {elem: x.elem, source: x.source}) SET c.state = x.state }
CALL () { UNWIND $p.endSources AS x MATCH (s:AssimSource {name: x.name}) DELETE s }
CALL () { UNWIND $p.sources AS x MERGE (s:AssimSource {name: x.name}) SET s.hash = x.hash, s.elems = x.elems }
CALL () { UNWIND $p.commits AS x CREATE (c:AssimCommit) SET c = x }
CALL () { UNWIND $p.endRefs AS x MATCH (d:AssimDocRef {ref: x.ref}) WHERE d.to = $p.open SET d.to = x.to, d.till = x.till }
CALL () { UNWIND $p.newRefs AS x CREATE (d:AssimDocRef) SET d = x }
CALL () { UNWIND $p.documents AS x MERGE (d:AssimDocument {hash: x.hash}) ON CREATE SET d.json = x.json }
CALL () { UNWIND $p.endRecords AS x MATCH (r:AssimRecord {bucket: x.bucket, name: x.name}) DELETE r }
CALL () { UNWIND $p.records AS x MERGE (r:AssimRecord {bucket: x.bucket, name: x.name}) SET r.value = x.value }
MATCH (m:AssimMeta {name: 'meta'}) SET m.serial = $p.serial, m.clock = $p.clock, m.node = $p.node, m.rel = $p.rel`

// parts are the rows of writing, by the name of the list.
type parts map[string]any

var partNames = []string{"endRels", "endNodes", "newNodes", "nodes", "newRels", "rels", "oldNodes", "oldRels", "allClaimsGone", "endClaims", "newClaims", "claims",
	"endSources", "sources", "commits", "endRefs", "newRefs", "documents", "endRecords", "records"}

func (p parts) add(name string, row map[string]any) {
	list, _ := p[name].([]any)
	p[name] = append(list, row)
}

// write sends the difference between what was read and what now holds.
func (b *batch) write() error {
	p := parts{"open": open, "serial": b.count.serial, "clock": b.count.clock, "node": b.count.node, "rel": b.count.rel}
	for _, name := range partNames {
		p[name] = []any{}
	}
	for _, collectInto := range []func(parts) error{b.writeNodes, b.writeRels, b.writeEnds, b.writeOld, b.writeClaims} {
		if err := collectInto(p); err != nil {
			return err
		}
	}
	b.writeSources(p)
	b.writeDocuments(p)
	b.writeRecords(p)
	_, err := collect(b.ctx, b.tx, writing, map[string]any{"p": map[string]any(p)})
	return err
}

// stale reports whether an element has to be written, and gives its version
// the owner that it now has.
func (it *item) stale() bool {
	if it.now == nil || len(it.altered) == 0 {
		return false
	}
	v := *it.now
	v.Owner, v.OwnerAt = "", 0
	if len(it.claims) == 1 {
		for name, c := range it.claims {
			v.Owner, v.OwnerAt = name, c.At.UnixNano()
		}
	}
	it.now = &v
	return it.was == nil || it.was.From != v.From || it.was.Owner != v.Owner || it.was.OwnerAt != v.OwnerAt
}

func (b *batch) writeNodes(p parts) error {
	for u, it := range b.items {
		if it.element.isRel || !it.stale() {
			continue
		}
		state, err := it.now.encode()
		if err != nil {
			return err
		}
		k, v := it.element.node, it.now
		props := native(graph.Props(v.Props))
		props["_key"], props["_uid"], props["_id"], props["_from"], props["_state"] = u.short(), string(u), v.ID, v.From, state
		props["_text"] = strings.Join(graph.Words(graph.SearchText(k, graph.Props(v.Props))), " ")
		labels := allLabels(k, v.Labels)
		for _, l := range labels {
			for _, name := range indexed[l] {
				if value, ok := v.Props[name]; ok {
					props[indexPrefix+name] = indexText(value)
				}
			}
		}
		if it.was == nil {
			p.add("newNodes", map[string]any{"p": props, "labels": labels})
			continue
		}
		p.add("nodes", map[string]any{"k": u.short(), "p": props, "labels": without(labels, it.was.Labels), "gone": without(it.was.Labels, v.Labels)})
	}
	return nil
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

func (b *batch) writeRels(p parts) error {
	for u, it := range b.items {
		if !it.element.isRel || !it.stale() {
			continue
		}
		state, err := it.now.encode()
		if err != nil {
			return err
		}
		props := native(graph.Props(it.now.Props))
		props["_key"], props["_uid"], props["_id"], props["_from"], props["_state"] = u.short(), string(u), it.now.ID, it.now.From, state
		row := relRow(u, it.element)
		row["p"] = props
		if it.was == nil {
			p.add("newRels", row)
			continue
		}
		p.add("rels", row)
	}
	return nil
}

// writeEnds deletes what is no more, relationships first.
func (b *batch) writeEnds(p parts) error {
	for u, it := range b.items {
		if it.was == nil || it.now != nil {
			continue
		}
		if it.element.isRel {
			p.add("endRels", relRow(u, it.element))
			continue
		}
		p.add("endNodes", map[string]any{"k": u.short()})
	}
	return nil
}

func (b *batch) writeOld(p parts) error {
	for u, it := range b.items {
		for _, v := range it.old {
			state, err := v.encode()
			if err != nil {
				return err
			}
			row := map[string]any{"elem": u.short(), "uid": string(u), "id": v.ID, "from": v.From, "to": v.to, "till": v.till, "state": state}
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
		if len(it.altered) == 0 {
			continue
		}
		wasShared := it.was != nil && it.was.Owner == ""
		if len(it.claims) < 2 {
			if wasShared {
				p.add("allClaimsGone", map[string]any{"elem": u.short()})
			}
			continue
		}
		for name, c := range it.claims {
			if wasShared && !it.altered[name] {
				continue
			}
			v := version{OwnerAt: c.At.UnixNano(), Labels: c.Labels, Props: packed(c.Props)}
			state, err := v.encode()
			if err != nil {
				return err
			}
			list := "newClaims"
			if wasShared {
				list = "claims"
			}
			p.add(list, map[string]any{"elem": u.short(), "source": name, "state": state})
		}
		for name := range it.altered {
			if _, still := it.claims[name]; !still && wasShared {
				p.add("endClaims", map[string]any{"elem": u.short(), "source": name})
			}
		}
	}
	return nil
}

func (b *batch) writeSources(p parts) {
	for name, src := range b.sources {
		if !src.changed {
			continue
		}
		if len(src.elems) == 0 {
			p.add("endSources", map[string]any{"name": name})
			src.hash = hashOf(graph.Said{})
			continue
		}
		elems := make([]string, 0, len(src.elems))
		for u := range src.elems {
			elems = append(elems, string(u))
		}
		p.add("sources", map[string]any{"name": name, "hash": src.hash, "elems": elems})
	}
}

// writeDocuments writes them and the times of the commits. The reference that
// ends is the one that is open: it ends before another is created.
func (b *batch) writeDocuments(p parts) {
	for _, row := range b.commits {
		p.add("commits", row)
	}
	for ref, r := range b.refs {
		if r.ended != nil {
			p.add("endRefs", map[string]any{"ref": ref, "to": r.ended.to, "till": r.ended.till})
		}
		for _, v := range r.fresh {
			if d, ok := b.docs[v.hash]; ok {
				p.add("documents", map[string]any{"hash": v.hash, "json": string(d.JSON)})
			}
			p.add("newRefs", map[string]any{"ref": ref, "system": nodeUID(r.doc.System).short(), "label": r.doc.System.Label, "id": r.doc.System.ID,
				"type": r.doc.Type, "instance": r.doc.Instance, "hash": v.hash, "from": v.from, "to": v.to, "at": v.at, "till": v.till})
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
