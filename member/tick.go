package member

import (
	"net/netip"
	"time"

	"assim/heartbeat"
	"assim/wire"
)

// rivalFor is how long somebody accuses nobody after it saw that a newer session
// of its own identity is at work: it is a clone, or has been cloned.
const rivalFor = time.Minute

// timerSlack is the lateness of a timer that means nothing.
const timerSlack = 5 * time.Millisecond

// Tick does what is due. Call it no later than Deadline, and after all datagrams
// that wait have been heard.
func (m *Member) Tick(at time.Time, out *Out) {
	now := m.instant(at)
	if m.deadline == 0 || now < m.deadline {
		return
	}
	late := now - m.deadline
	if late > timerSlack {
		m.doubt(late, now)
	}
	m.late = max(late, m.late*15/16)
	if now >= m.beat {
		m.heartbeats(now, out)
	}
	for i := 0; i < len(m.peers); i++ {
		m.watch(now, i, out)
	}
	if len(m.hunts) > 0 {
		m.hunting(now, out)
		m.judgeSilent(now, out)
		m.retire()
	}
	m.settle()
}

// doubt takes time in which I did not run out of everybody's silence, and what I
// asked just before out of the questions that count.
func (m *Member) doubt(late, now time.Duration) {
	for i := range m.peers {
		m.peers[i].hb.Doubt(late, now)
	}
	for i := range m.hunts {
		if h := &m.hunts[i]; !h.done && late > h.every {
			h.Again()
		}
	}
}

// watch advances what I know of one neighbor.
func (m *Member) watch(now time.Duration, i int, out *Out) {
	p, t := &m.peers[i], m.timing()
	if now < p.hb.Deadline(t) {
		return
	}
	switch {
	case !p.sought && p.hb.Suspect(now, t):
		m.suspect(now, p)
	case p.hb.Overdue(now, t):
		p.hb.Conclude(now, heartbeat.Dead, &m.me, t) // no report: the CMA has the same clock
	case p.hb.Mute(now, t):
		m.muted(now, p, out)
	}
	if p.hb.Tick(now, t) {
		m.ping(now, p, out)
	}
}

// judgeSilent accuses whoever has been silent for long enough, now that the
// search for a replacement is over.
func (m *Member) judgeSilent(now time.Duration, out *Out) {
	for i := 0; i < len(m.peers); i++ {
		if p := &m.peers[i]; p.sought && p.hb.Ripe(now, m.timing()) && m.searched(p) {
			m.accuse(now, i, out)
		}
	}
}

// accuse concludes that a silent neighbor is lost, unless I am deaf, or another
// witness still hears it.
func (m *Member) accuse(now time.Duration, i int, out *Out) {
	p, t := &m.peers[i], m.timing()
	if m.rival != 0 && now-m.rival < rivalFor {
		return // they talk to another one of my name: their silence to me is no fault
	}
	if m.voice <= p.hb.LateSince(t) {
		if m.deaf == 0 {
			m.deaf = now
		}
		out.AskCMA = true
		return
	}
	state, kind := heartbeat.Unresponsive, wire.ObsUnresponsive
	if p.witness == hearsIt {
		if min(p.hb.Silent(now), now-m.cured) < 3*t.Interval {
			return
		}
		state, kind = heartbeat.PathBroken, wire.ObsPathBroken
	}
	if p.hb.Speaks() {
		state, kind = heartbeat.Deaf, wire.ObsDeaf
	}
	silent := p.hb.Silent(now)
	p.hb.Conclude(now, state, &m.me, t)
	p.accused, p.witness = true, unasked
	m.replace(now, i, wire.Observation{Kind: kind, Silent: silent}, out)
}

// muted accuses a neighbor that was deaf and now says nothing, either.
func (m *Member) muted(now time.Duration, p *peer, out *Out) {
	v := &m.want.Rings[p.view]
	o := wire.Observation{Kind: wire.ObsUnresponsive, About: m.entry(p).ID, Ring: v.Ring, Version: v.Version, Silent: p.hb.Silent(now)}
	p.hb.Conclude(now, heartbeat.Unresponsive, &m.me, m.timing())
	m.report(out, o)
}

// Unreachable tells that the host of id answered "port unreachable". It is a
// hint that anybody on the network can fake, so m asks again before it reports.
func (m *Member) Unreachable(at time.Time, id wire.ID, out *Out) {
	now := m.instant(at)
	p := m.peer(wire.EdgeOf(m.id, id))
	if p == nil {
		return
	}
	if p.hb.Refused(now) {
		silent := p.hb.Silent(now)
		m.gone(now, p, heartbeat.Stopped, wire.Observation{Kind: wire.ObsUnreachable, Silent: silent}, out)
	} else if p.hb.Tick(now, m.timing()) {
		m.ping(now, p, out)
	}
	m.settle()
}

// goodbye lets a neighbor go that said so. That is no news if the CMA knows.
func (m *Member) goodbye(now time.Duration, p *peer, known bool, out *Out) {
	n := len(out.Reports)
	m.gone(now, p, heartbeat.Gone, wire.Observation{Kind: wire.ObsGoodbye}, out)
	if known {
		out.Reports = out.Reports[:n]
	}
}

