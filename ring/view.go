package ring

import (
	"iter"
	"net/netip"
	"slices"

	"assim/wire"
)

// keptRosters is how many versions of a ring's roster are remembered: reports
// count in the one their sender was told.
const keptRosters = 3

// Views returns the rings as id is to be told: those it sits in, and those to
// sweep when one of its neighbors above is lost. Members are shared between all
// who are told of a ring and must not be changed. Keys are left to the caller.
// Whoever asks for views tells them: id is not urgent or stale any more.
func (p *Plan) Views(id wire.ID) []wire.RingView {
	s := p.seats[id]
	if s == nil {
		return nil
	}
	s.flags &^= isUrgent | isStale | isDated
	s.dated, s.near, s.unknown = 0, 0, [levels]uint32{}
	views := p.views(s)
	p.remember(s, views)
	return views
}

// Changes is Views for one who runs what it was told last: rings that are as
// they were then are marked Same, and have no members.
func (p *Plan) Changes(id wire.ID) []wire.RingView {
	s := p.seats[id]
	if s == nil {
		return nil
	}
	home, more := s.told, p.told[s]
	views := p.Views(id)
	for i := range views {
		v := &views[i]
		known := slices.Contains(more, toldOf(v)) || !v.Sweep && v.Level == s.home && v.Version == home
		if known && len(v.Members) == int(v.Size) {
			v.Same, v.Members = true, nil
		}
	}
	return views
}

// told is which version of which ring somebody was told, and to what end.
type told struct {
	ring    uint64
	version uint32
	sweep   bool
}

func toldOf(v *wire.RingView) told { return told{v.Ring, v.Version, v.Sweep} }

// remember keeps what s was told. For nearly all that is one ring.
func (p *Plan) remember(s *seated, views []wire.RingView) {
	s.told = 0
	if len(views) == 1 && !views[0].Sweep {
		s.told = views[0].Version
		delete(p.told, s)
		return
	}
	list := make([]told, len(views))
	for i := range views {
		list[i] = toldOf(&views[i])
	}
	p.told[s] = list
}

func (p *Plan) views(s *seated) []wire.RingView {
	var views []wire.RingView
	for _, c := range s.in {
		if c != nil {
			views = append(views, p.view(c, s))
		}
	}
	for l := uint8(subnetLevel); l < levels; l++ {
		if s.in[l] != nil {
			views = p.sweeps(views, s.in[l], s)
		}
	}
	return views
}

// view is a ring as one of its members is told.
func (p *Plan) view(c *circle, s *seated) wire.RingView {
	v := wire.RingView{
		Ring: c.id, Level: c.level, Version: c.version,
		Size: uint16(min(len(c.members), 1<<16-1)),
	}
	at := c.index(s)
	if c.level != topLevel || len(c.members) <= 2*p.limits.Window+1 {
		v.Members, v.Self, v.Lost = c.roster(), uint16(at), lostOf(c.members)
		return v
	}
	before, after := p.window(c, at, -1), p.window(c, at, 1)
	if before+after+1 >= len(c.members) {
		v.Members, v.Self, v.Lost = c.roster(), uint16(at), lostOf(c.members)
		return v
	}
	shown := make([]*seated, 0, before+after+1)
	for i := -before; i <= after; i++ {
		shown = append(shown, c.at(at+i))
	}
	v.Members = make([]wire.Member, len(shown))
	for i, m := range shown {
		v.Members[i] = m.entry()
	}
	v.Self, v.Lost = uint16(before), lostOf(shown)
	return v
}

// window is how many members of the top ring are shown in a direction: enough
// that a window of living ones is among them.
func (p *Plan) window(c *circle, at, dir int) int {
	n, alive := 0, 0
	for alive < p.limits.Window && n < widestWindow && n < len(c.members)-1 {
		n++
		if c.at(at+dir*n).flags&isLost == 0 {
			alive++
		}
	}
	return n
}

// widestWindow keeps a view with both its sides below wire.MaxMembers.
const widestWindow = (wire.MaxMembers - 1) / 2

// at is the member at an index, counted around the circle.
func (c *circle) at(i int) *seated {
	n := len(c.members)
	return c.members[(i%n+n)%n]
}

// lostOf are the bits of those who are known to be lost; nil = nobody.
func lostOf(members []*seated) []byte {
	var bits []byte
	for i, m := range members {
		if m.flags&isLost == 0 {
			continue
		}
		if bits == nil {
			bits = make([]byte, (len(members)+7)/8)
		}
		bits[i/8] |= 1 << (i % 8)
	}
	return bits
}

// roster is the whole ring as told, made once per version.
func (c *circle) roster() []wire.Member {
	if n := len(c.rosters); n > 0 && c.rosters[n-1].version == c.version {
		return c.rosters[n-1].members
	}
	r := roster{version: c.version, members: make([]wire.Member, len(c.members))}
	for i, s := range c.members {
		r.members[i] = s.entry()
	}
	if len(c.rosters) == keptRosters {
		c.rosters = slices.Delete(c.rosters, 0, 1)
	}
	c.rosters = append(c.rosters, r)
	return r.members
}

func (s *seated) entry() wire.Member { return wire.Member{ID: s.ID, Addr: s.Addr, Alt: s.Alt} }

