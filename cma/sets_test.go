package cma

import (
	"context"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/packages"
	"assim/graph"
)

// has says through the committer which packages a system has.
func has(t *testing.T, c *committer, system, doc string, shared bool) {
	t.Helper()
	key := graph.Key{Label: graph.System, ID: system}
	change, err := packages.Graph(key, []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	change.Source, change.At = system+"/packages", time.Now()
	change.Nodes = append(change.Nodes, graph.Node{Key: key})
	change.Document = &graph.Document{System: key, Type: "packages", JSON: []byte(doc), Hash: discovery.Hash([]byte(doc)), At: change.At}
	if err := c.do(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if !shared {
		return
	}
	piece, err := packages.Shared([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	piece.At = change.At
	piece.Records = []graph.Record{{Bucket: sharedBucket, Name: piece.Source, Value: []byte{1}}}
	if err := c.do(t.Context(), piece); err != nil {
		t.Fatal(err)
	}
}

func TestAListThatNobodyHasAnyMoreIsForgottenAtTheSecondLookAndAnEmptyOneIsFilled(t *testing.T) {
	c, store, _ := writing(t)
	d, err := newDeriver(store, []*discovery.Plugin{&packages.Plugin}, c, c.health, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	const old, now = `{"packages":[{"name":"bash","version":"5.1","manager":"deb"}]}`, `{"packages":[{"name":"bash","version":"5.2","manager":"deb"}]}`
	has(t, c, "n-1", old, true)
	has(t, c, "n-2", now, false) // as if it had been forgotten while n-2 took it up
	count := func() (sets, packages int) {
		r, err := store.View(context.Background(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range r.Nodes(graph.PackageSet) {
			sets++
		}
		for range r.Rels(graph.Contains) {
			packages++
		}
		return sets, packages
	}
	for _, step := range []struct {
		what           string
		do             func()
		sets, packages int
	}{
		{"the empty list is filled", func() {}, 2, 2},
		{"nobody has the old list, at the first look", func() { has(t, c, "n-1", now, false) }, 2, 2},
		{"nor at the second", func() {}, 1, 1},
		{"what is in use stays", func() {}, 1, 1},
	} {
		step.do()
		if err := d.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sets, packages := count(); sets != step.sets || packages != step.packages {
			t.Errorf("%s: %d sets with %d packages, want %d with %d", step.what, sets, packages, step.sets, step.packages)
		}
	}
}
