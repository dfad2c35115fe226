package graph

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of one Change. They are far above what any discovery says and keep a
// broken plugin from filling the store.
const (
	MaxElements = 500_000 // nodes and relationships in one Change
	MaxProps    = 1_000   // properties of one node or relationship
	MaxValue    = 1 << 20 // bytes of one text, elements of one list
	MaxName     = 512     // bytes of a label, relationship type, property name or source
	MaxID       = 4_096   // bytes of Key.ID or Rel.ID

	minYear, maxYear = 1970, 2200 // of Change.At; more than a store's clock must be able to hold
)

// RelKey names one relationship for ever.
type RelKey struct {
	From Key
	Type string
	To   Key
	ID   string
}

// String returns "(System:a)-[HAS_NIC]->(NIC:a/eth0)".
func (k RelKey) String() string {
	typ := k.Type
	if k.ID != "" {
		typ += " " + k.ID
	}
	return "(" + k.From.String() + ")-[" + typ + "]->(" + k.To.String() + ")"
}

// Key returns the identity of r.
func (r Rel) Key() RelKey { return RelKey{r.From, r.Type, r.To, r.ID} }

// Compare orders keys by label, then by identity.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Label, o.Label); c != 0 {
		return c
	}
	return strings.Compare(k.ID, o.ID)
}

// Compare orders relationships by where they start, type, and where they end.
func (k RelKey) Compare(o RelKey) int {
	if c := k.From.Compare(o.From); c != 0 {
		return c
	}
	if c := strings.Compare(k.Type, o.Type); c != 0 {
		return c
	}
	if c := k.To.Compare(o.To); c != 0 {
		return c
	}
	return strings.Compare(k.ID, o.ID)
}

// Said is what a Change says in the one form that stores work with: every node
// and relationship once and in order of key, both ends of every relationship
// among the nodes, labels sorted and without the primary one, values
// normalized.
type Said struct {
	Nodes []Node
	Rels  []Rel
}

// Say brings c into canonical form. Where c says one thing twice, the later
// wins property by property. The error names the source, the element and what
// is wrong with it.
func Say(c Change) (Said, error) {
	said, err := say(c)
	if err != nil {
		return Said{}, fmt.Errorf("graph: change of %q: %w", c.Source, err)
	}
	return said, nil
}

func say(c Change) (Said, error) {
	if c.Source == "" || len(c.Source) > MaxName {
		return Said{}, fmt.Errorf("a source has a name of 1 to %d bytes", MaxName)
	}
	if year := c.At.Year(); !c.At.IsZero() && (year < minYear || year > maxYear) {
		return Said{}, fmt.Errorf("its time %s is not of this age", c.At.Format(time.RFC3339))
	}
	if n := len(c.Nodes) + len(c.Rels); n > MaxElements {
		return Said{}, fmt.Errorf("%d nodes and relationships, the limit is %d", n, MaxElements)
	}
	if d := c.Document; d != nil && strings.ContainsRune(d.System.Label+d.Type+d.Instance, 0) {
		return Said{}, fmt.Errorf("document %.40q: a label, type or instance has a zero byte in it", d.Type)
	}
	nodes := make([]Node, 0, len(c.Nodes)+8) // 8: ends that are not among them are few
	for _, n := range c.Nodes {
		props, err := canonical(n.Props)
		if err != nil {
			return Said{}, fmt.Errorf("node %s: %w", n.Key, err)
		}
		labels, err := canonicalLabels(n.Key.Label, n.Labels)
		if err != nil {
			return Said{}, fmt.Errorf("node %s: %w", n.Key, err)
		}
		nodes = append(nodes, Node{Key: n.Key, Labels: labels, Props: props})
	}
	rels := make([]Rel, 0, len(c.Rels))
	for _, r := range c.Rels {
		props, err := canonical(r.Props)
		if err != nil {
			return Said{}, fmt.Errorf("relationship %s: %w", r.Key(), err)
		}
		if r.Type == "" || len(r.Type) > MaxName || len(r.ID) > MaxID {
			return Said{}, fmt.Errorf("relationship %s: a type has 1 to %d bytes, an ID at most %d", r.Key(), MaxName, MaxID)
		}
		r.Props = props
		rels = append(rels, r)
	}
	nodes = withEnds(foldNodes(nodes), rels)
	for _, n := range nodes {
		if n.Key.ID == "" || len(n.Key.ID) > MaxID || len(n.Key.Label) > MaxName || strings.Contains(n.Key.Label, ":") {
			return Said{}, fmt.Errorf("node %s: a key has an ID of 1 to %d bytes and a label without a colon", n.Key, MaxID)
		}
	}
	return Said{Nodes: nodes, Rels: foldRels(rels)}, nil
}

