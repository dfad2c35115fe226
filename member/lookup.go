package member

import (
	"net/netip"
	"time"

	"assim/ring"
	"assim/wire"
)

// Peer is who is at the other end of an edge, and how its ticks are opened.
type Peer struct {
	ID   wire.ID   // zero for a sweep, whose other end says who it is
	Key  *[16]byte // nil when the view came without keys
	Also *[16]byte // to be tried when Key does not fit; nil = there is none
	Dir  wire.Dir  // in which its ticks travel
}

// Peer looks an edge up. Everybody in my rosters is known, and so are the edges
// on which rings are swept.
func (m *Member) Peer(e wire.Edge) (Peer, bool) {
	for i := range m.peers {
		if p := &m.peers[i]; p.edge == e {
			return m.other(m.want, int(p.view), int(p.index)), true
		}
	}
	if p, ok := m.peerIn(m.want, e); ok {
		return p, true
	}
	for f := m.former; f != nil; f = f.before {
		if p, ok := m.peerIn(f.want, e); ok {
			return p, true
		}
	}
	return Peer{}, false
}

func (m *Member) peerIn(d *wire.Desired, e wire.Edge) (Peer, bool) {
	for v := range d.Rings {
		view := &d.Rings[v]
		if wire.SweepEdge(view.Ring) == e {
			return Peer{Key: sweepKey(view), Dir: sweepDir(!view.Sweep)}, true
		}
		if view.Sweep {
			continue
		}
		if at := (ring.Roster{RingView: view}).Find(e, m.id); at >= 0 {
			return m.other(d, v, at), true
		}
	}
	return Peer{}, false
}

func (m *Member) other(d *wire.Desired, view, index int) Peer {
	v := &d.Rings[view]
	p := Peer{ID: v.Members[index].ID, Key: keyOf(v, index), Dir: wire.DirOf(v.Members[index].ID, m.id)}
	if index < len(v.Also) {
		p.Also = &v.Also[index]
	}
	return p
}

// ByAddr tells which roster member receives ticks at addr.
func (m *Member) ByAddr(addr netip.AddrPort) (wire.ID, bool) {
	for v := range m.want.Rings {
		for i := range m.want.Rings[v].Members {
			w := &m.want.Rings[v].Members[i]
			if w.ID != m.id && addressIndex(w, addr) >= 0 {
				return w.ID, true
			}
		}
	}
	return wire.ID{}, false
}

// peer finds a neighbor by its edge.
func (m *Member) peer(e wire.Edge) *peer {
	for i := range m.peers {
		if m.peers[i].edge == e {
			return &m.peers[i]
		}
	}
	return nil
}

// peerAt finds or makes the neighbor of a roster entry.
func (m *Member) peerAt(view uint16, index int, now time.Duration) *peer {
	e := wire.EdgeOf(m.id, m.want.Rings[view].Members[index].ID)
	if p := m.peer(e); p != nil {
		return p
	}
	p := peer{edge: e, view: view, index: uint16(index), dual: len(m.want.Rings[view].Members[index].Alt) > 0}
	p.hb.Watch(now)
	m.peers = append(m.peers, p)
	return &m.peers[len(m.peers)-1]
}

// serves says whether p is my neighbor in a direction of a seat.
func (m *Member) serves(p *peer, s *seat, d ring.Dir) bool {
	n := *s.to(d)
	if n == 0 {
		return false
	}
	r := m.roster(s.view)
	at := r.At(d, int(n))
	if s.view == p.view {
		return at == int(p.index)
	}
	return r.Members[at].ID == m.entry(p).ID
}

// planned says whether the plan, not a loss, makes p my neighbor somewhere.
func (m *Member) planned(p *peer) bool {
	id := m.entry(p).ID
	for i := range m.seats {
		r := m.roster(m.seats[i].view)
		for _, d := range r.Sides() {
			if r.Members[r.At(d, 1)].ID == id {
				return true
			}
		}
	}
	return false
}

// serving says whether p is my neighbor anywhere.
func (m *Member) serving(p *peer) bool {
	for i := range m.seats {
		s := &m.seats[i]
		for _, d := range m.roster(s.view).Sides() {
			if m.serves(p, s, d) {
				return true
			}
		}
	}
	return false
}

func keyOf(v *wire.RingView, index int) *[16]byte {
	if index >= len(v.Keys) {
		return nil
	}
	return &v.Keys[index]
}

func sweepKey(v *wire.RingView) *[16]byte {
	if v.SweepKey == [16]byte{} {
		return nil
	}
	return &v.SweepKey
}

// sweepDir is Up for a question and Down for an answer.
func sweepDir(question bool) wire.Dir {
	if question {
		return wire.Up
	}
	return wire.Down
}

// addressIndex is 0 for Addr, i for Alt[i-1], -1 for none of them.
func addressIndex(w *wire.Member, addr netip.AddrPort) int {
	if w.Addr == addr {
		return 0
	}
	for i, a := range w.Alt {
		if a == addr {
			return i + 1
		}
	}
	return -1
}

func address(w *wire.Member, i uint8) netip.AddrPort {
	if i == 0 || int(i) > len(w.Alt) {
		return w.Addr
	}
	return w.Alt[i-1]
}
