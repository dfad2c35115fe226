package all

import (
	"net/netip"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
	"assim/graph/graphtest"
)

// lldpFrame says: chassis 52:54:00:12:34:0b, port Gi1/0/1, for 120 s.
var lldpFrame = []byte("\x01\x80\xc2\x00\x00\x0e\x52\x54\x00\x12\x34\x0b\x88\xcc" +
	"\x02\x07\x04\x52\x54\x00\x12\x34\x0b" + "\x04\x08\x05Gi1/0/1" + "\x06\x02\x00\x78" + "\x00\x00")

const cardMAC = "52:54:00:aa:00:02"

// underTheName is a system of one card, on a start on which the kernel calls it
// so.
func underTheName(name string) discovery.Host {
	return discoverytest.NewHost(nil, discoverytest.Host{
		Links:     []discovery.Link{{Index: 2, Name: name, Kind: "device", MAC: cardMAC, Perm: cardMAC, MTU: 1500, Up: true, Carrier: true}},
		Addrs:     []discovery.Addr{{Link: name, Prefix: netip.MustParsePrefix("10.0.0.7/24"), Scope: "global"}},
		Neighbors: []discovery.Neighbor{{Link: name, IP: netip.MustParseAddr("10.0.0.1"), MAC: "52:54:00:aa:00:01", State: "reachable"}},
		Frames:    []discovery.Frame{{Link: name, Data: lldpFrame}},
		Listening: time.Hour,
	})
}

// looked applies what the three types that know interfaces say of a host.
func looked(t *testing.T, store graph.Store, system graph.Key, h discovery.Host, at time.Time) {
	t.Helper()
	for _, name := range []string{"netconfig", "lldp", "arp"} {
		p, ok := FindPlugin(name)
		if !ok {
			t.Fatalf("there is no type %s", name)
		}
		payload, err := p.Of.Collector()(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		doc, _, err := discovery.Canonical(payload)
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.Graph(system, doc)
		if err != nil {
			t.Fatal(err)
		}
		c.Source, c.At = system.ID+"/"+name, at
		if _, err := store.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARenamedInterfaceIsTheSameWithItsCableItsAddressAndItsHistory(t *testing.T) {
	store := graphtest.NewMem()
	defer store.Close()
	system, begun := graph.Key{Label: graph.System, ID: "n-1"}, time.Unix(1e9, 0).UTC()
	looked(t, store, system, underTheName("eth0"), begun)
	looked(t, store, system, underTheName("enp3s0"), begun.Add(time.Hour))
	r, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	nic, err := r.Find(graph.Key{Label: graph.NIC, ID: "n-1/" + cardMAC})
	if err != nil {
		t.Fatal(err)
	}
	if nic.Props["ifname"] != "enp3s0" || nic.Props["mac"] != cardMAC || !nic.Meta.FirstSeen.Equal(begun) {
		t.Errorf("it is %v since %v", nic.Props, nic.Meta.FirstSeen)
	}
	count := map[string]int{}
	for e, err := range r.Expand(nic.ID, graph.Both) {
		if err != nil {
			t.Fatal(err)
		}
		count[e.Type]++
		if e.Type != graph.Sees && !e.Meta.FirstSeen.Equal(begun) {
			t.Errorf("%s is there since %v", e.Type, e.Meta.FirstSeen)
		}
	}
	for _, typ := range []string{graph.HasNIC, graph.HasIP, graph.CabledTo, graph.Sees} {
		if count[typ] != 1 {
			t.Errorf("%d %s, want 1", count[typ], typ)
		}
	}
	for v, err := range r.Nodes(graph.NIC) {
		if err != nil || v.ID != nic.ID {
			t.Errorf("there is %v besides, %v", v.Key, err)
		}
	}
}

func TestOneOfSeveralInterfacesWithTheSamePermanentAddressIsMeant(t *testing.T) {
	device := func(name, perm, master string) discovery.Link {
		return discovery.Link{Name: name, Kind: "device", Perm: perm, Master: master}
	}
	for name, c := range map[string]struct {
		links []discovery.Link
		want  map[string]string
	}{
		"ports of a bond":                     {[]discovery.Link{device("eno1", "a", "bond0"), device("eno2", "b", "bond0"), device("bond0", "", "")}, map[string]string{"eno1": "a", "eno2": "b"}},
		"a virtual function behind its front": {[]discovery.Link{device("a0", "a", "eth0"), device("eth0", "a", "")}, map[string]string{"eth0": "a"}},
		"a card with one address for all":     {[]discovery.Link{device("eth1", "a", ""), device("eth0", "a", "")}, map[string]string{"eth0": "a"}},
		"nothing that came with an address":   {[]discovery.Link{device("veth0", "", ""), {Name: "lo", Perm: "a", Loopback: true}}, map[string]string{}},
	} {
		if got := discovery.NICs(c.links); len(got) != len(c.want) || got["eth0"] != c.want["eth0"] || got["eno1"] != c.want["eno1"] || got["eno2"] != c.want["eno2"] {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
