package graphtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"assim/graph"
)

const (
	seeds     = 12                // made-up histories per test
	moreSeeds = "GRAPHTEST_SEEDS" // environment: another number of them
)

// each runs f for several seeds. The name of the subtest repeats a failure.
func each(t *testing.T, f func(t *testing.T, g *random)) {
	n := seeds
	if text := os.Getenv(moreSeeds); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", moreSeeds, err)
		}
	}
	for seed := range uint64(n) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { f(t, newRandom(seed)) })
	}
}

func (s suite) anyOrder(t *testing.T) {
	each(t, func(t *testing.T, g *random) {
		changes := g.changes(60)
		ref := NewMem()
		apply(t, ref, changes...)
		st := s.store(t)
		for _, group := range g.groups(g.shuffle(changes)) {
			apply(t, st, group...)
		}
		want(t, "hash", hash(t, st), hash(t, ref))
	})
}

func hash(t testing.TB, s graph.Store) (h string) {
	t.Helper()
	look(t, s, func(r graph.Reader) {
		var err error
		if h, err = graph.Hash(r); err != nil {
			t.Fatalf("Hash: %v", err)
		}
	})
	return h
}

func (s suite) agrees(t *testing.T) {
	each(t, func(t *testing.T, g *random) {
		ref, st := NewMem(), s.store(t)
		for i, group := range g.groups(g.changes(80)) {
			want(t, "result", apply(t, st, group...), apply(t, ref, group...))
			if i%10 == 9 {
				g.ask(t, view(t, st, time.Time{}), view(t, ref, time.Time{}))
			}
		}
		for range 10 {
			from := start.Add(time.Duration(g.r.Int64N(int64(g.at.Sub(start)) + 1)))
			to := from.Add(time.Duration(g.r.Int64N(int64(g.at.Sub(from)) + 1)))
			compare(t, fmt.Sprint("Diff ", from, to), differences(t, st, from, to), differences(t, ref, from, to))
		}
		compare(t, "Diff of all time", differences(t, st, time.Time{}, time.Time{}), differences(t, ref, time.Time{}, time.Time{}))
	})
}

// ask puts every question to both.
func (g *random) ask(t *testing.T, got, ref graph.Reader) {
	t.Helper()
	compare(t, "everything", Dump(t, got), Dump(t, ref))
	want(t, "labels", got.Labels(), ref.Labels())
	want(t, "types", got.RelTypes(), ref.RelTypes())
	want(t, "properties", got.PropNames(), ref.PropNames())
	for _, l := range append(ref.Labels(), "", "Nobody") {
		want(t, "nodes with label "+l, keysOf(t, got.Nodes(l)), keysOf(t, ref.Nodes(l)))
		for _, p := range []string{"name", "status", "free", "nothing"} {
			v := g.value()
			want(t, fmt.Sprintf("%s with %s = %v", l, p, v), keysOf(t, got.NodesWith(l, p, v)), keysOf(t, ref.NodesWith(l, p, v)))
		}
	}
	for _, typ := range append(ref.RelTypes(), "NOTHING") {
		want(t, "relationships of type "+typ, len(edges(t, got, got.Rels(typ))), len(edges(t, ref, ref.Rels(typ))))
	}
	for v := range ref.Nodes("") {
		own := find(t, got, v.Key)
		for _, dir := range []graph.Dir{graph.Out, graph.In, graph.Both} {
			for _, types := range [][]string{nil, {"SEES"}, {"HAS_IP", "HAS_NIC"}} {
				compare(t, fmt.Sprint("around ", v.Key, dir, types), edges(t, got, got.Expand(own.ID, dir, types...)), edges(t, ref, ref.Expand(v.ID, dir, types...)))
			}
		}
		a, err := graph.NodeSources(got, own.ID, 3)
		b, _ := graph.NodeSources(ref, v.ID, 3)
		want(t, "sources", fmt.Sprint(a, err), fmt.Sprint(b, nil))
	}
	for _, words := range []string{"alpha", "alp bet", "k1", "10"} {
		want(t, "search "+words, searched(t, got, words), searched(t, ref, words))
	}
	want(t, "documents", documents(t, got), documents(t, ref))
}

