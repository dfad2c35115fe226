package graph

import (
	"encoding/binary"
	"math"
	"slices"
)

// Tags of an encoded value. Integers and whole floats share one, because
// Cypher says 1 = 1.0.
const (
	tagFalse  = 'f'
	tagTrue   = 't'
	tagWhole  = 'i'
	tagFloat  = 'd'
	tagString = 's'
	tagList   = 'l'
)

// AppendEqual appends an encoding of v that is the same for exactly those
// values that Cypher calls equal: 1 and 1.0 are. A NaN, which equals nothing,
// has an encoding like any other.
func AppendEqual(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, tagWhole), uint64(v))
	case float64:
		if whole := int64(v); v == math.Trunc(v) && v >= -(1<<63) && v < 1<<63 {
			return binary.BigEndian.AppendUint64(append(b, tagWhole), uint64(whole))
		}
		return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(v))
	case string:
		b = binary.AppendUvarint(append(b, tagString), uint64(len(v)))
		return append(b, v...)
	case []any:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(v)))
		for _, e := range v {
			b = AppendEqual(b, e)
		}
		return b
	}
	n, err := Normalize(v)
	if err != nil {
		return append(b, '?')
	}
	return AppendEqual(b, n)
}

// Equal reports whether two property values are equal in Cypher's sense.
func Equal(a, b any) bool {
	if f, ok := a.(float64); ok && f != f {
		return false
	}
	return string(AppendEqual(nil, a)) == string(AppendEqual(nil, b))
}

// appendExact is AppendEqual that tells 1 from 1.0.
func appendExact(b []byte, v any) []byte {
	switch v := v.(type) {
	case float64:
		return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(v))
	case []any:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(v)))
		for _, e := range v {
			b = appendExact(b, e)
		}
		return b
	}
	return AppendEqual(b, v)
}

// AppendProps appends an encoding of p that is the same exactly for the same
// properties with the same values of the same types.
func AppendProps(b []byte, p Props) []byte {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendText(b, name)
		b = appendExact(b, p[name])
	}
	return b
}

// Same reports whether two sets of properties are the same, types included.
func (p Props) Same(q Props) bool {
	if len(p) != len(q) {
		return false
	}
	for name, v := range p {
		if w, ok := q[name]; !ok || !Same(v, w) {
			return false
		}
	}
	return true
}

// Same reports whether two values are the same, types included: 1 is not 1.0,
// and a NaN is itself.
func Same(v, w any) bool {
	switch v := v.(type) {
	case string:
		if w, ok := w.(string); ok {
			return v == w
		}
	case int64:
		if w, ok := w.(int64); ok {
			return v == w
		}
	case bool:
		if w, ok := w.(bool); ok {
			return v == w
		}
	}
	var x, y [64]byte
	return string(appendExact(x[:0], v)) == string(appendExact(y[:0], w))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendKey appends an encoding of k that no other key has.
func AppendKey(b []byte, k Key) []byte { return appendText(appendText(b, k.Label), k.ID) }
