package graphtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"assim/graph"
)

// Run proves that an engine keeps the promises of package graph. open returns
// an empty store; Run closes it.
func Run(t *testing.T, open func(t testing.TB) graph.Store) {
	s := suite{open}
	for _, c := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"AnUnchangedSourceWritesNothing", s.unchanged},
		{"WhatASourceNoLongerSaysCeases", s.ceases},
		{"ANodeLivesWhileAnySourceSpeaksOfIt", s.shared},
		{"TheLatestClaimWinsPropertyByProperty", s.latest},
		{"KeepAddsToWhatWasSaid", s.keep},
		{"ARelationshipBringsItsEnds", s.ends},
		{"LoopsAndParallelsAreTold", s.loops},
		{"UnlabeledAndManyLabeledNodesAreFound", s.labels},
		{"OneEqualsOnePointZero", s.equality},
		{"DocumentsAreKeptByHash", s.documents},
		{"RecordsComeAndGo", s.records},
		{"AWrongChangeChangesNothing", s.wrong},
		{"AReaderSeesOneMoment", s.moment},
		{"ADayOfChangesComesBackFromDiff", s.day},
		{"SearchFindsWordsBestFirst", s.search},
		{"AClosedStoreSaysSo", s.closed},
		{"AnyLegalOrderMakesTheSameGraph", s.anyOrder},
		{"TheReferenceAgreesOnEverything", s.agrees},
		{"ThePastIsWhatWasSeenThen", s.past},
		{"ACopyIsEqual", s.copied},
		{"ACopyOfOneMomentIsEqual", s.copiedMoment},
		{"RebuildingFromDocumentsMakesTheSameGraph", s.rebuilt},
		{"ManyWritersAndReadersAgree", s.concurrent},
	} {
		t.Run(c.name, c.run)
	}
}

type suite struct {
	open func(t testing.TB) graph.Store
}

// store opens an empty store for one test.
func (s suite) store(t testing.TB) graph.Store {
	t.Helper()
	st := s.open(t)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return st
}

func apply(t testing.TB, s graph.Store, changes ...graph.Change) graph.Result {
	t.Helper()
	res, err := s.Apply(t.Context(), changes...)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return res
}

