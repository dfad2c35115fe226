package netconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"assim/discovery"
	"assim/graph"
)

// toGraph makes a NIC of every interface that can carry an address outward or
// within the host, and its addresses and subnets. The loopback interface is no
// NIC, but addresses on it that others can reach (anycast, routed /32) are
// the system's all the same, and hang off a NIC "lo" then.
func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	var p *payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("netconfig: %w", err)
	}
	if p == nil {
		return graph.Change{}, errors.New("netconfig: the document is null")
	}
	b := &builder{system: system, nics: p.NICs, seen: map[graph.Key]bool{}}
	for _, l := range p.Links {
		b.link(l)
	}
	if len(p.Gateways) > 0 {
		gateways := make([]string, len(p.Gateways))
		for i, g := range p.Gateways {
			gateways[i] = g.String()
		}
		b.change.Nodes = append(b.change.Nodes, graph.Node{Key: system, Props: graph.P("gateways", gateways)})
	}
	return b.change, nil
}

// builder collects nodes, each once.
type builder struct {
	system graph.Key
	nics   map[string]string // see discovery.NICs
	change graph.Change
	seen   map[graph.Key]bool
}

func (b *builder) node(k graph.Key, props graph.Props) {
	if !b.seen[k] {
		b.seen[k] = true
		b.change.Nodes = append(b.change.Nodes, graph.Node{Key: k, Props: props})
	}
}

func (b *builder) rel(from graph.Key, typ string, to graph.Key, props graph.Props) {
	b.change.Rels = append(b.change.Rels, graph.Rel{From: from, Type: typ, To: to, Props: props})
}

func (b *builder) link(l link) {
	nic := discovery.NICKey(b.system, b.nics, l.Name)
	if l.Name == "" || b.seen[nic] || l.Loopback && !reachable(l.Addrs) {
		return
	}
	mac := l.MAC
	if l.Permanent != "" {
		mac = l.Permanent
	}
	props := graph.P("ifname", l.Name, "mac", mac, "kind", l.Kind, "mtu", l.MTU, "up", l.Up, "carrier", l.Carrier,
		"virtual", l.Virtual, "duplex", l.Duplex, "driver", l.Driver, "master", l.Master, "parent", l.Parent)
	if l.Permanent != "" {
		props["mac_in_use"] = l.MAC
	}
	if l.Speed > 0 {
		props["speed_mbps"] = int64(l.Speed)
	}
	if l.VLAN > 0 {
		props["vlan"] = int64(l.VLAN)
	}
	b.node(nic, props)
	b.rel(b.system, graph.HasNIC, nic, nil)
	for _, a := range l.Addrs {
		b.addr(nic, a, l)
	}
}

func reachable(addrs []addr) bool {
	for _, a := range addrs {
		if a.Scope == discovery.ScopeGlobal && a.Prefix.IsValid() {
			return true
		}
	}
	return false
}

func (b *builder) addr(nic graph.Key, a addr, l link) {
	if !a.Prefix.IsValid() || l.Loopback && a.Scope != discovery.ScopeGlobal {
		return
	}
	ip := a.Prefix.Addr().Unmap()
	key := discovery.IPKey(b.system, ip, a.Scope)
	b.node(key, graph.P("addr", ip.WithZone("").String(), "scope", a.Scope, "version", version(ip)))
	b.rel(nic, graph.HasIP, key, graph.P("prefix_len", a.Prefix.Bits()))
	// A host route is no network, and every link has the same link-local one.
	if a.Prefix.IsSingleIP() || a.Scope == discovery.ScopeLink {
		return
	}
	prefix := a.Prefix.Masked().String()
	subnet := graph.Key{Label: graph.Subnet, ID: prefix}
	if a.Scope == discovery.ScopeHost {
		subnet.ID = b.system.ID + "/" + prefix
	}
	b.node(subnet, graph.P("prefix", prefix, "scope", a.Scope))
	b.rel(key, graph.InSubnet, subnet, nil)
}

func version(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}
