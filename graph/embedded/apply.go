package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assim/graph"
)

// source is what the file knows of who is speaking.
type source struct {
	id    int64
	hash  []byte
	elems []elem // what it claims, sorted
}

// apply makes one change true within the open transaction.
func (w *writer) apply(p *prepared, res *graph.Result) error {
	newest := p.at.UnixNano() > w.clock // than every claim there is
	w.clock = max(w.clock, p.at.UnixNano())
	before := *res
	changed, err := w.applySaid(p, newest, res)
	if err != nil {
		return err
	}
	if p.doc != nil {
		stored, err := w.applyDoc(p.Document, p.doc)
		if err != nil {
			return err
		}
		changed = changed || stored
	}
	for _, r := range p.Records {
		if err := w.applyRecord(r); err != nil {
			return err
		}
	}
	if !changed && *res == before {
		res.Unchanged++
	}
	if !changed && len(w.touched) == 0 {
		return nil
	}
	return w.writeLog()
}

func (w *writer) applyRecord(r graph.Record) error {
	if r.Value == nil {
		return w.c.exec("DELETE FROM record WHERE bucket=?1 AND name=?2", r.Bucket, r.Name)
	}
	return w.c.exec("INSERT INTO record(bucket, name, value) VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET value=?3", r.Bucket, r.Name, r.Value)
}

// applySaid compares what the source says with what it said, writes the
// difference and reports whether there was one.
func (w *writer) applySaid(p *prepared, newest bool, res *graph.Result) (bool, error) {
	if p.Keep && len(p.said.Nodes) == 0 {
		return false, nil
	}
	var src source
	var packed []byte
	known, err := w.c.one(func(r *rows) {
		src.id, src.hash, packed = r.int(0), r.blob(1), r.blob(2)
	}, "SELECT s.id, s.hash, s.elems FROM place p CROSS JOIN source s ON s.id=p.id WHERE p.key=?1 AND p.kind=?2", p.Source, placeOfSource)
	if err != nil {
		return false, err
	}
	if known && !p.Keep && bytes.Equal(src.hash, p.hash) {
		return false, nil
	}
	if !known {
		if len(p.said.Nodes) == 0 {
			return false, nil
		}
		src.id = w.nextSource
		w.nextSource++
		// Who speaks of the past may have to be compared with others by name;
		// all others are written down once, when it is known what they say.
		if known = !newest; known {
			if err := w.newSource(src.id, p.Source, nil, nil); err != nil {
				return false, err
			}
		}
	}
	if src.elems, err = decodeElems(packed); err != nil {
		return false, err
	}
	d := diff{w: w, p: p, newest: newest, src: src.id, at: p.at.UnixNano(), res: res, ids: make(map[graph.Key]saidNode, len(p.said.Nodes))}
	if err := d.say(); err != nil {
		return false, err
	}
	now, err := d.replace(src.elems)
	if err != nil {
		return false, err
	}
	if p.Keep && !d.changed {
		return false, nil
	}
	return d.changed, w.writeSource(src, known, p, now)
}

func (w *writer) writeSource(src source, known bool, p *prepared, now []elem) error {
	if len(now) == 0 {
		return errors.Join(w.c.exec("DELETE FROM source WHERE id=?1", src.id), w.displace(p.Source, placeOfSource))
	}
	hash := p.hash
	if p.Keep {
		hash = nil // what it says in all is not what it said just now
	}
	if !known {
		return w.newSource(src.id, p.Source, hash, encodeElems(now))
	}
	return w.c.exec("UPDATE source SET hash=?2, elems=?3 WHERE id=?1", src.id, hash, encodeElems(now))
}

func (w *writer) newSource(id int64, name string, hash, elems []byte) error {
	if err := w.c.exec("INSERT INTO source(id, name, hash, elems) VALUES(?1,?2,?3,?4)", id, name, hash, elems); err != nil {
		return err
	}
	return w.place(name, placeOfSource, id)
}

// place notes where something is found by name.
func (w *writer) place(key string, kind, id int64) error {
	return w.c.exec("INSERT INTO place(key, kind, id) VALUES(?1,?2,?3)", key, kind, id)
}

func (w *writer) displace(key string, kind int64) error {
	return w.c.exec("DELETE FROM place WHERE key=?1 AND kind=?2", key, kind)
}

