// Package arp discovers whom a system has as neighbors on its networks: the
// entries of the kernel's ARP and NDP tables, which fill by the traffic there is.
// Nothing is sent.
package arp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type.
var Type = discovery.Type{
	Name:  "arp",
	Short: "neighbors in the ARP and NDP tables",
	Every: 15 * time.Minute,
	On:    []discovery.Trigger{discovery.Neighbors},
	Make:  func() func(context.Context, discovery.Host) (any, error) { return (&memory{}).collect },
	Graph: toGraph,
	Whole: Unknown,
	About: discovery.About{
		Reads: []string{"rtnetlink: neighbor tables of IPv4 and IPv6", "rtnetlink: links, routes (which networks do not leave the host)"},
		Keys: []discovery.Field{
			{Key: "neighbors[].link", Meaning: "interface"},
			{Key: "neighbors[].ip", Meaning: "address of the neighbor"},
			{Key: "neighbors[].mac", Meaning: "hardware address it answered with"},
			{Key: "neighbors[].scope", Meaning: "global, link or host, as that of the address"},
			{Key: "neighbors[].static", Meaning: "set by a person"},
			{Key: "neighbors[].router", Meaning: "a default gateway of this system"},
			{Key: "left_out", Meaning: "true when there are more neighbors than are listed"},
		},
		Graph: "(NIC)-[:SEES {mac}]->(IPAddr)",
	},
}

// Limits of the memory.
const (
	// remembered is for how long a neighbor stays in the document after the kernel
	// forgot it. The kernel drops entries when it needs the room, and they come
	// back with the next packet; that is no news.
	remembered = 24 * time.Hour
	// maxNeighbors is how many neighbors are listed. A subnet of a /20 has 4094.
	maxNeighbors = 8192
)

// payload is the document.
type payload struct {
	Neighbors []neighbor `json:"neighbors"`
	LeftOut   bool       `json:"left_out,omitempty"`
}

type neighbor struct {
	Link   string `json:"link"`
	IP     string `json:"ip"`
	MAC    string `json:"mac"`
	Scope  string `json:"scope"`
	Static bool   `json:"static,omitempty"`
	Router bool   `json:"router,omitempty"`
}

// memory holds neighbors while the kernel does not know them.
type memory struct {
	known map[place]*entry
}

type place struct {
	link string
	ip   netip.Addr
}

type entry struct {
	mac    string
	static bool
	seen   time.Duration // uptime when the kernel had it last
}

func (m *memory) collect(ctx context.Context, h discovery.Host) (any, error) {
	table, err := h.Neighbors(ctx)
	if err != nil {
		return nil, fmt.Errorf("arp: %w", err)
	}
	links, err := h.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("arp: links: %w", err)
	}
	routes, err := h.Routes(ctx)
	if err != nil {
		return nil, fmt.Errorf("arp: routes: %w", err)
	}
	now := uptime(h)
	m.learn(table, now)
	m.forget(links, now)
	return m.document(discovery.Internal(links, routes), gateways(routes)), nil
}

// uptime is the clock of this package: the host's own, which no time zone and no
// time server moves.
func uptime(h discovery.Host) time.Duration {
	text, _, _ := strings.Cut(discovery.Line(h.Root(), "proc/uptime"), " ")
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		return 0
	}
	return d
}

// usable are the states in which the kernel knows the hardware address.
var usable = []string{"reachable", "stale", "delay", "probe", "permanent"}

func (m *memory) learn(table []discovery.Neighbor, now time.Duration) {
	if m.known == nil {
		m.known = map[place]*entry{}
	}
	for _, n := range table {
		if n.MAC == "" || strings.Trim(n.MAC, "0:") == "" || n.IP.IsMulticast() || !slices.Contains(usable, n.State) {
			continue
		}
		where := place{n.Link, n.IP}
		if m.known[where] == nil && len(m.known) >= 2*maxNeighbors {
			continue
		}
		m.known[where] = &entry{mac: n.MAC, static: n.State == "permanent", seen: now}
	}
}

// forget drops what was not seen for long, and what was seen on an interface that
// is not there any more.
func (m *memory) forget(links []discovery.Link, now time.Duration) {
	there := map[string]bool{}
	for _, l := range links {
		there[l.Name] = true
	}
	for where, e := range m.known {
		if !there[where.link] || now-e.seen > remembered {
			delete(m.known, where)
		}
	}
}

func gateways(routes []discovery.Route) map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, r := range routes {
		if r.Dst.Bits() == 0 && r.Gateway.IsValid() {
			all[r.Gateway] = true
		}
	}
	return all
}

func (m *memory) document(internal map[string]bool, routers map[netip.Addr]bool) *payload {
	p := &payload{Neighbors: []neighbor{}}
	order := make([]place, 0, len(m.known))
	for where := range m.known {
		order = append(order, where)
	}
	discovery.Sort(order, func(a, b place) int { return cmp.Or(cmp.Compare(a.link, b.link), a.ip.Compare(b.ip)) })
	for _, where := range order {
		if len(p.Neighbors) >= maxNeighbors {
			p.LeftOut = true
			break
		}
		e := m.known[where]
		p.Neighbors = append(p.Neighbors, neighbor{Link: where.link, IP: where.ip.String(), MAC: e.mac,
			Scope: discovery.ScopeOf(where.ip, internal[where.link]), Static: e.static, Router: routers[where.ip]})
	}
	return p
}

// toGraph says whom each interface sees. Link-local addresses stay in the
// document: they name nobody beyond their link, and who has one has others.
func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	var p *payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("arp: %w", err)
	}
	if p == nil {
		return graph.Change{}, errors.New("arp: the document is null")
	}
	var c graph.Change
	seen := map[graph.Key]bool{}
	for _, n := range p.Neighbors {
		ip, err := netip.ParseAddr(n.IP)
		if err != nil || n.Link == "" || n.Scope == discovery.ScopeLink {
			continue
		}
		key := discovery.IPKey(system, ip, n.Scope)
		if !seen[key] {
			seen[key] = true
			c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("addr", ip.WithZone("").String(), "scope", n.Scope, "version", version(ip))})
		}
		props := graph.P("mac", n.MAC)
		if n.Router {
			props["router"] = true
		}
		c.Rels = append(c.Rels, graph.Rel{From: discovery.NICKey(system, n.Link), Type: graph.Sees, To: key, Props: props})
	}
	return c, nil
}

func version(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}
