package strangers

import (
	"fmt"
	"strings"
	"testing"

	"assim/discovery"
	"assim/discovery/lldp"
	"assim/discovery/vm"
	"assim/graph"
	"assim/graph/graphtest"
)

// hears is what a system's interface eth0 hears by LLDP: chassis id, port id and
// what each can do.
func hears(t *testing.T, store graph.Store, id string, heard ...[3]string) {
	t.Helper()
	doc := &lldp.Document{}
	for i, h := range heard {
		a := &lldp.Advert{Source: fmt.Sprintf("02:00:00:00:01:%02x", i), ChassisKind: "mac", ChassisID: h[0], PortID: h[1], SystemName: "name of " + h[0], TTL: 120, Does: []string{h[2]}}
		doc.Neighbors = append(doc.Neighbors, lldp.Neighbor{Link: "eth0", LLDP: a})
	}
	text, _, err := discovery.Canonical(doc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := lldp.Plugin.Graph(graph.Key{Label: graph.System, ID: id}, text)
	if err != nil {
		t.Fatal(err)
	}
	c.Source = id + "/lldp"
	said(t, store, c)
}

func TestWhereAStrangerHangsIsSaidWhereItIsKnownAndNotGuessed(t *testing.T) {
	const sw, other = "02:00:00:00:00:01", "02:00:00:00:00:02"
	stranger := [3]string{macY, "port-1", "station"}
	for _, c := range []struct {
		story string
		tell  func(t *testing.T, store graph.Store)
		want  []string
		not   string
	}{
		{"it is heard beside a switch", func(t *testing.T, st graph.Store) { hears(t, st, "n-s", [3]string{sw, "7", "bridge"}, stranger) },
			[]string{"(NIC:mac-" + macY + `/nic)-[:CABLED_TO {"via":"a segment that others share"}]->(SwitchPort:sw-` + sw + "/7)", `"name":"name of ` + macY + `"`}, ""},
		{"two hear it on the same port", func(t *testing.T, st graph.Store) {
			hears(t, st, "n-s", [3]string{sw, "7", "bridge"}, stranger)
			hears(t, st, "n-r", [3]string{sw, "7", "bridge"}, stranger)
		}, []string{"->(SwitchPort:sw-" + sw + "/7)"}, ""},
		{"it is heard beside two switches", func(t *testing.T, st graph.Store) {
			hears(t, st, "n-s", [3]string{sw, "7", "bridge"}, [3]string{other, "8", "bridge"}, stranger)
		}, nil, "CABLED_TO"},
		{"it is at the other end of a cable", func(t *testing.T, st graph.Store) { hears(t, st, "n-s", stranger) }, nil, "CABLED_TO"},
		{"those who see it hear a switch, and not it", func(t *testing.T, st graph.Store) { hears(t, st, "n-s", [3]string{sw, "7", "bridge"}) }, nil, "CABLED_TO"},
		{"it is a virtual machine of a known system", func(t *testing.T, st graph.Store) {
			c, err := vm.Plugin.Graph(graph.Key{Label: graph.System, ID: "n-h"}, fmt.Appendf(nil, `{"guests":[{"name":"web","uuid":"6f7c2e2a-6b9f-4a43-8f3e-1d2b3c4d5e6f","macs":[%q]}]}`, macY))
			if err != nil {
				t.Fatal(err)
			}
			c.Source = "n-h/vm"
			said(t, st, c)
		}, []string{"(System:mac-" + macY + `)-[:HOSTED_BY {"mac":"` + macY + `"}]->(System:n-h)`}, "CABLED_TO"},
	} {
		t.Run(c.story, func(t *testing.T) {
			store := graphtest.NewMem()
			defer store.Close()
			sees(t, store, "n-s", macY, "")
			c.tell(t, store)
			got := derive(t, store)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s is missing in\n%s", want, got)
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("%s is guessed:\n%s", c.not, got)
			}
			if again := derive(t, store); again != got {
				t.Errorf("the second derivation differs:\n%s", again)
			}
		})
	}
}
