package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"assim/member"
	"assim/session"
	"assim/wire"
)

const (
	// quantum is the grain of virtual time.
	quantum = 500 * time.Microsecond
	// timerSlots is how far ahead alarms are sorted in; later ones wait in the
	// last slot and are sorted in again.
	timerSlots = 1 << 12
	// flightSlots is the longest a datagram can be under way.
	flightSlots = 1 << 7
	// maxWaiting is how many datagrams wait for a paused system, as in a socket
	// buffer.
	maxWaiting = 64
)

// packet is one tick under way.
type packet struct {
	tick wire.Tick
	src  int32
	dst  int32
	from uint32 // address it left by
	sw   uint8  // NIC it left by
	dw   uint8  // NIC it goes to
	icmp bool   // no tick but "port unreachable" about one that was sent from dst
}

// crossing is a packet for a system of another shard.
type crossing struct {
	at int64
	p  packet
}

// shard is a range of systems with everything that will happen to them. Only
// one goroutine works on it.
type shard struct {
	s       *Sim
	lo, hi  int32
	rnd     *rand.Rand
	timers  [timerSlots][]int32
	flight  [flightSlots][]packet
	mail    [flightSlots][]letter // signals from the CMA
	across  [2][][]crossing       // by parity of the quantum, by shard
	toCMA   []letter
	past    *session.CMA // with which everybody talked before the beginning
	out     member.Out
	sent    uint64
	events  uint64
	pending []int32 // scratch
	touched uint64  // so that what touches memory is not left out
}

// merge takes over what other shards sent in the quantum before.
func (sh *shard) merge(q int64) {
	for _, from := range sh.s.shards {
		list := from.across[(q-1)&1][sh.index()]
		for i := range list {
			c := &list[i]
			slot := &sh.flight[c.at&(flightSlots-1)]
			*slot = append(*slot, c.p)
		}
	}
}

func (sh *shard) index() int { return int(sh.lo / sh.s.perShard) }

// step does everything due in quantum q.
func (sh *shard) step(q int64, now time.Time) {
	mine := sh.across[q&1]
	for i := range mine {
		mine[i] = mine[i][:0]
	}
	slot := &sh.flight[q&(flightSlots-1)]
	sh.touchFlight(*slot)
	for i := range *slot {
		sh.deliver(q, now, &(*slot)[i])
	}
	*slot = (*slot)[:0]
	box := &sh.mail[q&(flightSlots-1)]
	for i := range *box {
		sh.read(q, now, &(*box)[i])
	}
	clear(*box)
	*box = (*box)[:0]
	sh.fire(q, now)
}

// touchFlight and touchPending have the memory of all who are about to run
// fetched at once: waiting for it one by one is most of what a large estate
// costs.
func (sh *shard) touchFlight(slot []packet) {
	var n uint64
	for i := range slot {
		n += uint64(sh.s.agents[slot[i].dst].state)
	}
	for i := range slot {
		n += sh.s.agents[slot[i].dst].m.Touch()
	}
	sh.touched = n
}

func (sh *shard) touchPending() {
	var n uint64
	for _, sys := range sh.pending {
		n += uint64(sh.s.agents[sys].state) + uint64(sh.s.e.nics[sys][0].addr)
	}
	for _, sys := range sh.pending {
		n += sh.s.agents[sys].m.Touch()
	}
	for _, sys := range sh.pending {
		n += sh.s.agents[sys].m.TouchRosters()
	}
	sh.touched += n
}

// fire runs the alarms of quantum q.
func (sh *shard) fire(q int64, now time.Time) {
	slot := &sh.timers[q&(timerSlots-1)]
	sh.pending = append(sh.pending[:0], *slot...)
	*slot = (*slot)[:0]
	sh.touchPending()
	for _, sys := range sh.pending {
		a := &sh.s.agents[sys]
		if a.alarm != q {
			continue // it was moved since
		}
		a.alarm = 0
		if a.state != running {
			continue
		}
		if due := a.due(sh.s); due > q {
			sh.arm(q, sys, due)
			continue
		}
		sh.events++
		sh.wake(q, now, sys, a)
	}
}

