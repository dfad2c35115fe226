package cma

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/arp"
	"assim/event"
	"assim/graph"
)

func TestAContestedAddressIsToldOnceAndOnlyWhenItLasts(t *testing.T) {
	c, store, journal := writing(t)
	now := time.Now().Add(time.Hour) // The store keeps time going forward, and the journal writes at the present.
	say := func(change graph.Change) {
		t.Helper()
		change.At = now
		if err := c.do(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	const mine, thiefs = "52:54:00:00:00:0a", "52:54:00:00:00:0b"
	owner, seer := graph.Key{Label: graph.System, ID: "n-a"}, graph.Key{Label: graph.System, ID: "n-s"}
	nic, addr := discovery.NICKey(owner, nil, "eth0"), graph.Key{Label: graph.IPAddr, ID: "10.0.0.1"}
	say(graph.Change{Source: "n-a/netconfig", Nodes: []graph.Node{{Key: owner, Props: graph.P("name", "web")}, {Key: nic, Props: graph.P("mac", mine)}, {Key: addr}},
		Rels: []graph.Rel{{From: owner, Type: graph.HasNIC, To: nic}, {From: nic, Type: graph.HasIP, To: addr}}})
	say(graph.Change{Source: "cma/system/n-s", Nodes: []graph.Node{{Key: seer, Props: graph.P("name", "db")}}})
	sees := func(mac, was string) {
		t.Helper()
		doc := fmt.Appendf(nil, `{"neighbors":[{"link":"eth0","ip":"10.0.0.1","mac":%q,"was":%q,"scope":"global"}]}`, mac, was)
		own, err := arp.Plugin.Graph(seer, doc)
		if err != nil {
			t.Fatal(err)
		}
		own.Source = "n-s/arp"
		say(own)
		shared, err := arp.Plugin.Shared(doc)
		if err != nil {
			t.Fatal(err)
		}
		say(shared)
	}
	restart := func() *deriver {
		d, err := newDeriver(store, nil, c, c.health, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		d.changed("n-s", "arp")
		return d
	}
	d := restart()
	for _, step := range []struct {
		what string
		do   func()
		told int
	}{
		{"all is well", func() { sees(mine, "") }, 0},
		{"another answers", func() { sees(thiefs, mine) }, 0},
		{"a minute later", func() {}, 1},
		{"it lasts", func() {}, 1},
		{"the CMA is restarted", func() { d = restart() }, 1},
		{"it lasts still", func() {}, 1},
		{"the address is the owner's again", func() { sees(mine, thiefs) }, 1},
		{"and is stolen again", func() { sees(thiefs, mine) }, 1},
		{"a minute later again", func() {}, 2},
	} {
		step.do()
		d.changed("n-x", "arp") // something else changed too
		d.together(t.Context())
		now = now.Add(wholeEvery)
		told, err := journal.Since(0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(told) != step.told {
			t.Fatalf("%s: %d events %v, want %d", step.what, len(told), told, step.told)
		}
		for _, e := range told {
			if e.Kind != event.DuplicateAddress || e.Name != "web" || e.Detail["mac"] != mine || e.Detail["other"] != thiefs ||
				e.Detail["address"] != "10.0.0.1" || !strings.Contains(e.Text, "as db saw") {
				t.Errorf("%s: told is %+v", step.what, e)
			}
		}
	}
}

func TestAContestIsLookedAtAgainThoughNothingElseHappens(t *testing.T) {
	c, store, _ := writing(t)
	d, err := newDeriver(store, nil, c, c.health, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.wholes = []discovery.Whole{{Name: "a contest", Derive: func(graph.Reader) (graph.Change, error) {
		nic := func(id string) graph.Key { return graph.Key{Label: graph.NIC, ID: id} }
		return graph.Change{Source: "derive/unknown", Nodes: []graph.Node{{Key: nic("a")}, {Key: nic("b")}},
			Rels: []graph.Rel{{From: nic("a"), Type: graph.Contests, To: nic("b"), ID: "10.0.0.1", Props: graph.P("address", "10.0.0.1")}}}, nil
	}}}
	d.changed("n-x", "arp")
	d.together(t.Context())
	if !d.news {
		t.Error("who waits for a contest to last waits for ever")
	}
}
