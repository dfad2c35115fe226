package graphtest

import (
	"context"
	"testing"
	"time"

	"assim/graph"
)

func TestMemShowsWhatWasSaid(t *testing.T) {
	m := NewMem()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := graph.Change{Source: "s", At: at, Nodes: []graph.Node{{Key: graph.Key{Label: "System", ID: "a"}, Labels: []string{"X"}, Props: graph.P("name", "alpha", "n", 1)}},
		Rels: []graph.Rel{{From: graph.Key{Label: "System", ID: "a"}, Type: "HAS_NIC", To: graph.Key{Label: "NIC", ID: "a/eth0"}}}}
	if _, err := m.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	r, _ := m.View(context.Background(), time.Time{})
	n := 0
	for v := range r.NodesWith("System", "name", "alpha") {
		for e := range r.Expand(v.ID, graph.Out) {
			to, _ := r.Node(e.To)
			if to.Key.ID == "a/eth0" {
				n++
			}
		}
	}
	if n != 1 {
		t.Fatalf("%d paths from System alpha to NIC a/eth0, want 1", n)
	}
}

func TestMemKeepsTheLaw(t *testing.T) {
	Run(t, func(testing.TB) graph.Store { return NewMem() })
}
