package member

import (
	"slices"
	"time"

	"assim/heartbeat"
	"assim/ring"
	"assim/wire"
)

// A hunt asks many members at once, in a few rounds: half as far apart as pings,
// or two round-trip times where the way is long, or twice as long as I am kept
// waiting myself where everybody has to wait for a processor.
type hunt struct {
	*ring.Hunt
	kind  huntKind
	seat  int       // index in seats; for sweep: index in want.Rings
	dir   ring.Dir  //
	about wire.Edge // the lost neighbor that started it
	from  int       // distances: from is about's, exclusive; reach inclusive
	reach int
	since uint32 // echoes of what I sent before prove nothing
	next  time.Duration
	every time.Duration // between rounds
	done  bool
}

type huntKind uint8

const (
	seek  huntKind = iota // who replaces about?
	heal                  // are those lost with about back as well?
	sweep                 // who of the ring that about speaks for lives?
)

// suspect looks for a replacement, asks the other witness, and sweeps the rings
// that the silent one speaks for; all at once.
func (m *Member) suspect(now time.Duration, p *peer) {
	p.sought, p.witness = true, unasked
	id := m.entry(p).ID
	for i := range m.seats {
		s := &m.seats[i]
		r := m.roster(s.view)
		for _, d := range r.Sides() {
			if m.serves(p, s, d) {
				m.begin(now, hunt{kind: seek, seat: i, dir: d, about: p.edge, from: int(*s.to(d)), reach: r.Reach(d)})
			}
		}
	}
	for v := range m.want.Rings {
		w := &m.want.Rings[v]
		if w.Sweep && w.Deputy == id {
			m.begin(now, hunt{kind: sweep, seat: v, about: p.edge, reach: len(w.Members)})
		}
	}
}

// begin starts a hunt; its first round is due now.
func (m *Member) begin(now time.Duration, h hunt) {
	if h.kind == seek {
		h.Hunt = ring.NewHunt(h.from, h.reach)
	} else {
		h.Hunt = ring.NewSweep(h.from, h.reach)
	}
	h.next, h.since = now, m.me.Next()
	h.every = heartbeat.PingEvery(m.timing()) / 2
	if p := m.peer(h.about); p != nil {
		h.every = max(h.every, 2*p.hb.RTT())
	}
	h.every = min(max(h.every, 2*m.late), m.timing().Interval)
	m.hunts = append(m.hunts, h)
}

// drop ends all hunts that one neighbor started.
func (m *Member) drop(about wire.Edge) {
	m.hunts = slices.DeleteFunc(m.hunts, func(h hunt) bool { return h.about == about })
	if len(m.hunts) == 0 {
		m.hunts = nil
	}
	if p := m.peer(about); p != nil {
		p.sought = false
	}
}

// hunting advances all hunts by a round if it is due.
func (m *Member) hunting(now time.Duration, out *Out) {
	for i := 0; i < len(m.hunts); i++ {
		h := &m.hunts[i]
		if h.done || now < h.next {
			continue
		}
		h.next = now + h.every
		if h.Settled() {
			h.done = true
			continue
		}
		m.round(h, out)
	}
	m.finish(now, out)
}

// round asks whoever is to be asked now.
func (m *Member) round(h *hunt, out *Out) {
	var room [64]int
	for _, n := range h.Next(room[:0]) {
		switch {
		case h.kind == sweep:
			m.askSwept(uint16(h.seat), n-1, out)
		case h.kind == seek && n == h.from+1:
			m.askWitness(h, out)
		default:
			s := &m.seats[h.seat]
			m.ask(s.view, m.roster(s.view).At(h.dir, n), wire.Ping, 0, out)
		}
	}
}

// askWitness asks the one beyond the silent neighbor whether it hears it.
func (m *Member) askWitness(h *hunt, out *Out) {
	s := &m.seats[h.seat]
	r := m.roster(s.view)
	subject := r.Members[r.At(h.dir, h.from)].ID.ShortID()
	m.ask(s.view, r.At(h.dir, h.from+1), wire.Ask, subject, out)
}

// askSwept asks one member of a ring I am not in, on all its addresses.
func (m *Member) askSwept(view uint16, index int, out *Out) {
	v := &m.want.Rings[view]
	w := &v.Members[index]
	for i := 0; i <= len(w.Alt); i++ {
		s := Send{To: w.ID, Addr: address(w, uint8(i)), Key: sweepKey(v), Dir: sweepDir(true), Tick: m.tick(wire.SweepEdge(v.Ring))}
		s.Tick.Kind = wire.Ask
		out.Sends = append(out.Sends, s)
	}
}