// view opens a Reader that the test closes at its end.
func view(t testing.TB, s graph.Store, at time.Time) graph.Reader {
	t.Helper()
	r, err := s.View(t.Context(), at)
	if err != nil {
		t.Fatalf("View(%s): %v", at, err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// look calls f with a Reader of now.
func look(t testing.TB, s graph.Store, f func(r graph.Reader)) { lookAt(t, s, time.Time{}, f) }

func lookAt(t testing.TB, s graph.Store, at time.Time, f func(r graph.Reader)) {
	t.Helper()
	r, err := s.View(t.Context(), at)
	if err != nil {
		t.Fatalf("View(%s): %v", at, err)
	}
	f(r)
	if err := r.Close(); err != nil {
		t.Fatalf("closing a reader: %v", err)
	}
}

func key(label, id string) graph.Key { return graph.Key{Label: label, ID: id} }

func system(id string, pairs ...any) graph.Node {
	return graph.Node{Key: key("System", id), Props: graph.P(pairs...)}
}

func says(source string, minute int, nodes ...graph.Node) graph.Change {
	return graph.Change{Source: source, At: start.Add(time.Duration(minute) * time.Minute), Nodes: nodes}
}

func find(t testing.TB, r graph.Reader, k graph.Key) graph.Vertex {
	t.Helper()
	v, err := r.Find(k)
	if err != nil {
		t.Fatalf("Find(%s): %v", k, err)
	}
	return v
}

func absent(t testing.TB, r graph.Reader, k graph.Key) {
	t.Helper()
	if v, err := r.Find(k); !errors.Is(err, graph.ErrNotFound) {
		t.Fatalf("Find(%s) = %v, %v; want ErrNotFound", k, v, err)
	}
}

// keysOf returns the keys that a walk yields, sorted.
func keysOf(t testing.TB, seq func(func(graph.Vertex, error) bool)) []string {
	t.Helper()
	out := []string{}
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v.Key.String())
	}
	slices.Sort(out)
	return out
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func (s suite) unchanged(t *testing.T) {
	st := s.store(t)
	c := says("a/os", 0, system("a", "name", "alpha"))
	c.Rels = []graph.Rel{{From: key("System", "a"), Type: "HAS_NIC", To: key("NIC", "a/eth0"), Props: graph.P("n", 1)}}
	c.Document = document(key("System", "a"), "os", "", `{"os":"x"}`)
	want(t, "first time", apply(t, st, c), graph.Result{Nodes: 2, Rels: 1})
	c.At = c.At.Add(time.Hour)
	want(t, "second time", apply(t, st, c), graph.Result{Unchanged: 1})
	c.Records = []graph.Record{{Bucket: "seen", Name: "a", Value: []byte("7")}}
	want(t, "with a record", apply(t, st, c), graph.Result{Unchanged: 1})
	look(t, st, func(r graph.Reader) {
		want(t, "last change", find(t, r, key("System", "a")).Meta.LastChanged, start)
	})
	want(t, "differences", len(differences(t, st, start, time.Time{})), 0)
}

func (s suite) ceases(t *testing.T) {
	st := s.store(t)
	c := says("a/os", 0, system("a"), system("b"))
	c.Rels = []graph.Rel{{From: key("System", "a"), Type: "WATCHES", To: key("System", "b")}}
	apply(t, st, c)
	want(t, "result", apply(t, st, says("a/os", 1, system("a"))), graph.Result{Removed: 2})
	look(t, st, func(r graph.Reader) {
		a := find(t, r, key("System", "a"))
		absent(t, r, key("System", "b"))
		for e := range r.Expand(a.ID, graph.Both) {
			t.Fatalf("relationship %v is still there", e)
		}
		want(t, "relationships", r.RelTypes(), []string{})
	})
	want(t, "nothing more to say", apply(t, st, says("a/os", 2)), graph.Result{Removed: 1})
	look(t, st, func(r graph.Reader) { want(t, "graph", len(Dump(t, r)), 0) })
}

func (s suite) shared(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("x", 0, system("a", "name", "alpha")), says("y", 1, system("a")), says("z", 2, system("a", "kind", "vm")))
	look(t, st, func(r graph.Reader) {
		names, err := graph.NodeSources(r, find(t, r, key("System", "a")).ID, 2)
		want(t, "sources", fmt.Sprintln(names, err), "[x y] <nil>\n")
	})
	apply(t, st, says("x", 3))
	look(t, st, func(r graph.Reader) {
		want(t, "properties", Text(find(t, r, key("System", "a")).Props), `{kind string:"vm"}`)
	})
	apply(t, st, says("z", 4), says("y", 5))
	look(t, st, func(r graph.Reader) { absent(t, r, key("System", "a")) })
}

func (s suite) latest(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("new", 9, system("a", "name", "new")), says("old", 1, system("a", "name", "old", "kind", "vm")))
	look(t, st, func(r graph.Reader) {
		want(t, "properties", Text(find(t, r, key("System", "a")).Props), `{kind string:"vm", name string:"new"}`)
	})
	apply(t, st, says("same", 9, system("a", "name", "tie")))
	look(t, st, func(r graph.Reader) {
		want(t, "of one time, the greater name", find(t, r, key("System", "a")).Props["name"], "tie")
	})
	apply(t, st, says("same", 10), says("new", 11))
	look(t, st, func(r graph.Reader) { want(t, "what is left", find(t, r, key("System", "a")).Props["name"], "old") })
}

