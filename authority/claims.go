package authority

import (
	"net/netip"
	"slices"
	"time"

	"assim/event"
)

// When two systems claim one address. A cluster that moves an address is no news,
// and who gets it may well say so before who had it.
const (
	// claimLasts is how long both must claim it.
	claimLasts = 10 * time.Second
	// robbed is how long before the other claimed it its owner may have been heard
	// last, so that it seems lost because others talk to the wrong one. Who was
	// silent for longer was succeeded: keepalived waits for more than 3 s.
	robbed = 2500 * time.Millisecond
	// maxClaims bounds those that wait to be told. A site has a few at a time.
	maxClaims = 4096
)

// claim is an address that two systems said is theirs.
type claim struct {
	at     time.Time
	addr   netip.AddrPort
	of, by *node // who had it, and who came later
}

// claimAddrs notes which system answers at which address, and when two claim the
// same.
func (a *Authority) claimAddrs(now time.Time, n *node, addrs []netip.AddrPort) {
	for _, old := range n.addrs {
		if a.byAddr[old] == n {
			delete(a.byAddr, old)
		}
	}
	for _, addr := range addrs {
		other := a.byAddr[addr]
		if other != nil && other != n && !lost(other.status) && a.claimed < maxClaims {
			a.claimed++
			a.claims.Add(now.Add(claimLasts), claim{now, addr, other, n})
		}
		a.byAddr[addr] = n
	}
}

// tellClaims tells of those that both still claim.
func (a *Authority) tellClaims(now time.Time, out *Out) {
	for {
		c, ok := a.claims.Due(now)
		if !ok {
			return
		}
		a.claimed--
		gone := a.nodes[c.of.id] != c.of || a.nodes[c.by.id] != c.by || lost(c.by.status)
		succeeded := lost(c.of.status) && c.of.since.Before(c.at.Add(-robbed))
		if gone || succeeded || !slices.Contains(c.of.addrs, c.addr) || !slices.Contains(c.by.addrs, c.addr) {
			continue
		}
		out.Events = append(out.Events, event.Event{At: c.at, Kind: event.DuplicateAddress, System: c.by.id.String(), Name: c.by.name,
			Affected: []string{c.of.name, c.by.name}, Detail: map[string]string{"address": c.addr.String()},
			Text: "address " + c.addr.Addr().String() + " is claimed by " + c.of.name + " and by " + c.by.name})
	}
}
