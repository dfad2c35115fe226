package ring

import (
	"cmp"
	"slices"
	"sort"

	"assim/wire"
)

// circle is one ring.
type circle struct {
	id      uint64
	level   uint8
	version uint32
	group   *group
	members []*seated // in order
	deputy  *seated   // who speaks for it on the ring above; nil = nobody yet
	weak    bool      // on Plan.weak
	rosters []roster  // as told, newest last
}

// roster is a version of a ring as it was told.
type roster struct {
	version uint32
	members []wire.Member
}

// compare orders members of one level. Deputies take the place of the ring they
// speak for, so that replacing one moves nobody.
func compare(level uint8, a, b *seated) int {
	switch level {
	case switchLevel:
		return cmp.Or(natural(a.Port, b.Port), compareID(a, b))
	case subnetLevel:
		return cmp.Or(natural(a.Switch, b.Switch), cmp.Compare(a.speaksFor(level), b.speaksFor(level)), a.Addr.Compare(b.Addr), compareID(a, b))
	}
	return cmp.Or(comparePrefix(a, b), cmp.Compare(a.speaksFor(level), b.speaksFor(level)), compareID(a, b))
}

func compareID(a, b *seated) int { return slices.Compare(a.ID[:], b.ID[:]) }

func comparePrefix(a, b *seated) int {
	return cmp.Or(a.Subnet.Addr().Compare(b.Subnet.Addr()), cmp.Compare(a.Subnet.Bits(), b.Subnet.Bits()))
}

// speaksFor is the id of the ring for which s sits on a level; 0 = for itself.
func (s *seated) speaksFor(level uint8) uint64 {
	if c := s.below(level); c != nil {
		return c.id
	}
	return 0
}

// below is the ring for which s sits on a level; nil = for itself.
func (s *seated) below(level uint8) *circle {
	if level <= s.home {
		return nil
	}
	if level == topLevel && s.home == switchLevel {
		return parent(s.in[switchLevel])
	}
	return s.in[level-1]
}

// parent is the ring on which the deputy of c sits.
func parent(c *circle) *circle {
	if c == nil || c.deputy == nil {
		return nil
	}
	return c.deputy.in[c.level+1]
}

// index is where s sits in c.
func (c *circle) index(s *seated) int {
	if len(c.members) <= 64 {
		return slices.Index(c.members, s)
	}
	i := sort.Search(len(c.members), func(i int) bool { return compare(c.level, c.members[i], s) >= 0 })
	if i < len(c.members) && c.members[i] == s {
		return i
	}
	return slices.Index(c.members, s)
}

// group finds or makes the group in which s sits on a level.
func (p *Plan) group(s *seated, level uint8) *group {
	at := place{level: level}
	if level < topLevel {
		at.subnet = s.Subnet
	}
	if level == switchLevel {
		at.chass = s.Switch
	}
	g := p.groups[at]
	if g == nil {
		g = &group{place: at}
		p.groups[at] = g
	}
	return g
}

// insert seats s on a level, and appoints deputies where a ring came into being.
func (p *Plan) insert(s *seated, level uint8) *circle {
	g := p.group(s, level)
	if len(g.rings) == 0 {
		g.rings = append(g.rings, p.newCircle(g))
	}
	i := sort.Search(len(g.rings), func(i int) bool { return compare(level, g.rings[i].members0(s), s) > 0 })
	c := g.rings[max(i-1, 0)]
	at, _ := slices.BinarySearchFunc(c.members, s, func(a, b *seated) int { return compare(level, a, b) })
	c.members = slices.Insert(c.members, at, s)
	s.in[level] = c
	c.version++
	s.since[level] = c.version
	p.touch(c, at)
	p.mark(s, isMoved)
	p.split(c)
	p.appoint(c)
	return s.in[level]
}

// members0 is the first member of c, or otherwise.
func (c *circle) members0(otherwise *seated) *seated {
	if len(c.members) == 0 {
		return otherwise
	}
	return c.members[0]
}

func (p *Plan) newCircle(g *group) *circle {
	c := &circle{id: p.next, level: g.level, group: g}
	p.next++
	p.rings[c.id] = c
	return c
}

// remove takes s off a level. A ring without members is given up, and so is its
// deputy's seat.
func (p *Plan) remove(s *seated, level uint8) {
	c := s.in[level]
	at := c.index(s)
	c.members = slices.Delete(c.members, at, at+1)
	s.in[level] = nil
	c.version++
	p.mark(s, isMoved|isUrgent)
	if len(c.members) == 0 {
		p.giveUp(c)
		return
	}
	p.mark(c.members[at%len(c.members)], isMoved) // so that the version is stored
	p.touch(c, at)
	p.merge(c)
}