func (s suite) keep(t *testing.T) {
	st := s.store(t)
	more := says("a", 1, graph.Node{Key: key("System", "a"), Labels: []string{"L2"}, Props: graph.P("kind", "vm")}, system("b"))
	more.Keep = true
	apply(t, st, says("a", 0, graph.Node{Key: key("System", "a"), Labels: []string{"L1"}, Props: graph.P("name", "alpha")}), more)
	look(t, st, func(r graph.Reader) {
		v := find(t, r, key("System", "a"))
		want(t, "properties", Text(v.Props), `{kind string:"vm", name string:"alpha"}`)
		want(t, "labels", v.Labels, []string{"System", "L1", "L2"})
		find(t, r, key("System", "b"))
	})
	want(t, "kept again", apply(t, st, more), graph.Result{Unchanged: 1})
	apply(t, st, says("a", 2, system("b")))
	look(t, st, func(r graph.Reader) { absent(t, r, key("System", "a")) })
}

func (s suite) ends(t *testing.T) {
	st := s.store(t)
	c := says("a", 0)
	c.Rels = []graph.Rel{{From: key("NIC", "n"), Type: "CABLED_TO", To: key("SwitchPort", "p"), Props: graph.P("via", "lldp")}}
	apply(t, st, c)
	look(t, st, func(r graph.Reader) {
		n := find(t, r, key("NIC", "n"))
		for e, err := range r.Expand(n.ID, graph.Out, "CABLED_TO") {
			p, err2 := r.Node(e.To)
			want(t, "other end", fmt.Sprintln(p.Key, err, err2, e.Props["via"]), "SwitchPort:p <nil> <nil> lldp\n")
			again, err := r.Rel(e.ID)
			want(t, "the same by number", fmt.Sprint(again, err), fmt.Sprint(e, nil))
		}
	})
	apply(t, st, says("a", 1))
	look(t, st, func(r graph.Reader) { want(t, "graph", len(Dump(t, r)), 0) })
}

func (s suite) loops(t *testing.T) {
	st := s.store(t)
	a, b := key("", "a"), key("", "b")
	c := says("tck", 0, graph.Node{Key: a}, graph.Node{Key: b})
	c.Rels = []graph.Rel{{From: a, Type: "LOOP", To: a}, {From: a, Type: "T", To: b, ID: "1"}, {From: a, Type: "T", To: b, ID: "2"}}
	apply(t, st, c)
	look(t, st, func(r graph.Reader) {
		id := find(t, r, a).ID
		for _, q := range []struct {
			dir   graph.Dir
			types []string
			n     int
		}{
			{graph.Out, nil, 3}, {graph.In, nil, 1}, {graph.Both, nil, 3}, {graph.Both, []string{"LOOP"}, 1},
			{graph.Both, []string{"T", "LOOP", "T", "NONE"}, 3}, {graph.In, []string{"T"}, 0}, {graph.Out, []string{"T"}, 2},
		} {
			n := 0
			for _, err := range r.Expand(id, q.dir, q.types...) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			want(t, fmt.Sprint("relationships, direction ", q.dir, q.types), n, q.n)
		}
	})
}

func (s suite) labels(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("a", 0,
		graph.Node{Key: key("", "1")},
		graph.Node{Key: key("", "2"), Labels: []string{"B", "A", "B"}},
		graph.Node{Key: key("A", "3"), Labels: []string{"A", "System"}, Props: graph.P("name", "x")}))
	look(t, st, func(r graph.Reader) {
		want(t, "all", keysOf(t, r.Nodes("")), []string{":1", ":2", "A:3"})
		want(t, "A", keysOf(t, r.Nodes("A")), []string{":2", "A:3"})
		want(t, "B", keysOf(t, r.Nodes("B")), []string{":2"})
		want(t, "System with name", keysOf(t, r.NodesWith("System", "name", "x")), []string{"A:3"})
		want(t, "any with name", keysOf(t, r.NodesWith("", "name", "x")), []string{"A:3"})
		want(t, "labels of 2", find(t, r, key("", "2")).Labels, []string{"A", "B"})
		want(t, "labels of 3", find(t, r, key("A", "3")).Labels, []string{"A", "System"})
		want(t, "labels in use", r.Labels(), []string{"A", "B", "System"})
	})
	apply(t, st, says("a", 1, graph.Node{Key: key("", "2"), Labels: []string{"C"}}))
	look(t, st, func(r graph.Reader) {
		want(t, "A", keysOf(t, r.Nodes("A")), []string{})
		want(t, "C", keysOf(t, r.Nodes("C")), []string{":2"})
	})
	lookAt(t, st, start, func(r graph.Reader) { want(t, "A then", keysOf(t, r.Nodes("A")), []string{":2", "A:3"}) })
}

