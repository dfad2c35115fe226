package member

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"assim/heartbeat"
	"assim/ring"
	"assim/wire"
)

const (
	// formerFor is how long the rosters before a change are still answered:
	// neighbors learn of a change one after another. One by which somebody still
	// goes is answered on: it may have its orders from another CMA, which would
	// call me dead.
	formerFor = 15 * time.Second
	// formerMost bounds how many such rosters are kept when changes follow closely.
	formerMost = 4
)

// Send is one tick to seal with Key and Dir and to transmit to Addr.
type Send struct {
	To   wire.ID // zero for the answer to a sweep: there only Addr is known
	Addr netip.AddrPort
	Key  *[16]byte // nil when the view came without keys
	Dir  wire.Dir
	Tick wire.Tick
}

// Out collects what a Member wants done. One Out serves any number of members;
// the caller empties it with Reset and keeps its memory.
type Out struct {
	Sends   []Send
	Reports []wire.Observation
	// AskCMA asks for any authenticated sign of life from the CMA (a ping on the
	// signal plane): nobody else answers me, so I must find out whether I am
	// deaf. Call Voice when it answers.
	AskCMA bool
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() { o.Sends, o.Reports, o.AskCMA = o.Sends[:0], o.Reports[:0], false }

// Config is shared by all members of a process.
type Config struct {
	Start time.Time // instants are counted from here
}

// Member is one nanoprobe's part in its rings. In the steady state it takes a
// few hundred bytes beside the rosters, which it shares with the caller.
type Member struct {
	cfg      *Config
	rnd      *rand.Rand
	want     *wire.Desired // what I run; never nil
	former   *former       // what I ran before; nil when all know of the changes
	peers    []peer
	seats    []seat
	hunts    []hunt // nil in quiet times
	id       wire.ID
	me       heartbeat.Self
	beat     time.Duration // when the next heartbeats leave
	deadline time.Duration // 0 = never
	seen     time.Duration // the newest instant
	skew     time.Duration // how much the clock was set back since the start
	voice    time.Duration // when anybody was last heard
	deaf     time.Duration // since when nobody answers; 0 = somebody does
	cured    time.Duration // when that was last over; 0 = never
	late     time.Duration // how late my own timer was of late, at worst: a measure of how busy this place is
	rival    time.Duration // when I last saw that somebody newer bears my name; 0 = never
	martian  martians
}

// former is what I ran before a change, and what I ran before that.
type former struct {
	want   *wire.Desired
	until  time.Duration // when all know of the change
	before *former
}

// and returns f with what was run until now in front.
func (f *former) and(d *wire.Desired, now time.Duration) *former {
	return &former{d, now + formerFor, f.kept(now, formerMost-1)}
}

// kept returns at most n of those that somebody may still go by.
func (f *former) kept(now time.Duration, n int) *former {
	switch {
	case f == nil || n == 0:
		return nil
	case now >= f.until:
		return f.before.kept(now, n)
	}
	f.before = f.before.kept(now, n-1)
	return f
}

// peer is a neighbor of mine, or one whom I lost and still wait for.
type peer struct {
	hb        heartbeat.Neighbor
	edge      wire.Edge
	view      uint16 // where its roster entry is: in want.Rings
	index     uint16 // and among its Members
	dual      bool   // it has other addresses: told here, so that a tick need not touch the roster
	via       uint8  // which address I send to: 0 = Addr, i = Alt[i-1]
	misses    uint8  // pings in vain to Addr while another address answers
	detour    bool   // the other address has answered, so that it is not the system that is deaf
	linkDown  bool   // I reported that Addr is silent
	accused   bool   // I reported that it is silent
	sought    bool   // its replacement is being sought
	restarted bool   // its session has grown since it was last known to live
	witness   witness
}

// witness is what another neighbor of a silent one says of it.
type witness uint8

const (
	unasked witness = iota
	hearsIt
	doesNot
)

// seat is my place in one ring. All between me and my neighbor are lost.
type seat struct {
	view uint16    // in want.Rings
	dist [2]uint16 // to my neighbor After and Before; 0 = nobody lives that way
}

var nothing = &wire.Desired{Timing: wire.DefaultTiming}

// New returns a member that is in no ring yet. Sessions of one id must grow
// from start to start.
func New(id wire.ID, session wire.Session, cfg *Config, rnd *rand.Rand) *Member {
	return &Member{cfg: cfg, rnd: rnd, id: id, want: nothing, seen: 1, me: heartbeat.Self{Session: session}}
}

// SetDesired applies the timing and rings of d if it is newer than what m runs,
// and says whether it was. d is kept, not copied: nobody may change it.
func (m *Member) SetDesired(at time.Time, d *wire.Desired, out *Out) bool {
	if d.Gen <= m.want.Gen {
		return false
	}
	if d.Timing.Interval <= 0 {
		c := *d
		c.Timing = wire.DefaultTiming
		d = &c
	}
	now := m.instant(at)
	// Who was found alive is said to be so now: with the search its result would go.
	for i := range m.hunts {
		if h := &m.hunts[i]; h.kind == heal && !h.done {
			m.healed(h, out)
		}
	}
	old, oldSeats, oldPeers := m.want, m.seats, m.peers
	m.want, m.former = d, m.former.and(old, now)
	m.hunts, m.seats, m.peers = nil, nil, nil
	for i := range d.Rings {
		if len(ring.Roster{RingView: &d.Rings[i]}.Sides()) > 0 {
			m.seats = append(m.seats, m.sit(uint16(i), lostIn(old, oldSeats, d.Rings[i].Ring), oldPeers))
		}
	}
	m.keep(oldPeers)
	m.fill(now)
	if m.beat == 0 {
		m.beat = now + time.Duration(m.rnd.Int64N(int64(m.timing().Interval)+1))
	}
	m.beat = min(m.beat, now+m.timing().Interval)
	m.settle()
	return true
}

// Complete fills in what an order leaves out because m runs it already. An order
// that cannot be completed is not for SetDesired: the CMA sends a whole one when
// it hears nothing of it.
func (m *Member) Complete(d *wire.Desired) bool { return d.Complete(m.want) }

// sit takes a place in a ring, passing over those whom I know to be lost. Of
// whom I know nothing better, the CMA's word counts.
func (m *Member) sit(view uint16, lost map[wire.ID]bool, old []peer) seat {
	s := seat{view: view}
	r := m.roster(view)
	passed := func(at int) bool {
		id := r.Members[at].ID
		e := wire.EdgeOf(m.id, id)
		i := slices.IndexFunc(old, func(p peer) bool { return p.edge == e })
		if i < 0 || old[i].hb.State() == heartbeat.Fresh {
			return lost[id] || r.IsLost(at)
		}
		return old[i].hb.State().Lost()
	}
	for _, d := range r.Sides() {
		n := 1
		for n <= r.Reach(d) && passed(r.At(d, n)) {
			n++
		}
		if n <= r.Reach(d) {
			*s.to(d) = uint16(n)
		}
	}
	return s
}

// lostIn collects whom I passed over in a ring.
func lostIn(d *wire.Desired, seats []seat, id uint64) map[wire.ID]bool {
	var lost map[wire.ID]bool
	for i := range seats {
		r := ring.Roster{RingView: &d.Rings[seats[i].view]}
		if r.Ring != id {
			continue
		}
		for _, dir := range r.Sides() {
			for n := 1; n < seats[i].end(r, dir); n++ {
				if lost == nil {
					lost = make(map[wire.ID]bool)
				}
				lost[r.Members[r.At(dir, n)].ID] = true
			}
		}
	}
	return lost
}

// keep carries over what I know of those who are still in my rosters.
func (m *Member) keep(old []peer) {
	for i := range old {
		p := old[i]
		for s := range m.seats {
			r := m.roster(m.seats[s].view)
			if at := r.Find(p.edge, m.id); at >= 0 {
				p.view, p.index, p.sought = m.seats[s].view, uint16(at), false
				p.dual = len(r.Members[at].Alt) > 0
				if int(p.via) > len(r.Members[at].Alt) {
					p.via, p.misses, p.detour, p.linkDown = 0, 0, false, false
				}
				m.peers = append(m.peers, p)
				break
			}
		}
	}
}

// fill watches everybody who should be my neighbor, and forgets the rest.
func (m *Member) fill(now time.Duration) {
	for s := range m.seats {
		r := m.roster(m.seats[s].view)
		for _, d := range r.Sides() {
			n := int(*m.seats[s].to(d))
			if n != 0 {
				m.peerAt(m.seats[s].view, r.At(d, n), now)
			}
			if n != 1 {
				m.await(m.seats[s].view, r.At(d, 1), now)
			}
		}
	}
	m.retire()
}

// await waits for one of whom the CMA says that it is lost.
func (m *Member) await(view uint16, index int, now time.Duration) {
	if p := m.peerAt(view, index, now); p.hb.State() == heartbeat.Fresh {
		p.hb.Conclude(now, heartbeat.Dead, &m.me, m.timing())
	}
}

// Gen is the configuration generation m runs.
func (m *Member) Gen() uint32 { return m.want.Gen }

// Deadline is when Tick wants to be called next; zero = never.
func (m *Member) Deadline() time.Time {
	if m.deadline == 0 {
		return time.Time{}
	}
	return m.cfg.Start.Add(m.deadline - m.skew)
}

// Neighbor is one whom I heartbeat with now, for people and simulators.
type Neighbor struct {
	ID    wire.ID
	Ring  uint64 // one of the rings we share
	State string // "new", "alive", "late", "unresponsive", "dead", ...
	RTT   time.Duration
	Heard time.Time // last proof of life
}

// Neighbors appends whom I heartbeat with now, and whom I lost and wait for.
func (m *Member) Neighbors(dst []Neighbor, at time.Time) []Neighbor {
	for i := range m.peers {
		p := &m.peers[i]
		now := m.instant(at)
		dst = append(dst, Neighbor{
			ID:    m.entry(p).ID,
			Ring:  m.want.Rings[p.view].Ring,
			State: p.hb.State().String(),
			RTT:   p.hb.RTT(),
			Heard: at.Add(-p.hb.Silent(now)),
		})
	}
	return dst
}

// instant is time since the start. A clock that is set back does not take it
// back: it goes on from where it was.
func (m *Member) instant(at time.Time) time.Duration {
	now := at.Sub(m.cfg.Start) + m.skew
	if now < m.seen {
		m.skew += m.seen - now
		now = m.seen
	}
	m.seen = now
	return now
}

func (m *Member) timing() *wire.Timing { return &m.want.Timing }

func (m *Member) roster(view uint16) ring.Roster {
	return ring.Roster{RingView: &m.want.Rings[view]}
}

func (m *Member) entry(p *peer) *wire.Member {
	return &m.want.Rings[p.view].Members[p.index]
}

// to is the distance to my neighbor in a direction.
func (s *seat) to(d ring.Dir) *uint16 {
	if d == ring.After {
		return &s.dist[0]
	}
	return &s.dist[1]
}

// end is the first distance in a direction at which nobody is known to be lost.
func (s *seat) end(r ring.Roster, d ring.Dir) int {
	if n := *s.to(d); n != 0 {
		return int(n)
	}
	return r.Reach(d) + 1
}
