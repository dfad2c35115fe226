package graphtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/graph"
)

// Dump tells all that a Reader shows, one node or relationship a line, sorted,
// with the times it knows of them.
func Dump(t testing.TB, r graph.Reader) []string {
	t.Helper()
	var out []string
	keys := map[graph.NodeID]graph.Key{}
	for v, err := range r.Nodes("") {
		if err != nil {
			t.Fatalf("walking all nodes: %v", err)
		}
		if _, twice := keys[v.ID]; twice {
			t.Fatalf("node %s is walked twice", v.Key)
		}
		keys[v.ID] = v.Key
		out = append(out, fmt.Sprintf("(%s) %s %s %s", v.Key, strings.Join(v.Labels, ":"), Text(v.Props), times(v.Meta)))
	}
	seen := map[graph.RelID]bool{}
	for e, err := range r.Rels("") {
		if err != nil {
			t.Fatalf("walking all relationships: %v", err)
		}
		if seen[e.ID] {
			t.Fatalf("relationship %d is walked twice", e.ID)
		}
		seen[e.ID] = true
		out = append(out, edgeText(t, keys, e))
	}
	slices.Sort(out)
	return out
}

func edgeText(t testing.TB, keys map[graph.NodeID]graph.Key, e graph.Edge) string {
	t.Helper()
	from, ok := keys[e.From]
	to, ok2 := keys[e.To]
	if !ok || !ok2 {
		t.Fatalf("relationship %d (%s) has an end that is not shown", e.ID, e.Type)
	}
	return fmt.Sprintf("(%s)-[%s]->(%s) %s %s", from, e.Type, to, Text(e.Props), times(e.Meta))
}

func times(m graph.Meta) string {
	return m.FirstSeen.Format(time.RFC3339Nano) + ".." + m.LastChanged.Format(time.RFC3339Nano)
}

// Text returns properties in order of name, with the types of the values.
func Text(p graph.Props) string {
	var b strings.Builder
	b.WriteByte('{')
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		v, err := json.Marshal(p[name])
		if err != nil {
			v = fmt.Append(nil, p[name])
		}
		fmt.Fprintf(&b, "%s %T:%s", name, p[name], v)
	}
	b.WriteByte('}')
	return b.String()
}

// compare fails with the first lines that differ.
func compare(t testing.TB, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	const show = 8
	var b strings.Builder
	shown := 0
	for _, l := range got {
		if !slices.Contains(want, l) && shown < show {
			fmt.Fprintf(&b, "\n  surplus: %s", l)
			shown++
		}
	}
	shown = 0
	for _, l := range want {
		if !slices.Contains(got, l) && shown < show {
			fmt.Fprintf(&b, "\n  missing: %s", l)
			shown++
		}
	}
	t.Fatalf("%s: %d lines, want %d%s", what, len(got), len(want), b.String())
}

// differences tells what Diff found, one line each.
func differences(t testing.TB, s graph.Store, from, to time.Time) []string {
	t.Helper()
	var out []string
	for d, err := range graph.Diff(t.Context(), s, from, to) {
		if err != nil {
			t.Fatalf("Diff: %v", err)
		}
		name := "(" + d.Node.String() + ")"
		if d.Rel.Type != "" {
			name = d.Rel.String()
		}
		out = append(out, fmt.Sprintf("%s %s %v %s -> %v %s at %s", d.Kind, name, d.OldLabels, orNone(d.Old), d.NewLabels, orNone(d.New), d.At.Format(time.RFC3339Nano)))
	}
	return out
}

func orNone(p graph.Props) string {
	if p == nil {
		return "nothing"
	}
	return Text(p)
}
