package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"time"

	"assim/member"
	"assim/netio"
	"assim/session"
	"assim/trust"
	"assim/wire"
)

// system is one nanoprobe without its host: the shipped cores.
type system struct {
	id      wire.ID
	sealer  wire.Sealer // a nanoprobe keeps its own
	addr    netip.Addr
	session *session.Node
	member  *member.Member
	gen     uint32 // of the desired state it runs
	acked   bool
	said    bool // it has announced itself in this session
	held    bool // it was asked for patience since
	beating bool
	off     bool  // it has no power
	slot    int64 // of the wheel it waits in

	ackedAt, orderedAt time.Time // in this storm
}

// crowd stands in for many systems with one socket. One goroutine owns it;
// another reads the socket.
type crowd struct {
	udp     *netio.UDP
	cma     netip.AddrPort
	systems []system
	byID    map[wire.ID]int32
	why     why
	wheel   [wheelSize][]int32
	turn    int64 // the wheel's slot that is next
	began   time.Time
	packets chan []netio.Packet
	out     member.Out
	loss    float64 // percent of the CMA's signals that do not arrive
	chance  *rand.Rand

	outgoing netio.Outgoing
	waiting  []netio.Packet // of Batch, to be sent with one system call
	full     int            // so many of them are

	announces, signals, heard, acked, deaths int
	kinds                                    [32]int // of signals, either way
}

const (
	wheelStep = 5 * time.Millisecond
	wheelSize = 4096 // 20 s; who waits longer is looked at in between
	atOnce    = 512  // batches read and not handled
)

func newCrowd(udp *netio.UDP, keys *trust.CMAKeys, ids []wire.ID, cma netip.AddrPort) *crowd {
	c := &crowd{udp: udp, cma: cma, systems: make([]system, len(ids)), packets: make(chan []netio.Packet, atOnce), waiting: make([]netio.Packet, netio.Batch), byID: make(map[wire.ID]int32, len(ids)), chance: rand.New(rand.NewPCG(1, 1))}
	for i, id := range ids {
		c.byID[id] = int32(i)
	}
	c.powerOn(keys, ids, 1)
	go c.read()
	return c
}

// powerOn starts everybody anew, in a session greater than before.
func (c *crowd) powerOn(keys *trust.CMAKeys, ids []wire.ID, running wire.Session) {
	c.begin()
	shared := &member.Config{Start: c.began}
	for i, id := range ids {
		s := &c.systems[i]
		*s = system{id: id, addr: addressOf(i)}
		s.sealer = sealerOf(keys, id)
		rng := c.introduce(i, running)
		s.member = member.New(id, running, shared, rng)
	}
}

func sealerOf(keys *trust.CMAKeys, id wire.ID) wire.Sealer {
	key, _ := keys.NodeKey(id, keys.Epoch())
	return wire.NewSealer(key)
}

// again has everybody announce itself in a session greater than before, while
// its process lives on and its rings go on.
func (c *crowd) again(running wire.Session) {
	c.begin()
	for i := range c.systems {
		s := &c.systems[i]
		s.acked, s.beating, s.slot, s.said, s.held = false, false, 0, false, false
		s.ackedAt, s.orderedAt = time.Time{}, time.Time{}
		c.introduce(i, running)
		s.session.Applied(s.gen)
	}
}

// begin sets the counters back.
func (c *crowd) begin() {
	c.began, c.turn, c.wheel = time.Now(), 0, [wheelSize][]int32{}
	c.announces, c.signals, c.acked, c.deaths, c.why = 0, 0, 0, 0, why{}
}

// introduce gives a system a session that begins with an announcement.
func (c *crowd) introduce(i int, running wire.Session) *rand.Rand {
	s := &c.systems[i]
	rng := rand.New(rand.NewPCG(uint64(i), uint64(running)))
	s.session = session.NewNode(time.Now(), session.DefaultOptions, running, rng)
	s.session.Announce(wire.Announce{Name: systemName(i), Version: "bench", Addrs: []netip.AddrPort{netip.AddrPortFrom(s.addr, c.udp.Port())}})
	return rng
}

