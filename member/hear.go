package member

import (
	"net/netip"
	"time"

	"assim/heartbeat"
	"assim/ring"
	"assim/wire"
)

// Heard takes an authenticated tick in; from is the datagram's source.
func (m *Member) Heard(at time.Time, from netip.AddrPort, t *wire.Tick, out *Out) {
	now := m.instant(at)
	if p := m.peer(t.Edge); p != nil {
		m.heardPeer(now, p, from, t, out)
		return
	}
	m.heardOther(now, from, t, out)
	m.settle()
}

// heardPeer is the path of nearly every tick that ever arrives.
func (m *Member) heardPeer(now time.Duration, p *peer, from netip.AddrPort, t *wire.Tick, out *Out) {
	before, session, pings := p.hb.State(), p.hb.Session(), p.hb.Pings()
	news := p.hb.Heard(now, &m.me, t)
	if t.EchoSession > m.me.Session {
		m.rival = now
		m.unexpected(now, from, out)
	}
	if news == heartbeat.Ignored {
		if t.Session < session { // two that claim one id, perhaps
			m.unexpected(now, from, out)
		}
		return
	}
	if session != 0 && session != p.hb.Session() {
		p.restarted = true
	}
	if t.Kind == wire.Ping || t.Kind == wire.Ask {
		m.answer(now, p, from, t, out)
	}
	if news == heartbeat.Unproven {
		m.unproven(now, p, before, out)
		return
	}
	m.hear(now)
	if p.dual {
		m.note(p, from, t.Kind, pings, out)
	}
	m.testimony(t)
	calm := before == heartbeat.Alive && len(m.hunts) == 0
	switch {
	case t.Kind == wire.Goodbye && before == heartbeat.Gone:
		p.hb.Conclude(now, heartbeat.Gone, &m.me, m.timing()) // said twice, for one may be lost
	case t.Kind == wire.Goodbye:
		m.goodbye(now, p, t.Every == wire.CMAKnows, out)
	case !calm:
		m.alive(now, p, before, out)
		m.retire()
	default:
		return
	}
	m.settle()
}

// unproven asks one who is lost or new, but speaks, to prove itself.
func (m *Member) unproven(now time.Duration, p *peer, s heartbeat.State, out *Out) {
	if s == heartbeat.Alive || s == heartbeat.Late || s == heartbeat.Fresh && p.hb.Asked(now, m.timing()) {
		return
	}
	m.ping(now, p, out)
	m.settle()
}

// hear notes that somebody was heard: I am not deaf. If I was, whatever I did
// not hear meanwhile counts for nothing.
func (m *Member) hear(now time.Duration) {
	m.voice = now
	if m.deaf == 0 {
		return
	}
	long := now-m.deaf > heartbeat.AccusePings*heartbeat.PingEvery(m.timing())
	m.deaf = 0
	if !long {
		return
	}
	m.hunts, m.cured = nil, now
	for i := range m.peers {
		m.peers[i].sought = false
		m.peers[i].hb.Restart(now)
	}
}

// Voice tells that the CMA was heard: so I am not deaf.
func (m *Member) Voice(at time.Time) {
	m.hear(m.instant(at))
	m.settle()
}

// answer answers a ping or a question.
func (m *Member) answer(now time.Duration, p *peer, from netip.AddrPort, t *wire.Tick, out *Out) {
	w := m.entry(p)
	i := addressIndex(w, from)
	if i < 0 {
		i = int(p.via)
	}
	kind, subject := m.judge(now, t, out)
	s := m.to(w, keyOf(&m.want.Rings[p.view], int(p.index)), p.edge)
	s.Addr = address(w, uint8(i))
	s.Tick.Kind, s.Tick.Subject = kind, subject
	p.hb.Echo(&s.Tick)
	out.Sends = append(out.Sends, s)
}

