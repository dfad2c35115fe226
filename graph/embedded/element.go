package embedded

import (
	"assim/graph"
)

// version is a node or relationship as it stands in the file. For a node label
// and key are its own; for a relationship they are its type and ID, and a and b
// the nodes it joins.
type version struct {
	e           elem
	label       int64
	key         string
	a, b        int64
	born, since int64
	src, at     int64 // the only source and since when it says so; 0 = see claim
	body        []byte
}

func (v *version) scanNode(r *rows) {
	v.e = nodeElem(r.int(0))
	v.scanRest(r)
}

func (v *version) scanRel(r *rows) {
	v.e = relElem(r.int(0))
	v.scanRest(r)
}

func (v *version) scanRest(r *rows) {
	v.born, v.since, v.src, v.at, v.body = r.int(1), r.int(2), r.int(3), r.int(4), r.blob(5)
}

// load reads an element by its number.
func (w *writer) load(e elem) (*version, error) {
	v := &version{e: e}
	sql := "SELECT id, born, since, src, at, body, label, key FROM node WHERE id=?1"
	if e.isRel() {
		sql = "SELECT id, born, since, src, at, body, type, rid, a, b FROM rel WHERE id=?1"
	}
	found, err := w.c.one(func(r *rows) {
		v.scanRest(r)
		v.label, v.key = r.int(6), r.text(7)
		if e.isRel() {
			v.a, v.b = r.int(8), r.int(9)
		}
	}, sql, e.id())
	if err == nil && !found {
		err = errGone
	}
	return v, err
}

// createNode makes a node that is there when the batch is written.
func (w *writer) createNode(v *version, b body) error {
	v.born, v.since = w.clock, w.clock
	w.fresh.nodes.add(number(v.e.id()), number(v.label), text(v.key), number(v.born), number(v.since), number(v.src), number(v.at), blob(v.body))
	w.fresh.places.add(text(v.key), number(v.label), number(v.e.id()))
	w.touched = append(w.touched, v.e)
	w.use(usedLabel, v.label, 1)
	return w.indexBody(v, b)
}

func (w *writer) createRel(v *version, b body) {
	v.born, v.since = w.clock, w.clock
	w.fresh.rels.add(number(v.e.id()), number(v.a), number(v.label), number(v.b), text(v.key), number(v.born), number(v.since), number(v.src), number(v.at), blob(v.body))
	w.touched = append(w.touched, v.e)
	w.use(usedType, v.label, 1)
	for _, p := range b.props {
		w.use(usedProp, p.name, 1)
	}
}

// update gives an element another body from now on.
func (w *writer) update(v *version, packed []byte, src, at int64) error {
	if err := w.retire(v); err != nil {
		return err
	}
	sql := "UPDATE node SET since=?2, src=?3, at=?4, body=?5 WHERE id=?1"
	if v.e.isRel() {
		sql = "UPDATE rel SET since=?2, src=?3, at=?4, body=?5 WHERE id=?1"
	}
	if err := w.c.exec(sql, v.e.id(), w.clock, src, at, packed); err != nil {
		return err
	}
	w.touched = append(w.touched, v.e)
	return w.reindexBody(v, packed)
}

// remove ends an element.
func (w *writer) remove(v *version) error {
	if err := w.retire(v); err != nil {
		return err
	}
	sql := "DELETE FROM node WHERE id=?1"
	kind := usedLabel
	if v.e.isRel() {
		sql, kind = "DELETE FROM rel WHERE id=?1", usedType
	}
	if err := w.c.exec(sql, v.e.id()); err != nil {
		return err
	}
	if !v.e.isRel() {
		if err := w.displace(v.key, v.label); err != nil {
			return err
		}
	}
	w.touched = append(w.touched, v.e)
	w.use(kind, v.label, -1)
	return w.reindexBody(v, nil)
}

// retire keeps the version that ends now. One that began at this very time was
// never seen and is not kept.
func (w *writer) retire(v *version) error {
	if v.since == w.clock {
		return nil
	}
	if v.e.isRel() {
		return w.c.exec("INSERT INTO oldrel(id, till, since, born, a, type, b, rid, body) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
			v.e.id(), w.clock, v.since, v.born, v.a, v.label, v.b, v.key, v.body)
	}
	return w.c.exec("INSERT INTO oldnode(id, till, since, born, label, key, body) VALUES(?1,?2,?3,?4,?5,?6,?7)",
		v.e.id(), w.clock, v.since, v.born, v.label, v.key, v.body)
}

// writeLog notes when a change was made and which elements it touched.
func (w *writer) writeLog() error {
	elems := encodeElems(w.touched)
	w.touched = w.touched[:0]
	seq := w.nextSeq
	w.nextSeq++
	return w.c.exec("INSERT INTO log(seq, at, elems) VALUES(?1,?2,?3)", seq, w.clock, elems)
}

// indexes are the (label, property) pairs that can be looked up by value.
type indexes struct {
	byLabel map[int64][]index // by label's number
	byName  map[[2]string]int64
}

type index struct {
	id, prop int64
}

// maxIndexed is how many bytes of a value are indexed. What a look-up finds is
// compared in full.
const maxIndexed = 200

func indexedValue(v any) []byte {
	b := graph.AppendEqual(nil, v)
	return b[:min(len(b), maxIndexed)]
}

// usageKey counts who uses a name for what.
type usageKey struct{ kind, name int64 }

const (
	usedLabel int64 = iota
	usedType
	usedProp
)

func (w *writer) use(kind, name, n int64) {
	w.usage[usageKey{kind, name}] += n
	if kind != usedProp {
		w.usage[usageKey{kind, totalName}] += n
	}
}

// totalName counts all nodes, all relationships; no name has this number.
const totalName int64 = -1

func (w *writer) writeUsage() error {
	for k, n := range w.usage {
		if n == 0 {
			continue
		}
		if err := w.c.exec("INSERT INTO usage(kind, name, n) VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET n=n+?3", k.kind, k.name, n); err != nil {
			return err
		}
	}
	clear(w.usage)
	return nil
}
