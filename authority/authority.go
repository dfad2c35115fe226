package authority

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/ring"
	"assim/verdict"
	"assim/wire"
)

// Config is what an Authority is made with. The zero value works.
type Config struct {
	Limits  ring.Limits
	Verdict verdict.Options
	// Timing is the impatience towards systems of no class whose Record names none.
	Timing wire.Timing
	// Classes have an impatience of their own; the first that fits counts.
	Classes []Class
	// Key gives the secret of the edge between two nanoprobes, to be told to
	// both. Nil leaves the keys out of the orders.
	Key func(a, b wire.ID) [16]byte
	// Also gives another secret by which the two accept each other, while the
	// keys are being changed. Nil, or not ok: there is none.
	Also func(a, b wire.ID) (key [16]byte, ok bool)
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

// Record is everything to be stored about one system. Gen and Session change
// often and are small: they are stored apart.
type Record struct {
	ring.Membership
	Name    string
	Links   []verdict.Link
	Gen     uint32       `json:"-"` // of the newest order
	Timing  wire.Timing  // its own, if it has any
	Session wire.Session `json:"-"`
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
	Gens      []wire.ID // store only Gen of each: the order it is about to get is another one
	Gone      []wire.ID // forget the record of each
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() {
	o.Orders, o.Pings, o.Events = o.Orders[:0], o.Pings[:0], o.Events[:0]
	o.Incidents, o.Records, o.Gens, o.Gone = o.Incidents[:0], o.Records[:0], o.Gens[:0], o.Gone[:0]
}

const (
	// leisure is the pause between two helpings of orders that can wait.
	leisure = time.Second
	// maxLinks bounds the attachments kept per system.
	maxLinks = 16
	// maxCables bounds how many unplugged cables are remembered.
	maxCables = 1 << 16
	// maxPlaces bounds how many switches are known by name.
	maxPlaces = 1 << 16
	// maxRunAtOnce is from how many systems a report of a run is judged as a
	// whole before each of them is named.
	maxRunAtOnce = 4
)

// node is what is kept per system: a few hundred bytes.
type node struct {
	id      wire.ID
	name    string
	says    []netip.AddrPort // what it says are its addresses, best first
	addrs   []netip.AddrPort // of these, by which it is reached: see reach
	links   []verdict.Link
	timing  *wire.Timing // nil: the default
	retimed bool         // it is its own, not its class's
	session wire.Session
	gen     uint32    // of the newest order
	echoed  uint32    // what it said it runs
	ran     time.Time // since when; zero: since before this CMA started
	sample  int32     // position in Authority.all
	told    bool      // its newest order is what it would be told now
	whole   bool      // its next order must leave nothing out: the keys have changed
	queued  bool      // an order is to be made, or the newest one sent again
	held    bool      // an order is to be made when the rings have filled
	missed  bool      // an order is to be made when it returns
	agreed  bool      // it has run the newest order in this run of the CMA
	status  verdict.Status
	since   time.Time
	started time.Time // when its session was announced; zero = before this run
}

// cable is one NIC of one system.
type cable struct {
	id  wire.ID
	nic string
}

// sending is an order that was not echoed yet.
type sending struct {
	at      time.Time // next copy
	backoff time.Duration
	part    bool // only what changed
	hurried uint8
}

// Authority is the CMA's part in the rings. One goroutine owns it.
type Authority struct {
	cfg    Config
	rnd    *rand.Rand
	plan   *ring.Plan
	judge  *verdict.Judge
	atlas  atlas
	nodes  map[wire.ID]*node
	all    []*node // for samples
	byAddr map[netip.AddrPort]*node
	rest   map[netip.AddrPort][]*node // who else says that an address is its own, in the order they came
	queue  []*node                    // who gets an order, in turn
	sent   map[*node]*sending
	// gathering is who gets an order once the rings have filled.
	gathering gathering
	busy      bool
	timers    agenda.Agenda[timer]
	claims    agenda.Agenda[claim]   // addresses that two say are theirs
	claimed   int                    // how many those are
	leisure   time.Time              // next helping of stale rosters; zero = none left
	places    map[string]string      // what people call the switches, by chassis id
	cables    map[cable]verdict.Link // where cables went that are heard nowhere now
	said      verdict.Out
	ids       []wire.ID
	martian   uint64
	rivals    rivals
}

// New returns an Authority that knows nobody. r draws whom to ask when it needs
// a sample.
func New(cfg Config, r *rand.Rand) *Authority {
	if cfg.Timing == (wire.Timing{}) {
		cfg.Timing = wire.DefaultTiming
	}
	if cfg.MaxPerTick == 0 {
		cfg.MaxPerTick = 256
	}
	if cfg.Verdict.Answer == 0 {
		cfg.Verdict.Answer = 600 * time.Millisecond
	}
	a := &Authority{cfg: cfg, rnd: r, plan: ring.NewPlan(cfg.Limits), atlas: newAtlas(),
		nodes: map[wire.ID]*node{}, byAddr: map[netip.AddrPort]*node{}, rest: map[netip.AddrPort][]*node{}, sent: map[*node]*sending{}, cables: map[cable]verdict.Link{}, places: map[string]string{}}
	a.judge = verdict.New(world{a}, cfg.Verdict)
	return a
}

// Call tells what people call the switch with this chassis id. The newest name
// counts.
func (a *Authority) Call(chassis, name string) {
	if _, known := a.places[chassis]; known || len(a.places) < maxPlaces {
		a.places[chassis] = name
	}
}

// Place is what people call a switch: its chassis id if they do not.
func (a *Authority) Place(chassis string) string {
	if name := a.places[chassis]; name != "" {
		return name
	}
	return chassis
}

// SetLocal tells which nanoprobe is on the CMA's own host.
func (a *Authority) SetLocal(id wire.ID) { a.judge.SetLocal(id) }

// Refresh tells everybody anew what is desired, at leisure: the configuration
// of the CMA is another one than when they were told.
func (a *Authority) Refresh() {
	for _, n := range a.nodes {
		a.anew(n)
	}
}

// anew tells a system everything anew.
func (a *Authority) anew(n *node) {
	n.whole = true
	a.enqueue(n)
}

// Restore seats the systems as stored. Nobody is told anything unless what was
// stored contradicts itself; systems in trouble are looked at again.
func (a *Authority) Restore(now time.Time, records []Record, versions map[uint64]uint32, out *Out) {
	seats := make([]ring.Membership, len(records))
	for i := range records {
		r := &records[i]
		seats[i] = r.Membership
		n := a.enlist(r.ID, r.Name)
		n.session, n.gen, n.echoed, n.told = r.Session, r.Gen, r.Gen, r.Gen > 0
		n.says = append([]netip.AddrPort{r.Addr}, r.Alt...)
		a.settle(n, n.says, r.Links)
		a.inherit(n)
		if r.Timing != (wire.Timing{}) {
			t := r.Timing
			n.timing, n.retimed = &t, true
		}
	}
	a.plan.Restore(seats, versions)
	for i := range records {
		r := &records[i]
		n := a.nodes[r.ID]
		n.status, n.since = r.Status, r.Since
		n.missed = lost(r.Status) // It may have been: that is not stored.
		a.plan.SetLost(r.ID, lost(r.Status))
		a.judge.Restore(now, r.ID, r.Status, r.Since, &a.said)
	}
	a.follow(now, out)
}

// Announce takes a nanoprobe's introduction: a new session, or new addresses
// (best first; an empty list leaves what is known). It runs the order of
// generation applied, 0 if it has just started. Who runs its newest order
// already gets none, and who has just started gets the one it had again unless
// something has changed: when a site gets its power back nothing has.
func (a *Authority) Announce(now time.Time, id wire.ID, s wire.Session, applied uint32, name string, from netip.AddrPort, addrs []netip.AddrPort, out *Out) {
	n := a.nodes[id]
	isNew := n == nil
	if isNew {
		n = a.enlist(id, name)
	}
	if s < n.session {
		return // a copy from before
	}
	if len(addrs) == 0 && len(n.says) == 0 {
		addrs = []netip.AddrPort{from}
	}
	restarted, changed := s > n.session, isNew || name != n.name
	n.session = s
	if name != n.name {
		a.rename(n, name)
	}
	if len(addrs) > 0 && a.claimAddrs(now, n, addrs, out) {
		changed = true
	}
	if changed {
		a.plan.Join(n.seat())
		a.followSeats(now)
	}
	if restarted {
		a.greet(now, n, applied)
	}
	if isNew || restarted && applied == 0 {
		a.welcome(now, n, isNew, out)
	}
	a.judge.Alive(now, id, restarted, &a.said)
	if changed {
		out.Records = append(out.Records, id)
	}
	a.follow(now, out)
}

// greet puts whoever begins a session in line for what it does not know.
func (a *Authority) greet(now time.Time, n *node, applied uint32) {
	n.echoed = applied
	if applied == 0 {
		n.started = now
	}
	switch {
	case applied > n.gen: // from before a restart of the CMA that forgot it, or of another CMA
		a.strange(now, n)
		n.gen = applied
		a.holdOrEnqueue(now, n)
	case !a.current(n):
		a.holdOrEnqueue(now, n)
	case applied != n.gen && !n.queued && !n.held:
		n.queued = true
		a.queue = append(a.queue, n)
	}
}

// current says whether the newest order of n is what it would be told now.
func (a *Authority) current(n *node) bool {
	return n.told && !n.missed && !a.plan.Outdated(n.id)
}

func (a *Authority) welcome(now time.Time, n *node, isNew bool, out *Out) {
	e := event.Event{At: now, Kind: event.Started, System: n.id.String(), Name: n.name, Text: "nanoprobe of " + n.name + " started"}
	if isNew {
		e.Kind, e.Text = event.Joined, "system "+n.name+" joined"
	}
	out.Events = append(out.Events, e)
}

// Attach tells where a system's cables go, as its LLDP or CDP documents say.
func (a *Authority) Attach(now time.Time, id wire.ID, links []verdict.Link, out *Out) {
	n := a.nodes[id]
	if n == nil || slices.Equal(links, n.links) {
		return
	}
	a.tellMoves(now, n, links, out)
	a.settle(n, n.addrs, links)
	a.plan.Join(n.seat())
	a.followSeats(now)
	out.Records = append(out.Records, id)
	a.follow(now, out)
}

// tellMoves compares where the cables go with where they were last known to go:
// for a moment in between nothing may have been heard of either switch.
func (a *Authority) tellMoves(now time.Time, n *node, links []verdict.Link, out *Out) {
	for _, o := range n.links {
		if o.Switch != "" && o.Name != "" && len(a.cables) < maxCables {
			a.cables[cable{n.id, nic(o)}] = o
		}
	}
	for _, l := range links {
		o, ok := a.cables[cable{n.id, nic(l)}]
		if !ok || l.Switch == "" {
			continue
		}
		delete(a.cables, cable{n.id, nic(l)})
		if o.Switch == l.Switch && o.Port == l.Port {
			continue
		}
		out.Events = append(out.Events, event.Event{At: now, Kind: event.CableMoved, System: n.id.String(), Name: n.name,
			Detail: map[string]string{"nic": l.Name, "from_switch": o.Switch, "from_port": o.Port, "switch": l.Switch, "port": l.Port},
			Text:   "cable of " + n.name + " " + l.Name + " moved from " + a.Place(o.Switch) + " port " + o.Port + " to " + a.Place(l.Switch) + " port " + l.Port})
	}
}

// nic is who an interface is: its name may be another's after the next start.
func nic(l verdict.Link) string { return cmp.Or(l.NIC, l.Name) }

// Report takes what a nanoprobe noticed.
func (a *Authority) Report(now time.Time, from wire.ID, obs []wire.Observation, out *Out) {
	if a.nodes[from] == nil {
		return
	}
	a.contact(a.nodes[from])
	a.judge.Alive(now, from, false, &a.said)
	for i := range obs {
		a.observe(now, from, &obs[i])
	}
	a.follow(now, out)
}

// observe resolves one observation's roster positions and ages, and hands it
// to the judge.
func (a *Authority) observe(now time.Time, from wire.ID, o *wire.Observation) {
	c := verdict.Claim{By: from, Kind: o.Kind, About: o.About, At: now.Add(-o.Ago), Link: o.Link, Ring: o.Ring}
	c.Since = c.At.Add(-o.Silent)
	switch {
	case o.Kind == wire.ObsMartian:
		a.martian++
	case o.Kind == wire.ObsSwept:
		silent, alive, ok := a.plan.Swept(nil, nil, o)
		if !ok {
			return // it counts in a roster that is no more
		}
		for _, id := range alive {
			a.judge.Hears(now, from, id, &a.said)
		}
		a.each(now, c, silent)
	case o.Run > 1 || o.Run < -1:
		run := a.plan.Run(nil, from, o)
		if len(run) >= maxRunAtOnce && o.Kind == wire.ObsUnresponsive {
			c.Kind = wire.ObsSwept
		}
		a.each(now, c, run)
	default:
		if !c.About.IsZero() && a.nodes[c.About] == nil {
			return // taken out meanwhile, or made up
		}
		if n := a.nodes[c.About]; n != nil && c.Kind == wire.ObsUnresponsive {
			a.hurry(now, n) // Who is silent to its neighbors may not know of them.
		}
		a.judge.Heard(now, c, &a.said)
	}
}

func (a *Authority) each(now time.Time, c verdict.Claim, ids []wire.ID) {
	first := c.About
	c.Beyond = first
	for _, id := range ids {
		n := a.nodes[id]
		if n == nil || id != first && c.At.Sub(n.started) < a.timing(n).Unresponsive {
			continue // It has just started: who is beyond a silent one cannot know yet.
		}
		c.About, c.Company = id, id != first
		if c.Company && c.Kind == wire.ObsDeaf {
			c.Kind = wire.ObsUnresponsive // Those beyond a deaf one were asked, and silent.
		}
		a.judge.Heard(now, c, &a.said)
	}
}

// Stopping takes a nanoprobe's own goodbye.
func (a *Authority) Stopping(now time.Time, id wire.ID, out *Out) {
	if a.nodes[id] == nil {
		return
	}
	a.judge.Stopping(now, id, &a.said)
	a.follow(now, out)
}

// Echoed tells which generation a nanoprobe runs.
func (a *Authority) Echoed(now time.Time, id wire.ID, gen uint32, out *Out) {
	n := a.nodes[id]
	if n == nil {
		return
	}
	if n.echoed != gen {
		n.ran = now
	}
	n.echoed = gen
	switch {
	case gen == n.gen:
		n.agreed = true
		delete(a.sent, n)
	case gen > n.gen: // from before a restart of the CMA that forgot it, or of another CMA
		a.strange(now, n)
		n.gen = gen
		a.enqueue(n)
	default:
		a.hurry(now, n)
	}
	a.contact(n)
	a.judge.Alive(now, id, false, &a.said)
	a.follow(now, out)
}

// Alive tells that something authenticated came from id, a pong for instance, in
// the session that it announced.
func (a *Authority) Alive(now time.Time, id wire.ID, out *Out) {
	n := a.nodes[id]
	if n == nil {
		return
	}
	a.contact(n)
	a.judge.Alive(now, id, false, &a.said)
	a.follow(now, out)
}

// Refused tells that the host of addr answered a ping with "port unreachable".
func (a *Authority) Refused(now time.Time, addr netip.AddrPort, out *Out) {
	n := a.byAddr[addr]
	if n == nil {
		return
	}
	a.judge.Refused(now, n.id, &a.said)
	a.follow(now, out)
}

// OwnLink tells that the CMA's own network is gone or back.
func (a *Authority) OwnLink(now time.Time, up bool, out *Out) {
	a.judge.OwnLink(now, up, &a.said)
	a.follow(now, out)
}

// Retime gives a system another impatience.
func (a *Authority) Retime(now time.Time, id wire.ID, t wire.Timing, out *Out) {
	n := a.nodes[id]
	if n == nil || t == a.timing(n) {
		return
	}
	n.timing, n.retimed = &t, true
	a.enqueue(n)
	out.Records = append(out.Records, id)
	a.follow(now, out)
}

// Remove takes a system out for good.
func (a *Authority) Remove(now time.Time, id wire.ID, out *Out) {
	n := a.nodes[id]
	if n == nil {
		return
	}
	a.judge.Forget(now, id, &a.said)
	a.plan.Leave(id)
	for _, addr := range n.says {
		a.yield(now, n, addr, out)
	}
	a.dismiss(n)
	out.Gone = append(out.Gone, id)
	a.follow(now, out)
}

// Present yields everybody who is not lost.
func (a *Authority) Present() iter.Seq[wire.ID] {
	return func(yield func(wire.ID) bool) {
		for _, n := range a.all {
			if !lost(n.status) && !yield(n.id) {
				return
			}
		}
	}
}

// Busy tells whether more waits to be taken in, echoes among it: nothing is
// repeated then.
func (a *Authority) Busy(busy bool) { a.busy = busy }

// Tick does what is due. Call it no later than Deadline.
func (a *Authority) Tick(now time.Time, out *Out) {
	a.judge.Tick(now, &a.said)
	a.follow(now, out)
	a.letGo(now)
	a.makeOrders(now, out)
	a.fire(now, out)
	a.tellClaims(now, out)
}

// Deadline is when Tick wants to be called next; zero = never.
func (a *Authority) Deadline() time.Time {
	if len(a.queue) > 0 {
		return a.queueSince()
	}
	return agenda.Sooner(a.judge.Deadline(), a.timers.Next(), a.claims.Next(), a.leisure, a.gathering.due(a.busy))
}

// Record returns what to store about id.
func (a *Authority) Record(id wire.ID) (Record, bool) {
	n := a.nodes[id]
	if n == nil {
		return Record{}, false
	}
	m, _ := a.plan.Membership(id)
	r := Record{Membership: m, Name: n.name, Links: n.links, Gen: n.gen, Session: n.session, Status: n.status, Since: n.since}
	r.Seat = n.seat()
	if n.retimed {
		r.Timing = *n.timing
	}
	return r, true
}

// Gen is the generation of the newest order of id.
func (a *Authority) Gen(id wire.ID) uint32 {
	if n := a.nodes[id]; n != nil {
		return n.gen
	}
	return 0
}

// Plan is the ring plan, for reading.
func (a *Authority) Plan() *ring.Plan { return a.plan }

// Status is what is believed of id.
func (a *Authority) Status(id wire.ID) verdict.Status { return a.judge.Status(id) }

// Incidents returns the open incidents, oldest first.
func (a *Authority) Incidents() []verdict.Incident { return a.judge.Open() }

// Martians is how many ticks were reported that nobody should have sent.
func (a *Authority) Martians() uint64 { return a.martian }
