package session

import (
	"net/netip"

	"assim/wire"
)

// Route is a way to a nanoprobe.
type Route struct {
	To    netip.AddrPort
	From  netip.Addr // own address to send from; zero: any
	Epoch uint16     // of the key to seal with; 0: not known
}

// seen is all that is remembered of one nanoprobe.
type seen struct {
	session wire.Session
	done    uint32     // last number that is durable
	epoch   uint16     // Route.Epoch
	from    uint16     // Route.From: its place in table.own; 0: any
	to      netip.Addr // Route.To: its address, and
	port    uint16     // its port
	state   uint8      // of the bits below
}

// Bits of seen.state.
const (
	taken    = 1 << iota // done+1 is being processed
	begins               // what is being processed begins a session, in CMA.next
	verified             // this run's cookie came back
	strange              // another CMA acknowledged what this run did not
)

func (s *seen) is(bit uint8) bool { return s.state&bit != 0 }

const (
	chunk  = 1024    // entries of a table that are made at once
	maxOwn = 1 << 10 // own addresses that are told apart: of others any is used
)

// table holds entries side by side and finds them by one look at an index: a
// map of entries would leave half of their room empty, and one of pointers would
// have to be walked by the garbage collector.
type table struct {
	index  map[wire.ID]int32
	chunks []*[chunk]seen
	free   []int32      // entries of those who were forgotten
	own    []netip.Addr // own addresses that were spoken to; the first is none
}

// get returns what is known of id, the zero seen if nothing is.
func (t *table) get(id wire.ID) seen {
	if i, ok := t.index[id]; ok {
		return t.chunks[i/chunk][i%chunk]
	}
	return seen{}
}

func (t *table) put(id wire.ID, s seen) {
	i, ok := t.index[id]
	if !ok {
		i = t.room()
		t.index[id] = i
	}
	t.chunks[i/chunk][i%chunk] = s
}

// room returns an entry that is not in use: those in use are as many as the index
// has, and without gaps but for the free ones.
func (t *table) room() int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	i := int32(len(t.index))
	if int(i) == len(t.chunks)*chunk {
		t.chunks = append(t.chunks, new([chunk]seen))
	}
	return i
}

func (t *table) drop(id wire.ID) {
	if i, ok := t.index[id]; ok {
		delete(t.index, id)
		t.free = append(t.free, i)
	}
}

// place returns where an own address is in own.
func (t *table) place(a netip.Addr) uint16 {
	if !a.IsValid() {
		return 0
	}
	for i := range t.own {
		if i > 0 && t.own[i] == a {
			return uint16(i)
		}
	}
	if len(t.own) == 0 {
		t.own = append(t.own, netip.Addr{})
	}
	if len(t.own) == maxOwn {
		return 0
	}
	t.own = append(t.own, a)
	return uint16(len(t.own) - 1)
}

// Heard notes by which way a fresh message of id came. Who has no session has no
// route.
func (c *CMA) Heard(id wire.ID, r Route) {
	i, ok := c.seen.index[id]
	if !ok {
		return
	}
	s := &c.seen.chunks[i/chunk][i%chunk]
	s.to, s.port, s.epoch = r.To.Addr(), r.To.Port(), r.Epoch
	if s.from == 0 || c.seen.own[s.from] != r.From {
		s.from = c.seen.place(r.From)
	}
}

// Route returns the way by which id was last heard; ok is false when it was not
// in this run.
func (c *CMA) Route(id wire.ID) (r Route, ok bool) {
	s := c.seen.get(id)
	if !s.to.IsValid() {
		return Route{}, false
	}
	r = Route{To: netip.AddrPortFrom(s.to, s.port), Epoch: s.epoch}
	if s.from != 0 {
		r.From = c.seen.own[s.from]
	}
	return r, true
}
