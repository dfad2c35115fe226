package lldp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Attachment says what one interface is cabled to.
type Attachment struct {
	NIC        string // name of the interface
	Switch     string // id of the switch's System node: "sw-<chassis id>"
	Name       string // what the switch calls itself; its id without a name
	Port       string // port id, as in the key of the SwitchPort
	PortText   string // what its administrator wrote on it
	Kind       string // switch, router, or unknown for what does not forward frames
	Via        string // lldp, cdp, or "lldp and cdp"
	Management []string
}

// Attachments reads from a document of this type which switch ports the system
// is cabled to, by interface; switches before what else speaks LLDP there.
func Attachments(doc []byte) ([]Attachment, error) {
	d, err := parse(doc)
	if err != nil {
		return nil, err
	}
	var list []Attachment
	for _, n := range d.cabled() {
		if a, ok := d.attachment(n); ok {
			list = append(list, a)
		}
	}
	discovery.SortStable(list, func(a, b Attachment) int {
		if c := strings.Compare(a.NIC, b.NIC); c != 0 {
			return c
		}
		return rank(a.Kind) - rank(b.Kind)
	})
	return list, nil
}

func rank(kind string) int { return slices.Index([]string{"switch", "router", "unknown"}, kind) }

func parse(doc []byte) (*Document, error) {
	var d *Document
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("lldp: %w", err)
	}
	if d == nil {
		return nil, fmt.Errorf("lldp: %w", errNull)
	}
	return d, nil
}

// cabled are the neighbors at the other end of a cable. No bridge passes LLDP on,
// but a switch that does not know CDP floods it like any multicast: where a
// switch is heard by LLDP, one that is heard by CDP alone stands further away.
func (d *Document) cabled() []Neighbor {
	near := map[string]bool{}
	for _, n := range d.Neighbors {
		if n.LLDP != nil && n.kind() != "unknown" {
			near[n.Link] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(d.Neighbors), func(n Neighbor) bool { return n.LLDP == nil && near[n.Link] })
}

// identity is the advertisement that names switch and port: LLDP's where there
// is one. The same port has one id in the graph, although lldpd's CDP port id
// is its LLDP port description.
func (n Neighbor) identity() *Advert {
	if n.LLDP != nil {
		return n.LLDP
	}
	return n.CDP
}

// chassis is the id of the neighbor's switch. One that speaks only CDP on this
// interface, and LLDP on another, is known by the name it gives in both.
func (d *Document) chassis(n Neighbor) string {
	if n.LLDP == nil && n.CDP != nil {
		for _, other := range d.Neighbors {
			if other.LLDP != nil && sameSender(other.LLDP, n.CDP) {
				return other.LLDP.ChassisID
			}
		}
	}
	return n.identity().ChassisID
}

func (d *Document) attachment(n Neighbor) (Attachment, bool) {
	a := n.identity()
	if a == nil || n.Link == "" || a.ChassisID == "" || a.PortID == "" {
		return Attachment{}, false
	}
	at := Attachment{NIC: n.Link, Switch: "sw-" + d.chassis(n), Name: a.SystemName, Port: a.PortID, PortText: a.PortText, Kind: n.kind()}
	if at.Name == "" && n.CDP != nil {
		at.Name = first(n.CDP.SystemName, n.CDP.ChassisID)
	}
	at.Name = first(at.Name, a.ChassisID)
	at.Via = "lldp"
	switch {
	case n.LLDP == nil:
		at.Via = "cdp"
	case n.CDP != nil:
		at.Via = "lldp and cdp"
	}
	at.Management = n.management()
	return at, true
}

// kind says what the neighbor is, by what it does, or can do when it does not
// say what it does.
func (n Neighbor) kind() string {
	var does []string
	for _, a := range []*Advert{n.LLDP, n.CDP} {
		switch {
		case a == nil:
		case len(a.Does) > 0:
			does = append(does, a.Does...)
		default:
			does = append(does, a.Can...)
		}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(does, func(s string) bool { return slices.Contains(names, s) })
	}
	switch {
	case has("bridge", "switch", "transparent bridge", "source-route bridge", "c-vlan component", "s-vlan component"):
		return "switch"
	case has("router"):
		return "router"
	case len(does) == 0:
		return "switch" // who sends nothing about itself is old, not a telephone
	}
	return "unknown"
}

// management lists all management addresses, each once.
func (n Neighbor) management() []string {
	var list []string
	add := func(addr string) {
		if ip, err := netip.ParseAddr(addr); err == nil && !slices.Contains(list, addr) && ip.IsValid() && !ip.IsUnspecified() {
			list = append(list, addr)
		}
	}
	for _, a := range []*Advert{n.LLDP, n.CDP} {
		if a == nil {
			continue
		}
		for _, m := range a.Management {
			add(m.Addr)
		}
		if a.CDP != nil {
			for _, addr := range a.CDP.Addresses {
				add(addr)
			}
		}
	}
	return list
}

func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	d, err := parse(doc)
	if err != nil {
		return graph.Change{}, err
	}
	b := &builder{system: system, nics: d.NICs, seen: map[graph.Key]bool{}}
	for _, n := range d.cabled() {
		if at, ok := d.attachment(n); ok {
			b.neighbor(n, at)
		}
	}
	return b.change, nil
}

