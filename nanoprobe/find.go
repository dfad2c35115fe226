package nanoprobe

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"assim/wire"
)

// Limits of looking for the CMA.
const (
	maxPlaces   = 16               // addresses tried at a time
	resolveTime = 5 * time.Second  // for one name
	resolveWait = 30 * time.Second // between two resolutions of the names
)

// finder knows where the CMA may be: addresses and names given by the operator
// or remembered, and the multicast groups when asked for.
type finder struct {
	names     []string // HOST or HOST:PORT
	multicast bool

	mu       sync.Mutex
	places   []netip.AddrPort
	resolved time.Time
	busy     bool
}

// newFinder returns a finder over places in HOST[:PORT] form; "*" stands for
// the multicast groups, and so does no place at all.
func newFinder(places ...string) *finder {
	f := &finder{}
	seen := map[string]bool{}
	for _, p := range places {
		switch {
		case p == "" || seen[p]:
		case p == "*":
			f.multicast = true
		default:
			f.names = append(f.names, p)
		}
		seen[p] = true
	}
	if len(f.names) == 0 {
		f.multicast = true
	}
	f.literals()
	return f
}

// literals takes in what needs no resolution.
func (f *finder) literals() {
	for _, n := range f.names {
		host, port := hostPort(n)
		if a, err := netip.ParseAddr(host); err == nil {
			f.places = append(f.places, netip.AddrPortFrom(a, port))
		}
	}
}

// hostPort splits HOST[:PORT], with IPv6 addresses bare or in brackets.
func hostPort(s string) (string, uint16) {
	if host, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			return host, uint16(n)
		}
	}
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	return s, wire.Port
}

// where returns the addresses to try now, and begins to resolve the names anew
// when that is some time ago.
func (f *finder) where(ctx context.Context, now time.Time) []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.busy && (f.resolved.IsZero() || now.Sub(f.resolved) > resolveWait) && len(f.names) > 0 {
		f.busy, f.resolved = true, now
		go f.resolve(ctx)
	}
	return append([]netip.AddrPort(nil), f.places...)
}

// resolve looks the names up. Bare addresses resolve to themselves.
func (f *finder) resolve(ctx context.Context) {
	var places []netip.AddrPort
	for _, n := range f.names {
		host, port := hostPort(n)
		if a, err := netip.ParseAddr(host); err == nil {
			places = append(places, netip.AddrPortFrom(a, port))
			continue
		}
		limited, cancel := context.WithTimeout(ctx, resolveTime)
		addrs, err := net.DefaultResolver.LookupNetIP(limited, "ip", host)
		cancel()
		if err != nil {
			continue // tried again later; until then the others
		}
		for _, a := range addrs {
			places = append(places, netip.AddrPortFrom(a.Unmap(), port))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	if len(places) > 0 {
		f.places = places[:min(len(places), maxPlaces)]
	}
}
