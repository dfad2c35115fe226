package ring

import (
	"slices"

	"assim/wire"
)

// Membership is a seat with the rings it was given: what is stored, so that a
// restarted CMA disturbs nobody.
type Membership struct {
	Seat
	Home   uint64 // its switch ring, or its subnet ring if it hears no switch
	Deputy uint64 // the subnet ring on which it speaks for its switch ring; 0 = none
	Top    uint64 // the top ring if it speaks there for its subnet ring; 0 = not
	// Versions of these three rings as they were. A ring continues from the
	// largest version that any of its members has stored.
	Versions [levels]uint32
}

// Membership returns what to store of id.
func (p *Plan) Membership(id wire.ID) (Membership, bool) {
	s := p.seats[id]
	if s == nil {
		return Membership{}, false
	}
	m := Membership{Seat: s.Seat, Home: s.in[s.home].id}
	if s.home == switchLevel && s.in[subnetLevel] != nil {
		m.Deputy = s.in[subnetLevel].id
	}
	if s.in[topLevel] != nil {
		m.Top = s.in[topLevel].id
	}
	for l, c := range s.in {
		if c != nil {
			m.Versions[l] = c.version
		}
	}
	return m, true
}

// Restore seats systems as they were stored, with at least the versions given;
// nil will do. Nobody becomes urgent or stale by
// it unless what was stored contradicts itself: then the plan is made whole, and
// those whom that touches are urgent.
func (p *Plan) Restore(members []Membership, versions map[uint64]uint32) {
	var all []*seated
	var tops []*Membership
	for i := range members {
		m := &members[i]
		if p.seats[m.ID] != nil {
			continue
		}
		s := &seated{Seat: m.Seat, home: subnetLevel}
		s.Subnet = s.Subnet.Masked()
		if m.Switch != "" {
			s.home = switchLevel
		}
		p.seats[m.ID] = s
		all, tops = append(all, s), append(tops, m)
		p.reseat(s, s.home, m.Home, m.Versions)
		if m.Deputy != 0 && s.home == switchLevel {
			p.reseat(s, subnetLevel, m.Deputy, m.Versions)
		}
	}
	p.restoreDeputies(all, subnetLevel)
	for i, s := range all {
		if tops[i].Top != 0 {
			p.reseat(s, topLevel, tops[i].Top, tops[i].Versions)
		}
	}
	p.restoreDeputies(all, topLevel)
	for id, v := range versions {
		if c := p.rings[id]; c != nil {
			c.version = max(c.version, v)
		}
	}
	p.makeWhole(all)
}

// reseat puts s into the ring with an id, in no order yet.
func (p *Plan) reseat(s *seated, level uint8, id uint64, versions [levels]uint32) {
	c := p.rings[id]
	g := p.group(s, level)
	switch {
	case id == 0 || c != nil && c.group != g:
		return // makeWhole finds a place
	case c == nil:
		c = &circle{id: id, level: level, group: g}
		p.rings[id] = c
		g.rings = append(g.rings, c)
		p.next = max(p.next, id+1)
	}
	c.version = max(c.version, versions[level])
	c.members = append(c.members, s)
	s.in[level] = c // since the beginning, as far as anybody knows
}

// restoreDeputies finds out who speaks for which ring, and takes a seat from
// those who speak for none or for one that has a deputy already.
func (p *Plan) restoreDeputies(all []*seated, level uint8) {
	for _, s := range all {
		if s.in[level] == nil || s.home >= level {
			continue
		}
		if c := s.below(level); c != nil && c.deputy == nil {
			c.deputy = s
			continue
		}
		u := s.in[level]
		u.members = slices.DeleteFunc(u.members, func(x *seated) bool { return x == s })
		s.in[level] = nil
	}
}

// makeWhole sorts all rings and repairs what does not fit.
func (p *Plan) makeWhole(all []*seated) {
	for _, c := range p.rings {
		slices.SortFunc(c.members, func(a, b *seated) int { return compare(c.level, a, b) })
	}
	for at, g := range p.groups {
		g.rings = slices.DeleteFunc(g.rings, func(c *circle) bool {
			if len(c.members) == 0 {
				delete(p.rings, c.id)
			}
			return len(c.members) == 0
		})
		if len(g.rings) == 0 {
			delete(p.groups, at)
			continue
		}
		slices.SortFunc(g.rings, func(a, b *circle) int { return compare(g.level, a.members[0], b.members[0]) })
	}
	for _, s := range all {
		if s.in[s.home] == nil {
			p.insert(s, s.home)
			p.mark(s, isUrgent)
		}
	}
	for l := uint8(switchLevel); l < topLevel; l++ {
		for _, s := range all {
			if c := s.in[l]; c != nil {
				p.appoint(c)
			}
		}
	}
}
