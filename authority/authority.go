package authority

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"assim/event"
	"assim/ring"
	"assim/verdict"
	"assim/wire"
)

// Config is what an Authority is made with. The zero value works.
type Config struct {
	Limits  ring.Limits
	Verdict verdict.Options
	// Timing is the impatience towards systems whose Record names none.
	Timing wire.Timing
	// Key gives the secret of the edge between two nanoprobes, to be told to
	// both. Nil leaves the keys out of the orders.
	Key func(a, b wire.ID) [16]byte
	// Schedule is what every system is told about its discoveries.
	Schedule []wire.Schedule
	// MaxPerTick bounds the orders made in one Tick; 256 by default. More finish
	// a big change sooner and hold the CMA's loop longer.
	MaxPerTick int
}

// Order is a desired state to send to one system: sealed as a signal, in parts
// if it is long. It is resent until Echoed.
type Order struct {
	To      wire.ID
	Addr    netip.AddrPort
	Desired wire.Desired
}

// Ping asks one system for a sign of life. Tell Alive when it answers and
// Refused when its host says that nobody listens there.
type Ping struct {
	To   wire.ID
	Addr netip.AddrPort
}

// Record is everything to be stored about one system.
type Record struct {
	ring.Membership
	Name    string
	Links   []verdict.Link
	Gen     uint32 // of the newest order
	Timing  wire.Timing
	Session wire.Session
	Status  verdict.Status
	Since   time.Time // last sign of life, unless up
}

// Out collects what an Authority wants done. The caller empties it with Reset
// and keeps its memory.
type Out struct {
	Orders    []Order
	Pings     []Ping
	Events    []event.Event
	Incidents []verdict.Incident
	Records   []wire.ID // store Record of each
	Gone      []wire.ID // forget the record of each
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() {
	o.Orders, o.Pings, o.Events = o.Orders[:0], o.Pings[:0], o.Events[:0]
	o.Incidents, o.Records, o.Gone = o.Incidents[:0], o.Records[:0], o.Gone[:0]
}

// Authority is the CMA's part in the rings. One goroutine owns it.
type Authority struct {
	cfg Config
	rnd *rand.Rand
}

// New returns an Authority that knows nobody. r draws whom to ask when it needs
// a sample.
func New(cfg Config, r *rand.Rand) *Authority { return &Authority{cfg: cfg, rnd: r} }

// Restore seats the systems as stored. Nobody is told anything unless what was
// stored contradicts itself; systems in trouble are looked at again.
func (a *Authority) Restore(now time.Time, records []Record, versions map[uint64]uint32, out *Out) {}

// Announce takes a nanoprobe's introduction: a new session, or new addresses.
// links are its addresses with their networks, as far as known (best first; an
// empty list leaves what is known).
func (a *Authority) Announce(now time.Time, id wire.ID, s wire.Session, name string, from netip.AddrPort, addrs []netip.AddrPort, out *Out) {
}

// Attach tells where a system's cables go, as its LLDP or CDP documents say.
func (a *Authority) Attach(now time.Time, id wire.ID, links []verdict.Link, out *Out) {}

// Report takes what a nanoprobe noticed.
func (a *Authority) Report(now time.Time, from wire.ID, obs []wire.Observation, out *Out) {}

// Stopping takes a nanoprobe's own goodbye.
func (a *Authority) Stopping(now time.Time, id wire.ID, out *Out) {}

// Echoed tells which generation a nanoprobe runs.
func (a *Authority) Echoed(now time.Time, id wire.ID, gen uint32, out *Out) {}

// Alive tells that something authenticated came from id, a pong for instance.
func (a *Authority) Alive(now time.Time, id wire.ID, out *Out) {}

// Refused tells that the host of addr answered a ping with "port unreachable".
func (a *Authority) Refused(now time.Time, addr netip.AddrPort, out *Out) {}

// OwnLink tells that the CMA's own network is gone or back.
func (a *Authority) OwnLink(now time.Time, up bool, out *Out) {}

// Retime gives a system another impatience.
func (a *Authority) Retime(now time.Time, id wire.ID, t wire.Timing, out *Out) {}

// Remove takes a system out for good.
func (a *Authority) Remove(now time.Time, id wire.ID, out *Out) {}

// Tick does what is due. Call it no later than Deadline.
func (a *Authority) Tick(now time.Time, out *Out) {}

// Deadline is when Tick wants to be called next; zero = never.
func (a *Authority) Deadline() time.Time { return time.Time{} }

// Record returns what to store about id.
func (a *Authority) Record(id wire.ID) (Record, bool) { return Record{}, false }

// Plan is the ring plan, for reading.
func (a *Authority) Plan() *ring.Plan { return nil }

// Status is what is believed of id.
func (a *Authority) Status(id wire.ID) verdict.Status { return verdict.Up }

// Incidents returns the open incidents, oldest first.
func (a *Authority) Incidents() []verdict.Incident { return nil }
