package verdict

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/wire"
)

// Link is one attachment of a system to the network.
type Link struct {
	Name   string       // interface name; may be empty when only the address is known
	NIC    string       `json:",omitempty"` // what the interface is whatever its name; empty = that name
	Addr   netip.Addr   // its address
	Switch string       // chassis id of the switch it hears; empty = unknown
	Port   string       // port on that switch
	Subnet netip.Prefix // of Addr
}

// Map is what the CMA knows about cabling and rings. Its slices are appended to
// dst and belong to the caller.
type Map interface {
	// Name is what people call the system.
	Name(id wire.ID) string
	// Place is what people call the switch with this chassis id.
	Place(chassis string) string
	// Links appends the attachments of a system, the one its rings use first.
	Links(dst []Link, id wire.ID) []Link
	// Witnesses appends those who heartbeat with id by plan.
	Witnesses(dst []wire.ID, id wire.ID) []wire.ID
	// Behind appends the systems with any link on that switch, in port order.
	Behind(dst []wire.ID, chassis string) []wire.ID
	// Switches appends the switches of a subnet, and Bare its systems that hear
	// no switch.
	Switches(dst []string, subnet netip.Prefix) []string
	Bare(dst []wire.ID, subnet netip.Prefix) []wire.ID
	// Beside appends the n subnets after subnet in the order of the top ring, or
	// the -n before it, nearest first.
	Beside(dst []netip.Prefix, subnet netip.Prefix, n int) []netip.Prefix
	// Sample appends up to n systems from all over the place.
	Sample(dst []wire.ID, n int) []wire.ID
	// Runs says since when a system is known to run the rings of the plan; ok is
	// false while it does not: it cannot answer its neighbors then.
	Runs(id wire.ID) (since time.Time, ok bool)
	// Ours says whether a system has spoken to this run of the CMA and goes by its
	// orders. It matters only while there is another CMA.
	Ours(id wire.ID) bool
	// Contested appends the addresses by which a system is reached and which
	// another one says are its own: who asks there may find either.
	Contested(dst []netip.Addr, id wire.ID) []netip.Addr
	// Dead is how long silence of this system is tolerated.
	Dead(id wire.ID) time.Duration
}

// Options tune a Judge. The zero value of each field means its default.
type Options struct {
	// Agree is how long a lone accusation waits for the other witness before the
	// CMA pings the accused itself. 500 ms: half an interval.
	Agree time.Duration
	// Window is how long a group of silent systems is watched for company before
	// it is named. Longer tells a switch from hosts more surely, later.
	Window time.Duration
	// Answer is how long a ping may go unanswered, all its tries together.
	Answer time.Duration
	// Quick is the same for the single pings that find out how far a large
	// silence reaches; many of them correct each other.
	Quick time.Duration
	// Merge is how long after a death it can still turn out to have been part of
	// something bigger.
	Merge time.Duration
	// Settle is how long the systems behind a switch may take to return after
	// the first of them did, before each is a case of its own.
	Settle time.Duration
	// Local is the nanoprobe on the CMA's own host: what it alone says may be
	// the CMA's own trouble.
	Local wire.ID
}

func (o *Options) defaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Agree, 500*time.Millisecond)
	def(&o.Window, 700*time.Millisecond)
	def(&o.Answer, 600*time.Millisecond)
	def(&o.Quick, 250*time.Millisecond)
	def(&o.Merge, time.Minute)
	def(&o.Settle, 3*time.Minute)
}

// Status is what is believed of a system.
type Status uint8

// The statuses. Up is never stored.
const (
	Up           Status = iota
	Unresponsive        // silent: shown, nobody is paged
	Dead                // nobody hears it
	Stopped             // its nanoprobe is gone, the system answers
	Shut                // it said goodbye
	Unknown             // behind something unreachable: not accused
)

// String is the word the graph stores.
func (s Status) String() string {
	return [...]string{"up", "unresponsive", "dead", "stopped", "shutdown", "unknown"}[s]
}

// ParseStatus is the inverse of Status.String.
func ParseStatus(s string) (Status, error) {
	for st := Up; st <= Unknown; st++ {
		if st.String() == s {
			return st, nil
		}
	}
	return Up, fmt.Errorf("verdict: %q is no status (up, unresponsive, dead, stopped, shutdown, unknown)", s)
}

// Claim is one observation of a nanoprobe, with its roster positions resolved
// to ids and its age to an instant.
type Claim struct {
	By    wire.ID
	Kind  wire.ObservationKind // ObsSwept: About did not answer in a sweep or a long run
	About wire.ID              // zero: By's own link
	At    time.Time            // when it was noticed
	Since time.Time            // last sign of life of About; zero = unknown
	Link  string               // interface or address, for ObsLinkDown and ObsLinkUp
	Ring  uint64               // in which it was noticed; of ObsSwept the one that was swept
	// Company: About is not By's neighbor but was found silent beyond one. Beyond is
	// that one, or the deputy of the ring that was swept.
	Company bool
	Beyond  wire.ID
}

// Ping is a question the Judge wants asked. No answer within Options.Answer is
// an answer, too.
type Ping struct {
	To    wire.ID
	Tries int // datagrams to send before giving up
}

// Change is a new status of one system, to be stored.
type Change struct {
	ID     wire.ID
	Status Status
	Since  time.Time // last sign of life
}

