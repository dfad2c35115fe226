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
	// maxRest bounds how many are remembered that claim one address after the first.
	maxRest = 16
)

// claim is an address that two systems said is theirs.
type claim struct {
	at     time.Time
	addr   netip.AddrPort
	of, by *node // who had it, and who came later
}

// claimAddrs notes at which addresses a system says that it answers, and when
// another one says the same. It says whether it is reached by others than before.
func (a *Authority) claimAddrs(now time.Time, n *node, addrs []netip.AddrPort, out *Out) (changed bool) {
	if slices.Equal(addrs, n.says) && a.owns(n) {
		return false
	}
	before := n.says
	n.says = addrs
	for _, old := range before {
		if !slices.Contains(addrs, old) {
			a.yield(now, n, old, out)
		}
	}
	for _, addr := range addrs {
		a.claim(now, n, addr)
	}
	return a.reach(n)
}

// claim gives a system an address unless another one has it, which keeps it.
func (a *Authority) claim(now time.Time, n *node, addr netip.AddrPort) {
	other := a.byAddr[addr]
	switch {
	case other == nil || other == n || lost(other.status):
		a.byAddr[addr] = n
		a.drop(n, addr)
	case slices.Contains(a.rest[addr], n):
	case a.claimed < maxClaims && len(a.rest[addr]) < maxRest:
		a.claimed++
		a.claims.Add(now.Add(claimLasts), claim{now, addr, other, n})
		a.rest[addr] = append(a.rest[addr], n)
	}
}

// inherit is claim for what was stored: nothing is news.
func (a *Authority) inherit(n *node) {
	for _, addr := range n.says {
		if a.byAddr[addr] == nil {
			a.byAddr[addr] = n
		} else if len(a.rest[addr]) < maxRest {
			a.rest[addr] = append(a.rest[addr], n)
		}
	}
}

// yield takes an address from a system and gives it to whoever said next that it
// has it, too.
func (a *Authority) yield(now time.Time, n *node, addr netip.AddrPort, out *Out) {
	a.drop(n, addr)
	if a.byAddr[addr] != n {
		return
	}
	delete(a.byAddr, addr)
	next := slices.IndexFunc(a.rest[addr], func(w *node) bool { return !lost(w.status) })
	if next < 0 {
		return
	}
	heir := a.rest[addr][next]
	a.claim(now, heir, addr)
	a.regain(now, heir, out)
}

// drop forgets that a system says that it has an address which is another's.
func (a *Authority) drop(n *node, addr netip.AddrPort) {
	if a.rest[addr] = take(a.rest[addr], n); len(a.rest[addr]) == 0 {
		delete(a.rest, addr)
	}
}

// contend follows what a loss or a return means for addresses that two claim.
func (a *Authority) contend(now time.Time, n *node, out *Out) {
	for _, addr := range n.says {
		if lost(n.status) && len(a.rest[addr]) > 0 {
			a.yield(now, n, addr, out)
		} else if !lost(n.status) {
			a.claim(now, n, addr)
		}
	}
	if !lost(n.status) {
		a.regain(now, n, out)
	}
}

// regain follows a change of who owns what.
func (a *Authority) regain(now time.Time, n *node, out *Out) {
	if !a.reach(n) {
		return
	}
	a.plan.Join(n.seat())
	a.followSeats(now)
	out.Records = append(out.Records, n.id)
}

// reach finds by which addresses a system is reached: those that nobody claimed
// before it. At the others its neighbors might find somebody else, and take that
// for a broken link. If it has no other, they have to do. It says whether it is
// reached by others than before.
func (a *Authority) reach(n *node) (changed bool) {
	addrs := n.says
	if !a.owns(n) {
		addrs = slices.DeleteFunc(slices.Clone(n.says), func(addr netip.AddrPort) bool { return a.byAddr[addr] != n })
		if len(addrs) == 0 {
			addrs = n.says
		}
	}
	if slices.Equal(addrs, n.addrs) {
		return false
	}
	a.settle(n, addrs, guessLinks(n.links, addrs))
	return true
}

// owns says whether all addresses that a system says it has are its own.
func (a *Authority) owns(n *node) bool {
	for _, addr := range n.says {
		if a.byAddr[addr] != n {
			return false
		}
	}
	return true
}

// contested appends the addresses by which a system is reached and which another
// one that is there says are its own. Who was succeeded at one and is dead would
// not answer at the others, either.
func (a *Authority) contested(dst []netip.Addr, n *node) []netip.Addr {
	if lost(n.status) && slices.ContainsFunc(n.says, func(addr netip.AddrPort) bool { return a.byAddr[addr] == n }) {
		return dst
	}
	for _, addr := range n.addrs {
		other := a.byAddr[addr]
		if other != nil && other != n && !lost(other.status) ||
			slices.ContainsFunc(a.rest[addr], func(w *node) bool { return w != n && !lost(w.status) }) {
			dst = append(dst, addr.Addr())
		}
	}
	return dst
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
		if gone || succeeded || !slices.Contains(c.of.says, c.addr) || !slices.Contains(c.by.says, c.addr) {
			continue
		}
		out.Events = append(out.Events, event.Event{At: c.at, Kind: event.DuplicateAddress, System: c.by.id.String(), Name: c.by.name,
			Affected: []string{c.of.name, c.by.name}, Detail: map[string]string{"address": c.addr.String()},
			Text: "address " + c.addr.Addr().String() + " is claimed by " + c.of.name + " and by " + c.by.name})
	}
}
