package embedded

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"assim/graph"
)

// A body is labels and properties with names replaced by their numbers:
//
//	uvarint  number of labels, then each label's number, ascending
//	uvarint  number of properties, then each: uvarint name, tag, value
//
// sorted by number, so equal content has equal bytes. No labels and no
// properties is no bytes at all.
type body struct {
	labels []int64
	props  []prop
}

type prop struct {
	name  int64
	value any
}

const (
	tagFalse byte = iota
	tagTrue
	tagInt
	tagFloat
	tagText
	tagList
)

var errBody = errors.New("a stored value is damaged; run the check and restore a backup")

func (b body) empty() bool { return len(b.labels) == 0 && len(b.props) == 0 }

// encode sorts b and returns its bytes.
func (b body) encode() []byte {
	if b.empty() {
		return nil
	}
	slices.Sort(b.labels)
	slices.SortFunc(b.props, func(x, y prop) int { return int(x.name - y.name) })
	out := make([]byte, 0, 16+24*len(b.props))
	out = binary.AppendUvarint(out, uint64(len(b.labels)))
	for _, l := range b.labels {
		out = binary.AppendUvarint(out, uint64(l))
	}
	out = binary.AppendUvarint(out, uint64(len(b.props)))
	for _, p := range b.props {
		out = binary.AppendUvarint(out, uint64(p.name))
		out = appendValue(out, p.value)
	}
	return out
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	case int64:
		return binary.AppendVarint(append(b, tagInt), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(v))
	case string:
		b = binary.AppendUvarint(append(b, tagText), uint64(len(v)))
		return append(b, v...)
	case []any:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(v)))
		for _, e := range v {
			b = appendValue(b, e)
		}
	}
	return b
}

// decodeBody is the inverse of encode. It never reads beyond data and never
// allocates more than data could describe.
func decodeBody(data []byte) (body, error) {
	if len(data) == 0 {
		return body{}, nil
	}
	d := decoder{data: data}
	var b body
	if n := d.count(); n > 0 {
		b.labels = make([]int64, n)
		for i := range b.labels {
			b.labels[i] = int64(d.uvarint())
		}
	}
	if n := d.count(); n > 0 {
		b.props = make([]prop, n)
		for i := range b.props {
			b.props[i] = prop{int64(d.uvarint()), d.value(true)}
		}
	}
	if d.bad || len(d.data) > 0 {
		return body{}, errBody
	}
	return b, nil
}

type decoder struct {
	data []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.bad, d.data = true, nil
		return 0
	}
	d.data = d.data[n:]
	return v
}

// count reads how many things follow; each takes at least one byte.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.data)) {
		d.bad, d.data = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) value(lists bool) any {
	if len(d.data) == 0 {
		d.bad = true
		return nil
	}
	tag := d.data[0]
	d.data = d.data[1:]
	switch {
	case tag == tagFalse || tag == tagTrue:
		return tag == tagTrue
	case tag == tagInt:
		v, n := binary.Varint(d.data)
		if n > 0 {
			d.data = d.data[n:]
			return v
		}
	case tag == tagFloat && len(d.data) >= 8:
		v := math.Float64frombits(binary.BigEndian.Uint64(d.data))
		d.data = d.data[8:]
		return v
	case tag == tagText:
		n := d.count()
		v := string(d.data[:n])
		d.data = d.data[n:]
		return v
	case tag == tagList && lists:
		v := make([]any, d.count())
		for i := range v {
			v[i] = d.value(false)
		}
		return v
	}
	d.bad, d.data = true, nil
	return nil
}

// elem names a node or a relationship in one number.
type elem int64

func nodeElem(id int64) elem { return elem(id << 1) }
func relElem(id int64) elem  { return elem(id<<1 | 1) }

func (e elem) isRel() bool { return e&1 == 1 }
func (e elem) id() int64   { return int64(e >> 1) }

// encodeElems returns a sorted set of elements as differences.
func encodeElems(list []elem) []byte {
	slices.Sort(list)
	list = slices.Compact(list)
	out := make([]byte, 0, 2*len(list)+8)
	var last elem
	for _, e := range list {
		out = binary.AppendUvarint(out, uint64(e-last))
		last = e
	}
	return out
}

func decodeElems(data []byte) ([]elem, error) {
	d := decoder{data: data}
	var out []elem
	var last elem
	for len(d.data) > 0 {
		last += elem(d.uvarint())
		out = append(out, last)
	}
	if d.bad {
		return nil, errBody
	}
	return out, nil
}

// extra returns b's labels and properties by name.
func (n *names) extra(b body) (labels []string, props graph.Props, err error) {
	if len(b.labels) > 0 {
		labels = make([]string, len(b.labels))
		for i, id := range b.labels {
			if labels[i], err = n.text(id); err != nil {
				return nil, nil, err
			}
		}
		slices.Sort(labels)
	}
	props = make(graph.Props, len(b.props))
	for _, p := range b.props {
		name, err := n.text(p.name)
		if err != nil {
			return nil, nil, err
		}
		props[name] = p.value
	}
	return labels, props, nil
}