// saidNode is a node of the change at hand.
type saidNode struct {
	id    int64
	fresh bool // made by this change, so no relationship can have it yet
}

// diff is one source's change under way.
type diff struct {
	w       *writer
	p       *prepared
	newest  bool // later than every claim there is, so what it says wins
	src     int64
	at      int64
	res     *graph.Result
	ids     map[graph.Key]saidNode
	said    []elem
	changed bool
}

// say makes true all that the change says.
func (d *diff) say() error {
	d.said = make([]elem, 0, len(d.p.said.Nodes)+len(d.p.said.Rels))
	for nodes := range slices.Chunk(d.p.said.Nodes, findAtOnce) {
		if err := d.sayNodes(nodes); err != nil {
			return err
		}
	}
	for i := range d.p.said.Rels {
		if err := d.sayRel(&d.p.said.Rels[i]); err != nil {
			return fmt.Errorf("relationship %s: %w", d.p.said.Rels[i].Key(), err)
		}
	}
	return d.w.fresh.write(d.w.c)
}

// findAtOnce is how many nodes are looked for with one statement. Most of the
// cost of a look-up is in asking.
const findAtOnce = 12

// findNodes answers for each of findAtOnce (place, label, key) that exists.
var findNodes = "SELECT n.id, n.born, n.since, n.src, n.at, n.body, v.column1 FROM (VALUES " +
	strings.TrimSuffix(strings.Repeat("(?,?,?),", findAtOnce), ",") +
	") v CROSS JOIN place p ON p.key=v.column3 AND p.kind=v.column2 CROSS JOIN node n ON n.id=p.id"

// sayNodes makes true what the change says of up to findAtOnce nodes.
func (d *diff) sayNodes(nodes []graph.Node) error {
	var found [findAtOnce]version
	args := make([]any, 0, 3*findAtOnce)
	for i := range findAtOnce {
		if i >= len(nodes) {
			args = append(args, int64(i), noKind, "") // nothing has this place
			continue
		}
		label, err := d.w.s.names.add(d.w.c, nodes[i].Key.Label)
		if err != nil {
			return err
		}
		found[i] = version{e: missing, label: label, key: nodes[i].Key.ID}
		args = append(args, int64(i), label, nodes[i].Key.ID)
	}
	err := d.w.c.each(func(r *rows) error {
		found[r.int(6)].scanNode(r)
		return nil
	}, findNodes, args...)
	if err != nil {
		return err
	}
	for i := range nodes {
		if err := d.sayNode(&nodes[i], &found[i]); err != nil {
			return fmt.Errorf("node %s: %w", nodes[i].Key, err)
		}
	}
	return nil
}

// noKind is the kind of a place that nothing has.
const noKind = int64(-3)

// missing is the number of an element that does not exist yet.
const missing = elem(-1)

func (d *diff) sayNode(n *graph.Node, v *version) error {
	w := d.w
	b, err := w.bodyOf(n.Labels, n.Props)
	if err != nil {
		return err
	}
	if v.e != missing {
		d.ids[n.Key] = saidNode{id: v.e.id()}
		d.said = append(d.said, v.e)
		return d.sayAgain(v, b)
	}
	v.e = nodeElem(w.nextNode)
	w.nextNode++
	d.ids[n.Key] = saidNode{id: v.e.id(), fresh: true}
	d.said = append(d.said, v.e)
	v.src, v.at, v.body = d.src, d.at, b.encode()
	d.changed = true
	d.res.Nodes++
	return w.createNode(v, b)
}

func (d *diff) sayRel(r *graph.Rel) error {
	w := d.w
	typ, err := w.s.names.add(w.c, r.Type)
	if err != nil {
		return err
	}
	b, err := w.bodyOf(nil, r.Props)
	if err != nil {
		return err
	}
	from, to := d.ids[r.From], d.ids[r.To]
	v := version{label: typ, key: r.ID, a: from.id, b: to.id}
	found := false
	if !from.fresh && !to.fresh {
		if found, err = w.c.one(v.scanRel, "SELECT id, born, since, src, at, body FROM rel WHERE a=?1 AND type=?2 AND b=?3 AND rid=?4", from.id, typ, to.id, r.ID); err != nil {
			return err
		}
	}
	if found {
		d.said = append(d.said, v.e)
		return d.sayAgain(&v, b)
	}
	v.e = relElem(w.nextRel)
	w.nextRel++
	d.said = append(d.said, v.e)
	v.src, v.at, v.body = d.src, d.at, b.encode()
	d.changed = true
	d.res.Rels++
	w.createRel(&v, b)
	return nil
}

