package cma

import (
	"log/slog"
	"testing"
	"time"

	"assim/discovery"
	"assim/graph"
	"assim/graph/graphtest"
	"assim/wire"
)

func TestANanoprobeIsGivenWhatItsSystemSaidLastOfATypeThatResumesAndNothingElse(t *testing.T) {
	store := graphtest.NewMem()
	defer store.Close()
	for _, d := range []struct {
		of        byte
		typ, text string
	}{{1, "connections", `{"of":1}`}, {2, "connections", `{"of":2}`}, {1, "users", `{"secret":1}`}, {1, "os", `{}`}, {1, "connections", `{"of":1,"newer":true}`}} {
		system := systemKey(id(d.of))
		c := graph.Change{Source: system.ID + "/" + d.typ, At: time.Now(), Nodes: []graph.Node{{Key: system}},
			Document: &graph.Document{System: system, Type: d.typ, JSON: []byte(d.text), Hash: discovery.Hash([]byte(d.text)), At: time.Now()}}
		if _, err := store.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	b := backend{&CMA{store: store, health: newHealth(slog.New(slog.DiscardHandler), time.Now)}}
	for _, c := range []struct {
		who      byte
		typ, of  string
		want     string
		instance string
	}{
		{1, "connections", "its own, the newest", `{"of":1,"newer":true}`, ""},
		{2, "connections", "its own", `{"of":2}`, ""},
		{3, "connections", "one who said nothing", "", ""},
		{1, "connections", "another instance", "", "x"},
		{1, "users", "a confidential type", "", ""},
		{1, "os", "a type that does not resume", "", ""},
		{1, "nonsense", "no type", "", ""},
	} {
		if got := b.Recall(t.Context(), id(c.who), wire.DocRef{Type: c.typ, Instance: c.instance}); string(got) != c.want {
			t.Errorf("%s of %s: %q, want %q", c.typ, c.of, got, c.want)
		}
	}
}
