package cma

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/arp"
	"assim/graph"
	"assim/wire"
	"assim/wire/pack"
)

// taking returns an ingest over a fresh store with one type, "x", whose plugin
// does what the document says.
func taking(t *testing.T) (*ingest, *fickle) {
	t.Helper()
	commits, store, _ := writing(t)
	plugin := func(system graph.Key, doc []byte) (graph.Change, error) {
		switch string(doc) {
		case `"panic"`:
			panic("as told")
		case `"error"`:
			return graph.Change{}, errors.New("I cannot read this")
		case `"nonsense"`:
			return graph.Change{Nodes: []graph.Node{{Key: graph.Key{Label: "NIC"}}}}, nil // a key without an ID
		}
		return graph.Change{Nodes: []graph.Node{{Key: graph.Key{Label: "NIC", ID: system.ID + "/" + string(doc)}}}}, nil
	}
	return &ingest{
		store: store, commits: commits, health: newHealth(slog.New(slog.DiscardHandler), time.Now), now: time.Now,
		plugins: map[string]*discovery.Plugin{"x": {Graph: plugin}},
		stored:  func(wire.ID, string) {},
	}, store
}

func arrives(t *testing.T, in *ingest, seq uint32, json, base string) receipt {
	t.Helper()
	var old []byte
	if base != "" {
		old = []byte(base)
	}
	d, err := pack.Pack("x", "", []byte(json), old)
	if err != nil {
		t.Fatal(err)
	}
	return in.handle(t.Context(), parcel{from: id(1), kind: wire.KindDocument, session: 7, seq: seq, body: wire.AppendDocument(nil, &d)})
}

func nics(t *testing.T, store graph.Store) (names []string) {
	t.Helper()
	view, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	for v, err := range view.Nodes(graph.NIC) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(v.Key.ID, id(1).String()+"/"))
	}
	return names
}

func TestADocumentAndItsNumberBecomeDurableTogether(t *testing.T) {
	in, store := taking(t)
	if r := arrives(t, in, 3, `"eth0"`, ""); r.err != nil {
		t.Fatal(r.err)
	}
	if got := nics(t, store); len(got) != 1 || got[0] != `"eth0"` {
		t.Errorf("the graph has %v", got)
	}
	if said, err := Marks(t.Context(), store); err != nil || said[id(1)].Seq != 3 {
		t.Errorf("stored are the numbers %v, %v", said, err)
	}
}

func TestWhatCannotBecomeGraphIsSetAsideAndHoldsNothingUp(t *testing.T) {
	for _, doc := range []string{`"panic"`, `"error"`, `"nonsense"`} {
		in, store := taking(t)
		if r := arrives(t, in, 1, `"eth0"`, ""); r.err != nil {
			t.Fatal(r.err)
		}
		if r := arrives(t, in, 2, doc, ""); r.err != nil {
			t.Errorf("%s: not acknowledged: %v", doc, r.err)
		}
		if got := nics(t, store); len(got) != 1 {
			t.Errorf("%s: the graph has %v, want what it had", doc, got)
		}
		set := 0
		for r, err := range store.Records(t.Context(), asideBucket) {
			if err != nil {
				t.Fatal(err)
			}
			set++
			if !strings.Contains(string(r.Value), `"Reason":`) {
				t.Errorf("%s: set aside without a reason: %s", doc, r.Value)
			}
		}
		if set != 1 {
			t.Errorf("%s: %d documents set aside, want 1", doc, set)
		}
		if text, err := in.newest(t.Context(), systemKey(id(1)), "x", ""); err != nil || string(text) != doc {
			t.Errorf("%s: its JSON is not kept: %s, %v", doc, text, err)
		}
		if r := arrives(t, in, 3, `"eth1"`, ""); r.err != nil {
			t.Fatal(r.err)
		}
		for range store.Records(t.Context(), asideBucket) {
			t.Errorf("%s: still set aside after a good one came", doc)
		}
	}
}

func TestAFailingStoreAcknowledgesNothing(t *testing.T) {
	in, store := taking(t)
	store.set(func([]graph.Change) error { return graph.ErrClosed })
	if r := arrives(t, in, 1, `"eth0"`, ""); !errors.Is(r.err, graph.ErrClosed) {
		t.Errorf("got %v, want %v", r.err, graph.ErrClosed)
	}
}

func TestAPatchOnAnUnknownVersionAsksForWhatIsThere(t *testing.T) {
	in, _ := taking(t)
	long := `"` + strings.Repeat("a long interface name ", 50)
	r := arrives(t, in, 1, long+`2"`, long+`1"`)
	if !r.stale || len(r.want) != 1 || r.want[0].Hash != (wire.Hash{}) {
		t.Fatalf("with nothing here: %+v", r)
	}
	if r := arrives(t, in, 1, long+`1"`, ""); r.err != nil {
		t.Fatal(r.err)
	}
	if r := arrives(t, in, 2, long+`2"`, long+`1"`); r.err != nil || r.stale {
		t.Errorf("on the version that is here: %+v", r)
	}
	r = arrives(t, in, 3, long+`4"`, long+`3"`)
	if !r.stale || r.want[0].Hash != pack.HashOf([]byte(long+`2"`)) {
		t.Errorf("on another version: %+v", r)
	}
}

func TestHashesAreAnsweredWithWhatIsLacking(t *testing.T) {
	in, _ := taking(t)
	if r := arrives(t, in, 1, `"eth0"`, ""); r.err != nil {
		t.Fatal(r.err)
	}
	body, _ := wire.AppendRefs(nil, []wire.DocRef{
		{Type: "x", Hash: pack.HashOf([]byte(`"eth0"`))}, {Type: "y", Hash: wire.Hash{9}}})
	r := in.handle(t.Context(), parcel{from: id(1), kind: wire.KindHashes, session: 7, seq: 2, body: body})
	if r.err != nil || len(r.want) != 1 || r.want[0].Type != "y" {
		t.Errorf("got %+v, want y only", r)
	}
}

func TestTheSameNeighborTableOfAThousandSystemsCostsTheCMAOnce(t *testing.T) {
	in, store := taking(t)
	in.plugins[arp.Type.Name] = &arp.Plugin
	const systems, neighbors = 1000, 200
	var table strings.Builder
	for i := range neighbors {
		fmt.Fprintf(&table, `,{"link":"eth0","ip":"10.0.1.%d","mac":"52:54:00:00:01:%02x","scope":"global"}`, i+1, i)
	}
	doc := []byte(`{"neighbors":[` + table.String()[1:] + `]}`)
	d, err := pack.Pack("arp", "", doc, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := wire.AppendDocument(nil, &d)
	tables, own := 0, 0 // what is written of the table, and of all the systems
	store.fail = func(changes []graph.Change) error {
		for _, c := range changes {
			if strings.HasPrefix(c.Source, "arp/") {
				tables += len(c.Nodes) + len(c.Rels)
			} else if strings.HasSuffix(c.Source, "/arp") {
				own += len(c.Nodes) + len(c.Rels)
			}
		}
		return nil
	}
	for i := range systems {
		who := wire.ID{9, byte(i >> 8), byte(i)}
		if r := in.handle(t.Context(), parcel{from: who, kind: wire.KindDocument, session: 7, seq: 1, body: body}); r.err != nil {
			t.Fatal(r.err)
		}
	}
	// A node and a relationship of each neighbor, and the table itself; of each
	// system that it has the table.
	if tables != 2*neighbors+1 || own > 2*systems {
		t.Errorf("%d nodes and relationships of the table and %d of %d systems are written, want %d and %d at most", tables, own, systems, 2*neighbors+1, 2*systems)
	}
}
