package cypher

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/embedded"
	"assim/graph/graphtest"
)

// benchStore holds n systems with 2 interfaces, 2 addresses, 3 processes, 2
// endpoints and the connections between them.
func benchStore(b *testing.B, m graph.Store, n int) graph.Reader {
	b.Helper()
	var batch []graph.Change
	for i := range n {
		s := graph.Key{Label: graph.System, ID: fmt.Sprintf("n-%06d", i)}
		c := graph.Change{Source: s.ID, At: time.Unix(1, 0), Nodes: []graph.Node{{Key: s, Props: graph.P("name", fmt.Sprintf("host%d", i), "id", s.ID, "kind", "server", "status", "up")}}}
		for k := range 2 {
			nic := graph.Key{Label: graph.NIC, ID: fmt.Sprintf("%s/eth%d", s.ID, k)}
			ip := graph.Key{Label: graph.IPAddr, ID: fmt.Sprintf("10.%d.%d.%d", k+i>>16, i>>8&255, i&255)}
			c.Nodes = append(c.Nodes, graph.Node{Key: nic, Props: graph.P("mac", fmt.Sprintf("%012x", i*2+k))}, graph.Node{Key: ip, Props: graph.P("addr", ip.ID)})
			c.Rels = append(c.Rels, graph.Rel{From: s, Type: graph.HasNIC, To: nic}, graph.Rel{From: nic, Type: graph.HasIP, To: ip})
		}
		for k := range 3 {
			p := graph.Key{Label: graph.Process, ID: fmt.Sprintf("%s/p%d", s.ID, k)}
			e := graph.Key{Label: graph.Endpoint, ID: fmt.Sprintf("tcp/%d:%d", i, 80+k)}
			client := graph.Key{Label: graph.Endpoint, ID: fmt.Sprintf("tcp/%d:%d", (i*7+k+1)%n, 80+k)}
			c.Nodes = append(c.Nodes, graph.Node{Key: p, Props: graph.P("name", fmt.Sprintf("p%d", k))})
			c.Rels = append(c.Rels, graph.Rel{From: s, Type: graph.Runs, To: p}, graph.Rel{From: p, Type: graph.ListensOn, To: e}, graph.Rel{From: p, Type: graph.ConnectsTo, To: client})
		}
		if batch = append(batch, c); len(batch) == 100 || i == n-1 {
			if _, err := m.Apply(context.Background(), batch...); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
	}
	r, err := m.View(context.Background(), time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

const threeHops = `MATCH (s:System {name: $name})-[:RUNS]->(p:Process)-[:CONNECTS_TO]->(e:Endpoint)<-[:LISTENS_ON]-(q:Process)<-[:RUNS]-(o:System)
RETURN p.name AS process, o.name AS needs`

// BenchmarkThreeHops asks what one system depends on, at two sizes: the time
// must follow the answer, not the graph.
func BenchmarkThreeHops(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("memory/systems=%d", n), func(b *testing.B) { threeHopsOver(b, graphtest.NewMem(), n) })
		b.Run(fmt.Sprintf("embedded/systems=%d", n), func(b *testing.B) {
			store, err := embedded.Open(filepath.Join(b.TempDir(), "bench.graph"), embedded.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			threeHopsOver(b, store, n)
		})
	}
}

func threeHopsOver(b *testing.B, store graph.Store, n int) {
	r := benchStore(b, store, n)
	defer r.Close()
	q, err := Parse(threeHops)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rows, err := q.Run(context.Background(), r, map[string]any{"name": fmt.Sprintf("host%d", i%n)}, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		all, err := rows.Collect()
		if err != nil || len(all) == 0 {
			b.Fatal(len(all), err)
		}
	}
}

// BenchmarkParse is what a query costs before it runs.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(threeHops); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRow is the cost of one more row of scanning, filtering and
// returning.
func BenchmarkRow(b *testing.B) {
	r := benchStore(b, graphtest.NewMem(), 1000)
	q, err := Parse("MATCH (p:Process) WHERE p.name = 'p1' AND p.name STARTS WITH 'p' RETURN p.name")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	rowsMade := 0
	for b.Loop() {
		rows, err := q.Run(context.Background(), r, nil, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range rows.All() {
			if err != nil {
				b.Fatal(err)
			}
			rowsMade++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rowsMade), "ns/row")
}