// addressOf returns one of 127/8's sixteen million addresses.
func addressOf(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)})
}

func indexOf(a netip.Addr) int {
	b := a.As4()
	return int(b[1]-1)<<16 | int(b[2])<<8 | int(b[3])
}

func (c *crowd) close() { _ = c.udp.Close() }

// read hands copies of what arrives to the owner, until the socket is closed.
func (c *crowd) read() {
	defer close(c.packets)
	batch := make([]netio.Packet, netio.Batch)
	for {
		n, err := c.udp.Read(batch)
		if err != nil {
			return
		}
		if n == 0 {
			continue
		}
		got := make([]netio.Packet, n)
		for i, p := range batch[:n] {
			p.Data = bytes.Clone(p.Data)
			got[i] = p
		}
		c.packets <- got
	}
}

// run lets everybody live until all heartbeat or patience ends.
func (c *crowd) run(patience time.Duration, pid int, s *storm) {
	cpu, own := cpuSeconds(pid), processorTime()
	for i := range c.systems {
		c.settle(i, c.began)
	}
	look := c.began
	for now := c.began; now.Sub(c.began) < patience; now = time.Now() {
		c.take()
		if s.AllAckedS == 0 && c.acked == len(c.systems) {
			s.AllAckedS = time.Since(c.began).Seconds()
			s.AnnouncesEach = float64(c.announces) / float64(len(c.systems))
			s.AnnounceCPU = (cpuSeconds(pid) - cpu) * 1e6 / float64(len(c.systems))
		}
		if now.Sub(look) > time.Second {
			look = now
			if s.Beating = c.beating(now); s.Beating == len(c.systems) && c.acked == len(c.systems) {
				s.AllBeatingS = time.Since(c.began).Seconds()
				break
			}
		}
	}
	s.Acknowledged, s.Deaths, s.why = c.acked, c.deaths, c.why
	s.delays(c.systems)
	s.PacketsEach = float64(c.signals) / float64(len(c.systems))
	s.CrowdCPUS = (processorTime() - own).Seconds()
}

// take handles what has arrived and does what is due.
func (c *crowd) take() {
	c.receive()
	c.due(time.Now())
	c.flush()
}

// receive handles what has arrived, and waits a moment when nothing has.
func (c *crowd) receive() {
	timer := time.NewTimer(wheelStep)
	defer timer.Stop()
	select {
	case batch := <-c.packets:
		c.packetsOf(batch)
	case <-timer.C:
		return
	}
	for range atOnce {
		select {
		case batch := <-c.packets:
			c.packetsOf(batch)
		default:
			return
		}
	}
}

func (c *crowd) packetsOf(batch []netio.Packet) {
	now := time.Now()
	for i := range batch {
		p := &batch[i]
		if !p.Local.Is4() {
			continue
		}
		at := indexOf(p.Local)
		if at < 0 || at >= len(c.systems) {
			continue
		}
		plane := wire.PlaneOf(p.Data)
		if plane == wire.PlaneSignal {
			if c.loss > 0 && c.chance.Float64()*100 < c.loss {
				continue
			}
			c.heard++
		}
		if c.systems[at].off {
			continue
		}
		switch plane {
		case wire.PlaneTick:
			c.tick(at, now, p)
		case wire.PlaneSignal:
			c.signal(at, now, p)
		}
		c.settle(at, now)
	}
}

func (c *crowd) tick(i int, now time.Time, p *netio.Packet) {
	s := &c.systems[i]
	edge, _ := wire.TickEdge(p.Data)
	peer, ok := s.member.Peer(edge)
	if !ok || peer.Key == nil {
		return
	}
	if t, err := wire.OpenTick(p.Data, *peer.Key, peer.Dir); err == nil {
		s.member.Heard(now, p.Peer, &t, &c.out)
	}
}

