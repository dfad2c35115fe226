package truth

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// netconfig is the part of the document that ip speaks of.
type netconfig struct {
	Links []struct {
		Name, Kind, MAC, Master, Parent string
		MTU, VLAN                       int
		Up, Carrier                     bool
		Addrs                           []struct{ Prefix, Scope string }
	}
	Routes []struct {
		Dst, Gateway, Link, Proto, Source string
		Table, Metric                     int
	}
	Gateways []string
}

// ipLink is an interface as "ip -j -d link" has it.
type ipLink struct {
	Ifname, Address, Master, Link string
	MTU                           int
	Flags                         []string
	Linkinfo                      struct {
		Kind string           `json:"info_kind"`
		Data struct{ ID int } `json:"info_data"`
	}
}

func (s *subject) links() {
	ours := map[string]string{}
	for _, l := range document1[netconfig](s, "netconfig").Links {
		ours[l.Name] = "there"
		for what, v := range map[string]any{"mtu": l.MTU, "mac": l.MAC, "master": l.Master, "parent": l.Parent, "vlan": l.VLAN, "up": l.Up, "carrier": l.Carrier, "kind": l.Kind} {
			ours[l.Name+" "+what] = fmt.Sprint(v)
		}
	}
	theirs := map[string]string{}
	for _, l := range decode[[]ipLink](s.t, "ip link", s.tool("ip", "-j", "-d", "link")) {
		kind, mac := l.Linkinfo.Kind, l.Address
		switch {
		case l.Ifname == "lo":
			kind, mac = "loopback", ""
		case l.Ifname == "eth0":
			kind = "veth"
		}
		parent, vlan := l.Link, l.Linkinfo.Data.ID
		if kind == "veth" {
			parent = "" // it has a peer, which ip calls its link
		}
		if kind != "vlan" {
			vlan = 0 // vxlan's number is of another kind
		}
		theirs[l.Ifname] = "there"
		for what, v := range map[string]any{"mtu": l.MTU, "mac": mac, "master": l.Master, "parent": parent, "vlan": vlan,
			"up": slices.Contains(l.Flags, "UP"), "carrier": slices.Contains(l.Flags, "LOWER_UP"), "kind": kind} {
			theirs[l.Ifname+" "+what] = fmt.Sprint(v)
		}
	}
	s.alike("netconfig links", "", ours, theirs)
}

func (s *subject) addresses() {
	var ours, theirs []string
	for _, l := range document1[netconfig](s, "netconfig").Links {
		for _, a := range l.Addrs {
			ours = append(ours, l.Name+" "+a.Prefix+" "+a.Scope)
		}
	}
	type address struct {
		Ifname string
		Info   []struct {
			Local, Scope string
			Prefixlen    int
		} `json:"addr_info"`
	}
	for _, l := range decode[[]address](s.t, "ip addr", s.tool("ip", "-j", "addr")) {
		for _, a := range l.Info {
			theirs = append(theirs, fmt.Sprintf("%s %s/%d %s", l.Ifname, a.Local, a.Prefixlen, a.Scope))
		}
	}
	s.sets("netconfig addresses", "", ours, theirs)
}

func (s *subject) routes() {
	doc := document1[netconfig](s, "netconfig")
	var ours, theirs []string
	for _, r := range doc.Routes {
		ours = append(ours, fmt.Sprintf("%s via %s dev %s metric %d table %d proto %s", r.Dst, r.Gateway, r.Link, r.Metric, r.Table, r.Proto))
	}
	type route struct {
		Dst, Gateway, Dev, Protocol, Type string
		Metric                            int
		Table                             any
	}
	for _, family := range []string{"-4", "-6"} {
		for _, r := range decode[[]route](s.t, "ip route", s.tool("ip", family, "-N", "-j", "route", "show", "table", "all")) {
			table := fmt.Sprint(r.Table)
			if r.Table == nil {
				table = "254"
			}
			// Local and broadcast routes follow from the addresses.
			if table == "255" || strings.HasPrefix(r.Dst, "ff00::") || r.Type != "" && r.Type != "unicast" && r.Type != "1" {
				continue
			}
			theirs = append(theirs, fmt.Sprintf("%s via %s dev %s metric %d table %s proto %s", destination(r.Dst, family), r.Gateway, r.Dev, r.Metric, table, protocol(r.Protocol)))
		}
	}
	s.sets("netconfig routes", "", ours, theirs)
	for _, r := range doc.Routes {
		if strings.HasSuffix(r.Dst, "/0") {
			s.same("netconfig routes", "default gateway "+r.Gateway, slices.Contains(doc.Gateways, r.Gateway), true)
		}
	}
}

