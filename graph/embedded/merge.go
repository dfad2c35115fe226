package embedded

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"assim/graph"
)

// merge makes an element what its claims say together.
func (d *diff) merge(v *version) error {
	w := d.w
	claims, err := w.claims(v.e)
	if err != nil {
		return err
	}
	b, err := w.bodyOf(graph.Union(claims))
	if err != nil {
		return err
	}
	packed := b.encode()
	if bytes.Equal(packed, v.body) {
		return nil
	}
	d.count(v.e)
	return w.update(v, packed, 0, 0)
}

func (d *diff) count(e elem) {
	if e.isRel() {
		d.res.Rels++
	} else {
		d.res.Nodes++
	}
}

// claims returns all claims on an element that several sources speak of.
func (w *writer) claims(e elem) ([]graph.Claim, error) {
	var out []graph.Claim
	err := w.c.each(func(r *rows) error {
		b, err := decodeBody(r.view(2))
		if err != nil {
			return err
		}
		labels, props, err := w.s.names.extra(b)
		if err != nil {
			return err
		}
		out = append(out, graph.Claim{Source: r.text(0), At: time.Unix(0, r.int(1)), Labels: labels, Props: props})
		return nil
	}, "SELECT s.name, c.at, c.body FROM claim c JOIN source s ON s.id=c.src WHERE c.elem=?1", int64(e))
	return out, err
}

// share moves the claim of an element's only source out of the element, to
// make room for a second.
func (w *writer) share(v *version) error {
	if err := w.c.exec("INSERT INTO claim(elem, src, at, body) VALUES(?1,?2,?3,?4)", int64(v.e), v.src, v.at, v.body); err != nil {
		return err
	}
	v.src, v.at = 0, 0
	if v.e.isRel() {
		return w.c.exec("UPDATE rel SET src=0, at=0 WHERE id=?1", v.e.id())
	}
	return w.c.exec("UPDATE node SET src=0, at=0 WHERE id=?1", v.e.id())
}

// bodyOf replaces names by their numbers.
func (w *writer) bodyOf(labels []string, props graph.Props) (body, error) {
	var b body
	for _, l := range labels {
		id, err := w.s.names.add(w.c, l)
		if err != nil {
			return body{}, err
		}
		b.labels = append(b.labels, id)
	}
	if len(props) > 0 {
		b.props = make([]prop, 0, len(props))
	}
	for name, v := range props {
		id, err := w.s.names.add(w.c, name)
		if err != nil {
			return body{}, err
		}
		b.props = append(b.props, prop{id, v})
	}
	return b, nil
}

// overlayBody returns old with b's labels added and b's values on top.
func overlayBody(old []byte, b body) (body, error) {
	was, err := decodeBody(old)
	if err != nil {
		return body{}, err
	}
	for _, l := range b.labels {
		if !slices.Contains(was.labels, l) {
			was.labels = append(was.labels, l)
		}
	}
	for _, p := range b.props {
		i := slices.IndexFunc(was.props, func(q prop) bool { return q.name == p.name })
		if i < 0 {
			was.props = append(was.props, p)
		} else {
			was.props[i] = p
		}
	}
	return was, nil
}

// addsTo reports whether b says anything that the packed body does not.
func addsTo(packed []byte, b body) (bool, error) {
	if b.empty() {
		return false, nil
	}
	was, err := decodeBody(packed)
	if err != nil {
		return false, err
	}
	for _, l := range b.labels {
		if !slices.Contains(was.labels, l) {
			return true, nil
		}
	}
	for _, p := range b.props {
		i := slices.IndexFunc(was.props, func(q prop) bool { return q.name == p.name })
		if i < 0 || !bytes.Equal(appendValue(nil, was.props[i].value), appendValue(nil, p.value)) {
			return true, nil
		}
	}
	return false, nil
}

// lacks reports whether old says something of which packed says nothing.
func lacks(packed, old []byte) (bool, error) {
	was, err := decodeBody(old)
	if err != nil || was.empty() {
		return false, err
	}
	now, err := decodeBody(packed)
	if err != nil {
		return false, err
	}
	for _, l := range was.labels {
		if !slices.Contains(now.labels, l) {
			return true, nil
		}
	}
	for _, p := range was.props {
		if !slices.ContainsFunc(now.props, func(q prop) bool { return q.name == p.name }) {
			return true, nil
		}
	}
	return false, nil
}

var errGone = errors.New("an element that a source speaks of is not in the file; run the check")