// wake is what a nanoprobe does when its alarm rings.
func (sh *shard) wake(q int64, now time.Time, sys int32, a *agent) {
	a.m.Tick(a.clock(now), &sh.out)
	sh.follow(q, sys, a)
	if a.node != nil {
		sh.say(q, sys, a)
	}
	if due := a.due(sh.s); due > 0 {
		sh.arm(q, sys, max(due, q+1))
	}
}

// arm sets the alarm of a system, unless it rings earlier anyway.
func (sh *shard) arm(q int64, sys int32, due int64) {
	a := &sh.s.agents[sys]
	if due <= q {
		due = q + 1
	}
	if due > q+timerSlots-1 {
		due = q + timerSlots - 1
	}
	if a.alarm != 0 && a.alarm <= due {
		return
	}
	a.alarm = due
	slot := &sh.timers[due&(timerSlots-1)]
	*slot = append(*slot, sys)
}

// rearm follows a deadline that may have come nearer.
func (sh *shard) rearm(q int64, sys int32, a *agent) {
	if due := a.due(sh.s); due > 0 && (a.alarm == 0 || due < a.alarm) {
		sh.arm(q, sys, due)
	}
}

// deliver hands a datagram to its system, if that can receive.
func (sh *shard) deliver(q int64, now time.Time, p *packet) {
	a := &sh.s.agents[p.dst]
	switch a.state {
	case running:
		sh.events++
		if p.icmp {
			sh.refused(now, a, p)
		} else {
			a.m.Heard(a.clock(now), netip.AddrPortFrom(ipOf(p.from), port), &p.tick, &sh.out)
		}
		sh.follow(q, p.dst, a)
		sh.rearm(q, p.dst, a)
	case paused:
		if len(a.waiting) < maxWaiting {
			a.waiting = append(a.waiting, *p)
		}
	case stopped:
		if !p.icmp {
			sh.bounce(q, p)
		}
	}
}

// bounce answers "port unreachable" in the name of a living host.
func (sh *shard) bounce(q int64, p *packet) {
	b := packet{src: p.dst, dst: p.src, sw: p.dw, dw: p.sw, icmp: true}
	sh.carry(q, &b)
}

func (sh *shard) refused(now time.Time, a *agent, p *packet) {
	if id, ok := a.m.ByAddr(sh.s.e.addr(p.src, int(p.sw))); ok {
		a.m.Unreachable(a.clock(now), id, &sh.out)
	}
}

// follow does what a nanoprobe's core asked for.
func (sh *shard) follow(q int64, sys int32, a *agent) {
	out := &sh.out
	for i := range out.Sends {
		sh.send(q, sys, &out.Sends[i])
	}
	if len(out.Reports) > 0 {
		sh.report(q, sys, a, out.Reports)
	}
	if out.AskCMA {
		sh.askCMA(q, sys, a)
	}
	out.Reset()
}

// send puts a tick on the network.
func (sh *shard) send(q int64, sys int32, s *member.Send) {
	e := sh.s.e
	dst, dw := e.meant(s)
	if dst < 0 {
		return
	}
	sh.sent++
	sw, ok := sh.s.net.source(sys, dw)
	if !ok {
		return
	}
	p := packet{tick: s.Tick, src: sys, dst: dst, from: e.nics[sys][sw].addr, sw: uint8(sw), dw: uint8(dw)}
	sh.carry(q, &p)
	if d := sh.s.net.dup; d > 0 && sh.rnd.Float64() < d {
		sh.carry(q, &p)
	}
}

// carry takes a packet to its destination, as far as the network lets it.
func (sh *shard) carry(q int64, p *packet) {
	n := sh.s.net
	if !n.clean && !n.passes(p.src, int(p.sw), p.dst, int(p.dw)) || n.lost(p.src, p.dst, sh.rnd) {
		return
	}
	from, to := n.e.nics[p.src][p.sw].box, n.e.nics[p.dst][p.dw].box
	at := q + n.latency(from, to, sh.rnd)
	if p.dst >= sh.lo && p.dst < sh.hi {
		slot := &sh.flight[at&(flightSlots-1)]
		*slot = append(*slot, *p)
		return
	}
	d := p.dst / sh.s.perShard
	list := &sh.across[q&1][d]
	*list = append(*list, crossing{at, *p})
}
