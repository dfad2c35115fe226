package arp

import (
	"strings"
	"testing"
	"time"

	"assim/discovery/discoverytest"
	"assim/graph"
	"assim/graph/graphtest"
)

// said puts a change into the store, as one source.
func said(t *testing.T, store graph.Store, c graph.Change) {
	t.Helper()
	if _, err := store.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func derive(t *testing.T, store graph.Store) string {
	t.Helper()
	r, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := Unknown(r)
	if err != nil {
		t.Fatal(err)
	}
	said(t, store, c)
	return discoverytest.Text(c)
}

func TestWhoIsSeenAndTellsNothingIsAnUnknownSystemUntilItEnrolls(t *testing.T) {
	store := graphtest.NewMem()
	defer store.Close()
	a := graph.Key{Label: graph.System, ID: "n-a"}
	c, err := toGraph(a, []byte(`{"neighbors":[{"link":"eth0","ip":"10.0.0.2","mac":"52:54:00:00:00:02","scope":"global"},
		{"link":"eth0","ip":"10.0.0.3","mac":"52:54:00:00:00:03","scope":"global"},{"link":"eth0","ip":"fd00::3","mac":"52:54:00:00:00:03","scope":"global"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c.Source = "n-a/arp"
	said(t, store, c)
	enrolled := func(id, mac string) graph.Change {
		system, nic := graph.Key{Label: graph.System, ID: id}, graph.Key{Label: graph.NIC, ID: id + "/eth0"}
		return graph.Change{Source: id + "/netconfig", Nodes: []graph.Node{{Key: system}, {Key: nic, Props: graph.P("mac", mac)}},
			Rels: []graph.Rel{{From: system, Type: graph.HasNIC, To: nic}}}
	}
	said(t, store, enrolled("n-b", "52:54:00:00:00:02"))

	got := derive(t, store)
	for _, want := range []string{`(System:mac-52:54:00:00:00:03) {"id":"mac-52:54:00:00:00:03","kind":"unknown","name":"10.0.0.3","status":"unknown"}`,
		"(NIC:mac-52:54:00:00:00:03/nic)-[:HAS_IP]->(IPAddr:10.0.0.3)", "(NIC:mac-52:54:00:00:00:03/nic)-[:HAS_IP]->(IPAddr:fd00::3)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "00:02") {
		t.Errorf("an enrolled system is taken for unknown:\n%s", got)
	}
	if again := derive(t, store); again != got {
		t.Errorf("the second derivation differs:\n%s", again)
	}
	said(t, store, enrolled("n-c", "52:54:00:00:00:03"))
	if got := derive(t, store); got != "" {
		t.Errorf("it enrolled, and is still unknown:\n%s", got)
	}
}