func (p *Plan) giveUp(c *circle) {
	if c.deputy != nil {
		d := c.deputy
		c.deputy = nil
		p.remove(d, c.level+1)
	}
	delete(p.rings, c.id)
	c.group.rings = slices.DeleteFunc(c.group.rings, func(x *circle) bool { return x == c })
	if len(c.group.rings) == 0 {
		delete(p.groups, c.group.place)
	}
}

// touch marks the members next to a change as urgent and the others, as far as
// they are told of it, as stale.
func (p *Plan) touch(c *circle, at int) { p.tell(c, at, isStale) }

// tell is touch with a say in when the others are told: at leisure, if they are
// stale; when they have to do with the CMA anyway, if they are dated.
func (p *Plan) tell(c *circle, at int, when uint8) {
	n := len(c.members)
	if n == 0 {
		return
	}
	near := n
	if c.level == topLevel {
		near = min(n, 2*p.limits.Window+3)
	}
	first := at - near/2
	for i := range near {
		j := ((first+i)%n + n) % n
		if gap := (j - at + n) % n; gap <= 1 || gap == n-1 {
			p.mark(c.members[j], isUrgent)
		} else {
			p.age(c.members[j], when, near)
			if m := c.members[j]; when == isDated && m.unknown[c.level] == 0 {
				m.unknown[c.level] = c.version
			}
		}
	}
	for _, dir := range []int{1, -1} {
		if m := c.after(at, dir, alive); m != nil {
			p.mark(m, isUrgent) // looks past lost ones at what changed
		}
	}
	p.ageSweepers(c, when)
}

// age notes that somebody was not told of a change. A roster that a quarter of
// its ring is missing from cannot wait for a chance any more.
func (p *Plan) age(s *seated, when uint8, told int) {
	if when == isDated {
		if s.dated++; int(s.dated) > max(fewDated, told/4) {
			when = isStale
		}
	}
	p.mark(s, when)
}

// ageSweepers notes that the neighbors of c's deputy, who are told its roster,
// were not told of a change of it.
func (p *Plan) ageSweepers(c *circle, when uint8) {
	u := parent(c)
	if u == nil || len(u.members) < 2 {
		return
	}
	at := u.index(c.deputy)
	n := len(u.members)
	p.age(u.members[(at+1)%n], when, len(c.members))
	p.age(u.members[(at+n-1)%n], when, len(c.members))
}

// split halves a ring that has grown too big. The top ring is never split.
func (p *Plan) split(c *circle) {
	if c.level == topLevel || len(c.members) <= p.limits.Ring {
		return
	}
	above := parent(c)
	half := len(c.members) / 2
	d := p.newCircle(c.group)
	d.members = slices.Clone(c.members[half:])
	clear(c.members[half:])
	c.members = c.members[:half]
	g := c.group
	g.rings = slices.Insert(g.rings, slices.Index(g.rings, c)+1, d)
	c.version++
	p.mark(c.members[0], isMoved)
	d.version = c.version
	for _, s := range d.members {
		s.in[c.level], s.since[c.level] = d, d.version
		p.mark(s, isMoved|isStale)
	}
	p.seams(c)
	p.seams(d)
	p.reappoint(c)
	if above != nil {
		p.reappoint(above) // whoever spoke for it may have gone with d
	}
	p.appoint(d)
}

// seams marks both ends of a ring that was cut or joined.
func (p *Plan) seams(c *circle) {
	p.touch(c, 0)
	p.touch(c, len(c.members)-1)
}

// merge joins a ring with the one after or before it when both have become
// small: half the size at which they would be split again.
func (p *Plan) merge(c *circle) {
	g := c.group
	i := slices.Index(g.rings, c)
	for _, j := range []int{i, i - 1} {
		if j < 0 || j+1 >= len(g.rings) || len(g.rings[j].members)+len(g.rings[j+1].members) > p.limits.Ring/2 {
			continue
		}
		a, b := g.rings[j], g.rings[j+1]
		above := parent(b)
		a.version = max(a.version, b.version) + 1
		seam := len(a.members)
		p.mark(a.members[0], isMoved)
		a.members = append(a.members, b.members...)
		for _, s := range b.members {
			s.in[a.level], s.since[a.level] = a, a.version
			p.mark(s, isMoved)
		}
		b.members = nil
		p.giveUp(b)
		p.touch(a, seam)
		p.touch(a, 0)
		if above != nil && p.rings[above.id] == above {
			p.reappoint(above)
		}
		p.relieve(a)
		return
	}
}

// readdressed tells the neighbors of s that it has another address.
func (p *Plan) readdressed(s *seated) {
	for _, c := range s.in {
		if c != nil {
			c.version++
			p.touch(c, c.index(s))
		}
	}
	p.mark(s, isMoved)
}
