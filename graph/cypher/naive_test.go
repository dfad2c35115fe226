package cypher

import (
	"fmt"
	"slices"
	"strings"
)

// A naive evaluator: it knows no planner, no index and none of the engine's
// code. It tries every node and every relationship in every place of a pattern
// and keeps what fits. What it answers is right because it is simple, and
// naive_query_test.go holds the engine against it.

// tinyGraph is numbered nodes and relationships. A node's number is its
// property i, and a value of noValue means that the property is not there.
type tinyGraph struct {
	labels [][]string
	values []int64
	rels   []tinyRel
}

type tinyRel struct {
	from, to int
	typ      string
}

const noValue = -1

// create writes the graph as one setup statement.
func (g tinyGraph) create() string {
	var parts []string
	for i, labels := range g.labels {
		part := fmt.Sprintf("(n%d", i)
		for _, l := range labels {
			part += ":" + l
		}
		part += fmt.Sprintf(" {i: %d", i)
		if g.values[i] != noValue {
			part += fmt.Sprintf(", v: %d", g.values[i])
		}
		parts = append(parts, part+"})")
	}
	for _, r := range g.rels {
		parts = append(parts, fmt.Sprintf("(n%d)-[:%s]->(n%d)", r.from, r.typ, r.to))
	}
	return "CREATE " + strings.Join(parts, ", ")
}

// tinyRow binds variables: an int is a node's number, an int64 a number, and
// nil is null.
type tinyRow map[string]any

func (r tinyRow) with(name string, v any) tinyRow {
	out := tinyRow{}
	for k, old := range r {
		out[k] = old
	}
	if name != "" {
		out[name] = v
	}
	return out
}

// tinyNode is (name:label); tinyHop is the relationship before it.
type tinyNode struct{ name, label string }

type tinyHop struct {
	typ      string // "" = any
	dir      string // "->", "<-" or "-"
	min, max int    // 1, 1 unless it has a star
	star     bool
}

type tinyPattern struct {
	nodes []tinyNode
	hops  []tinyHop
}

// match adds the rows of all patterns, in which no relationship comes twice.
func (g tinyGraph) match(row tinyRow, patterns []tinyPattern) []tinyRow {
	var out []tinyRow
	used := make([]bool, len(g.rels))
	var next func(row tinyRow, p int)
	var step func(row tinyRow, p, hop, at int)
	var walk func(row tinyRow, p, hop, at, length int)
	next = func(row tinyRow, p int) {
		if p == len(patterns) {
			out = append(out, row)
			return
		}
		for i := range g.labels {
			if r, ok := g.bind(row, patterns[p].nodes[0], i); ok {
				step(r, p, 0, i)
			}
		}
	}
	step = func(row tinyRow, p, hop, at int) {
		if hop == len(patterns[p].hops) {
			next(row, p+1)
			return
		}
		walk(row, p, hop, at, 0)
	}
	walk = func(row tinyRow, p, hop, at, length int) {
		h := patterns[p].hops[hop]
		if length >= h.min {
			if r, ok := g.bind(row, patterns[p].nodes[hop+1], at); ok {
				step(r, p, hop+1, at)
			}
		}
		if length == h.max {
			return
		}
		for i, rel := range g.rels {
			if used[i] || h.typ != "" && h.typ != rel.typ {
				continue
			}
			used[i] = true
			if rel.from == at && h.dir != "<-" {
				walk(row, p, hop, rel.to, length+1)
			}
			// A loop is seen once by who looks in both directions.
			if rel.to == at && h.dir != "->" && (h.dir == "<-" || rel.from != rel.to) {
				walk(row, p, hop, rel.from, length+1)
			}
			used[i] = false
		}
	}
	next(row, 0)
	return out
}

// bind puts node i in a pattern's place, if it fits there.
func (g tinyGraph) bind(row tinyRow, n tinyNode, i int) (tinyRow, bool) {
	if n.label != "" && !slices.Contains(g.labels[i], n.label) {
		return nil, false
	}
	if old, bound := row[n.name]; n.name != "" && bound {
		return row, old == any(i)
	}
	return row.with(n.name, i), true
}

// prop is NAME.PROP, null where there is none.
func (g tinyGraph) prop(v any, prop string) any {
	i, ok := v.(int)
	switch {
	case !ok:
		return nil
	case prop == "i":
		return int64(i)
	case g.values[i] == noValue:
		return nil
	}
	return g.values[i]
}

// tinyTruth is a condition with its text; it answers true, false or nil.
type tinyTruth struct {
	text string
	is   func(tinyRow) any
}

// compareNumbers is Cypher's order of numbers and null, which comes last.
func compareNumbers(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return int(max(-1, min(1, a.(int64)-b.(int64))))
}

// keep returns the rows of which the condition is true, not false or unknown.
func keep(rows []tinyRow, c *tinyTruth) []tinyRow {
	if c == nil {
		return rows
	}
	var out []tinyRow
	for _, r := range rows {
		if c.is(r) == true {
			out = append(out, r)
		}
	}
	return out
}

// groups puts rows of equal keys together, in order of first appearance.
func groups(rows []tinyRow, key func(tinyRow) any) [][]tinyRow {
	place, out := map[any]int{}, [][]tinyRow(nil)
	for _, r := range rows {
		k := key(r)
		if _, ok := place[k]; !ok {
			place[k] = len(out)
			out = append(out, nil)
		}
		out[place[k]] = append(out[place[k]], r)
	}
	return out
}
