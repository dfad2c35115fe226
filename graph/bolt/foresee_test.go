package bolt

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"assim/graph"
)

// star is a system that runs so many processes, all of which connect to one
// endpoint on which the first of them listens.
func star(processes int) graph.Change {
	system, endpoint := graph.Key{Label: graph.System, ID: "s"}, graph.Key{Label: graph.Endpoint, ID: "e"}
	c := graph.Change{Source: "a", At: t0, Nodes: []graph.Node{{Key: system, Props: graph.P("name", "s")}}}
	for i := range processes {
		p := graph.Key{Label: graph.Process, ID: fmt.Sprint(i)}
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Runs, To: p}, graph.Rel{From: p, Type: graph.ConnectsTo, To: endpoint})
		if i == 0 {
			c.Rels = append(c.Rels, graph.Rel{From: p, Type: graph.ListensOn, To: endpoint})
		}
	}
	return c
}

var hops = []graph.Hop{{Dir: graph.Out, Types: []string{graph.Runs}}, {Dir: graph.Out, Types: []string{graph.ConnectsTo}}, {Dir: graph.In, Types: []string{graph.ListensOn}},
	{Dir: graph.Both, Types: []string{"NOBODY"}}}

// ends walks hops from a system and returns where they end, before the last.
// found is called when the first is found.
func ends(t *testing.T, r graph.Reader, found func()) (out []string) {
	t.Helper()
	var walk func(id graph.NodeID, rest []graph.Hop)
	walk = func(id graph.NodeID, rest []graph.Hop) {
		if len(rest) == 1 {
			v, err := r.Node(id)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v.Key.ID)
		}
		if len(rest) == 0 {
			t.Fatal("somebody is where nobody is")
		}
		for e, err := range r.Expand(id, rest[0].Dir, rest[0].Types...) {
			if err != nil {
				t.Fatal(err)
			}
			walk(e.From+e.To-id, rest[1:])
		}
	}
	for v, err := range graph.NodesBefore(r, hops, graph.System, "name", "s") {
		if err != nil {
			t.Fatal(err)
		}
		found()
		walk(v.ID, hops)
	}
	return slices.Compact(out)
}

func TestAChainOfHopsIsOneRoundTrip(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	apply(t, s, star(3))
	v, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for v, err := range graph.NodesBefore(v, hops, graph.System, "name", "somebody else") {
		t.Errorf("found %v, %v", v, err)
	}
	alone := func() { // from here on the server cannot be asked
		if err := s.driver.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := ends(t, v, alone); !slices.Equal(got, []string{"0"}) {
		t.Errorf("it ends at %q, want process 0", got)
	}
}

func TestAChainThatLeadsTooFarIsWalked(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	apply(t, s, star(maxChain+1))
	v, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got := ends(t, v, func() {}); !slices.Equal(got, []string{"0"}) {
		t.Errorf("it ends at %q, want process 0", got)
	}
}
