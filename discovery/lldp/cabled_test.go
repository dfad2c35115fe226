package lldp

import (
	"strings"
	"testing"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
)

func TestASwitchHeardByLLDPIsNearerThanOneHeardByCDPAlone(t *testing.T) {
	near := &Advert{Source: "02:00:00:00:00:01", ChassisID: "near", PortID: "1", TTL: 120, Does: []string{"bridge"}}
	phone := &Advert{Source: "02:00:00:00:00:03", ChassisID: "phone", PortID: "1", TTL: 120, Does: []string{"telephone"}}
	far := &Advert{Version: 2, Source: "02:00:00:00:00:02", ChassisID: "far", PortID: "Gi1/0/9", TTL: 180, Can: []string{"switch"}, CDP: &CDP{}}
	for what, c := range map[string]struct {
		neighbors []Neighbor
		want      string
	}{
		"both on one interface":     {[]Neighbor{{Link: "eth0", LLDP: near}, {Link: "eth0", CDP: far}}, "sw-near"},
		"each on its own interface": {[]Neighbor{{Link: "eth0", LLDP: near}, {Link: "eth1", CDP: far}}, "sw-near sw-far"},
		"CDP alone":                 {[]Neighbor{{Link: "eth0", CDP: far}}, "sw-far"},
		"beside a telephone":        {[]Neighbor{{Link: "eth0", LLDP: phone}, {Link: "eth0", CDP: far}}, "sw-far sw-phone"},
	} {
		doc, _, err := discovery.Canonical(&Document{Neighbors: c.neighbors})
		if err != nil {
			t.Fatal(err)
		}
		list, err := Attachments(doc)
		if err != nil {
			t.Fatal(err)
		}
		var switches []string
		for _, a := range list {
			switches = append(switches, a.Switch)
		}
		if got := strings.Join(switches, " "); got != c.want {
			t.Errorf("%s: attached to %s, want %s", what, got, c.want)
		}
		change, err := toGraph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(discoverytest.Text(change), "CABLED_TO"); n != len(list) {
			t.Errorf("%s: %d cables in the graph, %d attachments", what, n, len(list))
		}
	}
}
