package host

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// Links returns the interfaces of this network namespace, by index.
func (h *Host) Links(ctx context.Context) ([]discovery.Link, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	links, err := kernelLinks(ctx)
	if err != nil {
		return nil, err
	}
	return ethtool(links), nil
}

// kernelLinks is what netlink says of the links.
func kernelLinks(ctx context.Context) ([]discovery.Link, error) {
	var raw []rawLink
	const skipStatistics = 8 // RTEXT_FILTER_SKIP_STATS
	body := make([]byte, unix.SizeofIfInfomsg, unix.SizeofIfInfomsg+unix.SizeofRtAttr+4)
	body = native.AppendUint16(body, unix.SizeofRtAttr+4)
	body = native.AppendUint16(body, unix.IFLA_EXT_MASK)
	body = native.AppendUint32(body, skipStatistics)
	err := dump(ctx, nil, unix.NETLINK_ROUTE, unix.RTM_GETLINK, body, func() { raw = nil }, func(data []byte) {
		if l, ok := parseLink(data); ok {
			raw = append(raw, l)
		}
	})
	if err != nil {
		return nil, err
	}
	return resolve(raw), nil
}

// rawLink is a link whose relatives are still numbers.
type rawLink struct {
	discovery.Link
	master, lower uint32
	elsewhere     bool // its lower link is in another network namespace
}

func parseLink(data []byte) (rawLink, bool) {
	if len(data) < unix.SizeofIfInfomsg {
		return rawLink{}, false
	}
	hardware := native.Uint16(data[2:])
	flags := native.Uint32(data[8:])
	l := rawLink{Link: discovery.Link{
		Index:    int(native.Uint32(data[4:])),
		Up:       flags&unix.IFF_UP != 0,
		Carrier:  flags&unix.IFF_LOWER_UP != 0,
		Loopback: flags&unix.IFF_LOOPBACK != 0,
		Kind:     "device",
	}}
	for typ, value := range attrs(data, unix.SizeofIfInfomsg) {
		switch typ {
		case unix.IFLA_IFNAME:
			l.Name = text(value)
		case unix.IFLA_ADDRESS:
			l.MAC = hardwareAddr(hardware, value)
		case unix.IFLA_PERM_ADDRESS:
			l.Perm = hardwareAddr(hardware, value)
		case unix.IFLA_MTU:
			l.MTU = int(number(value))
		case unix.IFLA_MASTER:
			l.master = number(value)
		case unix.IFLA_LINK:
			l.lower = number(value)
		case unix.IFLA_LINK_NETNSID:
			l.elsewhere = true
		case unix.IFLA_LINKINFO:
			parseLinkInfo(&l, value)
		}
	}
	if l.Loopback {
		l.Kind = "loopback"
	}
	l.Virtual = l.Kind != "device"
	return l, l.Name != ""
}

func parseLinkInfo(l *rawLink, info []byte) {
	var detail []byte
	for typ, value := range attrs(info, 0) {
		switch typ {
		case unix.IFLA_INFO_KIND:
			l.Kind = text(value)
		case unix.IFLA_INFO_DATA:
			detail = value
		}
	}
	if l.Kind != "vlan" {
		return
	}
	const vlanID = 1 // IFLA_VLAN_ID
	for typ, value := range attrs(detail, 0) {
		if typ == vlanID && len(value) >= 2 {
			l.VLAN = int(native.Uint16(value))
		}
	}
}

// resolve gives names to masters and parents.
func resolve(raw []rawLink) []discovery.Link {
	names := map[uint32]string{}
	for _, l := range raw {
		names[uint32(l.Index)] = l.Name
	}
	links := make([]discovery.Link, 0, len(raw))
	for _, l := range raw {
		l.Master = names[l.master]
		// A veth's "lower" link is its peer, an equal.
		if !l.elsewhere && l.Kind != "veth" && l.lower != uint32(l.Index) {
			l.Parent = names[l.lower]
		}
		links = append(links, l.Link)
	}
	discovery.Sort(links, func(a, b discovery.Link) int { return cmp.Compare(a.Index, b.Index) })
	return links
}

// hardwareAddr writes Ethernet and InfiniBand addresses; tunnels keep their IP
// address in the same place.
func hardwareAddr(hardware uint16, b []byte) string {
	if hardware != unix.ARPHRD_ETHER && hardware != unix.ARPHRD_INFINIBAND {
		return ""
	}
	return colons(b)
}

