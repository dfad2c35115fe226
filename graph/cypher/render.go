package cypher

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"assim/graph"
)

// Text renders v for people, in the form Cypher itself would write it:
// (:System {name: 'web1'}), [:RUNS], [1, 2], {a: true}, 'text', null.
func Text(v any) string {
	var b strings.Builder
	writeText(&b, v)
	return b.String()
}

func writeText(b *strings.Builder, v any) {
	switch x := v.(type) {
	case nil:
		b.WriteString("null")
	case string:
		b.WriteString("'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(x) + "'")
	case float64:
		b.WriteString(formatFloat(x))
	case []any:
		b.WriteByte('[')
		for i, item := range x {
			if i > 0 {
				b.WriteString(", ")
			}
			writeText(b, item)
		}
		b.WriteByte(']')
	case map[string]any:
		writeMap(b, x)
	case *Node:
		writeNode(b, x)
	case *Rel:
		writeRel(b, x)
	case *Path:
		writePath(b, x)
	case fmt.Stringer:
		b.WriteString("'" + x.String() + "'")
	default:
		fmt.Fprint(b, x)
	}
}

func writeMap(b *strings.Builder, m map[string]any) {
	b.WriteByte('{')
	for i, k := range sortedKeys(m) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + ": ")
		writeText(b, m[k])
	}
	b.WriteByte('}')
}

func writeNode(b *strings.Builder, n *Node) {
	b.WriteByte('(')
	for _, l := range n.v.Labels {
		b.WriteString(":" + l)
	}
	if len(n.v.Props) > 0 {
		if len(n.v.Labels) > 0 {
			b.WriteByte(' ')
		}
		writeMap(b, n.v.Props)
	}
	b.WriteByte(')')
}

func writeRel(b *strings.Builder, r *Rel) {
	b.WriteString("[:" + r.e.Type)
	if len(r.e.Props) > 0 {
		b.WriteByte(' ')
		writeMap(b, r.e.Props)
	}
	b.WriteByte(']')
}

func writePath(b *strings.Builder, p *Path) {
	b.WriteByte('<')
	for i, n := range p.Nodes {
		writeNode(b, n)
		if i == len(p.Rels) {
			break
		}
		left, right := "-", "->"
		if p.Rels[i].e.From != n.id {
			left, right = "<-", "-"
		}
		b.WriteString(left)
		writeRel(b, p.Rels[i])
		b.WriteString(right)
	}
	b.WriteByte('>')
}

func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == math.Trunc(f) && math.Abs(f) < 1e7:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case math.Abs(f) >= 1e-3 && math.Abs(f) < 1e7:
		return strconv.FormatFloat(f, 'f', -1, 64)
	case f == 0:
		return "0.0"
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp)
	return mantissa + "E" + strconv.Itoa(n)
}

// Plain turns v into what encoding/json prints: nodes and relationships become
// maps with key, labels or type, properties and times; temporal values become
// strings; numbers JSON cannot hold become strings.
func Plain(v any) any {
	switch x := v.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return formatFloat(x)
		}
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = Plain(item)
		}
		return out
	case map[string]any:
		return plainMap(x)
	case *Node:
		m := map[string]any{"key": x.v.Key.String(), "labels": sortedLabels(x.v.Labels), "properties": plainMap(x.v.Props)}
		plainMeta(m, x.v.Meta)
		return m
	case *Rel:
		m := map[string]any{"type": x.e.Type, "from": int64(x.e.From), "to": int64(x.e.To), "properties": plainMap(x.e.Props)}
		plainMeta(m, x.e.Meta)
		return m
	case *Path:
		nodes, rels := make([]any, len(x.Nodes)), make([]any, len(x.Rels))
		for i, n := range x.Nodes {
			nodes[i] = Plain(n)
		}
		for i, r := range x.Rels {
			m := Plain(r).(map[string]any)
			m["forward"] = r.e.From == x.Nodes[i].id
			rels[i] = m
		}
		return map[string]any{"nodes": nodes, "relationships": rels}
	case fmt.Stringer:
		return x.String()
	}
	return v
}

func plainMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = Plain(v)
	}
	return out
}

func plainMeta(m map[string]any, meta graph.Meta) {
	if !meta.FirstSeen.IsZero() {
		m["first_seen"] = meta.FirstSeen.UTC().Format(time.RFC3339Nano)
	}
	if !meta.LastChanged.IsZero() {
		m["last_changed"] = meta.LastChanged.UTC().Format(time.RFC3339Nano)
	}
}

func sortedLabels(labels []string) []string {
	out := append([]string{}, labels...)
	sort.Strings(out)
	return out
}