// judge is what I say when I am asked about somebody: only a watcher knows. I
// look at once myself, so that two witnesses come to the same conclusion at the
// same time.
func (m *Member) judge(now time.Duration, t *wire.Tick, out *Out) (wire.TickKind, uint64) {
	if t.Kind != wire.Ask {
		return wire.Pong, 0
	}
	for i := range m.peers {
		p := &m.peers[i]
		if m.entry(p).ID.ShortID() != t.Subject || p.hb.State() == heartbeat.Fresh {
			continue
		}
		kind := wire.NotHeard
		if p.hb.HeardWithin(now, m.timing()) {
			kind = wire.Heard
		}
		if !p.hb.State().Lost() && !p.hb.Asked(now, m.timing()) {
			m.ping(now, p, out)
		}
		return kind, t.Subject
	}
	return wire.Pong, 0
}

// testimony takes in what another witness says of somebody I asked about.
func (m *Member) testimony(t *wire.Tick) {
	if t.Kind != wire.Heard && t.Kind != wire.NotHeard {
		return
	}
	for i := range m.peers {
		p := &m.peers[i]
		if m.entry(p).ID.ShortID() != t.Subject {
			continue
		}
		p.witness = doesNot
		if t.Kind == wire.Heard {
			p.witness = hearsIt
		}
	}
}

// heardOther takes in a tick from somebody in my rosters who is not my neighbor,
// or on the edge of a sweep.
func (m *Member) heardOther(now time.Duration, from netip.AddrPort, t *wire.Tick, out *Out) {
	if m.heardSweep(now, from, t, out) {
		return
	}
	known := false
	for s := range m.seats {
		r := m.roster(m.seats[s].view)
		at := r.Find(t.Edge, m.id)
		if at < 0 {
			continue
		}
		if !known {
			known = true
			m.reply(now, m.seats[s].view, at, from, t, out)
		}
		if m.proves(t) {
			m.hear(now)
			m.testimony(t)
			m.present(now, s, at, t, out)
		}
	}
	switch {
	case known && !m.proves(t) && t.Kind != wire.Goodbye:
		m.invite(now, t, out)
	case !known:
		m.replyFormer(now, from, t, out)
	}
}

// proves says whether a tick from one who is not my neighbor shows that it
// lives. There is no replay window for those, so while I hunt it must echo what
// I sent since the hunt began.
func (m *Member) proves(t *wire.Tick) bool { return m.me.Proves(t) }

// reply answers one who is not my neighbor. Its heartbeats are answered too: it
// takes me for its neighbor and need not worry about me.
func (m *Member) reply(now time.Duration, view uint16, at int, from netip.AddrPort, t *wire.Tick, out *Out) {
	kind, subject := wire.Pong, uint64(0)
	switch t.Kind {
	case wire.Ping, wire.Ask:
		kind, subject = m.judge(now, t, out)
	case wire.Heartbeat: // it lost the one between us, or I did not hear of a change yet
	default:
		return
	}
	v := &m.want.Rings[view]
	m.respond(&v.Members[at], keyOf(v, at), from, kind, subject, t, out)
}

// replyFormer answers one who is in none of my rosters any more but does not
// know yet.
func (m *Member) replyFormer(now time.Duration, from netip.AddrPort, t *wire.Tick, out *Out) {
	m.former = m.former.kept(now, formerMost)
	if m.former == nil || t.Kind != wire.Ping && t.Kind != wire.Ask && t.Kind != wire.Heartbeat {
		return
	}
	for f := m.former; f != nil; f = f.before {
		for i := range f.want.Rings {
			v := &f.want.Rings[i]
			if v.Sweep {
				continue
			}
			if at := (ring.Roster{RingView: v}).Find(t.Edge, m.id); at >= 0 {
				f.until = max(f.until, now+formerFor)
				m.respond(&v.Members[at], keyOf(v, at), from, wire.Pong, 0, t, out)
				return
			}
		}
	}
	m.Stranger(m.cfg.Start.Add(now), from, out)
}