// builder collects nodes, each once: two interfaces may be cabled to one switch.
type builder struct {
	system graph.Key
	nics   map[string]string // see discovery.NICs
	change graph.Change
	seen   map[graph.Key]bool
}

func (b *builder) node(k graph.Key, props graph.Props) bool {
	if b.seen[k] {
		return false
	}
	b.seen[k] = true
	b.change.Nodes = append(b.change.Nodes, graph.Node{Key: k, Props: props})
	return true
}

func (b *builder) rel(from graph.Key, typ string, to graph.Key, props graph.Props) {
	b.change.Rels = append(b.change.Rels, graph.Rel{From: from, Type: typ, To: to, Props: props})
}

func (b *builder) neighbor(n Neighbor, at Attachment) {
	sw := graph.Key{Label: graph.System, ID: at.Switch}
	port := graph.Key{Label: graph.SwitchPort, ID: at.Switch + "/" + at.Port}
	if b.node(sw, n.systemProps(at)) {
		b.managed(sw, n, at)
	}
	if b.node(port, n.portProps(at)) {
		b.rel(sw, graph.HasPort, port, nil)
	}
	b.rel(discovery.NICKey(b.system, b.nics, n.Link), graph.CabledTo, port, graph.P("via", at.Via))
}

func (n Neighbor) systemProps(at Attachment) graph.Props {
	a := n.identity()
	p := graph.P("id", at.Switch, "name", at.Name, "kind", at.Kind, "description", a.SystemText, "chassis_id", a.ChassisID)
	if n.CDP != nil && n.CDP.CDP != nil {
		p = with(p, "platform", n.CDP.CDP.Platform, "vtp_domain", deref(n.CDP.CDP.VTPDomain))
	}
	if n.LLDP != nil && n.LLDP.MED != nil {
		m := n.LLDP.MED
		p = with(p, "manufacturer", m.Maker, "model", m.Model, "serial", m.Serial, "firmware", first(m.Firmware, m.Software))
	}
	if len(at.Management) > 0 {
		p = with(p, "management", at.Management)
	}
	return p
}

func (n Neighbor) portProps(at Attachment) graph.Props {
	p := graph.P("port", at.Port, "description", at.PortText)
	if n.LLDP != nil && n.CDP != nil && n.CDP.PortID != at.PortText {
		p = with(p, "cdp_port", n.CDP.PortID)
	}
	for _, a := range []*Advert{n.CDP, n.LLDP} {
		if a == nil {
			continue
		}
		if d := a.Dot1; d != nil && d.PortVLAN != nil && *d.PortVLAN > 0 {
			p["vlan"] = int64(*d.PortVLAN)
		}
		if a.CDP != nil {
			p = with(p, "duplex", a.CDP.Duplex)
			if a.CDP.VoiceVLAN != nil {
				p["voice_vlan"] = int64(*a.CDP.VoiceVLAN)
			}
		}
	}
	if n.LLDP != nil && n.LLDP.Dot1 != nil {
		var names []string
		for _, v := range n.LLDP.Dot1.VLANs {
			names = append(names, fmt.Sprintf("%d %s", v.ID, v.Name))
		}
		if names != nil {
			p = with(p, "vlans", names)
		}
	}
	return p
}

// managed gives the switch an interface for its management addresses, so that
// others who see them by ARP meet the switch.
func (b *builder) managed(sw graph.Key, n Neighbor, at Attachment) {
	if len(at.Management) == 0 {
		return
	}
	nic := discovery.NICKey(sw, nil, "management")
	chassis := ""
	if a := n.identity(); a.ChassisKind == "mac" {
		chassis = a.ChassisID
	}
	b.node(nic, graph.P("ifname", "management", "mac", chassis))
	b.rel(sw, graph.HasNIC, nic, nil)
	for _, addr := range at.Management {
		ip, err := netip.ParseAddr(addr)
		if err != nil {
			continue
		}
		scope := discovery.ScopeOf(ip, false)
		key := discovery.IPKey(sw, ip, scope)
		version := 6
		if ip.Is4() {
			version = 4
		}
		b.node(key, graph.P("addr", addr, "scope", scope, "version", version))
		b.rel(nic, graph.HasIP, key, nil)
	}
}

// with adds properties, leaving out what is empty.
func with(p graph.Props, pairs ...any) graph.Props {
	for name, value := range graph.P(pairs...) {
		p[name] = value
	}
	return p
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