// edges returns what a walk yields as text, sorted.
func edges(t testing.TB, r graph.Reader, seq func(func(graph.Edge, error) bool)) []string {
	t.Helper()
	var out []string
	for e, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		from, err := r.Node(e.From)
		to, err2 := r.Node(e.To)
		if err != nil || err2 != nil {
			t.Fatalf("ends of %v: %v %v", e, err, err2)
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", from.Key, e.Type, to.Key, Text(e.Props)))
	}
	slices.Sort(out)
	return out
}

func searched(t testing.TB, r graph.Reader, words string) (out []string) {
	t.Helper()
	for v, err := range r.Search(words, 20) {
		if err != nil {
			t.Fatalf("Search(%q): %v", words, err)
		}
		out = append(out, v.Key.String())
	}
	return out
}

func documents(t testing.TB, r graph.Reader) (out []string) {
	t.Helper()
	for d, err := range r.Documents(graph.Key{}, "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s %s %s %s", d.System, d.Type, d.Instance, d.JSON, d.At))
	}
	return out
}

func (s suite) past(t *testing.T) {
	each(t, func(t *testing.T, g *random) {
		ref, st := NewMem(), s.store(t)
		type seen struct {
			at   time.Time
			dump []string
			docs []string
		}
		var moments []seen
		changes := g.changes(100)
		for i, c := range changes {
			apply(t, st, c)
			apply(t, ref, c)
			if i+1 < len(changes) && changes[i+1].At.After(c.At) {
				look(t, st, func(r graph.Reader) { moments = append(moments, seen{c.At, Dump(t, r), documents(t, r)}) })
			}
		}
		for _, m := range moments {
			lookAt(t, st, m.at, func(r graph.Reader) {
				compare(t, fmt.Sprint("the graph at ", m.at), Dump(t, r), m.dump)
				want(t, "documents then", documents(t, r), m.docs)
				if !r.At().Equal(m.at) {
					t.Fatalf("At: %v, want %v", r.At(), m.at)
				}
			})
		}
		m := moments[g.r.IntN(len(moments))]
		lookAt(t, st, m.at, func(r graph.Reader) {
			lookAt(t, ref, m.at, func(ref graph.Reader) { g.askThen(t, r, ref) })
		})
	})
}

// askThen puts the questions that can be asked of the past.
func (g *random) askThen(t *testing.T, got, ref graph.Reader) {
	t.Helper()
	for _, l := range []string{"System", "NIC", "Extra", "Other", "", "Switch"} {
		want(t, "nodes with label "+l, keysOf(t, got.Nodes(l)), keysOf(t, ref.Nodes(l)))
		for _, p := range []string{"name", "status", "free"} {
			v := g.value()
			want(t, fmt.Sprintf("%s with %s = %v", l, p, v), keysOf(t, got.NodesWith(l, p, v)), keysOf(t, ref.NodesWith(l, p, v)))
		}
	}
	for v := range ref.Nodes("") {
		own := find(t, got, v.Key)
		for _, types := range [][]string{nil, {"SEES"}} {
			compare(t, fmt.Sprint("around ", v.Key), edges(t, got, got.Expand(own.ID, graph.Both, types...)), edges(t, ref, ref.Expand(v.ID, graph.Both, types...)))
		}
	}
	want(t, "search", searched(t, got, "alpha"), searched(t, ref, "alpha"))
}

func (s suite) copied(t *testing.T) {
	each(t, func(t *testing.T, g *random) {
		st, ref := s.store(t), NewMem()
		apply(t, st, g.changes(60)...)
		apply(t, st, graph.Change{Source: "cma", Keep: true, Records: []graph.Record{{Bucket: "b", Name: "n", Value: []byte("v")}}})
		if _, err := graph.Copy(t.Context(), ref, st); err != nil {
			t.Fatal(err)
		}
		want(t, "hash of the copy", hash(t, ref), hash(t, st))
		back := s.store(t)
		if _, err := graph.Copy(t.Context(), back, ref); err != nil {
			t.Fatal(err)
		}
		want(t, "hash of the copy's copy", hash(t, back), hash(t, st))
		v, err := back.Record(t.Context(), "b", "n")
		want(t, "record", fmt.Sprintln(string(v), err), "v <nil>\n")
		look(t, back, func(r graph.Reader) {
			look(t, st, func(orig graph.Reader) {
				want(t, "documents", documents(t, r), documents(t, orig))
			})
		})
		// What is taken back afterwards ceases in both alike: the claims came along.
		gone := []graph.Change{{Source: "a/os", At: g.at}, {Source: "b/lldp", At: g.at}}
		apply(t, st, gone...)
		apply(t, back, gone...)
		want(t, "hash after a loss", hash(t, back), hash(t, st))
	})
}