func (m *Member) respond(w *wire.Member, key *[16]byte, from netip.AddrPort, k wire.TickKind, subject uint64, t *wire.Tick, out *Out) {
	s := m.to(w, key, t.Edge)
	s.Addr = address(w, uint8(max(addressIndex(w, from), 0)))
	s.Tick.Kind, s.Tick.Subject = k, subject
	s.Tick.EchoSession, s.Tick.EchoSeq = t.Session, t.Seq
	out.Sends = append(out.Sends, s)
}

// invite asks one who speaks and would be a nearer neighbor than the one I have
// to prove that it lives.
func (m *Member) invite(now time.Duration, t *wire.Tick, out *Out) {
	for s := range m.seats {
		r := m.roster(m.seats[s].view)
		at := r.Find(t.Edge, m.id)
		if at < 0 || !m.nearer(s, at) {
			continue
		}
		v := &m.want.Rings[m.seats[s].view]
		x := m.to(&v.Members[at], keyOf(v, at), t.Edge)
		x.Tick.Kind = wire.Ping
		x.Tick.EchoSession, x.Tick.EchoSeq = t.Session, t.Seq
		out.Sends = append(out.Sends, x)
		return
	}
}

// nearer says whether the member at an index of a seat's ring was passed over.
func (m *Member) nearer(s, at int) bool {
	r := m.roster(m.seats[s].view)
	for _, d := range r.Sides() {
		if n := r.Distance(d, at); n > 0 && n < m.seats[s].end(r, d) {
			return true
		}
	}
	return false
}

// present takes in that a roster member who is not my neighbor lives.
func (m *Member) present(now time.Duration, s, at int, t *wire.Tick, out *Out) {
	r := m.roster(m.seats[s].view)
	for i := range m.hunts {
		h := &m.hunts[i]
		if h.seat == s && h.kind != sweep && !older(t.EchoSeq, h.since) {
			h.Answered(r.Distance(h.dir, at))
		}
	}
	if !m.nearer(s, at) || m.verifying(s, at) {
		return
	}
	p := m.peerAt(m.seats[s].view, at, now)
	p.hb.Heard(now, &m.me, t)
	m.takeBack(now, p, out)
	m.readopt(p)
}

// heardSweep handles the edges on which whole rings are asked.
func (m *Member) heardSweep(now time.Duration, from netip.AddrPort, t *wire.Tick, out *Out) bool {
	for i := range m.want.Rings {
		v := &m.want.Rings[i]
		if wire.SweepEdge(v.Ring) != t.Edge {
			continue
		}
		switch {
		case !v.Sweep && t.Kind == wire.Ask:
			m.sayHere(v, from, t, out)
		case v.Sweep && t.Kind == wire.Heard && m.me.Proves(t):
			m.hear(now)
			m.counted(v, t)
		}
		return true
	}
	return false
}

// sayHere answers a sweep of my ring.
func (m *Member) sayHere(v *wire.RingView, from netip.AddrPort, t *wire.Tick, out *Out) {
	s := Send{Addr: from, Key: sweepKey(v), Dir: sweepDir(false), Tick: m.tick(t.Edge)}
	s.Tick.Kind, s.Tick.Subject = wire.Heard, m.id.ShortID()
	s.Tick.EchoSession, s.Tick.EchoSeq = t.Session, t.Seq
	out.Sends = append(out.Sends, s)
}

// counted notes who answered my sweep.
func (m *Member) counted(v *wire.RingView, t *wire.Tick) {
	for i := range m.hunts {
		h := &m.hunts[i]
		if h.kind != sweep || &m.want.Rings[h.seat] != v || older(t.EchoSeq, h.since) {
			continue
		}
		for at := range v.Members {
			if v.Members[at].ID.ShortID() == t.Subject {
				h.Answered(at + 1)
			}
		}
	}
}

// older compares sequence numbers, which wrap.
func older(a, b uint32) bool { return int32(a-b) < 0 }