// searched says whether everything that a suspicion started has come to an end.
// While the other witness hears the silent one, it is asked again and again.
func (m *Member) searched(p *peer) bool {
	if !p.sought {
		return false
	}
	for i := range m.hunts {
		h := &m.hunts[i]
		if h.about == p.edge && (h.kind == seek || h.kind == sweep) && !h.done {
			return false
		}
	}
	return true
}

// finish acts on hunts that are done and wait for nothing else.
func (m *Member) finish(now time.Duration, out *Out) {
	for i := 0; i < len(m.hunts); i++ {
		h := m.hunts[i]
		if !h.done {
			continue
		}
		switch {
		case h.kind == heal:
			m.healed(&h, out)
		case !m.ready(now, &h, out):
			continue
		}
		m.hunts = slices.DeleteFunc(m.hunts, func(x hunt) bool { return x.Hunt == h.Hunt })
		i--
	}
	if len(m.hunts) == 0 {
		m.hunts = nil
	}
}

// ready says whether a finished search can be acted upon on its own: it belongs
// to a neighbor that is lost already. Searches for one who is merely silent wait
// until it is accused.
func (m *Member) ready(now time.Duration, h *hunt, out *Out) bool {
	i := slices.IndexFunc(m.peers, func(p peer) bool { return p.edge == h.about })
	if i < 0 {
		return true
	}
	p := &m.peers[i]
	if !p.hb.State().Lost() {
		if p.witness == hearsIt && h.kind == seek {
			m.askWitness(h, out)
		}
		return false
	}
	if h.kind == seek {
		m.closeGap(now, h, wire.Observation{Kind: wire.ObsUnresponsive}, false, out)
	}
	return true
}

// replace acts on all searches that a lost neighbor started.
func (m *Member) replace(now time.Duration, i int, o wire.Observation, out *Out) {
	about := m.peers[i].edge
	for j := range m.hunts {
		h := m.hunts[j]
		switch {
		case h.about != about:
		case h.kind == seek:
			m.closeGap(now, &h, o, true, out)
		case h.kind == sweep:
			m.swept(&h, out)
		}
	}
	m.drop(about)
}

// closeGap takes the nearest that answered for my neighbor and reports who was
// found lost. With accused, the lost neighbor itself is news.
func (m *Member) closeGap(now time.Duration, h *hunt, o wire.Observation, accused bool, out *Out) {
	s := &m.seats[h.seat]
	r := m.roster(s.view)
	nearest := h.Nearest()
	if int(*s.to(h.dir)) != h.from {
		return // somebody nearer came back meanwhile
	}
	*s.to(h.dir) = uint16(nearest)
	first, end := h.from, s.end(r, h.dir)
	if !accused {
		first++
	}
	if nearest != 0 {
		at := r.At(h.dir, nearest)
		o.NewNeighbor = r.Members[at].ID
		p := m.peerAt(s.view, at, now)
		if p.hb.State() != heartbeat.Alive {
			p.hb.Adopt(now)
		}
		m.ping(now, p, out)
	}
	if first >= end {
		return
	}
	o.About, o.Ring, o.Version = r.Members[r.At(h.dir, first)].ID, r.Ring, r.Version
	o.Run = int16((end - first) * int(h.dir))
	m.report(out, o)
}

// swept reports who of a swept ring did not answer.
func (m *Member) swept(h *hunt, out *Out) {
	v := &m.want.Rings[h.seat]
	bits := make([]byte, (len(v.Members)+7)/8)
	for i := range v.Members {
		if !h.Has(i + 1) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	m.report(out, wire.Observation{Kind: wire.ObsSwept, About: v.Deputy, Ring: v.Ring, Version: v.Version, Bits: bits})
}

// healed takes back what was said of a run: of those who answer now, in
// contiguous pieces.
func (m *Member) healed(h *hunt, out *Out) {
	r := m.roster(m.seats[h.seat].view)
	for n := 1; n <= h.reach; {
		end := n
		for end <= h.reach && h.Has(end) {
			end++
		}
		if end == n {
			n++
			continue
		}
		m.report(out, wire.Observation{
			Kind: wire.ObsAlive, About: r.Members[r.At(h.dir, n)].ID, Ring: r.Ring, Version: r.Version, Run: int16((end - n) * int(h.dir)),
		})
		n = end
	}
}
