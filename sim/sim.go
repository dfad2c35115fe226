package sim

import (
	"math/rand/v2"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/member"
	"assim/session"
	"assim/wire"
)

// splitFrom is from how many systems on an estate is split in two halves that
// may run on two threads. It depends on the estate alone, so that the result
// does not depend on the machine.
const splitFrom = 5000

// epoch is the moment at which all simulations begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Options are what a run is made of, beside the estate.
type Options struct {
	Seed       uint64
	Timing     wire.Timing
	Threads    int // 2 at most; results do not depend on it
	MaxPerTick int
}

// Sim is one run.
type Sim struct {
	opt      Options
	e        *estate
	net      *network
	agents   []agent
	shards   []*shard
	perShard int32
	cma      *centre
	cfg      member.Config
	q        int64 // the quantum to come
	local    int32 // the nanoprobe on the CMA's own host; negative if none
	rnd      *rand.Rand
	faults   []*fault
	news     []event.Event
	onNews   func(*event.Event)
	chores   agenda.Agenda[func()] // what the simulator does by itself later
	watch    *watch
	base     counters // at the end of warming up
}

// counters are totals at one moment.
type counters struct {
	sent, in, out, ordered uint64

	q int64
}

// newSim makes a run over an estate. Nothing runs yet: see warm.
func newSim(e *estate, opt Options) *Sim {
	if opt.Timing == (wire.Timing{}) {
		opt.Timing = wire.DefaultTiming
	}
	s := &Sim{opt: opt, e: e, net: newNetwork(e), agents: make([]agent, len(e.names)), local: -1, q: 1,
		cfg: member.Config{Start: epoch}, rnd: rand.New(rand.NewPCG(opt.Seed, 7)), watch: newWatch()}
	s.split()
	s.cma = s.newCentre()
	return s
}

// split makes the shards.
func (s *Sim) split() {
	n := 1
	if len(s.agents) >= splitFrom {
		n = 2
	}
	s.perShard = int32((len(s.agents) + n - 1) / n)
	if n == 1 {
		s.perShard = 1 << 30 // newcomers go there, too
	}
	for i := range n {
		sh := &shard{s: s, lo: int32(i) * s.perShard, hi: int32(i+1) * s.perShard, rnd: rand.New(rand.NewPCG(s.opt.Seed, uint64(i)+1)), past: session.NewCMA(firstRun)}
		for p := range sh.across {
			sh.across[p] = make([][]crossing, n)
		}
		s.shards = append(s.shards, sh)
	}
}

func (s *Sim) shardOf(sys int32) *shard { return s.shards[sys/s.perShard] }

// now is the instant at which quantum q begins.
func (s *Sim) instant(q int64) time.Time { return epoch.Add(time.Duration(q) * quantum) }

// quantumOf is the first quantum that begins at t or later.
func (s *Sim) quantumOf(t time.Time) int64 {
	return int64((t.Sub(epoch) + quantum - 1) / quantum)
}

// at is the virtual time since the beginning.
func (s *Sim) at() time.Duration { return time.Duration(s.q) * quantum }

// settled is when an estate has settled: what is counted is counted from there.
const settled = 3 * time.Second

// warm seats everybody and starts all nanoprobes as if they had been running
// for long: the CMA knows them, they have their rings, nothing is under way.
// They start one after another within an interval, as heartbeats are spread
// later; all at once would need memory for a moment that does not come again.
func (s *Sim) warm() {
	now := s.instant(s.q)
	before := now.Add(-time.Minute) // Orders about a filling ring are held back for seconds.
	c := s.cma
	for i := range s.agents {
		sys := int32(i)
		id := s.e.id(sys)
		s.begin(sys, 1)
		c.a.Announce(before, id, 1, 0, s.e.names[i], s.e.addr(sys, 0), s.e.addrs(sys), &c.out)
		c.a.Attach(before, id, s.e.links(sys), &c.out)
		c.out.Reset()
		c.knows(before, id)
	}
	first := make([]*wire.Desired, len(s.agents))
	for d := c.a.Deadline(); !d.IsZero() && !d.After(now); d = c.a.Deadline() {
		if d.After(before) {
			before = d
		}
		c.a.Tick(before, &c.out)
		s.note(now, first)
	}
	c.a.Plan().Stale(nil, len(s.agents)) // they were all told the truth
	s.startUp(first)
	s.run(settled)
	s.base = s.count()
}

// note keeps the newest order of each system and tells the CMA that it runs.
func (s *Sim) note(now time.Time, first []*wire.Desired) {
	c := s.cma
	for len(c.out.Orders) > 0 {
		orders := append(c.out.Orders[:0:0], c.out.Orders...)
		c.out.Reset()
		for i := range orders {
			o := &orders[i]
			first[numberOf(o.To)] = &o.Desired
			c.a.Echoed(now, o.To, o.Desired.Gen, &c.out)
		}
	}
	c.out.Reset()
}

// startUp gives everybody its first order, in the course of an interval.
func (s *Sim) startUp(first []*wire.Desired) {
	slots := max(int(s.opt.Timing.Interval/quantum), 1)
	done := 0
	for i := 1; i <= slots; i++ {
		now := s.instant(s.q)
		for end := len(first) * i / slots; done < end; done++ {
			sys := int32(done)
			sh, a := s.shardOf(sys), &s.agents[sys]
			a.m.SetDesired(a.clock(now), first[sys], &sh.out)
			sh.follow(s.q, sys, a)
			sh.rearm(s.q, sys, a)
		}
		s.one(now)
	}
}

// begin starts a nanoprobe that knows nobody.
func (s *Sim) begin(sys int32, number wire.Session) {
	a := &s.agents[sys]
	*a = agent{m: member.New(s.e.id(sys), number, &s.cfg, s.shardOf(sys).rnd), session: number, state: running, alarm: a.alarm, ahead: a.ahead}
}

func (s *Sim) count() counters {
	c := counters{in: s.cma.in, out: s.cma.outs, ordered: s.cma.ordered, q: s.q}
	if t := s.cma.twin; t != nil {
		c.in, c.out, c.ordered = c.in+t.in, c.out+t.outs, c.ordered+t.ordered
	}
	for _, sh := range s.shards {
		c.sent += sh.sent
	}
	return c
}

// run advances to a virtual time.
func (s *Sim) run(until time.Duration) {
	end := int64(until / quantum)
	if len(s.shards) == 2 && s.opt.Threads > 1 {
		s.runOnTwo(end)
		return
	}
	for s.q < end {
		s.one(s.instant(s.q))
	}
}

// one advances by one quantum.
func (s *Sim) one(now time.Time) {
	for _, sh := range s.shards {
		sh.merge(s.q)
	}
	for _, sh := range s.shards {
		sh.step(s.q, now)
	}
	s.cma.step(s.q, now)
	s.q++
}

// runOnTwo is run with the second shard on a thread of its own. The two meet
// twice per quantum: before they read what the other sent, and after.
func (s *Sim) runOnTwo(end int64) {
	goal, done := newGate(s.q-1), newGate(s.q-1)
	finished := make(chan struct{})
	other := s.shards[1]
	go func(q int64) {
		defer close(finished)
		for ; q < end; q++ {
			goal.await(q)
			other.merge(q)
			other.step(q, s.instant(q))
			done.open(q)
		}
	}(s.q)
	mine := s.shards[0]
	for ; s.q < end; s.q++ {
		now := s.instant(s.q)
		goal.open(s.q)
		mine.merge(s.q)
		mine.step(s.q, now)
		done.await(s.q)
		s.cma.step(s.q, now)
	}
	<-finished
}