// withEnds adds to nodes, which are in order, the ends of relationships that
// are not among them.
func withEnds(nodes []Node, rels []Rel) []Node {
	said := len(nodes)
	for i := range rels {
		for _, end := range [...]Key{rels[i].From, rels[i].To} {
			if _, found := slices.BinarySearchFunc(nodes[:said], end, compareToKey); !found {
				nodes = append(nodes, Node{Key: end})
			}
		}
	}
	if len(nodes) == said {
		return nodes
	}
	return foldNodes(nodes)
}

func compareToKey(n Node, k Key) int { return n.Key.Compare(k) }

func foldNodes(nodes []Node) []Node {
	slices.SortStableFunc(nodes, func(a, b Node) int { return a.Key.Compare(b.Key) })
	out := nodes[:0]
	for _, n := range nodes {
		if len(out) == 0 || out[len(out)-1].Key != n.Key {
			out = append(out, n)
			continue
		}
		last := &out[len(out)-1]
		last.Labels = unite(last.Labels, n.Labels)
		last.Props = overlay(last.Props, n.Props)
	}
	return out
}

func foldRels(rels []Rel) []Rel {
	slices.SortStableFunc(rels, func(a, b Rel) int { return a.Key().Compare(b.Key()) })
	out := rels[:0]
	for _, r := range rels {
		if len(out) == 0 || out[len(out)-1].Key() != r.Key() {
			out = append(out, r)
			continue
		}
		last := &out[len(out)-1]
		last.Props = overlay(last.Props, r.Props)
	}
	return out
}

// canonical returns p normalized, in a copy when something had to change.
func canonical(p Props) (Props, error) {
	if len(p) > MaxProps {
		return nil, fmt.Errorf("%d properties, the limit is %d", len(p), MaxProps)
	}
	out, copied := p, false
	for name, v := range p {
		if name == "" || len(name) > MaxName {
			return nil, fmt.Errorf("property %.40q: a name has 1 to %d bytes", name, MaxName)
		}
		n, same, err := canonicalValue(v)
		if err != nil {
			return nil, fmt.Errorf("property %q: %w", name, err)
		}
		if same {
			continue
		}
		if !copied {
			out, copied = cloneProps(p), true
		}
		if n == nil {
			delete(out, name)
			continue
		}
		out[name] = n
	}
	return out, nil
}

// canonicalValue reports whether v is already what a store keeps.
func canonicalValue(v any) (n any, same bool, err error) {
	switch v := v.(type) {
	case nil:
		return nil, false, nil
	case bool, int64, float64:
		return v, true, nil
	case string:
		if len(v) > MaxValue {
			return nil, false, fmt.Errorf("a text of %d bytes, the limit is %d", len(v), MaxValue)
		}
		return v, true, nil
	}
	n, err = Normalize(v)
	if err != nil {
		return nil, false, err
	}
	if list, ok := n.([]any); ok {
		if len(list) > MaxValue {
			return nil, false, fmt.Errorf("a list of %d elements, the limit is %d", len(list), MaxValue)
		}
		for _, e := range list {
			if _, nested := e.([]any); nested {
				return nil, false, fmt.Errorf("a list within a list")
			}
		}
	}
	return n, false, nil
}

func canonicalLabels(primary string, labels []string) ([]string, error) {
	if len(labels) == 0 {
		return nil, nil
	}
	out := slices.Clone(labels)
	slices.Sort(out)
	out = slices.DeleteFunc(slices.Compact(out), func(l string) bool { return l == primary })
	for _, l := range out {
		if l == "" || len(l) > MaxName || strings.Contains(l, ":") {
			return nil, fmt.Errorf("label %.40q: a label has 1 to %d bytes and no colon", l, MaxName)
		}
	}
	return out, nil
}

// Claim is what one source says of one node or relationship, and since when.
type Claim struct {
	Source string
	At     time.Time // the Change that last altered this claim
	Labels []string
	Props  Props
}

// Union is what all claims together say: every label, and for each property
// the value of the latest claim that has one. Of two claims of one time the
// greater source name wins, so the answer does not depend on any order.
func Union(claims []Claim) (labels []string, props Props) {
	if len(claims) == 1 {
		return claims[0].Labels, claims[0].Props
	}
	sorted := slices.Clone(claims)
	slices.SortFunc(sorted, func(a, b Claim) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Source, b.Source)
	})
	for _, c := range sorted {
		labels = unite(labels, c.Labels)
		props = overlay(props, c.Props)
	}
	return labels, props
}

// unite merges two sorted sets.
func unite(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// overlay returns p with q's values on top; it alters neither.
func overlay(p, q Props) Props {
	if len(q) == 0 {
		return p
	}
	if len(p) == 0 {
		return q
	}
	out := cloneProps(p)
	for name, v := range q {
		out[name] = v
	}
	return out
}

func cloneProps(p Props) Props {
	out := make(Props, len(p))
	for name, v := range p {
		out[name] = v
	}
	return out
}
