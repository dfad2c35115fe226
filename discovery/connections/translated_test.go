package connections

import (
	"net/netip"
	"strings"
	"testing"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/discovery/proc"
	"assim/graph"
)

func translation(client, called, server string) discovery.Translation {
	return discovery.Translation{Proto: "tcp", Client: netip.MustParseAddr(client), Called: netip.MustParseAddrPort(called), Server: netip.MustParseAddrPort(server)}
}

// graphOf is the graph of what the memory tells.
func graphOf(t *testing.T, m *memory) string {
	t.Helper()
	doc, _, err := discovery.Canonical(m.document())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Graph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
	if err != nil {
		t.Fatal(err)
	}
	return discoverytest.Text(c)
}

func TestAClientOfATranslatedAddressIsAlsoOneOfWhoAnswers(t *testing.T) {
	m := newMemory()
	snap := at(1, "app/root", 5, "10.96.0.1:443", "10.0.0.8:80")
	for i := range snap.Peers {
		snap.Peers[i].Local = netip.MustParseAddr("10.0.0.4")
	}
	m.add(snap)
	m.translate(snap, []discovery.Translation{
		translation("10.0.0.4", "10.96.0.1:443", "10.0.0.7:6443"),
		translation("10.0.0.5", "10.0.0.8:80", "10.0.0.9:80"), // somebody else's
	})
	got := strings.Join(pairs(m), "\n")
	if want := "app/root -> 10.0.0.8:80\napp/root -> 10.96.0.1:443\napp/root -> 10.0.0.7:6443"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if list := m.document().Forwards; list != nil {
		t.Errorf("no address of this system was called, and it forwards %v", list)
	}
}

func TestWhatOthersCallAtAnAddressOfThisSystemIsForwardedForADay(t *testing.T) {
	m := newMemory()
	look := func(hour float64, list ...discovery.Translation) {
		snap := at(hour, "app/root", 5)
		snap.Addrs = []proc.OwnAddr{{Addr: netip.MustParseAddr("10.0.0.1"), Scope: proc.Global}}
		m.add(snap)
		m.translate(snap, list)
	}
	look(1, translation("10.0.0.4", "10.0.0.1:80", "10.0.1.7:8080"), translation("10.0.0.5", "10.0.0.1:80", "10.0.1.8:8080"),
		translation("10.0.0.5", "198.51.100.7:443", "10.0.0.1:3129")) // a proxy for all that passes by
	for _, hour := range []float64{2, 24.9} {
		if look(hour); len(m.document().Forwards) != 2 {
			t.Errorf("at hour %v: %+v, want 2", hour, m.document().Forwards)
		}
	}
	text := graphOf(t, m)
	for _, want := range []string{"(System:n-1)-[:TRANSLATES]->(Endpoint:tcp/10.0.0.1:80)", "(Endpoint:tcp/10.0.0.1:80)-[:FORWARDS_TO]->(Endpoint:tcp/10.0.1.7:8080)",
		"(Endpoint:tcp/10.0.0.1:80)-[:FORWARDS_TO]->(Endpoint:tcp/10.0.1.8:8080)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if look(25.1); len(m.document().Forwards) != 0 {
		t.Errorf("a day later it still forwards %+v", m.document().Forwards)
	}
}
