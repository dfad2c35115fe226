package cypher

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/graphtest"
)

// crowd is a graph in which every node points at many others, so that the walks
// through it are beyond counting.
func crowd(t *testing.T) graph.Reader {
	t.Helper()
	const nodes, out = 300, 20
	store := graphtest.NewMem()
	c := graph.Change{Source: "crowd"}
	key := func(i int) graph.Key { return graph.Key{Label: "System", ID: fmt.Sprint("n", i%nodes)} }
	for i := range nodes {
		c.Nodes = append(c.Nodes, graph.Node{Key: key(i), Props: graph.P("i", i, "name", fmt.Sprint("host", i))})
		for j := range out {
			c.Rels = append(c.Rels, graph.Rel{From: key(i), Type: "X", To: key(i + 1 + j*j)})
		}
	}
	if _, err := store.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// Whatever a query does for long, it looks at the clock while it does it.
func TestTimeEndsEveryKindOfWork(t *testing.T) {
	const allowed, late = 50 * time.Millisecond, 10 * time.Second
	r := crowd(t)
	for _, text := range []string{
		"MATCH (a)-[*1..12]->(b) RETURN count(*)",
		"MATCH (a)-[*]-(b) RETURN count(*)",
		"MATCH p = (a {i: 1})-[*..9]->(b) WHERE length(p) > 100 RETURN b",
		"MATCH (a {i: 1})-[r:X*1..12]->(b {name: 'nobody'}) RETURN a",
		"MATCH (a)-->(b)-->(c)-->(d)-->(e) WHERE a.i > 1000000 OR e.i > 1000000 RETURN count(*)",
		"MATCH (a), (b), (c), (d) WHERE a.i + b.i + c.i + d.i < 0 RETURN count(*)",
		"MATCH (a), (b), (c) WITH a.i + b.i + c.i AS s RETURN min(s), max(s), count(*)",
		"MATCH (a) WHERE EXISTS { MATCH (a)-[*1..9]->(b) WHERE b.i < 0 } RETURN a",
		"MATCH (a) WHERE NOT (a)-[*1..9]->(:Nothing) RETURN count(*)",
		"MATCH (a) RETURN size([(a)-[*1..9]->(b) WHERE b.i < 0 | b])",
		"MATCH p = allShortestPaths((a)-[*..12]->(b)) WHERE a.i <> b.i UNWIND nodes(p) AS n UNWIND nodes(p) AS m RETURN count(*)",
		"MATCH (a) OPTIONAL MATCH (a)-[*1..9]->(b) WHERE b.i < 0 RETURN count(*)",
		"UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y RETURN count(*)",
		"UNWIND range(1, 100000) AS x MATCH (a) WHERE a.i = -x RETURN count(*)",
		"RETURN reduce(s = 0, x IN range(1, 3000) | s + reduce(u = 0, y IN range(1, 3000) | u + y % 7))",
		"RETURN all(x IN range(1, 5000) WHERE any(y IN range(1, 5000) WHERE y = 5000))",
		"MATCH (a)-[*1..9]->(b) RETURN 1 AS x UNION MATCH (a)-[*1..9]-(b) RETURN 1 AS x",
		"MATCH (a)-[*1..12]->(b) WITH a SKIP 100000000 RETURN a",
		"PROFILE MATCH (a)-[*1..12]->(b) RETURN count(*)",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		began := time.Now()
		rows, err := q.Run(context.Background(), r, nil, Limits{Time: allowed})
		if err == nil {
			_, err = rows.Collect()
		}
		var e *Error
		if took := time.Since(began); !errors.As(err, &e) || e.Detail != "TimeLimit" || took > late {
			t.Errorf("%s\nended after %v with %v", text, took, err)
		}
	}
}

// What a query keeps is counted, and counted about right.
func TestMemoryEndsWhatKeepsTooMuch(t *testing.T) {
	const allowed, most = 8 << 20, 128 << 20
	r := crowd(t)
	for _, text := range []string{
		"MATCH (a)-[*1..4]->(b) RETURN collect(b)",
		"MATCH p = (a)-[*1..4]->(b) RETURN collect(p)",
		"MATCH p = (a)-[*1..4]->(b) RETURN p ORDER BY length(p) DESC, a.name",
		"MATCH (a)-->(b)-->(c)-->(d) RETURN DISTINCT a.name + b.name + c.name + d.name",
		"MATCH (a)-->(b)-->(c)-->(d) RETURN a.name + b.name + c.name + d.name AS k, count(*)",
		"MATCH (a)-->(b)-->(c)-->(d) WITH collect(DISTINCT [a.i, b.i, c.i, d.i]) AS l RETURN size(l)",
		"MATCH (a)-->(b)-->(c)-->(d) RETURN percentileCont(a.i + b.i + c.i + d.i, 0.5)",
		"UNWIND range(1, 1000) AS x UNWIND range(1, 1000) AS y WITH x, y ORDER BY y DESC RETURN x",
		"UNWIND range(1, 1000) AS x UNWIND range(1, 1000) AS y WITH collect({k: x, l: [x, y]}) AS l RETURN size(l)",
		"RETURN size(reduce(l = [], x IN range(1, 1000) | l + range(1, 5000)))",
		"RETURN [x IN range(1, 20000) | range(1, 200)]",
		"RETURN COLLECT { UNWIND range(1, 20000) AS x RETURN range(1, 200) }",
		"MATCH (a) RETURN a.i AS x UNION MATCH (a)-->(b)-->(c)-->(d) RETURN a.name + b.name + c.name + d.name AS x",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		rows, err := q.Run(context.Background(), r, nil, Limits{Memory: allowed, Rows: 10_000_000})
		kept := 0
		if err == nil {
			for _, err = range rows.All() {
				kept++
			}
			runtime.ReadMemStats(&after)
		}
		var e *Error
		if !errors.As(err, &e) || e.Detail != "MemoryLimit" {
			t.Errorf("%s\nended with %v after %d rows", text, err, kept)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > most {
			t.Errorf("%s\nwas allowed %d MB and the heap grew by %d MB", text, allowed>>20, grown>>20)
		}
	}
}
