package sim

import (
	"strconv"
	"time"

	"assim/member"
	"assim/session"
	"assim/wire"
)

// state is how well a system is.
type state uint8

const (
	off     state = iota // no power: nobody answers
	running              // host and nanoprobe
	stopped              // the host lives, its nanoprobe does not
	paused               // starved or suspended: nothing runs, datagrams wait
)

const (
	// stopTime is how long a nanoprobe that stops waits for the CMA, and stopLook
	// how often it looks.
	stopTime = time.Second
	stopLook = 5 * time.Millisecond
)

// agent is one simulated nanoprobe: the shipped core, and what its daemon adds.
type agent struct {
	m       *member.Member
	node    *session.Node // nil until it has something to say to the CMA
	waiting []packet
	mail    []letter
	alarm   int64         // quantum of the earliest alarm that is set; 0 = none
	ahead   time.Duration // of its clock, of all others
	session wire.Session
	state   state
	copied  bool // another system took its address
}

// letter is one signal between a nanoprobe and the CMA.
type letter struct {
	at      int64 // arrival
	sys     int32
	refusal bool // no signal but ICMP: nobody listens there
	sig     wire.Signal
	desired *wire.Desired // of an order; not encoded, for there may be a million
}

// clock is what a system's own clock shows.
func (a *agent) clock(now time.Time) time.Time { return now.Add(a.ahead) }

// due is the quantum by which a nanoprobe wants to run; 0 = never.
func (a *agent) due(s *Sim) int64 {
	var q int64
	if d := a.m.Deadline(); !d.IsZero() {
		q = max(1, s.quantumOf(d.Add(-a.ahead)))
	}
	if a.node == nil {
		return q
	}
	if d := a.node.Deadline(); !d.IsZero() {
		if at := max(1, s.quantumOf(d.Add(-a.ahead))); q == 0 || at < q {
			q = at
		}
	}
	return q
}

// talk is a nanoprobe's end of the session with the CMA. Who has had nothing to
// say since the beginning gets it when it has: it announced itself long ago.
func (sh *shard) talk(sys int32, a *agent) *session.Node {
	if a.node != nil {
		return a.node
	}
	a.node = session.NewNode(epoch, session.DefaultOptions, a.session, sh.rnd)
	a.node.Announce(sh.s.about(sys))
	then := epoch.Add(session.DefaultOptions.First)
	if m, ok := a.node.Poll(then); ok && sh.past.Receive(then, sh.s.e.id(sys), &m).Action == session.Process {
		done := sh.past.Committed(sh.s.e.id(sys), m.Session, m.Seq)
		a.node.Receive(then, &done)
	}
	a.node.Applied(a.m.Gen())
	for _, ok := a.node.Poll(then); ok; _, ok = a.node.Poll(then) {
	}
	return a.node
}

// about is what a nanoprobe says of itself. Where its cables go is told by
// documents in reality; here another version makes it a new announcement.
func (s *Sim) about(sys int32) wire.Announce {
	n := &s.e.nics[sys]
	return wire.Announce{Name: s.e.names[sys], Version: strconv.Itoa(int(n[0].box)) + "/" + strconv.Itoa(int(n[1].box)), Addrs: s.e.addrs(sys)}
}

// say sends what the session wants to send now.
func (sh *shard) say(q int64, sys int32, a *agent) {
	now := a.clock(sh.s.instant(q))
	for m, ok := a.node.Poll(now); ok; m, ok = a.node.Poll(now) {
		sh.post(q, letter{sys: sys, sig: m})
	}
	sh.rearm(q, sys, a)
}

// report puts what the core noticed into one signal.
func (sh *shard) report(q int64, sys int32, a *agent, obs []wire.Observation) {
	sh.talk(sys, a).Report(a.clock(sh.s.instant(q)), obs)
	sh.say(q, sys, a)
}

func (sh *shard) askCMA(q int64, sys int32, a *agent) {
	sh.talk(sys, a).Ask()
	sh.say(q, sys, a)
}

// post sends a signal to the CMA.
func (sh *shard) post(q int64, l letter) {
	n := sh.s.net
	l.at = q + 2 + int64(sh.rnd.IntN(3))
	if !n.clean {
		if _, ok := n.reachesCMA(l.sys); !ok {
			return
		}
	}
	if n.lost(l.sys, -1, sh.rnd) {
		return
	}
	sh.toCMA = append(sh.toCMA, l)
}

// read takes in a signal from the CMA.
func (sh *shard) read(q int64, now time.Time, l *letter) {
	a := &sh.s.agents[l.sys]
	switch a.state {
	case paused:
		a.mail = append(a.mail, *l)
		return
	case stopped:
		if l.sig.Kind == wire.KindPing {
			sh.post(q, letter{sys: l.sys, refusal: true})
		}
		return
	case off:
		return
	}
	sh.events++
	now = a.clock(now)
	node, sig := sh.talk(l.sys, a), l.sig
	if node.Receive(now, &sig) {
		a.m.Voice(now)
	}
	for _, e := range node.Events() {
		if e.Kind == session.NewSession {
			sh.renew(l.sys, a, e.Session)
		}
	}
	if l.desired != nil && l.sig.Session == a.session && a.m.Complete(l.desired) {
		a.m.SetDesired(now, l.desired, &sh.out)
		node.Applied(a.m.Gen())
	}
	sh.follow(q, l.sys, a)
	sh.say(q, l.sys, a)
}

// renew begins the rings anew in a session that the CMA has not heard of.
func (sh *shard) renew(sys int32, a *agent, s wire.Session) {
	a.session = s
	a.m = member.New(sh.s.e.id(sys), s, &sh.s.cfg, sh.rnd)
	a.node.Applied(0)
}

func quanta(d time.Duration) int64 { return int64(d / quantum) }