func (s suite) equality(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("a", 0, graph.Node{Key: key("Endpoint", "i"), Props: graph.Props{"port": int64(1)}},
		graph.Node{Key: key("Endpoint", "f"), Props: graph.Props{"port": 1.0, "free": 0.5}}, graph.Node{Key: key("Endpoint", "s"), Props: graph.Props{"port": "1"}}))
	look(t, st, func(r graph.Reader) {
		want(t, "port 1", keysOf(t, r.NodesWith("Endpoint", "port", int64(1))), []string{"Endpoint:f", "Endpoint:i"})
		want(t, "port 1.0", keysOf(t, r.NodesWith("Endpoint", "port", 1.0)), []string{"Endpoint:f", "Endpoint:i"})
		want(t, "port '1'", keysOf(t, r.NodesWith("Endpoint", "port", "1")), []string{"Endpoint:s"})
		want(t, "not indexed", keysOf(t, r.NodesWith("Endpoint", "free", 0.5)), []string{"Endpoint:f"})
		want(t, "type kept", Text(find(t, r, key("Endpoint", "f")).Props), "{free float64:0.5, port float64:1}")
	})
	// 1 → 1.0 is a change of what is shown, though they are equal.
	want(t, "another type", apply(t, st, says("a", 1, graph.Node{Key: key("Endpoint", "i"), Props: graph.Props{"port": 1.0}})).Nodes, 1)
}

func (s suite) documents(t *testing.T) {
	st := s.store(t)
	a, b := key("System", "a"), key("System", "b")
	store := func(minute int, d *graph.Document) graph.Result {
		c := says(d.System.ID+"/"+d.Type, minute)
		c.Document = d
		return apply(t, st, c)
	}
	want(t, "first", store(0, document(a, "os", "", `{"v":1}`)), graph.Result{})
	want(t, "again", store(1, document(a, "os", "", `{"v":1}`)), graph.Result{Unchanged: 1})
	store(2, document(a, "os", "", `{"v":2}`))
	store(3, document(a, "file", "/etc/x", `{}`))
	byHash := document(b, "os", "", `{"v":1}`)
	byHash.JSON = nil
	store(4, byHash)
	texts := func(at time.Time, k graph.Key, typ string) (out []string) {
		lookAt(t, st, at, func(r graph.Reader) {
			for d, err := range r.Documents(k, typ) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, fmt.Sprintf("%s %s%s %s %s", d.System.ID, d.Type, d.Instance, d.JSON, d.At.Sub(start)))
			}
		})
		return out
	}
	want(t, "of a", texts(time.Time{}, a, ""), []string{"a file/etc/x {} 3m0s", `a os {"v":2} 2m0s`})
	want(t, "of all", texts(time.Time{}, graph.Key{}, "os"), []string{`a os {"v":2} 2m0s`, `b os {"v":1} 4m0s`})
	want(t, "then", texts(start.Add(time.Minute), a, ""), []string{`a os {"v":1} 0s`})

	want(t, "b has it no more", store(5, &graph.Document{System: b, Type: "os"}), graph.Result{})
	want(t, "still", store(6, &graph.Document{System: b, Type: "os"}), graph.Result{Unchanged: 1})
	want(t, "of b", texts(time.Time{}, b, ""), []string{})
	want(t, "of b then", texts(start.Add(4*time.Minute), b, ""), []string{`b os {"v":1} 4m0s`})

	unknown := document(b, "os", "", "unheard of")
	unknown.JSON = nil
	forged := document(b, "os", "", "{}")
	forged.JSON = []byte("[]")
	for _, d := range []*graph.Document{unknown, forged} {
		c := says("b/os", 5, system("b"))
		c.Document = d
		if _, err := st.Apply(t.Context(), c); err == nil {
			t.Fatalf("document %q with hash %s was taken", d.JSON, d.Hash)
		}
	}
	look(t, st, func(r graph.Reader) { absent(t, r, b) })
}