// gone concludes what needs no silence, reports it at once and looks for a
// replacement afterwards. That a nanoprobe stopped, or said goodbye and the CMA
// does not know, is told by both its neighbors: one of them may be gone, too. Of
// a deputy there are two more, of which one will do.
func (m *Member) gone(now time.Duration, p *peer, st heartbeat.State, o wire.Observation, out *Out) {
	m.drop(p.edge)
	p.hb.Conclude(now, st, &m.me, m.timing())
	p.accused = false
	said := false
	both := !m.deputy(m.entry(p).ID)
	for i := range m.seats {
		s := &m.seats[i]
		r := m.roster(s.view)
		for _, d := range r.Sides() {
			if !m.serves(p, s, d) {
				continue
			}
			m.begin(now, hunt{kind: seek, seat: i, dir: d, about: p.edge, from: int(*s.to(d)), reach: r.Reach(d)})
			if !said && (both || m.speaks(s, d)) {
				said = true
				o.About, o.Ring, o.Version = m.entry(p).ID, r.Ring, r.Version
				m.report(out, o)
			}
		}
	}
	if !said && both {
		v := &m.want.Rings[p.view]
		o.About, o.Ring, o.Version = m.entry(p).ID, v.Ring, v.Version
		m.report(out, o)
	}
}

// deputy says whether somebody speaks for a ring that has two others to watch it.
func (m *Member) deputy(id wire.ID) bool {
	for i := range m.want.Rings {
		if v := &m.want.Rings[i]; v.Sweep && v.Deputy == id && v.Size > 2 {
			return true
		}
	}
	return false
}

// missesForLink is how many pings to the first address stay unanswered while
// another one answers until its link is called down.
const missesForLink = 4

// note follows which address of a dual-homed neighbor answers. Its pings count
// too: when it asks me from its second address, it has tried the first.
func (m *Member) note(p *peer, from netip.AddrPort, k wire.TickKind, pings int, out *Out) {
	if k != wire.Pong && k != wire.Ping {
		return
	}
	w := m.entry(p)
	i := addressIndex(w, from)
	switch {
	case i == 0 && p.via != 0 && k == wire.Pong:
		if p.linkDown {
			m.link(p, wire.ObsLinkUp, out)
		}
		p.via, p.misses, p.detour, p.linkDown = 0, 0, false, false
	case i > 0 && p.via == 0 && (pings >= 2 || k == wire.Ping):
		p.via, p.misses, p.detour = uint8(i), 0, k == wire.Pong
	case i > 0 && k == wire.Pong:
		p.detour = true
	}
}

// retryPrimary pings the first address of a neighbor that answers on another, or
// only speaks from there: who hears nothing at all asks from all it has.
func (m *Member) retryPrimary(p *peer, out *Out) {
	if !p.detour {
		m.heartbeat(p, wire.Ping, out)
	}
	via := p.via
	p.via = 0
	m.heartbeat(p, wire.Ping, out)
	p.via = via
	p.misses = min(p.misses, 254) + 1
	if p.misses >= missesForLink && p.detour && !p.linkDown {
		p.linkDown = true
		m.link(p, wire.ObsLinkDown, out)
	}
}

func (m *Member) link(p *peer, k wire.ObservationKind, out *Out) {
	v, w := &m.want.Rings[p.view], m.entry(p)
	m.report(out, wire.Observation{Kind: k, About: w.ID, Ring: v.Ring, Version: v.Version, Link: w.Addr.Addr().String()})
}

// LinkChanged tells that one of my own interfaces lost or found its carrier.
func (m *Member) LinkChanged(at time.Time, name string, up bool, out *Out) {
	k := wire.ObsLinkDown
	if up {
		k = wire.ObsLinkUp
	}
	m.report(out, wire.Observation{Kind: k, Link: name})
}

// martians counts ticks that nobody expects.
type martians struct {
	count    uint16
	since    time.Duration // of the first one counted
	reported time.Duration
}

// Bounds on reports of martians: a neighbor that has not yet heard of a change
// is none, and a persistent one is not news every second.
const (
	martianTicks = 20
	martianFor   = 15 * time.Second
	martianPause = 10 * time.Minute
)

// Stranger counts a tick on an edge nobody told me of.
func (m *Member) Stranger(at time.Time, from netip.AddrPort, out *Out) {
	m.unexpected(m.instant(at), from, out)
}

func (m *Member) unexpected(now time.Duration, from netip.AddrPort, out *Out) {
	w := &m.martian
	if w.count == 0 || now-w.since > martianPause {
		w.count, w.since = 0, now
	}
	w.count = min(w.count, 1<<16-2) + 1
	if w.count < martianTicks || now-w.since < martianFor || w.reported != 0 && now-w.reported < martianPause {
		return
	}
	w.count, w.reported = 0, now
	o := wire.Observation{Kind: wire.ObsMartian, Link: from.String()}
	o.About, _ = m.ByAddr(from)
	m.report(out, o)
}

// settle finds the next deadline.
func (m *Member) settle() {
	if len(m.peers) == 0 && len(m.hunts) == 0 {
		m.deadline = 0
		return
	}
	t := m.timing()
	d := m.beat
	for i := range m.peers {
		d = min(d, m.peers[i].hb.Deadline(t))
	}
	for i := range m.hunts {
		if !m.hunts[i].done {
			d = min(d, m.hunts[i].next)
		}
	}
	m.deadline = max(d, 1)
}