// sayAgain adds this source's claim to an element that exists.
func (d *diff) sayAgain(v *version, b body) error {
	w := d.w
	if v.src == d.src { // nobody else speaks of it
		if d.p.Keep {
			var err error
			if b, err = overlayBody(v.body, b); err != nil {
				return err
			}
		}
		packed := b.encode()
		if bytes.Equal(packed, v.body) {
			return nil
		}
		d.changed = true
		d.count(v.e)
		return w.update(v, packed, d.src, d.at)
	}
	var own []byte
	claimed := false
	if v.src == 0 {
		var err error
		claimed, err = w.c.one(func(r *rows) { own = r.blob(0) }, "SELECT body FROM claim WHERE elem=?1 AND src=?2", int64(v.e), d.src)
		if err != nil {
			return err
		}
	}
	if claimed && d.p.Keep {
		var err error
		if b, err = overlayBody(own, b); err != nil {
			return err
		}
	}
	packed := b.encode()
	if claimed && bytes.Equal(own, packed) {
		return nil
	}
	d.changed = true
	if v.src != 0 {
		if err := w.share(v); err != nil {
			return err
		}
	}
	if err := w.c.exec("INSERT INTO claim(elem, src, at, body) VALUES(?1,?2,?3,?4) ON CONFLICT DO UPDATE SET at=?3, body=?4", int64(v.e), d.src, d.at, packed); err != nil {
		return err
	}
	return d.mergeClaim(v, own, packed)
}

// mergeClaim makes an element what its claims say together after this source's
// went from own to packed. A subnet may have a hundred thousand claims, so they
// are read only if they matter.
func (d *diff) mergeClaim(v *version, own, packed []byte) error {
	withdraws, err := lacks(packed, own)
	if err != nil {
		return err
	}
	if withdraws {
		return d.merge(v)
	}
	now, err := decodeBody(packed)
	if err != nil {
		return err
	}
	adds, err := addsTo(v.body, now)
	if err != nil {
		return err
	}
	if !adds && (d.newest || len(own) == 0) {
		return nil // it says nothing that is not known already
	}
	if !d.newest {
		return d.merge(v)
	}
	b, err := overlayBody(v.body, now)
	if err != nil {
		return err
	}
	d.count(v.e)
	return d.w.update(v, b.encode(), 0, 0)
}

// replace takes back what the source said before and does not say now. It
// returns all that it says now.
func (d *diff) replace(before []elem) ([]elem, error) {
	if d.p.Keep {
		return append(d.said, before...), nil
	}
	slices.Sort(d.said)
	// Relationships first: no relationship may outlive its ends.
	for _, rels := range []bool{true, false} {
		for _, e := range before {
			if e.isRel() != rels {
				continue
			}
			if _, still := slices.BinarySearch(d.said, e); still {
				continue
			}
			d.changed = true
			if err := d.takeBack(e); err != nil {
				return nil, err
			}
		}
	}
	return d.said, nil
}

func (d *diff) takeBack(e elem) error {
	w := d.w
	v, err := w.load(e)
	if err != nil {
		return err
	}
	if v.src == d.src {
		d.res.Removed++
		return w.remove(v)
	}
	var own []byte
	if _, err := w.c.one(func(r *rows) { own = r.blob(0) }, "SELECT body FROM claim WHERE elem=?1 AND src=?2", int64(e), d.src); err != nil {
		return err
	}
	if err := w.c.exec("DELETE FROM claim WHERE elem=?1 AND src=?2", int64(e), d.src); err != nil {
		return err
	}
	others, err := w.c.one(nil, "SELECT 1 FROM claim WHERE elem=?1 LIMIT 1", int64(e))
	if err != nil {
		return err
	}
	if !others {
		d.res.Removed++
		return w.remove(v)
	}
	if len(own) == 0 {
		return nil // it said nothing but that the element exists
	}
	return d.merge(v)
}
