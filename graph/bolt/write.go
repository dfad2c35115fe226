package bolt

import (
	"maps"
	"slices"
	"strings"

	"assim/graph"
)

// statement is a text of Cypher with the rows that it unwinds.
type statements map[string][]any

func (s statements) add(cypher string, row any) { s[cypher] = append(s[cypher], row) }

// write sends the difference between what was read and what now holds.
func (b *batch) write() error {
	for _, collectFrom := range []func(statements) error{b.writeNodes, b.writeRels, b.writeEnds, b.writeOld, b.writeClaims, b.writeRest} {
		st := statements{}
		if err := collectFrom(st); err != nil {
			return err
		}
		for _, cypher := range slices.Sorted(maps.Keys(st)) {
			if _, err := collect(b.ctx, b.tx, "UNWIND $rows AS x "+cypher, map[string]any{"rows": st[cypher], "open": open}); err != nil {
				return err
			}
		}
	}
	if err := b.writeRecords(); err != nil {
		return err
	}
	_, err := collect(b.ctx, b.tx, "MATCH (m:AssimMeta {name: 'meta'}) SET m.serial = $serial, m.clock = $clock, m.node = $node, m.rel = $rel",
		map[string]any{"serial": b.count.serial, "clock": b.count.clock, "node": b.count.node, "rel": b.count.rel})
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

func (b *batch) writeNodes(st statements) error {
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
			for _, p := range indexed[l] {
				if value, ok := v.Props[p]; ok {
					props[indexPrefix+p] = indexText(value)
				}
			}
		}
		row := map[string]any{"k": u.short(), "p": props, "labels": labels, "gone": []string{}}
		cypher := "CREATE (n:AssimNode)"
		if it.was != nil {
			cypher = "MERGE (n:AssimNode {_key: x.k})"
			row["labels"], row["gone"] = without(labels, it.was.Labels), without(it.was.Labels, v.Labels)
		}
		st.add(cypher+" SET n = x.p REMOVE n:$(x.gone) SET n:$(x.labels)", row)
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

func (b *batch) writeRels(st statements) error {
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
		verb := "CREATE (a)-[r:" + quote(it.element.rel.Type) + "]->(b)"
		if it.was != nil {
			verb = "MERGE (a)-[r:" + quote(it.element.rel.Type) + " {_key: x.k}]->(b)"
		}
		st.add("MATCH (a:AssimNode {_key: x.a}) MATCH (b:AssimNode {_key: x.b}) "+verb+" SET r = x.p", row)
	}
	return nil
}

// writeEnds deletes what is no more, relationships first.
func (b *batch) writeEnds(st statements) error {
	for u, it := range b.items {
		if it.was == nil || it.now != nil {
			continue
		}
		if it.element.isRel {
			st.add(matchRel(it.element.rel.Type)+" DELETE r", relRow(u, it.element)) // sorts before the nodes: "MATCH (:" < "MATCH (n"
			continue
		}
		st.add("MATCH (n:AssimNode {_key: x.k}) DELETE n", map[string]any{"k": u.short()})
	}
	return nil
}

func (b *batch) writeOld(st statements) error {
	for u, it := range b.items {
		for _, v := range it.old {
			state, err := v.encode()
			if err != nil {
				return err
			}
			row := map[string]any{"elem": u.short(), "uid": string(u), "id": v.ID, "from": v.From, "to": v.to, "till": v.till, "state": state}
			if it.element.isRel {
				row["a"], row["b"], row["type"] = v.A, v.B, it.element.rel.Type
				st.add("CREATE (o:AssimOldRel) SET o = x", row)
				continue
			}
			row["labels"] = allLabels(it.element.node, v.Labels)
			st.add("CREATE (o:AssimOldNode) SET o = x", row)
		}
	}
	return nil
}

const deleteClaim = "MATCH (c:AssimClaim {elem: x.elem, source: x.source}) DELETE c"

// writeClaims keeps claims in nodes of their own while there are several.
func (b *batch) writeClaims(st statements) error {
	for u, it := range b.items {
		if len(it.altered) == 0 {
			continue
		}
		wasShared := it.was != nil && it.was.Owner == ""
		if len(it.claims) < 2 {
			if wasShared {
				st.add("MATCH (c:AssimClaim {elem: x.elem}) DELETE c", map[string]any{"elem": u.short()})
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
			st.add("MERGE (c:AssimClaim {elem: x.elem, source: x.source}) SET c.state = x.state", map[string]any{"elem": u.short(), "source": name, "state": state})
		}
		for name := range it.altered {
			if _, still := it.claims[name]; !still && wasShared {
				st.add(deleteClaim, map[string]any{"elem": u.short(), "source": name})
			}
		}
	}
	return nil
}

// writeRest writes sources, documents and the times of the commits.
func (b *batch) writeRest(st statements) error {
	for name, src := range b.sources {
		if !src.changed {
			continue
		}
		if len(src.elems) == 0 {
			st.add("MATCH (s:AssimSource {name: x.name}) DELETE s", map[string]any{"name": name})
			src.hash = hashOf(graph.Said{})
			continue
		}
		elems := make([]string, 0, len(src.elems))
		for u := range src.elems {
			elems = append(elems, string(u))
		}
		st.add("MERGE (s:AssimSource {name: x.name}) SET s.hash = x.hash, s.elems = x.elems", map[string]any{"name": name, "hash": src.hash, "elems": elems})
	}
	for _, row := range b.commits {
		st.add("CREATE (c:AssimCommit) SET c = x", row)
	}
	for ref, r := range b.refs {
		if r.ended != nil { // sorts after the creation of others, which are not of the same "from"
			st.add("MATCH (d:AssimDocRef {ref: x.ref}) WHERE d.to = $open AND d.from < x.before SET d.to = x.to, d.till = x.till",
				map[string]any{"ref": ref, "to": r.ended.to, "till": r.ended.till, "before": r.ended.to})
		}
		for _, v := range r.fresh {
			if d, ok := b.docs[v.hash]; ok {
				st.add("MERGE (d:AssimDocument {hash: x.hash}) ON CREATE SET d.json = x.json", map[string]any{"hash": v.hash, "json": string(d.JSON)})
			}
			st.add("CREATE (d:AssimDocRef) SET d = x", map[string]any{"ref": ref, "system": nodeUID(r.doc.System).short(), "label": r.doc.System.Label, "id": r.doc.System.ID,
				"type": r.doc.Type, "instance": r.doc.Instance, "hash": v.hash, "from": v.from, "to": v.to, "at": v.at, "till": v.till})
		}
	}
	return nil
}

// writeRecords writes them in order: a later one of a name wins.
func (b *batch) writeRecords() error {
	last := map[string]graph.Record{}
	for _, r := range b.records {
		last[string(join(r.Bucket, r.Name))] = r
	}
	st := statements{}
	for _, r := range last {
		row := map[string]any{"bucket": r.Bucket, "name": r.Name, "value": r.Value}
		if r.Value == nil {
			st.add("MATCH (r:AssimRecord {bucket: x.bucket, name: x.name}) DELETE r", row)
			continue
		}
		st.add("MERGE (r:AssimRecord {bucket: x.bucket, name: x.name}) SET r.value = x.value", row)
	}
	for cypher, rows := range st {
		if _, err := collect(b.ctx, b.tx, "UNWIND $rows AS x "+cypher, map[string]any{"rows": rows}); err != nil {
			return err
		}
	}
	return nil
}