func colons(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// Addrs returns the addresses of this network namespace. Those that still wait
// for duplicate address detection are not there yet.
func (h *Host) Addrs(ctx context.Context) ([]discovery.Addr, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	names, err := linkNames(ctx)
	if err != nil {
		return nil, err
	}
	var list []discovery.Addr
	err = dump(ctx, nil, unix.NETLINK_ROUTE, unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), func() { list = nil }, func(data []byte) {
		if a, ok := parseAddr(data, names); ok {
			list = append(list, a)
		}
	})
	discovery.Sort(list, func(a, b discovery.Addr) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), a.Prefix.Compare(b.Prefix))
	})
	return slices.Compact(list), err
}

func parseAddr(data []byte, names map[uint32]string) (discovery.Addr, bool) {
	if len(data) < unix.SizeofIfAddrmsg {
		return discovery.Addr{}, false
	}
	flags := uint32(data[2])
	var own, peer netip.Addr
	for typ, value := range attrs(data, unix.SizeofIfAddrmsg) {
		switch typ {
		case unix.IFA_ADDRESS:
			peer, _ = netip.AddrFromSlice(value)
		case unix.IFA_LOCAL:
			own, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			flags = number(value)
		}
	}
	if !own.IsValid() {
		own = peer
	}
	if !own.IsValid() || flags&unix.IFA_F_TENTATIVE != 0 {
		return discovery.Addr{}, false
	}
	return discovery.Addr{
		Link:      names[native.Uint32(data[4:])],
		Prefix:    netip.PrefixFrom(own, int(data[1])),
		Scope:     scopeName(data[3]),
		Temporary: own.Is6() && flags&unix.IFA_F_TEMPORARY != 0,
	}, true
}

func scopeName(scope byte) string {
	switch scope {
	case unix.RT_SCOPE_UNIVERSE:
		return "global"
	case unix.RT_SCOPE_SITE:
		return "site"
	case unix.RT_SCOPE_LINK:
		return "link"
	case unix.RT_SCOPE_HOST:
		return "host"
	}
	return strconv.Itoa(int(scope))
}

func linkNames(ctx context.Context) (map[uint32]string, error) {
	links, err := kernelLinks(ctx)
	names := make(map[uint32]string, len(links))
	for _, l := range links {
		names[uint32(l.Index)] = l.Name
	}
	return names, err
}

// Routes returns the unicast routes of every table but the local one; a route
// over several ways is several routes.
func (h *Host) Routes(ctx context.Context) ([]discovery.Route, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	names, err := linkNames(ctx)
	if err != nil {
		return nil, err
	}
	var list []discovery.Route
	err = dump(ctx, nil, unix.NETLINK_ROUTE, unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func() { list = nil }, func(data []byte) {
		list = append(list, parseRoute(data, names)...)
	})
	discovery.Sort(list, func(a, b discovery.Route) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), a.Dst.Compare(b.Dst), cmp.Compare(a.Metric, b.Metric),
			a.Gateway.Compare(b.Gateway), cmp.Compare(a.Link, b.Link))
	})
	return list, err
}

func parseRoute(data []byte, names map[uint32]string) []discovery.Route {
	if len(data) < unix.SizeofRtMsg || data[7] != unix.RTN_UNICAST || native.Uint32(data[8:])&unix.RTM_F_CLONED != 0 {
		return nil
	}
	r := discovery.Route{Table: int(data[4]), Proto: protocolName(data[5])}
	dst := netip.IPv4Unspecified()
	if data[0] == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	} else if data[0] != unix.AF_INET {
		return nil
	}
	var ways []byte
	for typ, value := range attrs(data, unix.SizeofRtMsg) {
		switch typ {
		case unix.RTA_DST:
			if a, ok := netip.AddrFromSlice(value); ok {
				dst = a
			}
		case unix.RTA_OIF:
			r.Link = names[number(value)]
		case unix.RTA_PRIORITY:
			r.Metric = int(number(value))
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(value)
		case unix.RTA_TABLE:
			r.Table = int(number(value))
		case unix.RTA_MULTIPATH:
			ways = value
		default:
			parseVia(&r, typ, value)
		}
	}
	r.Dst = netip.PrefixFrom(dst, int(data[1]))
	if r.Table == unix.RT_TABLE_LOCAL || dst.IsMulticast() {
		return nil
	}
	if ways != nil {
		return parseWays(r, ways, names)
	}
	return []discovery.Route{r}
}