// copiedMoment copies what came and went within one moment of a clock.
func (s suite) copiedMoment(t *testing.T) {
	st, back := s.store(t), s.store(t)
	system := key("System", "k1")
	apply(t, st, graph.Change{Source: "a/os", At: start, Nodes: []graph.Node{{Key: system}}})
	for _, h := range []struct{ typ, came string }{
		{"last-of-many", "12345678"}, {"gone", "1-"}, {"gone-and-back", "1-2"}, {"long-gone", "-"}, {"same-again", "121"},
	} {
		for _, c := range h.came {
			d := document(system, h.typ, "", fmt.Sprintf(`{"n":%c}`, c))
			if c == '-' {
				d.Hash, d.JSON = "", nil
			}
			apply(t, st, graph.Change{Source: "a/" + h.typ, At: start, Keep: true, Document: d})
		}
	}
	if _, err := graph.Copy(t.Context(), back, st); err != nil {
		t.Fatal(err)
	}
	look(t, back, func(r graph.Reader) {
		look(t, st, func(orig graph.Reader) {
			got := documents(t, r)
			want(t, "documents", got, documents(t, orig))
			for _, last := range []string{`last-of-many  {"n":8}`, `gone-and-back  {"n":2}`, `same-again  {"n":1}`} {
				if !slices.ContainsFunc(got, func(d string) bool { return strings.Contains(d, last) }) {
					t.Errorf("%s is not among %v", last, got)
				}
			}
			if len(got) != 3 {
				t.Errorf("%d documents, want 3: %v", len(got), got)
			}
		})
	})
}

// derived is a plugin for made-up documents: what they say depends on n, and
// two systems disagree about one node.
func derived(d graph.Document) (graph.Change, error) {
	var doc struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		return graph.Change{}, err
	}
	nic := key("NIC", fmt.Sprint(d.System.ID, "/", doc.N))
	return graph.Change{
		Nodes: []graph.Node{{Key: d.System, Props: graph.P(d.Type, doc.N)}, {Key: nic}, {Key: key("Subnet", "10/8"), Props: graph.P("prefix", fmt.Sprint(d.System.ID, doc.N))}},
		Rels:  []graph.Rel{{From: d.System, Type: "HAS_NIC", To: nic, Props: graph.P("n", doc.N)}},
	}, nil
}

func (s suite) rebuilt(t *testing.T) {
	each(t, func(t *testing.T, g *random) {
		st := s.store(t)
		for range 60 {
			c := g.change()
			if c.Document == nil {
				apply(t, st, graph.Change{Source: "cma/rings", At: c.At, Nodes: c.Nodes, Rels: c.Rels})
				continue
			}
			said := graph.Change{}
			if c.Document.Hash != "" {
				var err error
				if said, err = derived(*c.Document); err != nil {
					t.Fatal(err)
				}
			}
			said.Source, said.At, said.Document = graph.SourceOf(*c.Document), c.At, c.Document
			apply(t, st, said)
		}
		again := s.store(t)
		if _, err := graph.Rebuild(t.Context(), again, st, derived); err != nil {
			t.Fatal(err)
		}
		want(t, "hash of the rebuilt", hash(t, again), hash(t, st))
		if _, err := graph.Rebuild(t.Context(), NewMem(), st, func(graph.Document) (graph.Change, error) { return graph.Change{}, errors.New("no") }); err == nil {
			t.Fatal("a failing plugin went unnoticed")
		}
	})
}
