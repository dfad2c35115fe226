package member

import (
	"slices"
	"time"

	"assim/heartbeat"
	"assim/ring"
	"assim/wire"
)

// tick begins a tick on an edge.
func (m *Member) tick(e wire.Edge) wire.Tick {
	return wire.Tick{
		Edge:    e,
		Session: m.me.Session,
		Seq:     m.me.Next(),
		Gen:     m.want.Gen,
		Every:   uint16(min(m.timing().Interval/wire.EveryUnit, 1<<16-1)),
	}
}

// to begins a send to a roster entry.
func (m *Member) to(w *wire.Member, key *[16]byte, e wire.Edge) Send {
	return Send{To: w.ID, Addr: w.Addr, Key: key, Dir: wire.DirOf(m.id, w.ID), Tick: m.tick(e)}
}

// heartbeats go to every neighbor at once: one alarm serves them all.
func (m *Member) heartbeats(now time.Duration, out *Out) {
	m.me.Age(now, m.timing().Interval)
	alone := m.alone()
	for i := range m.peers {
		p := &m.peers[i]
		if s := p.hb.State(); s != heartbeat.Alive && p.hb.Pings() > 0 && s != heartbeat.PathBroken && !(alone && s.Silent()) {
			continue // pings say the same; who is known to live may hear me, and should
		}
		m.heartbeat(p, wire.Heartbeat, out)
		p.hb.Sent()
		if p.via != 0 && (p.misses < missesForLink || m.rnd.IntN(5) == 0) {
			m.retryPrimary(p, out)
		}
	}
	m.beat = now + heartbeat.Jitter(m.timing().Interval, m.rnd)
	m.former = m.former.kept(now, formerMost)
}

// alone says whether all my neighbors by plan are lost, if somebody further away is
// heard or not. It may be I who hears badly: they are to know that I speak.
func (m *Member) alone() bool {
	if !slices.ContainsFunc(m.peers, func(p peer) bool { return p.hb.State().Lost() }) {
		return false
	}
	for i := range m.peers {
		if p := &m.peers[i]; !p.hb.State().Lost() && m.planned(p) {
			return false
		}
	}
	return true
}

func (m *Member) heartbeat(p *peer, k wire.TickKind, out *Out) {
	w := m.entry(p)
	s := m.to(w, keyOf(&m.want.Rings[p.view], int(p.index)), p.edge)
	s.Addr = address(w, p.via)
	s.Tick.Kind = k
	p.hb.Echo(&s.Tick)
	out.Sends = append(out.Sends, s)
}

// ping pings a neighbor; one that was silent already, on all its addresses.
func (m *Member) ping(now time.Duration, p *peer, out *Out) {
	w := m.entry(p)
	m.heartbeat(p, wire.Ping, out)
	m.also(p, w, out)
	p.hb.Pinged(now, out.Sends[len(out.Sends)-1].Tick.Seq, m.timing())
	if p.hb.State().Lost() {
		m.alsoAnother(p, out)
	}
}

// also repeats a ping on the other addresses of a dual-homed neighbor.
func (m *Member) also(p *peer, w *wire.Member, out *Out) {
	if len(w.Alt) == 0 || p.hb.Pings() == 0 {
		return
	}
	via := p.via
	for i := 0; i <= len(w.Alt); i++ {
		if p.via = uint8(i); p.via != via {
			m.heartbeat(p, wire.Ping, out)
		}
	}
	p.via = via
}

// alsoAnother asks one more of those beyond a lost neighbor that are lost too,
// so that the end of a partition is noticed wherever it shows first.
func (m *Member) alsoAnother(p *peer, out *Out) {
	for i := range m.seats {
		s := &m.seats[i]
		r := m.roster(s.view)
		if s.view != p.view {
			continue
		}
		for _, d := range r.Sides() {
			if end := s.end(r, d); r.At(d, 1) == int(p.index) && end > 2 {
				m.ask(s.view, r.At(d, 2+m.rnd.IntN(end-2)), wire.Ping, 0, out)
			}
		}
	}
}

// ask pings or asks a roster member who need not be my neighbor, on all its
// addresses.
func (m *Member) ask(view uint16, index int, k wire.TickKind, subject uint64, out *Out) {
	v := &m.want.Rings[view]
	w := &v.Members[index]
	e := wire.EdgeOf(m.id, w.ID)
	if w.ID == m.id {
		return
	}
	for i := 0; i <= len(w.Alt); i++ {
		s := m.to(w, keyOf(v, index), e)
		s.Addr = address(w, uint8(i))
		s.Tick.Kind, s.Tick.Subject = k, subject
		if p := m.peer(e); p != nil {
			p.hb.Echo(&s.Tick)
		}
		out.Sends = append(out.Sends, s)
	}
}

// Goodbye tells the neighbors that m stops in an orderly way: twice, for one
// may be lost. If the CMA knows already, they need not report it.
func (m *Member) Goodbye(at time.Time, known bool, out *Out) {
	first := len(out.Sends)
	for i := range m.peers {
		if m.peers[i].hb.State().Lost() {
			continue
		}
		m.heartbeat(&m.peers[i], wire.Goodbye, out)
		m.heartbeat(&m.peers[i], wire.Goodbye, out)
	}
	for i := range out.Sends[first:] {
		if known {
			out.Sends[first+i].Tick.Every = wire.CMAKnows
		}
	}
	m.peers, m.hunts, m.seats, m.deadline = nil, nil, nil, 0
}

func (m *Member) report(out *Out, o wire.Observation) { out.Reports = append(out.Reports, o) }

// speaks says whether I am the one of two witnesses who reports what both saw:
// the one before it in the ring, or the only one left.
func (m *Member) speaks(s *seat, d ring.Dir) bool {
	return d == ring.After || *s.to(ring.Before) == 0
}
