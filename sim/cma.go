package sim

import (
	"maps"
	"math/rand/v2"
	"time"

	"assim/authority"
	"assim/session"
	"assim/verdict"
	"assim/wire"
)

const (
	// firstRun is the cookie of the CMA's first run.
	firstRun = 1
	// maxBody is what one signal carries; longer orders take several.
	maxBody = 1150
	// keySize is what a key adds to the encoding of each roster entry.
	keySize = 16
)

// centre is the simulated CMA: the shipped core, and what its daemon adds.
type centre struct {
	s       *Sim
	a       *authority.Authority
	rnd     *rand.Rand
	up      bool
	ahead   time.Duration // of its clock, of all others
	at      [flightSlots][]letter
	out     authority.Out
	sess    *session.CMA
	run     uint64                   // its cookie
	newest  map[wire.ID]session.Mark // what is durable
	in      uint64                   // datagrams
	outs    uint64
	ordered uint64         // of outs, orders
	acks    []letter       // not sent yet: an order to the same system says the same
	told    map[int32]bool // who was sent an order in this quantum
	opened  map[string]verdict.Incident
	encoded []byte
	records []authority.Record // while it is down
	version map[uint64]uint32
	twin    *centre        // a second CMA, started from a copy of the first one's disk
	theirs  map[int32]bool // who talks to the twin
}

func (s *Sim) newCentre() *centre {
	c := &centre{s: s, rnd: rand.New(rand.NewPCG(s.opt.Seed, 99)), newest: map[wire.ID]session.Mark{}, told: map[int32]bool{}, opened: map[string]verdict.Incident{}}
	c.start()
	return c
}

// start makes the core as a fresh process does.
func (c *centre) start() {
	cfg := authority.Config{Timing: c.s.opt.Timing, MaxPerTick: c.s.opt.MaxPerTick}
	if c.s.local >= 0 {
		cfg.Verdict.Local = c.s.e.id(c.s.local)
	}
	c.a = authority.New(cfg, c.rnd)
	c.run++
	c.sess = session.NewCMA(c.run)
	for _, m := range c.newest {
		c.sess.Restore(m)
	}
	c.up = true
}

// crash loses everything that is not stored.
func (c *centre) crash() {
	c.up = false
	c.store()
}

// split starts a second CMA from what the first one has stored, by mistake: some
// systems talk to it from now on.
func (c *centre) split(systems []int32) {
	if c.twin == nil {
		c.store()
		t := &centre{s: c.s, rnd: rand.New(rand.NewPCG(c.s.opt.Seed, 98)), newest: maps.Clone(c.newest), run: c.run + 1000, told: map[int32]bool{}, opened: map[string]verdict.Incident{},
			records: c.records, version: c.version}
		t.restart(c.s.q, c.s.instant(c.s.q))
		c.twin, c.theirs = t, map[int32]bool{}
	}
	for _, sys := range systems {
		c.theirs[sys] = true
		c.twin.a.Echoed(c.twin.clock(c.s.instant(c.s.q)), c.s.e.id(sys), c.s.agents[sys].m.Gen(), &c.twin.out) // they introduce themselves
	}
	c.twin.follow(c.s.q)
}

// store notes what survives a crash.
func (c *centre) store() {
	c.records, c.version = c.records[:0], map[uint64]uint32{}
	for i := range c.s.e.names {
		if r, ok := c.a.Record(c.s.e.id(int32(i))); ok {
			c.records = append(c.records, r)
		}
	}
	for info := range c.a.Plan().Rings() {
		c.version[info.Ring] = info.Version
	}
}

func (c *centre) restart(q int64, now time.Time) {
	c.start()
	c.a.Restore(now, c.records, c.version, &c.out)
	c.follow(q)
}

// collect sorts in what the shards sent.
func (c *centre) collect() {
	for _, sh := range c.s.shards {
		for i := range sh.toCMA {
			l, to := &sh.toCMA[i], c
			if c.theirs[l.sys] {
				to = c.twin
			}
			slot := &to.at[l.at&(flightSlots-1)]
			*slot = append(*slot, *l)
		}
		clear(sh.toCMA)
		sh.toCMA = sh.toCMA[:0]
	}
}

// clock is what the CMA's own clock shows.
func (c *centre) clock(now time.Time) time.Time { return now.Add(c.ahead) }

// step does everything due in quantum q.
func (c *centre) step(q int64, now time.Time) {
	c.collect()
	c.work(q, now)
	if c.twin != nil {
		c.twin.work(q, now)
	}
}

func (c *centre) work(q int64, now time.Time) {
	now = c.clock(now)
	slot := &c.at[q&(flightSlots-1)]
	for i := range *slot {
		if c.up {
			c.read(q, now, &(*slot)[i])
		}
	}
	clear(*slot)
	*slot = (*slot)[:0]
	if !c.up {
		return
	}
	for d := c.a.Deadline(); !d.IsZero() && !d.After(now); d = c.a.Deadline() {
		c.a.Tick(now, &c.out)
		c.follow(q)
		if next := c.a.Deadline(); !next.IsZero() && !next.After(now) && next.Equal(d) {
			break // the rest in the next quantum
		}
	}
	c.acknowledge(q)
}

