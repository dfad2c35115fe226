package strangers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/discovery/arp"
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
	c, err := Derive(r)
	if err != nil {
		t.Fatal(err)
	}
	said(t, store, c)
	return discoverytest.Text(c)
}

func sharedOf(t *testing.T, doc []byte) graph.Change {
	t.Helper()
	c, err := arp.Plugin.Shared(doc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSameTableOfManySystemsIsInTheGraphOnce(t *testing.T) {
	store := graphtest.NewMem()
	defer store.Close()
	table := []byte(`{"neighbors":[{"link":"eth0","ip":"10.0.0.1","mac":"52:54:00:00:00:01","scope":"global","router":true},
		{"link":"eth0","ip":"172.17.0.2","mac":"02:42:00:00:00:02","scope":"host"},{"link":"eth0","ip":"fe80::1%eth0","mac":"52:54:00:00:00:01","scope":"link"},
		{"link":"eth1","ip":"10.0.0.9","mac":"52:54:00:00:00:09","scope":"global"}]}`)
	said(t, store, sharedOf(t, table))
	const systems = 100
	for i := range systems {
		c, err := arp.Plugin.Graph(graph.Key{Label: graph.System, ID: fmt.Sprintf("n-%03d", i)}, table)
		if err != nil {
			t.Fatal(err)
		}
		c.Source = fmt.Sprintf("n-%03d/arp", i)
		said(t, store, c)
	}
	r, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	count := func(typ string) (n int) {
		for _, err := range r.Rels(typ) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	// Two interfaces of each look at the one table, and at what is within.
	if sees, contains := count(graph.Sees), count(graph.Contains); sees != 3*systems || contains != 2 {
		t.Errorf("%d SEES and %d CONTAINS, want %d and 2", sees, contains, 3*systems)
	}
	text := derive(t, store)
	if !strings.Contains(text, `"seen_by":["n-000","n-001",`) || strings.Count(text, `"seen_by"`) != 2+systems {
		t.Errorf("two strangers on the network and one within each system, but:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if n := strings.Count(line, `"n-`); n > maxSeen {
			t.Errorf("%d systems are told as seeing it: %s", n, line)
		}
	}
}

func TestWhoIsSeenAndTellsNothingIsAnUnknownSystemUntilItEnrolls(t *testing.T) {
	store := graphtest.NewMem()
	defer store.Close()
	a := graph.Key{Label: graph.System, ID: "n-a"}
	table := []byte(`{"neighbors":[{"link":"eth0","ip":"10.0.0.2","mac":"52:54:00:00:00:02","scope":"global"},
		{"link":"eth0","ip":"10.0.0.3","mac":"52:54:00:00:00:03","scope":"global"},{"link":"eth0","ip":"fd00::3","mac":"52:54:00:00:00:03","scope":"global"}]}`)
	c, err := arp.Plugin.Graph(a, table)
	if err != nil {
		t.Fatal(err)
	}
	c.Source = "n-a/arp"
	said(t, store, c)
	said(t, store, sharedOf(t, table))
	enrolled := func(id, mac string) graph.Change {
		system, nic := graph.Key{Label: graph.System, ID: id}, graph.Key{Label: graph.NIC, ID: id + "/eth0"}
		return graph.Change{Source: id + "/netconfig", Nodes: []graph.Node{{Key: system}, {Key: nic, Props: graph.P("mac", mac)}},
			Rels: []graph.Rel{{From: system, Type: graph.HasNIC, To: nic}}}
	}
	said(t, store, enrolled("n-b", "52:54:00:00:00:02"))

	got := derive(t, store)
	for _, want := range []string{`(System:mac-52:54:00:00:00:03) {"id":"mac-52:54:00:00:00:03","kind":"unknown","name":"10.0.0.3","seen_by":["n-a"],"status":"unknown"}`,
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