// parseVia reads a gateway, which may be of the other family (RTA_VIA).
func parseVia(r *discovery.Route, typ uint16, value []byte) {
	switch {
	case typ == unix.RTA_GATEWAY:
		r.Gateway, _ = netip.AddrFromSlice(value)
	case typ == unix.RTA_VIA && len(value) > 2:
		r.Gateway, _ = netip.AddrFromSlice(value[2:])
	}
}

// parseWays reads the next hops of a multipath route: 2 bytes length, 2 flags
// and weight, 4 link, then attributes.
func parseWays(r discovery.Route, b []byte, names map[uint32]string) []discovery.Route {
	var list []discovery.Route
	for len(b) >= unix.SizeofRtNexthop {
		size := int(native.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			break
		}
		way := r
		way.Link = names[native.Uint32(b[4:])]
		for typ, value := range attrs(b[:size], unix.SizeofRtNexthop) {
			parseVia(&way, typ, value)
		}
		list = append(list, way)
		b = b[min((size+3)&^3, len(b)):]
	}
	return list
}

// protocolName says who made a route, as iproute2 calls it.
func protocolName(p byte) string {
	switch p {
	case unix.RTPROT_REDIRECT:
		return "redirect"
	case unix.RTPROT_KERNEL:
		return "kernel"
	case unix.RTPROT_BOOT:
		return "boot"
	case unix.RTPROT_STATIC:
		return "static"
	case unix.RTPROT_RA:
		return "ra"
	case unix.RTPROT_ZEBRA:
		return "zebra"
	case unix.RTPROT_BIRD:
		return "bird"
	case unix.RTPROT_DHCP:
		return "dhcp"
	case unix.RTPROT_KEEPALIVED:
		return "keepalived"
	case unix.RTPROT_BABEL:
		return "babel"
	case unix.RTPROT_BGP:
		return "bgp"
	case unix.RTPROT_ISIS:
		return "isis"
	case unix.RTPROT_OSPF:
		return "ospf"
	case unix.RTPROT_RIP:
		return "rip"
	case unix.RTPROT_EIGRP:
		return "eigrp"
	}
	return strconv.Itoa(int(p))
}

// Neighbors returns the ARP and NDP tables.
func (h *Host) Neighbors(ctx context.Context) ([]discovery.Neighbor, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	names, err := linkNames(ctx)
	if err != nil {
		return nil, err
	}
	var list []discovery.Neighbor
	err = dump(ctx, nil, unix.NETLINK_ROUTE, unix.RTM_GETNEIGH, make([]byte, unix.SizeofNdMsg), func() { list = nil }, func(data []byte) {
		if n, ok := parseNeighbor(data); ok {
			list = append(list, discovery.Neighbor{Link: names[n.link], IP: n.ip, MAC: n.mac, State: stateName(n.state)})
		}
	})
	discovery.Sort(list, func(a, b discovery.Neighbor) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), a.IP.Compare(b.IP))
	})
	return list, err
}

// rawNeighbor is a neighbor as netlink tells it.
type rawNeighbor struct {
	link  uint32
	ip    netip.Addr
	mac   string
	state uint16
}

func parseNeighbor(data []byte) (rawNeighbor, bool) {
	if len(data) < unix.SizeofNdMsg || data[0] != unix.AF_INET && data[0] != unix.AF_INET6 {
		return rawNeighbor{}, false
	}
	n := rawNeighbor{link: native.Uint32(data[4:]), state: native.Uint16(data[8:])}
	for typ, value := range attrs(data, unix.SizeofNdMsg) {
		switch typ {
		case unix.NDA_DST:
			n.ip, _ = netip.AddrFromSlice(value)
		case unix.NDA_LLADDR:
			n.mac = colons(value)
		}
	}
	return n, n.ip.IsValid()
}

func stateName(state uint16) string {
	switch {
	case state&unix.NUD_PERMANENT != 0:
		return "permanent"
	case state&unix.NUD_NOARP != 0:
		return "noarp"
	case state&unix.NUD_REACHABLE != 0:
		return "reachable"
	case state&unix.NUD_STALE != 0:
		return "stale"
	case state&unix.NUD_DELAY != 0:
		return "delay"
	case state&unix.NUD_PROBE != 0:
		return "probe"
	case state&unix.NUD_FAILED != 0:
		return "failed"
	case state&unix.NUD_INCOMPLETE != 0:
		return "incomplete"
	}
	return "none"
}
