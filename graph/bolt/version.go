package bolt

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/graph"
)

// open is the end of a version that holds now.
const open = int64(math.MaxInt64)

// version is what held of one node or relationship from one commit to another.
type version struct {
	ID      int64    `json:"i"`
	A       int64    `json:"a,omitempty"` // ends of a relationship
	B       int64    `json:"b,omitempty"`
	From    int64    `json:"f"`
	Born    int64    `json:"n"`           // since when it exists, in nanoseconds
	Since   int64    `json:"s"`           // since when it is like this
	Owner   int64    `json:"o,omitempty"` // the number of the only source to speak of it; 0 = several do
	OwnerAt int64    `json:"t,omitempty"` // when it said so
	Labels  []string `json:"l,omitempty"`
	Props   packed   `json:"p,omitempty"`

	to, till int64 // of an old version: the commit and the time that ended it
}

// shownAt reports whether a version is what a commit left behind.
func (v *version) shownAt(serial int64) bool { return v.From <= serial && serial < v.to }

// tells reports whether a version has all of these labels and properties.
func (v *version) tells(labels []string, props graph.Props) bool {
	for _, l := range labels {
		if !slices.Contains(v.Labels, l) {
			return false
		}
	}
	for name, said := range props {
		if shown, ok := v.Props[name]; !ok || !graph.Same(shown, said) {
			return false
		}
	}
	return true
}

func (v *version) meta() graph.Meta {
	return graph.Meta{FirstSeen: instant(v.Born), LastChanged: instant(v.Since)}
}

func (v *version) vertex(k graph.Key) graph.Vertex {
	labels := v.Labels
	if k.Label != "" {
		labels = append([]string{k.Label}, labels...)
	}
	return graph.Vertex{ID: graph.NodeID(v.ID), Key: k, Labels: labels, Props: graph.Props(v.Props), Meta: v.meta()}
}

func (v *version) edge(k graph.RelKey) graph.Edge {
	return graph.Edge{ID: graph.RelID(v.ID), Type: k.Type, From: graph.NodeID(v.A), To: graph.NodeID(v.B), Props: graph.Props(v.Props), Meta: v.meta()}
}

// The head of a version that holds now is six numbers with commas between them,
//
//	ID, From, Since, Born, Owner, OwnerAt
//
// of which the last three are empty when they are 0 or the same as Since: Neo4j
// keeps up to 54 digits and commas within the node or relationship itself, and
// what is longer elsewhere.
const headParts = 6

func (v *version) head() string {
	b := make([]byte, 0, 64)
	b = append(strconv.AppendInt(b, v.ID, 10), ',')
	b = append(strconv.AppendInt(b, v.From, 10), ',')
	b = append(strconv.AppendInt(b, v.Since, 10), ',')
	if v.Born != v.Since {
		b = strconv.AppendInt(b, v.Born, 10)
	}
	b = append(b, ',')
	if v.Owner != 0 {
		b = strconv.AppendInt(b, v.Owner, 10)
	}
	b = append(b, ',')
	if v.Owner != 0 && v.OwnerAt != v.Since {
		b = strconv.AppendInt(b, v.OwnerAt, 10)
	}
	return string(b)
}

// parseHead is the inverse of head.
func parseHead(text string) (*version, error) {
	var n [headParts]int64
	parts := 0
	for part := range strings.SplitSeq(text, ",") {
		if parts == headParts {
			return nil, fmt.Errorf("version %.80q has more than %d parts", text, headParts)
		}
		if part != "" {
			var err error
			if n[parts], err = strconv.ParseInt(part, 10, 64); err != nil {
				return nil, fmt.Errorf("version %.80q is damaged: %w", text, err)
			}
		} else if parts == 3 || parts == 5 && n[4] != 0 {
			n[parts] = n[2]
		}
		parts++
	}
	if parts != headParts {
		return nil, fmt.Errorf("version %.80q has %d parts, not %d", text, parts, headParts)
	}
	if n[4] == 0 {
		n[5] = 0 // several speak of it, each at a time of its own
	}
	return &version{ID: n[0], From: n[1], Since: n[2], Born: n[3], Owner: n[4], OwnerAt: n[5], to: open}, nil
}

// more is what of a version fits neither into its head nor into properties, and
// all that a claim says.
type more struct {
	Labels []string `json:"l,omitempty"`
	Props  packed   `json:"p,omitempty"`
}

// encode returns nil where there is nothing: Neo4j keeps no property then.
func (m more) encode() (any, error) {
	if len(m.Labels) == 0 && len(m.Props) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}

func decodeMore(text string) (m more, err error) {
	if text == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("a version is damaged: %w", err)
	}
	return m, nil
}

// live returns a version that holds now as the properties to keep it in.
func (v *version) live(labels []string) (map[string]any, error) {
	props, exact := native(graph.Props(v.Props), labels)
	props["_v"] = v.head()
	rest, err := more{v.Labels, exact}.encode()
	if rest != nil {
		props["_more"] = rest
	}
	return props, err
}

// decodeLive is the inverse of live.
func decodeLive(props map[string]any) (*version, error) {
	v, err := parseHead(text(props["_v"]))
	if err != nil {
		return nil, err
	}
	for name, value := range props {
		if !strings.HasPrefix(name, "_") || strings.HasPrefix(name, "__") {
			if v.Props == nil {
				v.Props = make(packed, len(props))
			}
			v.Props[ourName(name)] = value
		}
	}
	rest, err := decodeMore(text(props["_more"]))
	if v.Props == nil {
		v.Props = rest.Props
	}
	maps.Copy(v.Props, rest.Props)
	v.Labels = rest.Labels
	return v, err
}

func (v *version) encode() (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func decodeVersion(text string) (*version, error) {
	v := &version{to: open}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return nil, fmt.Errorf("a version is damaged: %w", err)
	}
	return v, nil
}

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// packed are properties whose JSON tells 1 from 1.0 and knows NaN.
type packed graph.Props

// MarshalJSON writes properties so that UnmarshalJSON reads the same.
func (p packed) MarshalJSON() ([]byte, error) {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, name); err != nil {
			return nil, err
		}
		if b, err = appendJSON(append(b, ':'), p[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Appendf(b, `{"f":"%v"}`, v), nil
		}
		n := len(b)
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
		if !strings.ContainsAny(string(b[n:]), ".e") {
			b = append(b, '.', '0')
		}
		return b, nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendJSON(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *packed) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var raw map[string]any
	if err := dec.Decode(&raw); err != nil {
		return err
	}
	for name, v := range raw {
		n, err := unpack(v)
		if err != nil {
			return err
		}
		raw[name] = n
	}
	*p = raw
	return nil
}

func unpack(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".e") {
			return v.Float64()
		}
		return v.Int64()
	case map[string]any:
		return strconv.ParseFloat(fmt.Sprint(v["f"]), 64)
	case []any:
		for i, e := range v {
			n, err := unpack(e)
			if err != nil {
				return nil, err
			}
			v[i] = n
		}
	}
	return v, nil
}
