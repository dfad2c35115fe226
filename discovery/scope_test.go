package discovery

import (
	"net/netip"
	"testing"

	"assim/graph"
)

func TestOnlyBridgesWithoutAWayOutAreInternal(t *testing.T) {
	links := []Link{
		{Name: "eth0", Kind: "device", Master: "br0"}, {Name: "br0", Kind: "bridge"},
		{Name: "docker0", Kind: "bridge"}, {Name: "veth1", Kind: "veth", Master: "docker0"}, {Name: "docker0.5", Kind: "vlan", Parent: "docker0"},
		{Name: "lxcbr0", Kind: "bridge"}, {Name: "eth1", Kind: "veth"}, {Name: "br1", Kind: "bridge"}, {Name: "bond0.7", Kind: "vlan", Master: "br1"},
		{Name: "virtio9", Kind: "device", Virtual: true, Master: "virbr0"}, {Name: "virbr0", Kind: "bridge"},
	}
	routes := []Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Link: "lxcbr0"}, {Dst: netip.MustParsePrefix("10.0.0.0/8"), Link: "docker0"}}
	internal := Internal(links, routes)
	for name, want := range map[string]bool{"eth0": false, "br0": false, "docker0": true, "veth1": true, "docker0.5": true, "lxcbr0": false, "eth1": false, "br1": false, "virbr0": true, "virtio9": true} {
		if internal[name] != want {
			t.Errorf("%s: internal %v, want %v", name, internal[name], want)
		}
	}
}

func TestAddressesThatEverybodyHasAreScopedAndOthersMeet(t *testing.T) {
	me := graph.Key{Label: graph.System, ID: "n-1"}
	for _, c := range []struct {
		addr     string
		internal bool
		scope    string
		ip       string
		endpoint string
	}{
		{"10.0.0.5", false, ScopeGlobal, "10.0.0.5", "tcp/10.0.0.5:80"},
		{"::ffff:10.0.0.5", false, ScopeGlobal, "10.0.0.5", "tcp/10.0.0.5:80"},
		{"2001:db8::1", false, ScopeGlobal, "2001:db8::1", "tcp/[2001:db8::1]:80"},
		{"127.0.0.1", false, ScopeHost, "n-1/127.0.0.1", "tcp/n-1/127.0.0.1:80"},
		{"::1", false, ScopeHost, "n-1/::1", "tcp/n-1/[::1]:80"},
		{"fe80::1%eth0", false, ScopeLink, "n-1/fe80::1", "tcp/n-1/[fe80::1]:80"},
		{"169.254.0.9", true, ScopeLink, "n-1/169.254.0.9", "tcp/n-1/169.254.0.9:80"},
		{"172.17.0.1", true, ScopeHost, "n-1/172.17.0.1", "tcp/n-1/172.17.0.1:80"},
	} {
		addr := netip.MustParseAddr(c.addr)
		scope := ScopeOf(addr, c.internal)
		ip, endpoint := IPKey(me, addr, scope).ID, EndpointKey(me, "tcp", netip.AddrPortFrom(addr, 80), scope).ID
		if scope != c.scope || ip != c.ip || endpoint != c.endpoint {
			t.Errorf("%s: %s %s %s; want %s %s %s", c.addr, scope, ip, endpoint, c.scope, c.ip, c.endpoint)
		}
	}
}
