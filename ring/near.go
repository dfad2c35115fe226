package ring

import "assim/wire"

// Bounds on a view of the near.
const (
	// nearBytes is what the members of such a view may take, with their keys: with
	// the rest of an order they fit into one datagram.
	nearBytes = 1000
	// nearShare is one in how many members of a ring may know the near of it only:
	// it stays so until the ring changes, so in the long run that many do.
	nearShare = 2
)

// Near is Views for one who has just started alone, cut to those around it: it
// needs the others only to see across many lost ones in a row. ok is false when
// it has to be told the whole: it has other duties, somebody near it is lost, or
// too many of its ring know the near only.
func (p *Plan) Near(id wire.ID) (views []wire.RingView, ok bool) {
	s := p.seats[id]
	if s == nil {
		return nil, false
	}
	c := s.in[s.home]
	near := 0
	for l := range s.in {
		if l != int(s.home) && s.in[l] != nil {
			return nil, false
		}
	}
	for _, m := range c.members {
		if m.near > 0 && m != s {
			near++
		}
	}
	reach := c.nearReach(s)
	if near >= len(c.members)/nearShare || 2*reach+1 >= len(c.members) {
		return nil, false
	}
	at := c.index(s)
	v := wire.RingView{Ring: c.id, Level: c.level, Version: c.version, Size: uint16(len(c.members)), Self: uint16(reach)}
	for i := -reach; i <= reach; i++ {
		if !alive(c.at(at + i)) {
			return nil, false
		}
		v.Members = append(v.Members, c.at(at+i).entry())
	}
	s.flags &^= isUrgent | isStale | isDated
	s.dated, s.unknown = 0, [levels]uint32{}
	s.near, s.told = uint8(reach), 0
	delete(p.told, s)
	return []wire.RingView{v}, true
}

// nearReach is how far a view of the near reaches to each side of s.
func (c *circle) nearReach(s *seated) int {
	room, reach, at := nearBytes-s.size(), 0, c.index(s)
	for reach < (len(c.members)-1)/2 {
		room -= c.at(at+reach+1).size() + c.at(at-reach-1).size()
		if room < 0 {
			break
		}
		reach++
	}
	return reach
}

// size is about what a member takes in an order: id, key and addresses.
func (s *seated) size() int {
	n := 33 + addrSize(s.Addr.Addr().Unmap().BitLen())
	for _, a := range s.Alt {
		n += addrSize(a.Addr().Unmap().BitLen())
	}
	return n
}

func addrSize(bits int) int { return 3 + bits/8 }

// knows says whether m, as it was told last, knows x on a ring of both.
func (c *circle) knows(m, x *seated) bool {
	if m.near == 0 || m.in[m.home] != c || x == nil || x.in[c.level] != c {
		return true
	}
	n := len(c.members)
	apart := (c.index(m) - c.index(x) + n) % n
	return min(apart, n-apart) <= int(m.near)
}
