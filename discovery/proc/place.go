package proc

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"assim/discovery"
)

// maxAddrs bounds the own addresses a document lists, and so the endpoints one
// wildcard listener becomes. A load balancer may carry thousands.
const maxAddrs = 64

// OwnAddr is an address of this system by which it can be reached.
type OwnAddr struct {
	Addr  netip.Addr `json:"addr"`
	Scope Scope      `json:"scope"`
	Netns string     `json:"netns,omitempty"`
}

// places knows the addresses of a system and what each other address means
// when this system says it.
type places struct {
	own      []OwnAddr
	internal []netip.Prefix // networks behind bridges without an uplink
	global   []netip.Prefix
}

// newPlaces asks the host for its addresses. Temporary (privacy) addresses are
// left out: nobody finds a service by them, and they come and go.
func newPlaces(ctx context.Context, h discovery.Host) (*places, error) {
	links, err := h.Links(ctx)
	if err != nil {
		return nil, err
	}
	addrs, err := h.Addrs(ctx)
	if err != nil {
		return nil, err
	}
	routes, err := h.Routes(ctx)
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	inside := discovery.Internal(links, routes)
	p := &places{}
	for _, a := range addrs {
		if !a.Prefix.IsValid() || a.Temporary {
			continue
		}
		addr := a.Prefix.Addr().Unmap().WithZone("")
		scope := scopeOf(addr)
		switch {
		case scope == Global && inside[a.Link]:
			scope = Internal
			p.internal = append(p.internal, a.Prefix.Masked())
		case scope == Global:
			p.global = append(p.global, a.Prefix.Masked())
		}
		p.own = append(p.own, OwnAddr{Addr: addr, Scope: scope})
	}
	p.own = sortedAddrs(p.own)
	return p, nil
}

// scopeOf is what an address says by itself.
func scopeOf(a netip.Addr) Scope {
	a = a.Unmap()
	switch {
	case a.IsLoopback():
		return Local
	case a.IsLinkLocalUnicast(), a.IsLinkLocalMulticast(), a.IsInterfaceLocalMulticast():
		return Link
	}
	return Global
}

// scope is what an address means when this system says it.
func (p *places) scope(a netip.Addr) Scope {
	s := scopeOf(a)
	if s != Global {
		return s
	}
	for _, n := range p.internal {
		if n.Contains(a) {
			return Internal
		}
	}
	return Global
}

// addNamespace adds the addresses of another network namespace: those of a
// container. They are internal unless the container sits in one of the host's
// own networks (macvlan, a bridge with an uplink).
func (p *places) addNamespace(netns string, addrs []netip.Addr) {
	var list []OwnAddr
	for _, a := range addrs {
		s := scopeOf(a)
		if s == Global && !slices.ContainsFunc(p.global, func(n netip.Prefix) bool { return n.Contains(a) }) {
			s = Internal
		}
		list = append(list, OwnAddr{Addr: a, Scope: s, Netns: netns})
	}
	p.own = append(p.own, sortedAddrs(list)...)
}

// sortedAddrs orders addresses, the widest known first, and keeps maxAddrs.
func sortedAddrs(list []OwnAddr) []OwnAddr {
	rank := map[Scope]int{Global: 0, Internal: 1, Local: 2, Link: 3}
	discovery.Sort(list, func(a, b OwnAddr) int {
		if rank[a.Scope] != rank[b.Scope] {
			return rank[a.Scope] - rank[b.Scope]
		}
		return a.Addr.Compare(b.Addr)
	})
	list = slices.Compact(list)
	if len(list) > maxAddrs {
		list = list[:maxAddrs]
	}
	return list
}

// parseFibTrie returns the local IPv4 addresses of /proc/PID/net/fib_trie: the
// line before each "/32 host LOCAL".
//
//	|-- 172.17.0.2
//	   /32 host LOCAL
func parseFibTrie(text string) []netip.Addr {
	var list []netip.Addr
	var last netip.Addr
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "|-- "); ok {
			last, _ = netip.ParseAddr(rest)
			continue
		}
		if line == "/32 host LOCAL" && last.IsValid() && !slices.Contains(list, last) && len(list) < maxAddrs {
			list = append(list, last)
		}
	}
	return list
}

// parseIfInet6 returns the IPv6 addresses of /proc/PID/net/if_inet6, without
// temporary and tentative ones.
func parseIfInet6(text string) []netip.Addr {
	const temporary, tentative = 0x01, 0x40 // IFA_F_ flags of linux/if_addr.h
	var list []netip.Addr
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 6 || len(f[0]) != 32 {
			continue
		}
		var raw [16]byte
		ok := true
		for i := range raw {
			hi, lo := hexDigit(f[0][2*i]), hexDigit(f[0][2*i+1])
			ok = ok && hi >= 0 && lo >= 0
			raw[i] = byte(hi<<4 | lo)
		}
		flags, err := strconv.ParseUint(f[4], 16, 32)
		if ok && err == nil && flags&(temporary|tentative) == 0 && len(list) < maxAddrs {
			list = append(list, netip.AddrFrom16(raw))
		}
	}
	return list
}

// parsePortRange reads net/ipv4/ip_local_port_range: the ports that the kernel
// hands out to clients by itself.
func parsePortRange(text string) (low, high uint16) {
	f := strings.Fields(text)
	if len(f) == 2 {
		l, err1 := strconv.ParseUint(f[0], 10, 16)
		h, err2 := strconv.ParseUint(f[1], 10, 16)
		if err1 == nil && err2 == nil && l <= h {
			return uint16(l), uint16(h)
		}
	}
	return 32768, 60999 // the kernel's default
}
