package member

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"assim/wire"
)

// Send is one tick to seal with the edge's key and transmit to Addr.
type Send struct {
	To   wire.ID
	Addr netip.AddrPort
	Key  *[16]byte // nil when the view came without keys
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

// Member is one nanoprobe's part in its rings.
type Member struct {
	cfg     *Config
	rnd     *rand.Rand
	id      wire.ID
	session wire.Session
}

// New returns a member that is in no ring yet. Sessions of one id must grow
// from start to start.
func New(id wire.ID, session wire.Session, cfg *Config, rnd *rand.Rand) *Member {
	return &Member{cfg: cfg, rnd: rnd, id: id, session: session}
}

// SetDesired applies the timing and rings of d if it is newer than what m runs,
// and says whether it was. The views in d are kept, not copied.
func (m *Member) SetDesired(now time.Time, d *wire.Desired, out *Out) bool { return false }

// Peer tells who is at the other end of an edge, and the key if the view came
// with keys. Neighbors and everybody else in my rosters are known.
func (m *Member) Peer(e wire.Edge) (id wire.ID, key *[16]byte, ok bool) { return id, nil, false }

// ByAddr tells which roster member receives ticks at addr.
func (m *Member) ByAddr(addr netip.AddrPort) (id wire.ID, ok bool) { return id, false }

// Heard takes an authenticated tick in; from is the datagram's source.
func (m *Member) Heard(now time.Time, from netip.AddrPort, t *wire.Tick, out *Out) {}

// Stranger counts a tick on an edge nobody told me of.
func (m *Member) Stranger(now time.Time, from netip.AddrPort, out *Out) {}

// Voice tells that the CMA was heard: so I am not deaf.
func (m *Member) Voice(now time.Time) {}

// Unreachable tells that the host of id answered "port unreachable". It is a
// hint that anybody on the network can fake, so m asks again before it reports.
func (m *Member) Unreachable(now time.Time, id wire.ID, out *Out) {}

// LinkChanged tells that one of my own interfaces lost or found its carrier.
func (m *Member) LinkChanged(now time.Time, name string, up bool, out *Out) {}

// Tick does what is due. Call it no later than Deadline.
func (m *Member) Tick(now time.Time, out *Out) {}

// Deadline is when Tick wants to be called next; zero = never.
func (m *Member) Deadline() time.Time { return time.Time{} }

// Goodbye tells the neighbors that m stops in an orderly way.
func (m *Member) Goodbye(now time.Time, out *Out) {}

// Gen is the configuration generation m runs.
func (m *Member) Gen() uint32 { return 0 }

// Neighbor is one whom I heartbeat with now, for people and simulators.
type Neighbor struct {
	ID    wire.ID
	Ring  uint64 // one of the rings we share
	State string // "new", "alive", "late", "unresponsive", "dead", ...
	RTT   time.Duration
	Heard time.Time // last proof of life
}

// Neighbors appends whom I heartbeat with now.
func (m *Member) Neighbors(dst []Neighbor) []Neighbor { return dst }
