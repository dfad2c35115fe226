package graphtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"assim/graph"
)

func (s suite) concurrent(t *testing.T) {
	const writers, rounds = 4, 25
	st := s.store(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() { s.watch(t, st, stop) })
	}
	var write sync.WaitGroup
	for w := range writers {
		write.Go(func() {
			for i := range rounds {
				if _, err := st.Apply(context.Background(), pair(w, i)); err != nil {
					t.Errorf("Apply: %v", err)
				}
			}
		})
	}
	write.Wait()
	close(stop)
	wg.Wait()
	look(t, st, func(r graph.Reader) {
		for w := range writers {
			want(t, "last round", find(t, r, key("System", fmt.Sprint("w", w))).Props["round"], rounds-1)
		}
	})
}

// pair is a change whose two nodes always say the same.
func pair(w, i int) graph.Change {
	id := fmt.Sprint("w", w)
	c := says(id, i, system(id, "round", i), graph.Node{Key: key("NIC", id), Props: graph.P("round", i)})
	c.Rels = []graph.Rel{{From: key("System", id), Type: "HAS_NIC", To: key("NIC", id), Props: graph.P("round", i)}}
	return c
}

// watch makes sure that no reader ever sees half a change.
func (s suite) watch(t *testing.T, st graph.Store, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		r, err := st.View(context.Background(), time.Time{})
		if err != nil {
			t.Errorf("View: %v", err)
			return
		}
		for v, err := range r.Nodes("System") {
			if err != nil {
				t.Errorf("Nodes: %v", err)
			}
			seen := 0
			for e := range r.Expand(v.ID, graph.Out) {
				n, err := r.Node(e.To)
				if err != nil || n.Props["round"] != v.Props["round"] || e.Props["round"] != v.Props["round"] {
					t.Errorf("half a change: %v %v %v %v", v, e, n, err)
				}
				seen++
			}
			if seen != 1 {
				t.Errorf("%d relationships of %s, want 1", seen, v.Key)
			}
		}
		r.Close()
	}
}
