package listeners

import (
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"assim/discovery"
	"assim/discovery/proc"
)

// Published is the scope of a port of the host that the kernel leads into a
// container by address translation.
const Published proc.Scope = "published"

// maxForwards bounds the rules looked at.
const maxForwards = 1024

// forward is a rule of address translation.
type forward struct {
	proto string
	port  uint16 // of the host
	to    netip.AddrPort
}

// published adds, for every rule that leads to a listener in another network
// namespace of this system, that its process is reached at the host's port too.
// The kernel's rules are asked for only where there is such a listener.
func published(ctx context.Context, h discovery.Host, list []proc.Listen, addrs []proc.OwnAddr) []proc.Listen {
	inside := false
	for _, l := range list {
		inside = inside || l.Netns != ""
	}
	if !inside {
		return nil
	}
	var added []proc.Listen
	for _, f := range forwards(ctx, h) {
		for _, l := range list {
			if l.Netns == "" || l.Proto != f.proto || l.Port != f.to.Port() || !reaches(l, f.to.Addr(), addrs) {
				continue
			}
			any := netip.IPv4Unspecified()
			if f.to.Addr().Is6() {
				any = netip.IPv6Unspecified()
			}
			added = append(added, proc.Listen{Process: l.Process, Proto: f.proto, Addr: any, Port: f.port, Scope: Published, V6Only: f.to.Addr().Is6()})
			break
		}
	}
	return added
}

// reaches says whether a listener in another namespace hears what is sent to
// addr.
func reaches(l proc.Listen, addr netip.Addr, own []proc.OwnAddr) bool {
	if !l.Addr.IsUnspecified() {
		return l.Addr == addr
	}
	for _, a := range own {
		if a.Netns == l.Netns && a.Addr == addr {
			return true
		}
	}
	return false
}

// forwards reads the kernel's rules, nftables first; the older tables only where
// those hold none.
func forwards(ctx context.Context, h discovery.Host) []forward {
	if out, err := h.Run(ctx, "nft", "list", "ruleset"); err == nil {
		if list := parseNft(string(out)); len(list) > 0 {
			return list
		}
	}
	if out, err := h.Run(ctx, "iptables-save", "-t", "nat"); err == nil {
		return parseIptables(string(out))
	}
	return nil
}

// "tcp dport 8080 counter packets 0 bytes 0 dnat to 172.17.0.2:80", with "ip to"
// in tables for both families, and without a port where it stays the same.
var nftRule = regexp.MustCompile(`\b(tcp|udp) dport (\d{1,5})\b.*\bdnat (?:ip6? )?to (\[[0-9A-Fa-f.:]+\](?::\d+)?|[0-9A-Fa-f.:]+)`)

func parseNft(text string) []forward {
	var list []forward
	for line := range strings.Lines(text) {
		if m := nftRule.FindStringSubmatch(line); m != nil {
			list = add(list, m[1], m[2], m[3])
		}
	}
	return list
}

// "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80"
var iptablesRule = regexp.MustCompile(`-p (tcp|udp)\b.*--dport (\d{1,5})\b.*-j DNAT --to-destination (\S+)`)

func parseIptables(text string) []forward {
	var list []forward
	for line := range strings.Lines(text) {
		if m := iptablesRule.FindStringSubmatch(line); m != nil {
			list = add(list, m[1], m[2], m[3])
		}
	}
	return list
}

func add(list []forward, proto, port, to string) []forward {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || len(list) == maxForwards {
		return list
	}
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		addr, err := netip.ParseAddr(strings.Trim(to, "[]"))
		if err != nil {
			return list
		}
		at = netip.AddrPortFrom(addr, uint16(number))
	}
	return append(list, forward{proto, uint16(number), netip.AddrPortFrom(at.Addr().Unmap(), at.Port())})
}