func destination(text, family string) string {
	switch {
	case text == "default" && family == "-4":
		return "0.0.0.0/0"
	case text == "default":
		return "::/0"
	case strings.Contains(text, "/"):
		return text
	case family == "-4":
		return text + "/32"
	}
	return text + "/128"
}

// protocol is the name of rtnetlink(7) for a number.
func protocol(number string) string {
	if name, ok := map[string]string{"": "boot", "1": "redirect", "2": "kernel", "3": "boot", "4": "static", "9": "ra", "16": "dhcp"}[number]; ok {
		return name
	}
	return number
}

func (s *subject) neighbors() {
	type arp struct {
		Neighbors []struct {
			Link, IP, MAC string
			Static        bool
		}
	}
	// Both have spoken to the CMA by now, and it stays known.
	s.tool("ping", "-c1", "-W2", s.Addr("cma").String())
	var ours, theirs []string
	for _, n := range document1[arp](s, "arp").Neighbors {
		ours = append(ours, fmt.Sprintf("%s %s is %s, static %v", n.Link, n.IP, n.MAC, n.Static))
	}
	type neighbor struct {
		Dst, Dev, Lladdr string
		State            []string
	}
	for _, n := range decode[[]neighbor](s.t, "ip neigh", s.tool("ip", "-j", "neigh")) {
		if n.Lladdr != "" && !slices.Contains(n.State, "FAILED") {
			theirs = append(theirs, fmt.Sprintf("%s %s is %s, static %v", n.Dev, n.Dst, n.Lladdr, slices.Contains(n.State, "PERMANENT")))
		}
	}
	s.sets("arp", "", ours, theirs)
}

var users = regexp.MustCompile(`\(\("([^"]+)"`)

// socketLine is a line of ss: protocol, state, queues, local, peer, processes.
func socketLine(line string) (proto string, local, peer netip.AddrPort, program string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 {
		return
	}
	local, ok = endpoint(f[4])
	peer, _ = endpoint(f[5])
	if m := users.FindStringSubmatch(line); m != nil {
		program = m[1]
	}
	return f[0], local, peer, program, ok
}

func endpoint(text string) (netip.AddrPort, bool) {
	i := strings.LastIndexByte(text, ':')
	host, port := text[:i], text[i+1:]
	host, _, _ = strings.Cut(strings.Trim(host, "[]"), "%")
	if host == "*" {
		host = "::"
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(host, "]"))
	number, _ := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), err == nil
}

type socketDoc struct {
	Processes []struct{ ID, Name string }
	Listeners []struct {
		Process, Proto, Addr string
		Port                 int
	}
	Connections []struct {
		Process, Proto, Addr string
		Port                 int
	}
}

func (d socketDoc) names() map[string]string {
	m := map[string]string{}
	for _, p := range d.Processes {
		m[p.ID] = p.Name
	}
	return m
}

func (s *subject) sockets() {
	doc := document1[socketDoc](s, "listeners")
	var ours, theirs, ourPeers, theirPeers []string
	for _, l := range doc.Listeners {
		ours = append(ours, fmt.Sprintf("%s %s port %d: %s", l.Proto, l.Addr, l.Port, doc.names()[l.Process]))
	}
	serving := map[string]bool{}
	for _, line := range lines(s.tool("ss", "-Hnltup")) {
		if proto, local, _, program, ok := socketLine(line); ok {
			serving[fmt.Sprint(proto, local.Port())] = true
			theirs = append(theirs, fmt.Sprintf("%s %s port %d: %s", proto, local.Addr(), local.Port(), program))
		}
	}
	s.sets("listeners", "", ours, theirs)
	doc = document1[socketDoc](s, "connections")
	for _, c := range doc.Connections {
		ourPeers = append(ourPeers, fmt.Sprintf("%s is a client of %s %s port %d", doc.names()[c.Process], c.Proto, c.Addr, c.Port))
	}
	for _, line := range lines(s.tool("ss", "-Hntup", "state", "established")) {
		f := strings.Fields(line)
		proto, local, peer, program, ok := socketLine(strings.Join(slices.Insert(f, 1, "ESTAB"), " "))
		if ok && program != "" && !serving[fmt.Sprint(proto, local.Port())] {
			theirPeers = append(theirPeers, fmt.Sprintf("%s is a client of %s %s port %d", program, proto, peer.Addr(), peer.Port()))
		}
	}
	s.sets("connections", "", ourPeers, theirPeers)
}
