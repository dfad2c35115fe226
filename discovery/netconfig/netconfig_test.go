package netconfig

import (
	"net/netip"
	"testing"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedSystems(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestARouterWithAFullTableListsOnlyWhatPeopleAndTheKernelMade(t *testing.T) {
	var routes []discovery.Route
	for i := range 5000 {
		routes = append(routes, discovery.Route{Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24), Link: "eth0", Table: 254, Proto: "bgp"})
	}
	routes = append(routes, discovery.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"), Link: "eth0", Table: 254, Proto: "static"})
	got, err := collect(t.Context(), discoverytest.NewHost(nil, discoverytest.Host{Routes: routes}))
	if err != nil {
		t.Fatal(err)
	}
	p := got.(*payload)
	if len(p.Routes) != 1 || !p.LeftOut || len(p.Gateways) != 1 {
		t.Errorf("%d routes, left out %v, gateways %v; want the static one, true, one", len(p.Routes), p.LeftOut, p.Gateways)
	}
}

func TestTemporaryAddressesAreLeftOut(t *testing.T) {
	got, err := collect(t.Context(), discoverytest.NewHost(nil, discoverytest.Host{
		Links: []discovery.Link{{Index: 2, Name: "eth0", Kind: "device"}},
		Addrs: []discovery.Addr{
			{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::1/64"), Scope: "global"},
			{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::abcd/64"), Scope: "global", Temporary: true},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if addrs := got.(*payload).Links[0].Addrs; len(addrs) != 1 || addrs[0].Prefix.Addr() != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("addresses %v, want the lasting one", addrs)
	}
}
