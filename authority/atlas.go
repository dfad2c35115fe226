package authority

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"assim/ring"
	"assim/verdict"
	"assim/wire"
)

// atlas finds systems by where they stand.
type atlas struct {
	behind   map[string][]*node       // by chassis, in port order
	bare     map[netip.Prefix][]*node // those that hear no switch
	switches map[netip.Prefix][]string
	subnets  []netip.Prefix       // sorted, as on the top ring
	links    map[netip.Prefix]int // in each of them
}

func newAtlas() atlas {
	return atlas{behind: map[string][]*node{}, bare: map[netip.Prefix][]*node{}, switches: map[netip.Prefix][]string{},
		links: map[netip.Prefix]int{}}
}

// insert notes all links of n.
func (m *atlas) insert(n *node) {
	for i := range n.links {
		l := &n.links[i]
		if m.links[l.Subnet]++; m.links[l.Subnet] == 1 {
			if at, ok := slices.BinarySearchFunc(m.subnets, l.Subnet, comparePrefix); !ok {
				m.subnets = slices.Insert(m.subnets, at, l.Subnet)
			}
		}
		switch {
		case l.Switch != "":
			m.shelve(l, n)
		case i == 0:
			m.bare[l.Subnet] = append(m.bare[l.Subnet], n)
		}
	}
}

func (m *atlas) shelve(l *verdict.Link, n *node) {
	list := m.behind[l.Switch]
	if slices.Contains(list, n) {
		return
	}
	at, _ := slices.BinarySearchFunc(list, l.Port, func(o *node, port string) int {
		return comparePorts(o.portOn(l.Switch), port)
	})
	m.behind[l.Switch] = slices.Insert(list, at, n)
	if names := m.switches[l.Subnet]; !slices.Contains(names, l.Switch) {
		m.switches[l.Subnet] = append(names, l.Switch)
	}
}

// remove takes all links of n out, and subnets that nobody is in any more.
func (m *atlas) remove(n *node) {
	for i := range n.links {
		l := &n.links[i]
		m.leave(l.Subnet)
		if l.Switch != "" {
			m.behind[l.Switch] = take(m.behind[l.Switch], n)
		} else if i == 0 {
			m.bare[l.Subnet] = take(m.bare[l.Subnet], n)
		}
	}
}

func (m *atlas) leave(subnet netip.Prefix) {
	if m.links[subnet]--; m.links[subnet] > 0 {
		return
	}
	delete(m.links, subnet)
	delete(m.switches, subnet)
	if at, ok := slices.BinarySearchFunc(m.subnets, subnet, comparePrefix); ok {
		m.subnets = slices.Delete(m.subnets, at, at+1)
	}
}

