// Package netconfig discovers the interfaces of a system with their addresses
// and routes, and makes the NICs, addresses and subnets of the graph from them.
package netconfig

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"assim/discovery"
)

// Type is the discovery type.
var Type = discovery.Type{
	Name:    "netconfig",
	Short:   "interfaces, addresses, routes",
	Every:   time.Hour,
	On:      []discovery.Trigger{discovery.Links, discovery.Addrs, discovery.Routes},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"rtnetlink: links, addresses, routes", "ethtool: speed, duplex, driver", "/sys/class/net/NAME/bonding of bonds"},
		Keys: []discovery.Field{
			{Key: "links[].name", Meaning: "name of the interface"},
			{Key: "links[].kind", Meaning: "device, loopback, bridge, bond, vlan, veth, ... as rtnetlink calls it"},
			{Key: "links[].mac", Meaning: "hardware address in use, aa:bb:cc:dd:ee:ff"},
			{Key: "links[].permanent_mac", Meaning: "hardware address the device came with, where it differs"},
			{Key: "links[].mtu", Meaning: "largest packet, bytes"},
			{Key: "links[].up, carrier", Meaning: "switched on; the other end is there"},
			{Key: "links[].virtual", Meaning: "no hardware behind it"},
			{Key: "links[].speed_mbps, duplex, driver", Meaning: "megabits per second, full or half, kernel driver (ethtool)"},
			{Key: "links[].master", Meaning: "bridge or bond it is a port of"},
			{Key: "links[].parent, vlan", Meaning: "interface below a VLAN or macvlan; VLAN id"},
			{Key: "links[].bond", Meaning: "mode of a bond"},
			{Key: "links[].internal", Meaning: "a network that does not leave this host (docker0)"},
			{Key: "links[].addrs[].prefix, scope", Meaning: "address with prefix length; global, link or host. Temporary (privacy) addresses are left out"},
			{Key: "nics.NAME", Meaning: "hardware address that the interface of this name came with, which is who it is when it is renamed"},
			{Key: "routes[]", Meaning: "dst, gateway, link, source, table (254 = main), metric, proto"},
			{Key: "routes_left_out", Meaning: "true when routing daemons hold more routes than are listed: then only those of the kernel, people and DHCP are"},
			{Key: "gateways[]", Meaning: "default gateways of the main table"},
		},
		Graph: "(System)-[:HAS_NIC]->(NIC)-[:HAS_IP]->(IPAddr)-[:IN_SUBNET]->(Subnet)",
	},
}

// maxRoutes is how many routes are listed. A router with a full table has a
// million, and they change all the time.
const maxRoutes = 1000

// payload is the document.
type payload struct {
	Links    []link            `json:"links"`
	NICs     map[string]string `json:"nics,omitempty"`
	Routes   []route           `json:"routes,omitempty"`
	LeftOut  bool              `json:"routes_left_out,omitempty"`
	Gateways []netip.Addr      `json:"gateways,omitempty"`
}

type link struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	MAC       string `json:"mac,omitempty"`
	Permanent string `json:"permanent_mac,omitempty"`
	MTU       int    `json:"mtu"`
	Up        bool   `json:"up"`
	Carrier   bool   `json:"carrier"`
	Virtual   bool   `json:"virtual,omitempty"`
	Loopback  bool   `json:"loopback,omitempty"`
	Internal  bool   `json:"internal,omitempty"`
	Speed     int    `json:"speed_mbps,omitempty"`
	Duplex    string `json:"duplex,omitempty"`
	Driver    string `json:"driver,omitempty"`
	Master    string `json:"master,omitempty"`
	Parent    string `json:"parent,omitempty"`
	VLAN      int    `json:"vlan,omitempty"`
	Bond      string `json:"bond,omitempty"`
	Addrs     []addr `json:"addrs,omitempty"`
}

type addr struct {
	Prefix netip.Prefix `json:"prefix"`
	Scope  string       `json:"scope"`
}

type route struct {
	Dst     netip.Prefix `json:"dst"`
	Gateway string       `json:"gateway,omitempty"`
	Link    string       `json:"link,omitempty"`
	Source  string       `json:"source,omitempty"`
	Table   int          `json:"table"`
	Metric  int          `json:"metric,omitempty"`
	Proto   string       `json:"proto,omitempty"`
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	links, err := h.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("netconfig: links: %w", err)
	}
	addrs, err := h.Addrs(ctx)
	if err != nil {
		return nil, fmt.Errorf("netconfig: addresses: %w", err)
	}
	routes, err := h.Routes(ctx)
	if err != nil {
		return nil, fmt.Errorf("netconfig: routes: %w", err)
	}
	p := &payload{NICs: discovery.NICs(links)}
	internal := discovery.Internal(links, routes)
	for _, l := range links {
		p.Links = append(p.Links, describe(h, l, internal[l.Name], addrs))
	}
	discovery.Sort(p.Links, func(a, b link) int { return strings.Compare(a.Name, b.Name) })
	p.route(routes)
	return p, nil
}

func describe(h discovery.Host, l discovery.Link, internal bool, addrs []discovery.Addr) link {
	d := link{Name: l.Name, Kind: l.Kind, MAC: l.MAC, MTU: l.MTU, Up: l.Up, Carrier: l.Carrier, Virtual: l.Virtual,
		Loopback: l.Loopback, Internal: internal, Speed: l.SpeedMbps, Duplex: l.Duplex, Driver: l.Driver,
		Master: l.Master, Parent: l.Parent, VLAN: l.VLAN}
	if l.Perm != l.MAC {
		d.Permanent = l.Perm
	}
	if l.Kind == "bond" {
		d.Bond = discovery.Line(h.Root(), "sys/class/net/"+l.Name+"/bonding/mode")
	}
	for _, a := range addrs {
		if a.Link == l.Name && !a.Temporary {
			d.Addrs = append(d.Addrs, addr{a.Prefix, discovery.ScopeOf(a.Prefix.Addr(), internal)})
		}
	}
	discovery.Sort(d.Addrs, func(a, b addr) int { return a.Prefix.Compare(b.Prefix) })
	return d
}

// route lists the routes: all of them, or, on a router, those that do not come
// from its routing daemons.
func (p *payload) route(routes []discovery.Route) {
	const mainTable = 254
	p.LeftOut = len(routes) > maxRoutes
	for _, r := range routes {
		if r.Dst.Bits() == 0 && r.Table == mainTable && r.Gateway.IsValid() && !slices.Contains(p.Gateways, r.Gateway) {
			p.Gateways = append(p.Gateways, r.Gateway)
		}
		if p.LeftOut && (daemonMade(r.Proto) || len(p.Routes) >= maxRoutes) {
			continue
		}
		p.Routes = append(p.Routes, route{Dst: r.Dst, Gateway: text(r.Gateway), Link: r.Link, Source: text(r.Source), Table: r.Table, Metric: r.Metric, Proto: r.Proto})
	}
	discovery.Sort(p.Gateways, netip.Addr.Compare)
}

func daemonMade(proto string) bool {
	switch proto {
	case "kernel", "boot", "static", "dhcp", "ra", "redirect":
		return false
	}
	return true
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
