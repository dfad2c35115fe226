package cma

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"assim/discovery"
	"assim/graph"
	"assim/graph/graphtest"
	"assim/wire"
	"assim/wire/pack"
)

// upgraded is a plugin that knows more than that of taking, and cannot read one
// document.
func upgraded(system graph.Key, doc []byte) (graph.Change, error) {
	if string(doc) == `"eth2"` {
		return graph.Change{}, errors.New("too old for me")
	}
	return graph.Change{Nodes: []graph.Node{{Key: graph.Key{Label: "NIC", ID: system.ID + "/" + string(doc)}, Props: graph.P("mtu", 1500)}}}, nil
}

// arrivesFrom takes in one document of a system.
func arrivesFrom(t *testing.T, in *ingest, n byte, json string) {
	t.Helper()
	d, err := pack.Pack("x", "", []byte(json), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := in.handle(t.Context(), parcel{from: id(n), kind: wire.KindDocument, session: 7, seq: 1, body: wire.AppendDocument(nil, &d)})
	if r.err != nil {
		t.Fatal(r.err)
	}
}

// again runs a pass over all documents with an inbox at work.
func again(t *testing.T, in *ingest) *reindex {
	t.Helper()
	box := newInbox()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { box.work(ctx, 3, in.handle) })
	defer running.Wait()
	defer cancel()
	systems, err := documented(t.Context(), in.store)
	if err != nil {
		t.Fatal(err)
	}
	pass := &reindex{in: in, shared: map[string]bool{}}
	if err := pass.all(t.Context(), box, systems); err != nil {
		t.Fatal(err)
	}
	return pass
}

func hashOf(t *testing.T, store graph.Store) string {
	t.Helper()
	hash, err := fingerprint(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestReindexingWithTheSamePluginsChangesNothing(t *testing.T) {
	in, store := taking(t)
	const systems = 3 * reindexAtOnce
	for n := range byte(systems) {
		arrivesFrom(t, in, n+1, fmt.Sprintf(`"eth%d"`, n))
	}
	before := hashOf(t, store)
	pass := again(t, in)
	if after := hashOf(t, store); after != before {
		t.Errorf("the hash was %s and is %s", before, after)
	}
	if pass.docs != systems || pass.failed != 0 {
		t.Errorf("%d documents, %d failed", pass.docs, pass.failed)
	}
}

func TestReindexingAfterAnUpgradeIsAsIfThePluginHadAlwaysBeenThere(t *testing.T) {
	in, store := taking(t)
	fresh, other := taking(t)
	fresh.plugins["x"] = &discovery.Plugin{Graph: upgraded}
	for _, doc := range []string{`"eth0"`, `"eth1"`} {
		arrivesFrom(t, in, 1, doc)
		arrivesFrom(t, fresh, 1, doc)
	}
	if hashOf(t, store) == hashOf(t, other) {
		t.Fatal("the plugins do not differ: this test could not fail")
	}
	in.plugins["x"] = &discovery.Plugin{Graph: upgraded}
	again(t, in)
	if got, want := hashOf(t, store), hashOf(t, other); got != want {
		t.Errorf("the hash is %s, with the new plugin from the start it is %s", got, want)
	}
	rebuilt := graphtest.NewMem()
	if _, err := graph.Rebuild(t.Context(), rebuilt, store.Store, func(d graph.Document) (graph.Change, error) {
		return upgraded(d.System, d.JSON)
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := hashOf(t, rebuilt), hashOf(t, store); got != want {
		t.Errorf("rebuilt into an empty store the hash is %s, reindexed in place %s", got, want)
	}
}

func TestWhatAnUpgradedPluginCannotReadIsSetAsideAndKeepsItsGraph(t *testing.T) {
	in, store := taking(t)
	arrivesFrom(t, in, 1, `"eth2"`)
	old := in.plugins["x"]
	in.plugins["x"] = &discovery.Plugin{Graph: upgraded}
	if pass := again(t, in); pass.failed != 1 {
		t.Errorf("%d failed", pass.failed)
	}
	name := id(1).String() + "/x/"
	if _, err := store.Record(t.Context(), asideBucket, name); err != nil {
		t.Errorf("it is not set aside: %v", err)
	}
	if got := nics(t, store); len(got) != 1 {
		t.Errorf("the graph has %v", got)
	}
	in.plugins["x"] = old
	again(t, in)
	if _, err := store.Record(t.Context(), asideBucket, name); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("it is still set aside: %v", err)
	}
}
