// Package arp discovers whom a system has as neighbors on its networks: the
// entries of the kernel's ARP and NDP tables, which fill by the traffic there is.
// Nothing is sent.
//
//	(NIC)-[:SEES]->(NeighborSet {hash})-[:CONTAINS {link, mac}]->(IPAddr)
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
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:     &Type,
	Graph:  toGraph,
	Shared: Shared,
	About: discovery.About{
		Reads: []string{"rtnetlink: neighbor tables of IPv4 and IPv6", "rtnetlink: links, routes (which networks do not leave the host)"},
		Keys: []discovery.Field{
			{Key: "neighbors[].link", Meaning: "interface"},
			{Key: "neighbors[].ip", Meaning: "address of the neighbor"},
			{Key: "neighbors[].mac", Meaning: "hardware address it answered with"},
			{Key: "neighbors[].was", Meaning: "hardware address it answered with before, within the last day"},
			{Key: "neighbors[].scope", Meaning: "global, link or host, as that of the address"},
			{Key: "neighbors[].static", Meaning: "set by a person"},
			{Key: "neighbors[].router", Meaning: "a default gateway of this system"},
			{Key: "nics.NAME", Meaning: "hardware address that the interface of this name came with, which is who it is when it is renamed"},
			{Key: "left_out", Meaning: "true when there are more neighbors than are listed"},
		},
		Graph: "(NIC)-[:SEES]->(NeighborSet)-[:CONTAINS {link, mac}]->(IPAddr); within the system (NIC)-[:SEES {mac}]->(IPAddr); an address that another hardware address answers for: (NIC)-[:CONTESTS]->(NIC)",
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
	Neighbors []neighbor        `json:"neighbors"`
	NICs      map[string]string `json:"nics,omitempty"`
	LeftOut   bool              `json:"left_out,omitempty"`
}

type neighbor struct {
	Link   string `json:"link"`
	IP     string `json:"ip"`
	MAC    string `json:"mac"`
	Was    string `json:"was,omitempty"`
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

	// What is told of it: its hardware address, and the one before.
	told, was string
	moves     int           // how often it changed of late
	moved     time.Duration // uptime when it did last
}

// How a neighbor is told whose hardware address changes.
const (
	// maxMoves is how many changes within unsettled are told. An address that two
	// machines claim goes to and fro; that it does is one piece of news. A cluster
	// that moves and moves back is told as it is.
	maxMoves  = 3
	unsettled = time.Hour
)

// is takes in what the kernel has now.
func (e *entry) is(mac string, now time.Duration) {
	if e.mac != "" && mac != e.mac {
		e.settle(now)
		if e.moves++; e.moves <= maxMoves {
			e.told, e.was = mac, e.mac
		}
		e.moved = now
	}
	if e.mac == "" {
		e.told = mac
	}
	e.mac, e.seen = mac, now
}

// settle ends the unrest of an address that kept still.
func (e *entry) settle(now time.Duration) {
	if now-e.moved <= unsettled {
		return
	}
	if e.moves = 0; e.told != e.mac {
		e.told, e.was = e.mac, e.told
	}
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
	p := m.document(discovery.Internal(links, routes), gateways(routes))
	nics := discovery.NICs(links)
	for _, n := range p.Neighbors {
		if id := nics[n.Link]; id != "" {
			p.NICs[n.Link] = id
		}
	}
	return p, nil
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
		e := m.known[where]
		if e == nil {
			e = &entry{}
			m.known[where] = e
		}
		e.is(n.MAC, now)
		e.static = n.State == "permanent"
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
		if e.settle(now); now-e.moved > remembered {
			e.was = ""
		}
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
	p := &payload{Neighbors: []neighbor{}, NICs: map[string]string{}}
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
		p.Neighbors = append(p.Neighbors, neighbor{Link: where.link, IP: where.ip.String(), MAC: e.told, Was: e.was,
			Scope: discovery.ScopeOf(where.ip, internal[where.link]), Static: e.static, Router: routers[where.ip]})
	}
	return p
}