func (s suite) records(t *testing.T) {
	st := s.store(t)
	put := func(name string, value []byte) graph.Change {
		return graph.Change{Source: "cma", At: start, Keep: true, Records: []graph.Record{{Bucket: "node", Name: name, Value: value}}}
	}
	apply(t, st, put("b", []byte("2")), put("a", []byte("1")), put("empty", []byte{}))
	apply(t, st, put("a", []byte("3")), graph.Change{Source: "cma", Keep: true, Records: []graph.Record{{Bucket: "other", Name: "x", Value: []byte("y")}}})
	list := func() (out []string) {
		for r, err := range st.Records(t.Context(), "node") {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.Name+"="+string(r.Value))
		}
		return out
	}
	want(t, "bucket", list(), []string{"a=3", "b=2", "empty="})
	apply(t, st, put("a", nil), put("never", nil))
	want(t, "bucket", list(), []string{"b=2", "empty="})
	v, err := st.Record(t.Context(), "node", "b")
	want(t, "record", fmt.Sprintln(string(v), err), "2 <nil>\n")
	if v, err := st.Record(t.Context(), "node", "empty"); err != nil || v == nil || len(v) != 0 {
		t.Fatalf("empty record: %v, %v", v, err)
	}
	if _, err := st.Record(t.Context(), "node", "a"); !errors.Is(err, graph.ErrNotFound) {
		t.Fatalf("a deleted record: %v, want ErrNotFound", err)
	}
}

func (s suite) wrong(t *testing.T) {
	st := s.store(t)
	good := says("good", 0, system("good"))
	good.Records = []graph.Record{{Bucket: "b", Name: "n", Value: []byte("v")}}
	for name, bad := range map[string]graph.Change{
		"no source":         {Nodes: []graph.Node{system("a")}},
		"a strange value":   says("bad", 0, graph.Node{Key: key("System", "a"), Props: graph.Props{"c": make(chan int)}}),
		"a list in a list":  says("bad", 0, graph.Node{Key: key("System", "a"), Props: graph.Props{"l": []any{[]any{"x"}}}}),
		"no identity":       says("bad", 0, graph.Node{Key: key("System", "")}),
		"a colon":           says("bad", 0, graph.Node{Key: key("Sys:tem", "a")}),
		"no type":           {Source: "bad", Rels: []graph.Rel{{From: key("A", "a"), To: key("A", "b")}}},
		"an empty label":    says("bad", 0, graph.Node{Key: key("A", "a"), Labels: []string{""}}),
		"another age":       {Source: "bad", At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Nodes: []graph.Node{system("a")}},
		"a forged document": {Source: "bad", Document: &graph.Document{Type: "os", Hash: "00", JSON: []byte("x")}},
	} {
		if _, err := st.Apply(t.Context(), good, bad); err == nil {
			t.Fatalf("%s was taken", name)
		}
	}
	look(t, st, func(r graph.Reader) { want(t, "graph", len(Dump(t, r)), 0) })
	if _, err := st.Record(t.Context(), "b", "n"); !errors.Is(err, graph.ErrNotFound) {
		t.Fatalf("half of a refused Apply was done: %v", err)
	}
}

