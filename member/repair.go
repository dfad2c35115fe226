package member

import (
	"slices"
	"time"

	"assim/heartbeat"
	"assim/ring"
	"assim/wire"
)

// alive takes in proof of life from a neighbor of whom I was not sure.
func (m *Member) alive(now time.Duration, p *peer, before heartbeat.State, out *Out) {
	for i := range m.hunts {
		h := &m.hunts[i]
		if h.kind == sweep || m.seats[h.seat].view != p.view {
			continue
		}
		h.Answered(m.roster(p.view).Distance(h.dir, int(p.index)))
	}
	if p.sought {
		m.drop(p.edge)
	}
	same := !p.restarted || before == heartbeat.Unresponsive
	p.witness, p.restarted = unasked, false
	if !before.Lost() {
		return
	}
	m.drop(p.edge)
	if same && (p.accused || before == heartbeat.Gone || before == heartbeat.Stopped) {
		m.takeBack(now, p, out)
	}
	p.accused = false
	m.readopt(p)
}

// takeBack reports that one whom I accused lives after all. Others who were lost
// with it may be back with it: they are asked, and one report speaks for all.
func (m *Member) takeBack(now time.Duration, p *peer, out *Out) {
	for i := range m.seats {
		s := &m.seats[i]
		r := m.roster(s.view)
		if s.view != p.view {
			continue
		}
		for _, d := range r.Sides() {
			n, end := r.Distance(d, int(p.index)), s.end(r, d)
			if n > 0 && n < end && end > 2 {
				m.begin(now, hunt{kind: heal, seat: i, dir: d, about: p.edge, reach: end - 1})
				m.hunts[len(m.hunts)-1].Answered(n)
				return
			}
		}
	}
	v := &m.want.Rings[p.view]
	m.report(out, wire.Observation{Kind: wire.ObsAlive, About: m.entry(p).ID, Ring: v.Ring, Version: v.Version})
}

// readopt makes one who is back my neighbor again, wherever it is nearer than
// the one I have.
func (m *Member) readopt(p *peer) {
	id := m.entry(p).ID
	for i := range m.seats {
		s := &m.seats[i]
		r := m.roster(s.view)
		at := slices.IndexFunc(r.Members, func(w wire.Member) bool { return w.ID == id })
		if at < 0 {
			continue
		}
		for _, d := range r.Sides() {
			if n := r.Distance(d, at); n > 0 && n < s.end(r, d) {
				*s.to(d) = uint16(n)
				m.callOff(i, d, n)
			}
		}
	}
	m.retire()
}

// callOff ends the searches beyond a neighbor that I have again.
func (m *Member) callOff(seat int, d ring.Dir, nearer int) {
	for i := len(m.hunts) - 1; i >= 0; i-- {
		h := &m.hunts[i]
		if h.kind == seek && h.seat == seat && h.dir == d && h.from > nearer {
			m.drop(h.about)
			i = len(m.hunts)
		}
	}
}

// retire forgets those who are no neighbors of mine any more: neither by plan,
// nor in place of one who is lost, nor on their way to be called dead.
func (m *Member) retire() {
	keep := m.peers[:0]
	for i := range m.peers {
		p := &m.peers[i]
		if m.planned(p) || m.serving(p) || p.hb.State() == heartbeat.Unresponsive || m.hunted(p.edge) {
			keep = append(keep, *p)
		}
	}
	clear(m.peers[len(keep):])
	m.peers = keep
}

// hunted says whether a hunt that a neighbor started is still on.
func (m *Member) hunted(e wire.Edge) bool {
	return slices.ContainsFunc(m.hunts, func(h hunt) bool { return h.about == e })
}

// verifying says whether somebody is being asked already, so that the answer
// will be reported together with others'.
func (m *Member) verifying(s, at int) bool {
	r := m.roster(m.seats[s].view)
	for i := range m.hunts {
		h := &m.hunts[i]
		if h.kind == heal && h.seat == s {
			if n := r.Distance(h.dir, at); n > h.from && n <= h.reach {
				return true
			}
		}
	}
	return false
}
