package bolt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/graphtest"
)

func TestAGraphOfAnOlderFormatIsRefusedWithWhatToDo(t *testing.T) {
	uri := servers(t)[0]
	s := openEmpty(t, uri)
	defer s.Close()
	set := func(n int) {
		t.Helper()
		if _, err := s.rows(t.Context(), "MATCH (m:AssimMeta) SET m.format = $n", map[string]any{"n": n}); err != nil {
			t.Fatal(err)
		}
	}
	set(format - 1)
	defer set(format)
	if _, err := Open(t.Context(), uri, Options{}); err == nil || !strings.Contains(err.Error(), "assim store copy") {
		t.Errorf("Open: %v, want the command that carries it over", err)
	}
}

// strange is a change whose values Neo4j cannot keep, or not in an index.
func strange(source string) graph.Change {
	long := strings.Repeat("long ", 3000) + source // more than an index takes
	system := graph.Key{Label: graph.System, ID: strings.Repeat("x", maxKey) + source}
	end := graph.Key{Label: graph.Endpoint, ID: "e" + source}
	return graph.Change{Source: source, At: t0,
		Nodes: []graph.Node{
			{Key: system, Labels: []string{"Extra"}, Props: graph.Props{"name": long, "id": []any{"a", int64(1)}, "kind": []any{"b"}, "status": true, "other": long, "_v": "1", "mixed": []any{int64(1), 1.5}}},
			{Key: end, Props: graph.Props{"port": 80.0, "addr": "a\x00b"}},
		},
		Rels: []graph.Rel{
			{From: system, Type: "T", To: end, ID: "one", Props: graph.Props{"mixed": []any{"a", true}}},
			{From: system, Type: "T", To: end, ID: "two"}, {From: end, Type: "T", To: system}},
	}
}

func TestWhatNeo4jCannotHoldIsKeptExactly(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	mem := graphtest.NewMem()
	changes := []graph.Change{strange("a"), strange("b"), strange("a"), {Source: "b", At: t0.Add(time.Minute)}}
	changes[2].Nodes[0].Props["name"] = "short"
	changes[2].Rels = changes[2].Rels[:1]
	for i, c := range changes {
		apply(t, s, c)
		if _, err := mem.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got, want := dump(t, s), dump(t, mem); got != want {
			t.Fatalf("after change %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEveryKindOfValueIsLookedUp(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	c := strange("a")
	apply(t, s, c)
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, q := range []struct {
		label, prop string
		value       any
		want        int
	}{
		{graph.System, "name", c.Nodes[0].Props["name"], 1},
		{graph.System, "name", c.Nodes[0].Props["name"].(string)[:maxIndexed], 0}, // all that the index has of it
		{graph.System, "name", c.Nodes[0].Props["name"].(string) + "x", 0},
		{graph.System, "id", []any{"a", int64(1)}, 1},
		{graph.System, "id", []any{"a", 1.0}, 1},
		{graph.System, "id", `["a",1]`, 0}, // as Neo4j shows it
		{graph.System, "kind", []any{"b"}, 1},
		{graph.System, "status", true, 1},
		{graph.Endpoint, "port", int64(80), 1},
		{graph.Endpoint, "port", 80.0, 1},
		{graph.Endpoint, "port", "80", 0},
		{graph.Endpoint, "addr", "a\x00b", 1},
		{"Extra", "mixed", []any{1.0, 1.5}, 1},
	} {
		n := 0
		for _, err := range r.NodesWith(q.label, q.prop, q.value) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != q.want {
			t.Errorf("%d %s with %s = %.40v, want %d", n, q.label, q.prop, fmt.Sprint(q.value), q.want)
		}
	}
}

func TestDiffLooksOnlyAtWhatTheCommitsChanged(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	var many []graph.Change
	for i := range 50 {
		c := says(fmt.Sprint(i), i, fmt.Sprint(i), "name")
		c.Rels = []graph.Rel{{From: c.Nodes[0].Key, Type: "T", To: c.Nodes[0].Key}}
		many = append(many, c)
	}
	apply(t, s, many[:30]...) // one transaction, thirty commits
	apply(t, s, many[30:]...)
	moved := says("49", 60, "49", "new name")
	moved.Rels = many[49].Rels
	apply(t, s, moved)
	for _, c := range []struct{ from, to, nodes, rels, differ int }{
		{50, 70, 1, 0, 1},    // only the last
		{40, 70, 20, 20, 18}, // of the second transaction the part after 40, and the last change
		{10, 20, 30, 30, 20},
	} {
		from, to := t0.Add(time.Duration(c.from)*time.Minute), t0.Add(time.Duration(c.to)*time.Minute)
		a, err := s.serialAt(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.serialAt(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		nodes, pairs, err := s.touched(t.Context(), a, b, from)
		if err != nil || len(nodes) != c.nodes || len(pairs) != c.rels {
			t.Errorf("from %d to %d it looks at %d nodes and %d pairs, %v, want %d and %d", c.from, c.to, len(nodes), len(pairs), err, c.nodes, c.rels)
		}
		n := 0
		for _, err := range s.Diff(t.Context(), from, to) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != c.differ {
			t.Errorf("from %d to %d there are %d differences, want %d", c.from, c.to, n, c.differ)
		}
	}
}

func TestARelationshipThatWasToldOfIsLookedForBetweenItsEnds(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	apply(t, s, strange("a"))
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for e, err := range r.Rels("T") {
		if err != nil {
			t.Fatal(err)
		}
		if match := r.(*reader).matchRel(int64(e.ID), map[string]any{}); !strings.Contains(match, "{_id: $a}") {
			t.Errorf("%v is looked for by %s", e, match)
		}
		again, err := r.Rel(e.ID)
		if err != nil || again.From != e.From || again.To != e.To || !again.Props.Same(e.Props) {
			t.Errorf("%v is found as %v, %v", e, again, err)
		}
		sources, err := graph.RelSources(r, e.ID, 5)
		if err != nil || fmt.Sprint(sources) != "[a]" {
			t.Errorf("%v is said by %v, %v", e, sources, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d relationships, want 3", n)
	}
	other, err := s.View(t.Context(), time.Time{}) // which told of none
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if e, err := other.Rel(1); err != nil || e.ID != 1 {
		t.Errorf("one that was not told of: %v, %v", e, err)
	}
}