func (s suite) moment(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("a", 0, system("a", "name", "one")))
	r := view(t, st, time.Time{})
	before := Dump(t, r)
	apply(t, st, says("a", 1, system("a", "name", "two"), system("b")))
	compare(t, "an open reader", Dump(t, r), before)
	look(t, st, func(r graph.Reader) { want(t, "a new reader", find(t, r, key("System", "a")).Props["name"], "two") })
	lookAt(t, st, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), func(r graph.Reader) {
		want(t, "the far future", find(t, r, key("System", "a")).Props["name"], "two")
	})
	lookAt(t, st, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), func(r graph.Reader) { want(t, "long ago", len(Dump(t, r)), 0) })
}

func (s suite) day(t *testing.T) {
	st := s.store(t)
	var all []graph.Node
	for i := range 100 {
		all = append(all, system(fmt.Sprintf("s%03d", i), "n", i))
	}
	apply(t, st, says("day", 0, all...))
	// Two hundred changes: 50 come, 50 go, 50 change twice.
	minute := 1
	step := func() {
		apply(t, st, says("day", minute, all...))
		minute++
	}
	var expect []string
	for i := range 50 {
		all = append(all, system(fmt.Sprintf("t%03d", i)))
		step()
		expect = append(expect, fmt.Sprintf("added t%03d at %d", i, minute-1))
	}
	for i := range 50 {
		expect = append(expect, fmt.Sprintf("removed %s at %d", all[0].Key.ID, minute))
		_ = i
		all = all[1:]
		step()
	}
	for i := range 100 {
		all[i%50].Props = graph.P("n", 1000+i)
		step()
		if i >= 50 {
			expect = append(expect, fmt.Sprintf("changed %s at %d from %d to %d", all[i%50].Key.ID, minute-1, i, 1000+i))
		}
	}
	var got []string
	for d, err := range graph.Diff(t.Context(), st, start, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %s at %d", d.Kind, d.Node.ID, d.At.Sub(start)/time.Minute)
		if d.Kind == graph.Changed {
			line += fmt.Sprintf(" from %v to %v", d.Old["n"], d.New["n"])
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(expect)
	compare(t, "difference of a day", got, expect)
}

func (s suite) search(t *testing.T) {
	st := s.store(t)
	apply(t, st, says("a", 0, system("1", "name", "Mail Server east"), system("2", "name", "mailserver"), system("3", "name", "mail"), system("4", "name", "web")))
	apply(t, st, says("b", 1, system("4", "note", "relays mail for east")))
	got := func(words string, limit int) (out []string) {
		look(t, st, func(r graph.Reader) {
			for v, err := range r.Search(words, limit) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, v.Key.ID)
			}
		})
		return out
	}
	for range 3 { // the same before and after an engine has tidied up
		want(t, "mail", got("mail", 10), []string{"3", "1", "4", "2"})
		want(t, "EAST mail", got("EAST mail", 10), []string{"1", "4"})
		want(t, "limit", got("mail", 1), []string{"3"})
		want(t, "not there", got(`mail" OR nobody`, 10), []string{})
		want(t, "no words", got(" - ", 10), []string{})
		time.Sleep(time.Millisecond)
	}
	apply(t, st, says("b", 2), says("a", 3, system("3", "name", "post")))
	want(t, "mail", got("mail", 10), []string{})
}

func (s suite) closed(t *testing.T) {
	st := s.open(t)
	apply(t, st, says("a", 0, system("a")))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), says("a", 1)); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Apply: %v, want ErrClosed", err)
	}
	if _, err := st.View(t.Context(), time.Time{}); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("View: %v, want ErrClosed", err)
	}
	if _, err := st.Record(t.Context(), "a", "b"); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Record: %v, want ErrClosed", err)
	}
}