// parse reads a document. Link-local addresses stay in it: they name nobody
// beyond their link, and who has one has others. Those within the system mean
// something on it only, and the rest, which systems can see alike, is shared.
func parse(doc []byte) (p *payload, within, shared []neighbor, err error) {
	if err := json.Unmarshal(doc, &p); err != nil {
		return nil, nil, nil, fmt.Errorf("arp: %w", err)
	}
	if p == nil {
		return nil, nil, nil, errors.New("arp: the document is null")
	}
	for _, n := range p.Neighbors {
		ip, err := netip.ParseAddr(n.IP)
		switch {
		case err != nil || n.Link == "" || n.Scope == discovery.ScopeLink:
		case n.Scope == discovery.ScopeGlobal:
			n.IP = ip.WithZone("").String()
			shared = append(shared, n)
		default:
			within = append(within, n)
		}
	}
	discovery.Sort(shared, func(a, b neighbor) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), cmp.Compare(a.IP, b.IP), cmp.Compare(a.MAC, b.MAC))
	})
	once := shared[:0]
	for i, n := range shared {
		if i == 0 || n.Link != shared[i-1].Link || n.IP != shared[i-1].IP {
			once = append(once, n)
		}
	}
	return p, within, once, nil
}

// set names a list of neighbors.
func set(list []neighbor) (graph.Node, error) {
	text, _, err := discovery.Canonical(list)
	if err != nil {
		return graph.Node{}, fmt.Errorf("arp: %w", err)
	}
	hash := discovery.Hash(text)
	return graph.Node{Key: graph.Key{Label: graph.NeighborSet, ID: hash}, Props: graph.P("hash", hash, "size", len(list))}, nil
}

// toGraph says whom each interface sees.
func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	p, within, shared, err := parse(doc)
	if err != nil {
		return graph.Change{}, err
	}
	var c graph.Change
	if len(shared) > 0 {
		all, err := set(shared)
		if err != nil {
			return graph.Change{}, err
		}
		c.Nodes = append(c.Nodes, all)
		link := ""
		for _, n := range shared {
			if n.Link != link {
				link = n.Link
				c.Rels = append(c.Rels, graph.Rel{From: discovery.NICKey(system, p.NICs, link), Type: graph.Sees, To: all.Key})
			}
		}
	}
	seen := map[graph.Key]bool{}
	for _, n := range within {
		ip, _ := netip.ParseAddr(n.IP)
		key := discovery.IPKey(system, ip, n.Scope)
		if !seen[key] {
			seen[key] = true
			c.Nodes = append(c.Nodes, n.address(key, ip))
		}
		c.Rels = append(c.Rels, graph.Rel{From: discovery.NICKey(system, p.NICs, n.Link), Type: graph.Sees, To: key, Props: n.props()})
	}
	return c, nil
}

func (n neighbor) address(key graph.Key, ip netip.Addr) graph.Node {
	return graph.Node{Key: key, Props: graph.P("addr", ip.WithZone("").String(), "scope", n.Scope, "version", version(ip))}
}

func (n neighbor) props() graph.Props {
	props := graph.P("mac", n.MAC, "was", n.Was)
	if n.Router {
		props["router"] = true
	}
	return props
}

// Shared says whom the interfaces of a table see, once for all systems that have
// the same table: thousands of servers that only ever talk to the same few do.
func Shared(doc []byte) (graph.Change, error) {
	_, _, shared, err := parse(doc)
	if err != nil || len(shared) == 0 {
		return graph.Change{}, err
	}
	all, err := set(shared)
	if err != nil {
		return graph.Change{}, err
	}
	c := graph.Change{Source: "arp/" + all.Key.ID, Nodes: []graph.Node{all}}
	seen := map[graph.Key]bool{}
	for _, n := range shared {
		ip, _ := netip.ParseAddr(n.IP)
		key := discovery.IPKey(graph.Key{}, ip, n.Scope)
		if !seen[key] {
			seen[key] = true
			c.Nodes = append(c.Nodes, n.address(key, ip))
		}
		props := n.props()
		props["link"] = n.Link
		c.Rels = append(c.Rels, graph.Rel{From: all.Key, Type: graph.Contains, To: key, ID: n.Link, Props: props})
	}
	return c, nil
}

func version(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}