func (c *crowd) signal(i int, now time.Time, p *netio.Packet) {
	s := &c.systems[i]
	m, err := wire.OpenSignal(p.Data, s.sealer, true)
	if err != nil {
		return
	}
	c.kinds[m.Kind%32]++
	if m.Kind == wire.KindHold {
		c.why.Holds++
		s.held = true
	}
	s.session.Receive(now, &m)
	if !s.acked && m.AckThrough > 0 {
		s.acked, s.ackedAt = true, now
		c.acked++
	}
	for _, e := range s.session.Events() {
		if e.Kind != session.NewDesired {
			continue
		}
		if d, err := wire.ParseDesired(e.Data); err == nil && s.member.Complete(&d) {
			s.member.SetDesired(now, &d, &c.out)
			s.session.Applied(e.Gen)
			s.gen = e.Gen
			if s.orderedAt.IsZero() {
				s.orderedAt = now
			}
		}
	}
}

// next is the packet to fill for sending.
func (c *crowd) next() *netio.Packet {
	if c.full == len(c.waiting) {
		c.flush()
	}
	c.full++
	return &c.waiting[c.full-1]
}

// flush sends what waits.
func (c *crowd) flush() {
	c.udp.WriteBatch(&c.outgoing, c.waiting[:c.full])
	c.full = 0
}

// settle sends what a system wants sent, and puts it in the wheel for when it
// is due next.
func (c *crowd) settle(i int, now time.Time) {
	s := &c.systems[i]
	for j := range c.out.Sends {
		o := &c.out.Sends[j]
		if o.Key == nil {
			continue
		}
		p := c.next()
		*p = netio.Packet{Data: wire.AppendTick(p.Data[:0], &o.Tick, *o.Key, o.Dir), Peer: o.Addr, Local: s.addr}
	}
	if len(c.out.Reports) > 0 {
		for _, o := range c.out.Reports {
			if o.Kind == wire.ObsUnresponsive || o.Kind == wire.ObsDead {
				c.accused(o.About)
			}
		}
		s.session.Report(now, c.out.Reports)
	}
	c.out.Reset()
	for m, ok := s.session.Poll(now); ok; m, ok = s.session.Poll(now) {
		c.signals++
		c.kinds[m.Kind%32]++
		if m.Kind == wire.KindAnnounce {
			c.announced(s)
		}
		e := wire.Envelope{Epoch: 1, ID: s.id, Nonce: trust.Nonce()}
		p := c.next()
		*p = netio.Packet{Data: wire.AppendSignal(p.Data[:0], s.sealer, e, &m), Peer: c.cma, Local: s.addr}
	}
	due := s.session.Deadline()
	if d := s.member.Deadline(); !d.IsZero() && (due.IsZero() || d.Before(due)) {
		due = d
	}
	if due.IsZero() {
		return
	}
	slot := max(c.turn, int64(due.Sub(c.began)/wheelStep)+1)
	slot = min(slot, c.turn+wheelSize-1)
	if s.slot >= c.turn && s.slot <= slot && s.slot > 0 {
		return // It is looked at before that anyway.
	}
	s.slot = slot
	c.wheel[slot%wheelSize] = append(c.wheel[slot%wheelSize], int32(i))
}

// due looks at everybody whose time has come.
func (c *crowd) due(now time.Time) {
	for until := int64(now.Sub(c.began) / wheelStep); c.turn <= until; c.turn++ {
		slot := c.turn
		list := c.wheel[slot%wheelSize]
		c.wheel[slot%wheelSize] = nil
		for _, i := range list {
			s := &c.systems[i]
			if s.slot != slot || s.off {
				continue
			}
			s.slot = 0
			if d := s.member.Deadline(); !d.IsZero() && !now.Before(d) {
				s.member.Tick(now, &c.out)
			}
			c.settle(int(i), now)
		}
	}
}

// beating counts who hears all its neighbors.
func (c *crowd) beating(now time.Time) (n int) {
	var list []member.Neighbor
	for i := range c.systems {
		s := &c.systems[i]
		if !s.beating {
			list = s.member.Neighbors(list[:0], now)
			s.beating = len(list) > 0
			for _, x := range list {
				s.beating = s.beating && x.State == "alive"
			}
		}
		if s.beating {
			n++
		}
	}
	return n
}
