package ring

import (
	"slices"

	"assim/wire"
)

// appoint gives a ring a deputy if it has none.
func (p *Plan) appoint(c *circle) {
	if c.level == topLevel || c.deputy != nil || len(c.members) == 0 {
		return
	}
	d := c.candidate(nil)
	c.deputy = d
	p.insert(d, c.level+1)
}

// reappoint replaces a deputy that is not of its ring any more.
func (p *Plan) reappoint(c *circle) {
	if c.deputy != nil && !c.represents(c.deputy) {
		p.succeed(c, true)
	}
}

// represents says whether s is a member of c or of one of the rings that sit on
// it.
func (c *circle) represents(s *seated) bool {
	return s.in[c.level] == c || s.home < c.level && s.home == switchLevel && parent(s.in[switchLevel]) == c
}

// candidate chooses who speaks for c next: somebody alive without another duty
// if there is one. For a subnet ring it is a member of the switch rings below
// it, not their deputy, for nobody should have more than four neighbors.
func (c *circle) candidate(not *seated) *seated {
	best, rank := (*seated)(nil), 1<<30
	consider := func(s *seated) bool {
		if r := s.burden(c.level + 1); s != not && s.in[c.level+1] == nil && r < rank {
			best, rank = s, r
		}
		return rank == 0
	}
	for _, m := range c.members {
		if consider(m) {
			return best
		}
		b := m.below(c.level)
		if b == nil {
			continue
		}
		if slices.ContainsFunc(b.members, consider) {
			return best
		}
	}
	return best
}

// burden is how unwelcome a duty on a level would be to s; 0 = not at all.
func (s *seated) burden(level uint8) int {
	n := 0
	for l := s.home + 1; l < levels; l++ {
		if s.in[l] != nil && l != level {
			n++
		}
	}
	if s.flags&isLost != 0 {
		n += 8
	}
	return n
}

// succeed gives the seat of c's deputy on the ring above to somebody else whom c
// has. Without a better one it keeps it, unless it must go.
func (p *Plan) succeed(c *circle, must bool) {
	d := c.deputy
	x := c.candidate(d)
	switch {
	case x != nil && (must || x.flags&isLost == 0):
		p.handOver(c, x)
	case must:
		c.deputy = nil
		p.remove(d, c.level+1)
	}
}

// handOver seats x where c's deputy sat. The one beside it and x itself are told
// now; everybody else still finds the ring in its place, and hears of the
// succession when there is something else to say.
func (p *Plan) handOver(c *circle, x *seated) {
	d := c.deputy
	u := d.in[c.level+1]
	at := u.index(d)
	u.members[at] = x
	d.in[u.level], x.in[u.level] = nil, u
	u.version++
	x.since[u.level] = u.version
	c.deputy = x
	p.mark(d, isMoved|isUrgent)
	p.mark(x, isMoved|isUrgent)
	p.tell(u, at, isDated)
}

// relieve takes the second duty from a switch ring's deputy that has two as soon
// as somebody else can take it.
func (p *Plan) relieve(c *circle) {
	d := c.deputy
	if c.level != switchLevel || d == nil || d.in[topLevel] == nil {
		return
	}
	for _, s := range c.members {
		if s.burden(topLevel) == 0 {
			p.handOver(d.below(topLevel), s)
			return
		}
	}
}

// replaceLost gives the duties of those who are lost to others, and lets those
// who are back take over from deputies who are lost.
func (p *Plan) replaceLost() {
	weak := p.weak
	p.weak = nil
	defer p.widen()
	for _, c := range weak {
		c.weak = false
		p.besideLost(c)
		for b := c; b != nil && len(b.members) > 0; b = parent(b) {
			if b.deputy != nil && b.deputy.flags&isLost != 0 {
				p.succeed(b, false)
			}
		}
		if c.level == switchLevel {
			p.relieve(c)
			continue
		}
		for _, m := range slices.Clone(c.members) {
			if m.flags&isLost != 0 && m.in[c.level] == c && c.level > m.home {
				p.succeed(m.below(c.level), false)
			}
		}
	}
}

// widen tells those beside a run of lost members of the top ring of whom they
// see no end: their window reaches further now.
func (p *Plan) widen() {
	edges := p.edges
	p.edges = nil
	for _, s := range edges {
		c := s.in[topLevel]
		if c == nil || len(c.members) <= 2*p.limits.Window+1 {
			continue
		}
		at := c.index(s)
		if s.flags&isLost != 0 {
			p.beside(c, at)
		}
		for _, dir := range []int{1, -1} {
			run := 0
			for run < widestWindow && c.at(at+dir*run).flags&isLost != 0 {
				run++
			}
			back := 0
			for back < widestWindow && c.at(at-dir*back).flags&isLost != 0 {
				back++
			}
			if run+back > p.limits.Window {
				p.mark(c.at(at+dir*run), isUrgent)
			}
		}
	}
}

// besideLost looks after those who look past a lost member now. They are to
// sweep the ring of another deputy, which can wait; but one whose roster is old
// may not know its new neighbor at all, which cannot.
func (p *Plan) besideLost(c *circle) {
	if c.level == topLevel && len(c.members) > wire.MaxMembers {
		return // widen does it
	}
	for i, m := range c.members {
		if m.flags&isLost != 0 {
			p.beside(c, i)
		}
	}
}

// beside marks the nearest living members around a lost one.
func (p *Plan) beside(c *circle, at int) {
	for _, dir := range []int{1, -1} {
		m := c.after(at, dir, alive)
		if m == nil {
			continue
		}
		if m.flags&(isStale|isDated) != 0 || m.near > 0 && c.lostFrom(at, dir, int(m.near)/2) {
			p.mark(m, isUrgent)
		} else if c.level > switchLevel && p.sweepsAnew(c, m) {
			p.mark(m, isStale)
		}
	}
}

// lostFrom says whether a lost member ends a run of n of them, seen in a
// direction: who knows the near only needs the rest of the ring soon.
func (c *circle) lostFrom(at, dir, n int) bool {
	for i := range n {
		if alive(c.at(at - dir*i)) {
			return false
		}
	}
	return true
}

// sweepsAnew says whether s is to sweep a ring beside it on c of which it was
// never told. Members that speak for nobody are no reason to tell it anything.
func (p *Plan) sweepsAnew(c *circle, s *seated) bool {
	known := p.told[s]
	return slices.ContainsFunc(p.sweeps(nil, c, s), func(v wire.RingView) bool {
		return !slices.ContainsFunc(known, func(t told) bool { return t.sweep && t.ring == v.Ring })
	})
}
