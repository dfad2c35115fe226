package guests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/discovery/discoverytest"
	"assim/discovery/vm"
	"assim/graph"
	"assim/graph/graphtest"
)

func TestAGuestMeetsItsHostByHardwareAddressWhereTheyDoNotMeetByUUID(t *testing.T) {
	const mac, uuid = "52:54:00:00:00:0a", "6f7c2e2a-6b9f-4a43-8f3e-1d2b3c4d5e6f"
	vmOf := func(doc string) func(id string) graph.Change {
		return func(id string) graph.Change {
			c, err := vm.Plugin.Graph(graph.Key{Label: graph.System, ID: id}, []byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			c.Source = id + "/vm"
			return c
		}
	}
	nic := func(mac string) func(id string) graph.Change {
		return func(id string) graph.Change {
			system, nic := graph.Key{Label: graph.System, ID: id}, graph.Key{Label: graph.NIC, ID: id + "/eth0"}
			return graph.Change{Source: id + "/netconfig", Nodes: []graph.Node{{Key: system}, {Key: nic, Props: graph.P("mac", mac)}},
				Rels: []graph.Rel{{From: system, Type: graph.HasNIC, To: nic}}}
		}
	}
	hosts := func(uuid string) func(string) graph.Change {
		return vmOf(fmt.Sprintf(`{"kind":"physical","guests":[{"name":"web","uuid":%q,"macs":[%q]}]}`, uuid, mac))
	}
	for _, c := range []struct {
		story string
		says  map[string][]func(string) graph.Change
		want  string
	}{
		{"the guest may not read its UUID", map[string][]func(string) graph.Change{"n-host": {hosts(uuid)}, "n-guest": {nic(mac), vmOf(`{"kind":"kvm"}`)}},
			`(System:n-guest)-[:HOSTED_BY {"mac":"52:54:00:00:00:0a"}]->(System:n-host)`},
		{"it was given none", map[string][]func(string) graph.Change{"n-host": {hosts("")}, "n-guest": {nic(mac)}},
			`(System:n-guest)-[:HOSTED_BY {"mac":"52:54:00:00:00:0a"}]->(System:n-host)`},
		{"they met by UUID", map[string][]func(string) graph.Change{"n-host": {hosts(uuid)}, "n-guest": {nic(mac), vmOf(`{"kind":"kvm","uuid":"` + uuid + `"}`)}}, ""},
		{"the guest has no nanoprobe", map[string][]func(string) graph.Change{"n-host": {hosts(uuid)}}, ""},
		{"two have the address", map[string][]func(string) graph.Change{"n-host": {hosts(uuid)}, "n-guest": {nic(mac)}, "n-clone": {nic(mac)}}, ""},
		{"the host itself has it", map[string][]func(string) graph.Change{"n-host": {hosts(uuid), nic(mac)}}, ""},
	} {
		store := graphtest.NewMem()
		for id, all := range c.says {
			for _, say := range all {
				if _, err := store.Apply(t.Context(), say(id)); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := store.View(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		change, err := Derive(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(discoverytest.Text(change)); got != c.want {
			t.Errorf("%s: %q, want %q", c.story, got, c.want)
		}
		r.Close()
		store.Close()
	}
}
