package ring

import (
	"net/netip"

	"assim/wire"
)

// Limits bound a Plan.
type Limits struct {
	// Ring is how many members a switch or subnet ring may have before it is
	// split; 64 by default. Larger rings find longer runs of dead members at
	// once and cost more bytes per roster.
	Ring int
	// Window is how many members to each side a member of the top ring is told;
	// 16 by default.
	Window int
}

// The default limits.
const (
	defaultRing   = 64
	defaultWindow = 16
)

// Seat is what decides where a system sits.
type Seat struct {
	ID     wire.ID
	Addr   netip.AddrPort
	Alt    []netip.AddrPort
	Switch string       // chassis id of the switch it hears; empty = unknown
	Port   string       // port on it, compared in natural order (Eth1/2 before Eth1/10)
	Subnet netip.Prefix // of Addr
}

// Plan is the CMA's knowledge of all rings. What a change costs depends on the
// size of the rings it touches, not on the number of systems.
type Plan struct {
	limits Limits
	seats  map[wire.ID]*seated
	rings  map[uint64]*circle
	groups map[place]*group
	next   uint64             // id of the next new ring
	told   map[*seated][]told // in their newest orders, of those who were told of several rings

	weak   []*circle // whose deputy may have to be replaced
	edges  []*seated // on the top ring, lost or back since Urgent was drained
	urgent []wire.ID
	stale  []wire.ID
	moved  []wire.ID
}

// seated is a system with the rings it is in.
type seated struct {
	Seat
	in    [levels]*circle // by level: where it sits, at home or as a deputy
	since [levels]uint32  // version of that ring in which it came
	told  uint32          // version of that ring in its newest order, if it was told no other; 0 = unknown
	home  uint8           // level of the ring it sits in for itself
	flags uint8
	dated uint8 // changes it was not told of that can wait until it is told something anyway
	near  uint8 // how far to each side of its place at home it was told the ring; 0 = all of it
	// unknown is, by level, from which version on those who came into its ring are
	// not known to it; 0 = it knows all.
	unknown [levels]uint32
}

// What is to be done about a system, and what is known of it.
const (
	isUrgent = 1 << iota
	isStale
	isMoved
	isLost
	isDated
)

// fewDated is how many deputies may be succeeded on a ring, whatever its size,
// until those who were not told are told at leisure. More costs fewer orders;
// fewer leaves less to find out when many are lost at once.
const fewDated = 4

// The levels of rings.
const (
	switchLevel = iota
	subnetLevel
	topLevel
	levels
)

// place names a group: all systems of a level that could share a ring.
type place struct {
	level  uint8
	subnet netip.Prefix
	chass  string
}

// group is a list of rings of bounded size over one order.
type group struct {
	place
	rings []*circle
}

// NewPlan returns a plan without systems.
func NewPlan(l Limits) *Plan {
	if l.Ring <= 0 {
		l.Ring = defaultRing
	}
	if l.Window <= 0 {
		l.Window = defaultWindow
	}
	l.Ring = min(max(l.Ring, 4), wire.MaxMembers)
	l.Window = min(l.Window, widestWindow)
	return &Plan{
		limits: l, next: 1,
		seats: make(map[wire.ID]*seated), rings: make(map[uint64]*circle), groups: make(map[place]*group),
		told: make(map[*seated][]told),
	}
}

// Join seats a system, or moves it when it has a seat already. Nothing happens
// if the seat is the one it has.
func (p *Plan) Join(s Seat) {
	s.Subnet = s.Subnet.Masked()
	old := p.seats[s.ID]
	switch {
	case old == nil:
		p.seat(&seated{Seat: s})
	case sameOrder(&old.Seat, &s):
		if old.Addr != s.Addr || !equalAddrs(old.Alt, s.Alt) {
			old.Seat = s
			p.readdressed(old)
		}
	default:
		lost := old.flags & isLost
		p.Leave(s.ID)
		p.seat(&seated{Seat: s, flags: lost})
	}
}

func (p *Plan) seat(s *seated) {
	p.seats[s.ID] = s
	s.home = subnetLevel
	if s.Switch != "" {
		s.home = switchLevel
	}
	c := p.insert(s, s.home)
	p.relieve(c)
	p.mark(s, isMoved|isUrgent)
}