// acknowledge answers what was taken in, unless an order has done so.
func (c *centre) acknowledge(q int64) {
	for i := range c.acks {
		if l := &c.acks[i]; !c.told[l.sys] {
			c.send(q, *l, 1)
		}
	}
	c.acks = c.acks[:0]
	clear(c.told)
}

// read takes in one signal, answers it, and acts on it once.
func (c *centre) read(q int64, now time.Time, l *letter) {
	c.in++
	id := c.s.e.id(l.sys)
	if l.refusal {
		c.a.Refused(now, c.s.e.addr(l.sys, 0), &c.out)
		c.follow(q)
		return
	}
	v := c.sess.Receive(now, id, &l.sig)
	if v.Elsewhere {
		c.a.Elsewhere(now, id)
	}
	if v.HasReply {
		c.send(q, letter{sys: l.sys, sig: v.Reply}, 1)
		if l.sig.Kind == wire.KindAnnounce {
			c.a.Again(now, id)
		}
	}
	if v.Fresh && !v.Started {
		c.a.Alive(now, id, &c.out)
	}
	if !v.Started && (v.Action == session.Process || v.Action == session.Glance) {
		c.a.Echoed(now, id, l.sig.Applied, &c.out)
	}
	if v.Action == session.Process {
		c.take(now, id, l)
	}
	c.follow(q)
}

// take processes a numbered signal. Here it is durable at once.
func (c *centre) take(now time.Time, id wire.ID, l *letter) {
	switch l.sig.Kind {
	case wire.KindAnnounce:
		e := c.s.e
		c.a.Announce(now, id, l.sig.Session, l.sig.Applied, e.names[l.sys], e.addr(l.sys, 0), e.addrs(l.sys), &c.out)
		c.a.Attach(now, id, e.links(l.sys), &c.out)
	case wire.KindReport:
		if obs, err := wire.ParseReport(l.sig.Body); err == nil {
			c.a.Report(now, id, obs, &c.out)
		}
	case wire.KindStopping:
		c.a.Stopping(now, id, &c.out)
	}
	c.newest[id] = session.Mark{ID: id, Session: l.sig.Session, Seq: l.sig.Seq}
	c.acks = append(c.acks, letter{sys: l.sys, sig: c.sess.Committed(id, l.sig.Session, l.sig.Seq)})
}

// knows has a system be known for long, in its first session.
func (c *centre) knows(now time.Time, id wire.ID) {
	m := session.Mark{ID: id, Session: 1, Seq: 1}
	c.newest[id] = m
	c.sess.Restore(m)
	c.sess.Receive(now, id, &wire.Signal{Session: 1, Seq: 1, Kind: wire.KindAnnounce, Cookie: firstRun})
}

// follow does what the core asked for.
func (c *centre) follow(q int64) {
	for i := range c.out.Orders {
		c.sendOrder(q, &c.out.Orders[i])
	}
	for _, p := range c.out.Pings {
		sys, which := c.s.e.whose(p.Addr)
		if sys >= 0 {
			now := c.clock(c.s.instant(q))
			if m, ok := c.sess.Unasked(p.To, wire.KindPing, wire.AppendToken(nil, c.sess.PingToken(now, p.To))); ok {
				c.sendBy(q, letter{sys: sys, sig: m}, 1, which)
			}
		}
	}
	for i := range c.out.Events {
		c.s.heardOf(&c.out.Events[i])
	}
	for _, in := range c.out.Incidents {
		c.opened[in.ID] = in
	}
	c.out.Reset()
}

// sendOrder sends a desired state, counted in as many datagrams as it takes.
func (c *centre) sendOrder(q int64, o *authority.Order) {
	sys := numberOf(o.To)
	c.encoded = wire.AppendDesired(c.encoded[:0], &o.Desired)
	size := len(c.encoded)
	for i := range o.Desired.Rings {
		size += keySize * len(o.Desired.Rings[i].Members)
	}
	parts := (size + maxBody - 1) / maxBody
	m, ok := c.sess.Unasked(o.To, wire.KindDesired, nil)
	if !ok {
		return
	}
	c.ordered += uint64(parts)
	c.told[sys] = true
	d := o.Desired
	c.send(q, letter{sys: sys, desired: &d, sig: m}, parts)
}

// send puts a signal on the way by whichever NIC the system has a way.
func (c *centre) send(q int64, l letter, parts int) {
	ok := true
	if !c.s.net.clean {
		_, ok = c.s.net.reachesCMA(l.sys)
		ok = ok && c.s.e.leadsTo(l.sys)
	}
	c.outs += uint64(parts)
	if ok {
		c.carry(q, l)
	}
}

// sendBy puts a signal on the way to one NIC.
func (c *centre) sendBy(q int64, l letter, parts, which int) {
	c.outs += uint64(parts)
	n := c.s.net
	if n.clean || !n.cmaCut && n.plugged(l.sys, which) && n.connected(n.e.nics[l.sys][which].box, n.cmaBox) {
		c.carry(q, l)
	}
}

func (c *centre) carry(q int64, l letter) {
	n := c.s.net
	if n.lost(-1, l.sys, c.rnd) || !n.clean && n.cmaDeaf[l.sys] {
		return
	}
	l.at = q + 2 + int64(c.rnd.IntN(3))
	sh := c.s.shardOf(l.sys)
	slot := &sh.mail[l.at&(flightSlots-1)]
	*slot = append(*slot, l)
}