// Out collects what a Judge wants known and done. The caller empties it with
// Reset and keeps its memory.
type Out struct {
	Events    []event.Event
	Pings     []Ping     // ask each for a sign of life; tell Alive or Refused if one comes
	Changes   []Change   // new statuses, also back to Up
	Incidents []Incident // as they are now, for each that opened, changed or closed
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() {
	o.Events, o.Pings, o.Changes, o.Incidents = o.Events[:0], o.Pings[:0], o.Changes[:0], o.Incidents[:0]
}

// Incident is one fault with its evidence and consequences.
type Incident struct {
	ID         string // "<kind>/<number>"
	Kind       event.Kind
	About      string // key of what broke: a system, "sw-<chassis>", a subnet, "cma"
	Name       string // what people call it
	Cause      string // why we think so, one sentence
	Since      time.Time
	Opened     time.Time
	Closed     time.Time // zero while open
	Systems    []wire.ID // who suffers (a lone system: itself)
	Witnesses  []wire.ID
	Evidence   []string // sentences, in the order they came
	Confidence float64  // 0..1: see confidence
	Superseded string   // id of the incident that explains this one better
}

// clone protects the Judge's own copy from the reader's hands.
func (in *Incident) clone() Incident {
	c := *in
	c.Systems, c.Witnesses, c.Evidence = slices.Clone(in.Systems), slices.Clone(in.Witnesses), slices.Clone(in.Evidence)
	return c
}

// Judge concludes. One goroutine owns it.
type Judge struct {
	m   Map
	opt Options

	suspects map[wire.ID]*suspect    // systems in trouble
	paths    map[pair]*path          // who does not hear whom
	links    map[linkKey]*downLink   // networks lost
	company  map[wire.ID][]companion // by accuser: whom it accused in company
	liars    map[wire.ID]time.Time   // refuted, not trusted until then
	stray    map[wire.ID]stray       // refuted about systems they do not watch; bounded
	heard    map[wire.ID]time.Time   // who spoke to the CMA lately; bounded
	open     []*Incident             // oldest first
	groups   map[string]*group       // of open group incidents, by incident id
	probed   map[string]time.Time    // switches and subnets whose systems were sampled
	reached  map[netip.Prefix]bool   // subnets found by asking further and further
	serial   int
	agenda   agenda.Agenda[wire.ID]
	groupDue time.Time  // when to look for common causes
	pathDue  time.Time  // when to look at broken paths
	outside  time.Time  // when somebody else than Local spoke last
	isolated *isolation // while the CMA is cut off
	rival    rival
	control  time.Time // when the control sample was asked; zero = not
	controls []wire.ID // they
	around   []wire.ID // who was asked whether anybody is heard elsewhere
	aroundAt time.Time
	alone    bool // nobody is heard beyond the place of all reporters
	carrier  bool // false: the CMA has lost its own network
}

// SetLocal tells which nanoprobe is on the CMA's own host: see Options.Local.
func (j *Judge) SetLocal(id wire.ID) { j.opt.Local = id }

// New returns a Judge that suspects nobody.
func New(m Map, opt Options) *Judge {
	opt.defaults()
	return &Judge{m: m, opt: opt, carrier: true,
		suspects: map[wire.ID]*suspect{}, paths: map[pair]*path{}, links: map[linkKey]*downLink{},
		company: map[wire.ID][]companion{}, liars: map[wire.ID]time.Time{}, stray: map[wire.ID]stray{}, heard: map[wire.ID]time.Time{},
		groups: map[string]*group{}, probed: map[string]time.Time{}, reached: map[netip.Prefix]bool{}}
}

// Status is what is believed of id.
func (j *Judge) Status(id wire.ID) Status {
	if s := j.suspects[id]; s != nil {
		return s.status
	}
	return Up
}

// Asking says whether an answer of id to a ping is awaited.
func (j *Judge) Asking(id wire.ID) bool {
	s := j.suspects[id]
	return s != nil && s.ping == asked
}

// Open returns the open incidents, oldest first.
func (j *Judge) Open() []Incident {
	list := make([]Incident, len(j.open))
	for i, in := range j.open {
		list[i] = in.clone()
	}
	return list
}

// Deadline is when Tick wants to be called next; zero = never.
func (j *Judge) Deadline() time.Time {
	at := agenda.Sooner(j.agenda.Next(), j.groupDue, j.pathDue, j.rivalEnds())
	if j.isolated != nil {
		at = agenda.Sooner(at, j.isolated.next)
	}
	for _, g := range j.groups {
		at = agenda.Sooner(at, g.next)
	}
	return at
}

// Tick does what is due.
func (j *Judge) Tick(now time.Time, out *Out) {
	for {
		id, ok := j.agenda.Due(now)
		if !ok {
			break
		}
		if s := j.suspects[id]; s != nil {
			j.look(now, s, out)
		}
	}
	if due(now, j.groupDue) {
		j.groupDue = time.Time{}
		j.findCommonCauses(now, out)
	}
	if due(now, j.pathDue) {
		j.pathDue = time.Time{}
		j.findBrokenPaths(now, out)
	}
	j.forgetRival(now, out)
	j.inquire(now, out)
	for _, in := range slices.Clone(j.open) {
		if g := j.groups[in.ID]; g != nil && due(now, g.next) {
			j.revisit(now, in, g, out)
		}
	}
}

// due says whether an instant has come; zero never does.
func due(now, at time.Time) bool { return !at.IsZero() && !at.After(now) }