func take(list []*node, n *node) []*node {
	if i := slices.Index(list, n); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// comparePorts orders Eth1/2 before Eth1/10: runs of digits count as numbers.
func comparePorts(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			if na != nb {
				return cmp.Compare(na, nb)
			}
			if c := cmp.Compare(a[:na], b[:nb]); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// enlist adds a system that nobody has a place for yet.
func (a *Authority) enlist(id wire.ID, name string) *node {
	n := &node{id: id, name: name, sample: int32(len(a.all))}
	a.classify(n)
	a.nodes[id] = n
	a.all = append(a.all, n)
	return n
}

// settle gives a system its addresses and places.
func (a *Authority) settle(n *node, addrs []netip.AddrPort, links []verdict.Link) {
	a.atlas.remove(n)
	n.addrs, n.links = addrs, links[:min(len(links), maxLinks)]
	a.atlas.insert(n)
}

// dismiss forgets a system.
func (a *Authority) dismiss(n *node) {
	a.atlas.remove(n)
	delete(a.nodes, n.id)
	delete(a.sent, n)
	last := a.all[len(a.all)-1]
	a.all[n.sample], last.sample = last, n.sample
	a.all = a.all[:len(a.all)-1]
}

// guessLinks keeps what is known of addresses that stay, and assumes the usual
// prefix lengths for new ones until discovery knows better.
func guessLinks(known []verdict.Link, addrs []netip.AddrPort) []verdict.Link {
	links := make([]verdict.Link, 0, len(addrs))
	for _, addr := range addrs {
		ip := addr.Addr()
		if i := slices.IndexFunc(known, func(l verdict.Link) bool { return l.Addr == ip }); i >= 0 {
			links = append(links, known[i])
			continue
		}
		bits := 64
		if ip.Unmap().Is4() {
			ip, bits = ip.Unmap(), 24
		}
		subnet, _ := ip.Prefix(bits)
		links = append(links, verdict.Link{Addr: addr.Addr(), Subnet: subnet})
	}
	return links
}

// seat is where the plan is to put the system: by its best address.
func (n *node) seat() ring.Seat {
	s := ring.Seat{ID: n.id, Addr: n.addr()}
	if len(n.addrs) > 1 {
		s.Alt = n.addrs[1:]
	}
	if len(n.links) > 0 {
		l := n.links[0]
		for _, o := range n.links {
			if o.Addr == s.Addr.Addr() {
				l = o
				break
			}
		}
		s.Switch, s.Port, s.Subnet = l.Switch, l.Port, l.Subnet
	}
	return s
}

func (n *node) addr() netip.AddrPort {
	if len(n.addrs) == 0 {
		return netip.AddrPort{}
	}
	return n.addrs[0]
}

func (n *node) portOn(chassis string) string {
	for i := range n.links {
		if n.links[i].Switch == chassis {
			return n.links[i].Port
		}
	}
	return ""
}

func (a *Authority) timing(n *node) wire.Timing {
	if n.timing != nil {
		return *n.timing
	}
	return a.cfg.Timing
}

// world shows an Authority to the judge.
type world struct{ a *Authority }

func (w world) Name(id wire.ID) string {
	if n := w.a.nodes[id]; n != nil {
		return n.name
	}
	return id.String()
}

func (w world) Place(chassis string) string { return w.a.Place(chassis) }

func (w world) Links(dst []verdict.Link, id wire.ID) []verdict.Link {
	if n := w.a.nodes[id]; n != nil {
		dst = append(dst, n.links...)
	}
	return dst
}

func (w world) Witnesses(dst []wire.ID, id wire.ID) []wire.ID {
	var buf [4]ring.Neighbor
	for _, n := range w.a.plan.Neighbors(buf[:0], id) {
		dst = append(dst, n.ID)
	}
	return dst
}

func (w world) Behind(dst []wire.ID, chassis string) []wire.ID {
	return ids(dst, w.a.atlas.behind[chassis])
}

func (w world) Bare(dst []wire.ID, subnet netip.Prefix) []wire.ID {
	return ids(dst, w.a.atlas.bare[subnet])
}

func (w world) Switches(dst []string, subnet netip.Prefix) []string {
	return append(dst, w.a.atlas.switches[subnet]...)
}

func (w world) Beside(dst []netip.Prefix, subnet netip.Prefix, n int) []netip.Prefix {
	list := w.a.atlas.subnets
	at, ok := slices.BinarySearchFunc(list, subnet, comparePrefix)
	if !ok {
		return dst
	}
	if n >= 0 {
		return append(dst, list[at+1:min(at+1+n, len(list))]...)
	}
	for i := at - 1; i >= max(0, at+n); i-- {
		dst = append(dst, list[i])
	}
	return dst
}

func (w world) Sample(dst []wire.ID, n int) []wire.ID {
	all := w.a.all
	n = min(n, len(all))
	if n == 0 {
		return dst
	}
	start := w.a.rnd.IntN(len(all))
	for i := range n { // each once: of a few, the one that matters must not be missed
		dst = append(dst, all[(start+i*len(all)/n)%len(all)].id)
	}
	return dst
}

func (w world) Runs(id wire.ID) (time.Time, bool) {
	n := w.a.nodes[id]
	if n == nil || n.echoed != n.gen {
		return time.Time{}, false
	}
	return n.ran, true
}

func (w world) Ours(id wire.ID) bool {
	n := w.a.nodes[id]
	return n != nil && (n.agreed || !n.started.IsZero())
}

func (w world) Contested(dst []netip.Addr, id wire.ID) []netip.Addr {
	if n := w.a.nodes[id]; n != nil {
		dst = w.a.contested(dst, n)
	}
	return dst
}

func (w world) Dead(id wire.ID) time.Duration {
	if n := w.a.nodes[id]; n != nil {
		return w.a.timing(n).Dead
	}
	return w.a.cfg.Timing.Dead
}

func ids(dst []wire.ID, nodes []*node) []wire.ID {
	for _, n := range nodes {
		dst = append(dst, n.id)
	}
	return dst
}
