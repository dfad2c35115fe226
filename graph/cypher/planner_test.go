package cypher

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"assim/graph"
)

// liar is a reader that gives random answers to the questions a planner asks,
// and true ones to all others.
type liar struct {
	graph.Reader
	r *rand.Rand
}

func (l liar) Count(string) int64          { return l.r.Int64N(1000) }
func (l liar) RelCount(string) int64       { return l.r.Int64N(1000) }
func (l liar) Indexed(string, string) bool { return l.r.IntN(2) == 0 }

// randomMatch makes a MATCH of a few patterns that share variables.
func randomMatch(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	names, rels := []string{}, []string{}
	node := func() string {
		name := fmt.Sprintf("n%d", len(names))
		if len(names) > 0 && r.IntN(3) == 0 {
			name = names[r.IntN(len(names))]
		} else {
			names = append(names, name)
		}
		return "(" + name + pick("", "", ":System", ":NIC", ":Port", ":System:Switch") + pick("", "", "", " {name: 'a'}", " {mac: '1'}") + ")"
	}
	var patterns []string
	for range 1 + r.IntN(2) {
		text := node()
		for range r.IntN(4) {
			rel := fmt.Sprintf("r%d", len(rels))
			rels = append(rels, rel)
			body := "[" + rel + pick("", ":NEEDS", ":HAS_NIC", ":HAS_NIC|CABLED_TO", ":HAS_PORT") + pick("", "", "", "*1..2", "*0..2", "*2") + "]"
			text += pick("-", "<-") + body + pick("->", "-") + node()
		}
		patterns = append(patterns, text)
	}
	where := ""
	if len(names) > 1 {
		where = pick("", " WHERE n0.name <> 'b'", " WHERE n0.name = 'a' OR n1.name = 'b'", " WHERE n1.name IN ['a', 'c'] AND (n0)--()", " WHERE id(n0) < id(n1)")
	}
	optional := pick("", "", "OPTIONAL ")
	return optional + "MATCH " + strings.Join(patterns, ", ") + where + " RETURN " + strings.Join(append(names, rels...), ", ")
}

// identities renders a row by what the store calls its elements.
func identities(row []any) string {
	return string(appendKey(nil, row))
}

func answers(t *testing.T, q *Query, r graph.Reader) []string {
	t.Helper()
	rows, err := q.Run(context.Background(), r, nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(q.Text(), err)
		}
		all = append(all, identities(row))
	}
	slices.Sort(all)
	return all
}

func TestAnswersDoNotDependOnThePlan(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	truth := w.view()
	answered := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := randomMatch(r)
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v (repeat with seed %d)", text, err, seed)
		}
		want := answers(t, q, truth)
		if len(want) > 0 {
			answered++
		}
		for range 4 {
			if got := answers(t, q, liar{truth, r}); !slices.Equal(got, want) {
				t.Fatalf("%s\n%d rows by one plan, %d by another (repeat with seed %d)", text, len(want), len(got), seed)
			}
		}
	}
	if answered < 100 {
		t.Errorf("only %d of the random questions had an answer", answered)
	}
}

// Walking breadth first, each node once, must reach what walking every path
// reaches.
func TestReachingIsWalkingWithoutDuplicates(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := newWorld()
		var b strings.Builder
		n := 2 + r.IntN(5)
		for i := range n {
			fmt.Fprintf(&b, "CREATE (n%d:X {i: %d}) ", i, i)
		}
		for range r.IntN(9) {
			fmt.Fprintf(&b, "CREATE (n%d)-[:TO]->(n%d) ", r.IntN(n), r.IntN(n))
		}
		if err := w.execute(b.String()); err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{"-[:TO*]->", "<-[:TO*]-", "-[:TO*0..]->", "-[:TO*1..2]->", "-[:TO*0..2]-", "-[:TO*0..]-"} {
			reached := answer(t, w, "MATCH (a:X)"+pattern+"(b:X) WITH DISTINCT a, b RETURN a.i, b.i ORDER BY a.i, b.i", nil)
			walked := answer(t, w, "MATCH (a:X)"+strings.Replace(pattern, "[", "[r", 1)+"(b:X) WITH a, b, size(r) AS s WITH DISTINCT a, b RETURN a.i, b.i ORDER BY a.i, b.i", nil)
			if reached != walked {
				t.Fatalf("%s over %s: reached\n%s\nwalked\n%s\n(repeat with seed %d)", pattern, b.String(), reached, walked, seed)
			}
		}
	}
}

// Two patterns that both start from all relationships of a type must not start
// from the same one.
func TestNoRelationshipComesTwiceHoweverAWalkStarts(t *testing.T) {
	w := newWorld()
	if err := w.execute("CREATE (a {i: 0}) CREATE (b {i: 1}) CREATE (c {i: 2}) CREATE (d {i: 3}) CREATE (a)-[:X]->(b) CREATE (a)-[:Y]->(b)"); err != nil {
		t.Fatal(err)
	}
	const query = "MATCH (n)-[]-()<-[:X]-(n), ()<-[:X]-(m) RETURN m.i"
	if got := answer(t, w, query, nil); got != "" {
		t.Errorf("%s\nanswers %q, but there is one :X only", query, got)
	}
}