// Leave takes a system out for good (decommissioned). A dead one stays seated.
func (p *Plan) Leave(id wire.ID) {
	s := p.seats[id]
	if s == nil {
		return
	}
	delete(p.seats, id)
	delete(p.told, s)
	for l := uint8(topLevel); l > s.home; l-- {
		if c := s.below(l); s.in[l] != nil && c != nil {
			p.succeed(c, true)
		}
	}
	p.remove(s, s.home)
	p.mark(s, isMoved)
}

// SetLost tells that a system is known to be lost (or back): a lost deputy is
// replaced when somebody of its ring lives, and Neighbors looks past it. Tell
// all losses of one fault before you drain Urgent: a ring that is lost as a
// whole then keeps its deputies.
func (p *Plan) SetLost(id wire.ID, lost bool) {
	s := p.seats[id]
	if s == nil || (s.flags&isLost != 0) == lost {
		return
	}
	s.flags ^= isLost
	if s.in[topLevel] != nil {
		p.edges = append(p.edges, s)
	}
	for l := range s.in {
		if s.in[l] != nil && !s.in[l].weak {
			s.in[l].weak = true
			p.weak = append(p.weak, s.in[l])
		}
	}
}

// Urgent drains whom a change gave another neighbor, duty or neighbor's address:
// tell them now.
func (p *Plan) Urgent(dst []wire.ID) []wire.ID {
	p.replaceLost()
	for _, id := range p.urgent {
		if s := p.seats[id]; s != nil && s.flags&isUrgent != 0 {
			s.flags &^= isUrgent | isStale
			dst = append(dst, id)
		}
	}
	p.urgent = p.urgent[:0]
	return dst
}

// Stale drains at most max of those whose roster is merely older than the
// truth: tell them at leisure.
func (p *Plan) Stale(dst []wire.ID, max int) []wire.ID {
	n := 0
	for n < len(p.stale) && max > 0 {
		id := p.stale[n]
		n++
		if s := p.seats[id]; s != nil && s.flags&isStale != 0 {
			s.flags &^= isStale
			dst = append(dst, id)
			max--
		}
	}
	if p.stale = p.stale[n:]; len(p.stale) == 0 {
		p.stale = nil
	}
	return dst
}

// Dated says whether id was not told of a change that can wait until it has to
// do with the CMA anyway.
func (p *Plan) Dated(id wire.ID) bool {
	s := p.seats[id]
	return s != nil && s.flags&isDated != 0
}

// Outdated says whether id would be told something else now than when it was
// told last, or has somebody lost beside it, which it cannot know if it has just
// started.
func (p *Plan) Outdated(id wire.ID) bool {
	s := p.seats[id]
	if s == nil || s.flags&(isUrgent|isStale|isDated) != 0 {
		return true
	}
	for _, c := range s.in {
		if c == nil {
			continue
		}
		at := c.index(s)
		if !alive(c.at(at+1)) || !alive(c.at(at-1)) {
			return true
		}
	}
	return false
}

// Moved drains whose Membership changed: store them, and remove what was stored
// of those who have none any more.
func (p *Plan) Moved(dst []wire.ID) []wire.ID {
	for _, id := range p.moved {
		if s := p.seats[id]; s != nil {
			s.flags &^= isMoved
		}
		dst = append(dst, id)
	}
	p.moved = p.moved[:0]
	return dst
}

// Len is how many systems have a seat.
func (p *Plan) Len() int { return len(p.seats) }

// Lost says whether a system is known to be lost.
func (p *Plan) Lost(id wire.ID) bool {
	s := p.seats[id]
	return s != nil && s.flags&isLost != 0
}

// mark notes what is to be done about a system, once.
func (p *Plan) mark(s *seated, flags uint8) {
	fresh := flags &^ s.flags
	s.flags |= flags
	if fresh&isUrgent != 0 {
		p.urgent = append(p.urgent, s.ID)
	}
	if fresh&isStale != 0 {
		p.stale = append(p.stale, s.ID)
	}
	if fresh&isMoved != 0 {
		p.moved = append(p.moved, s.ID)
	}
}

// sameOrder says whether two seats of one system are the same place.
func sameOrder(a, b *Seat) bool {
	return a.Switch == b.Switch && a.Port == b.Port && a.Subnet == b.Subnet && (a.Switch != "" || a.Addr == b.Addr)
}

func equalAddrs(a, b []netip.AddrPort) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
