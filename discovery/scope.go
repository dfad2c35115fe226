package discovery

import (
	"net/netip"

	"assim/graph"
)

// The scopes of an address in the graph. 172.17.0.1 is on every Docker host and
// fe80::1 on every link: only global addresses name one place for everybody.
const (
	ScopeGlobal = "global"
	ScopeLink   = "link" // means something on one link only
	ScopeHost   = "host" // loopback, or a network that does not leave the host
)

// Internal returns the names of the links whose networks do not leave this host:
// bridges that no way out goes through, like docker0 and virbr0, and what hangs
// off them. A bridge has a way out when a physical interface (or a bond, VLAN or
// team) is one of its ports, or a default route goes through it.
func Internal(links []Link, routes []Route) map[string]bool {
	out := map[string]bool{}
	for _, r := range routes {
		if !r.Dst.IsValid() || r.Dst.Bits() == 0 {
			out[r.Link] = true
		}
	}
	for _, l := range links {
		if l.Master != "" && leavesHost(l) {
			out[l.Master] = true
		}
	}
	internal := map[string]bool{}
	for _, l := range links {
		if l.Kind == "bridge" && !out[l.Name] {
			internal[l.Name] = true
		}
	}
	for _, l := range links {
		if internal[l.Master] || internal[l.Parent] && l.Parent != "" {
			internal[l.Name] = true
		}
	}
	return internal
}

// leavesHost tells ports that lead outside from those that lead into guests.
func leavesHost(l Link) bool {
	switch l.Kind {
	case "bond", "team", "vlan", "vxlan", "gretap", "macvlan":
		return true
	case "device":
		return !l.Virtual
	}
	return false
}

// ScopeOf says how far addr reaches; internal tells that it was met on an
// Internal link.
func ScopeOf(addr netip.Addr, internal bool) string {
	addr = addr.Unmap()
	switch {
	case addr.IsLoopback() || internal && !addr.IsLinkLocalUnicast():
		return ScopeHost
	case addr.IsLinkLocalUnicast():
		return ScopeLink
	}
	return ScopeGlobal
}

// IPKey is the node of an address: "<addr>" when the address is global,
// "<system id>/<addr>" when it is not. The zone is not part of it.
func IPKey(system graph.Key, addr netip.Addr, scope string) graph.Key {
	return graph.Key{Label: graph.IPAddr, ID: scoped(system, addr.Unmap().WithZone("").String(), scope)}
}

// EndpointKey is the node of a listening place: "<proto>/<addr>:<port>", scoped
// like the address.
func EndpointKey(system graph.Key, proto string, at netip.AddrPort, scope string) graph.Key {
	at = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	return graph.Key{Label: graph.Endpoint, ID: proto + "/" + scoped(system, at.String(), scope)}
}

// NICs names interfaces by what stays when they are renamed: the hardware address
// that the device came with. An interface without one (a bridge, a veth) is its
// name. Of several that have the same, as a virtual function and the interface
// that it stands behind, the one that is nobody's port is meant.
func NICs(links []Link) map[string]string {
	first := map[string]Link{}
	for _, l := range links {
		if l.Perm == "" || l.Loopback {
			continue
		}
		if f, ok := first[l.Perm]; !ok || f.Master != "" && l.Master == "" || (f.Master == "") == (l.Master == "") && l.Name < f.Name {
			first[l.Perm] = l
		}
	}
	nics := map[string]string{}
	for mac, l := range first {
		nics[l.Name] = mac
	}
	return nics
}

// NICKey is the node of an interface of a system; nics are those of its document,
// made by NICs.
func NICKey(system graph.Key, nics map[string]string, link string) graph.Key {
	id := nics[link]
	if id == "" {
		id = link
	}
	return graph.Key{Label: graph.NIC, ID: system.ID + "/" + id}
}

func scoped(system graph.Key, id, scope string) string {
	if scope == ScopeGlobal || scope == "" {
		return id
	}
	return system.ID + "/" + id
}