// sweeps appends the rings that the neighbors of s on u speak for: its neighbors
// by plan, and those it has because they are lost.
func (p *Plan) sweeps(views []wire.RingView, u *circle, s *seated) []wire.RingView {
	at := u.index(s)
	for _, d := range []int{1, -1} {
		first := u.after(at, d, func(*seated) bool { return true })
		living := u.after(at, d, alive)
		for _, m := range []*seated{first, living} {
			if m == nil {
				continue
			}
			c := m.below(u.level)
			told := func(v wire.RingView) bool { return v.Ring == c.id }
			if c == nil || slices.Contains(s.in[:], c) || slices.ContainsFunc(views, told) {
				continue
			}
			views = append(views, wire.RingView{
				Ring: c.id, Level: c.level, Version: c.version, Size: uint16(len(c.members)),
				Members: c.roster(), Sweep: true, Deputy: m.ID,
			})
		}
	}
	return views
}

// after is the first member from an index on, in a direction, of whom ok says
// yes; nil when there is none within what anybody is shown.
func (c *circle) after(at, dir int, ok func(*seated) bool) *seated {
	for i := 1; i < min(len(c.members), wire.MaxMembers); i++ {
		if m := c.at(at + dir*i); ok(m) {
			return m
		}
	}
	return nil
}

func alive(m *seated) bool { return m.flags&isLost == 0 }

// Neighbor is one of those a system heartbeats with, by plan.
type Neighbor struct {
	ID    wire.ID
	Ring  uint64
	Level uint8
}

// Neighbors appends whom id heartbeats with, looking past lost ones: at most
// four, unless it is alone on its switch.
func (p *Plan) Neighbors(dst []Neighbor, id wire.ID) []Neighbor {
	s := p.seats[id]
	if s == nil {
		return dst
	}
	start := len(dst)
	for _, c := range s.in {
		if c == nil {
			continue
		}
		at := c.index(s)
		for _, d := range []int{1, -1} {
			m := c.after(at, d, alive)
			known := func(n Neighbor) bool { return n.ID == m.ID }
			if m != nil && !slices.ContainsFunc(dst[start:], known) {
				dst = append(dst, Neighbor{ID: m.ID, Ring: c.id, Level: c.level})
			}
		}
	}
	return dst
}

// Run resolves the Run of an observation that somebody made: About and those
// lost with it, in ring order. Who came into the ring after the roster that was
// counted in is not among them, nor who was not told of the observer, and so
// could not answer it; who left the ring is not missed.
func (p *Plan) Run(dst []wire.ID, by wire.ID, o *wire.Observation) []wire.ID {
	dst = append(dst, o.About)
	s, c, x := p.seats[o.About], p.rings[o.Ring], p.seats[by]
	if s == nil || c == nil || s.in[c.level] != c {
		return dst
	}
	dir, want := 1, int(o.Run)
	if want < 0 {
		dir, want = -1, -want
	}
	n, at := len(c.members), c.index(s)
	for i := 1; i < n && want > 1; i++ {
		m := c.at(at + dir*i)
		if m.ID == o.NewNeighbor {
			break
		}
		if m.since[c.level] <= o.Version {
			want--
			if c.knows(m, x) && (x == nil || m.unknown[c.level] == 0 || x.since[c.level] < m.unknown[c.level]) {
				dst = append(dst, m.ID)
			}
		}
	}
	return dst
}

// Swept resolves the Bits of an observation into who did not answer and who
// did. Who left the ring since had no reason to. ok is false when the roster they count in is not remembered any more.
func (p *Plan) Swept(silent, alive []wire.ID, o *wire.Observation) (quiet, heard []wire.ID, ok bool) {
	c := p.rings[o.Ring]
	if c == nil {
		return silent, alive, false
	}
	c.roster()
	i := slices.IndexFunc(c.rosters, func(r roster) bool { return r.version == o.Version })
	if i < 0 {
		return silent, alive, false
	}
	for j, m := range c.rosters[i].members {
		if j/8 < len(o.Bits) && o.Bits[j/8]>>(j%8)&1 == 1 {
			if s := p.seats[m.ID]; s != nil && s.in[c.level] == c {
				silent = append(silent, m.ID)
			}
		} else {
			alive = append(alive, m.ID)
		}
	}
	return silent, alive, true
}

// Info describes one ring to people.
type Info struct {
	Ring    uint64
	Level   uint8
	Version uint32
	Subnet  netip.Prefix // zero for the top ring
	Switch  string       // of a switch ring
	Deputy  wire.ID      // who speaks for it on the ring above; zero for the top ring
	Parent  uint64       // the ring above; 0 for the top ring
	Members []wire.ID    // in ring order
}

// Ring describes one ring.
func (p *Plan) Ring(ring uint64) (Info, bool) {
	c := p.rings[ring]
	if c == nil {
		return Info{}, false
	}
	i := Info{Ring: c.id, Level: c.level, Version: c.version, Subnet: c.group.subnet, Switch: c.group.chass}
	if c.deputy != nil {
		i.Deputy = c.deputy.ID
	}
	if u := parent(c); u != nil {
		i.Parent = u.id
	}
	for _, m := range c.members {
		i.Members = append(i.Members, m.ID)
	}
	return i, true
}

// Rings walks all rings: the top ring first, then subnet and switch rings by id.
func (p *Plan) Rings() iter.Seq[Info] {
	return func(yield func(Info) bool) {
		all := make([]*circle, 0, len(p.rings))
		for _, c := range p.rings {
			all = append(all, c)
		}
		slices.SortFunc(all, func(a, b *circle) int {
			if a.level != b.level {
				return int(b.level) - int(a.level)
			}
			if a.id < b.id {
				return -1
			}
			return 1
		})
		for _, c := range all {
			if i, ok := p.Ring(c.id); ok && !yield(i) {
				return
			}
		}
	}
}
