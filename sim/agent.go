package sim

import (
	"slices"
	"time"

	"assim/member"
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
	// resendFirst and resendLast bound the interval at which a nanoprobe sends
	// a signal again until the CMA acknowledges it.
	resendFirst = 500 * time.Millisecond
	resendLast  = 8 * time.Second
	// ackPause is the pause until the rest is sent after the CMA took something.
	ackPause = 50 * time.Millisecond
	// maxOutbox is how many signals wait for the CMA; the oldest go first.
	maxOutbox = 256
	// stopTime is how long a nanoprobe that stops waits for the CMA, and stopLook
	// how often it looks.
	stopTime = 300 * time.Millisecond
	stopLook = 5 * time.Millisecond
	// askPause is the pause between two questions whether the CMA is there.
	askPause = 300 * time.Millisecond
)

// agent is one simulated nanoprobe: the shipped core, and what its daemon adds.
type agent struct {
	m       *member.Member
	box     *outbox // nil when nothing waits for the CMA
	waiting []packet
	mail    []letter
	alarm   int64         // quantum of the earliest alarm that is set; 0 = none
	asked   int64         // quantum of the last question to the CMA
	ahead   time.Duration // of its clock, of all others
	session wire.Session
	state   state
	copied  bool // another system took its address
}

// letterKind is what a signal between a nanoprobe and the CMA says.
type letterKind uint8

const (
	announce letterKind = iota
	report
	stopping
	applied
	question // are you there?
	pong
	refusal // ICMP: nobody listens there
	ack
	order
	ping
	answer // yes
)

// letter is one signal.
type letter struct {
	kind    letterKind
	at      int64 // arrival
	sys     int32
	seq     uint32
	session wire.Session
	noted   int64 // quantum in which it was written, for its age
	obs     []wire.Observation
	desired *wire.Desired
	gen     uint32
}

// outbox holds the signals that the CMA has not acknowledged.
type outbox struct {
	letters []letter
	seq     uint32
	next    int64
	pause   time.Duration
}

// clock is what a system's own clock shows.
func (a *agent) clock(now time.Time) time.Time { return now.Add(a.ahead) }

// due is the quantum by which a nanoprobe wants to run; 0 = never.
func (a *agent) due(s *Sim) int64 {
	var q int64
	if d := a.m.Deadline(); !d.IsZero() {
		q = max(1, s.quantumOf(d.Add(-a.ahead)))
	}
	if a.box != nil && len(a.box.letters) > 0 && (q == 0 || a.box.next < q) {
		q = a.box.next
	}
	return q
}

// write puts a signal into the outbox and sends it the first time.
func (sh *shard) write(q int64, sys int32, a *agent, l letter) {
	if a.box == nil {
		a.box = &outbox{pause: resendFirst}
	}
	b := a.box
	b.seq++
	l.sys, l.seq, l.session, l.noted = sys, b.seq, a.session, q
	if len(b.letters) >= maxOutbox {
		b.letters = b.letters[1:]
	}
	if len(b.letters) == 0 {
		b.pause = resendFirst
		b.next = q + quanta(b.pause)
	}
	b.letters = append(b.letters, l)
	sh.post(q, l)
	sh.rearm(q, sys, a)
}

// report puts what the core noticed into one signal.
func (sh *shard) report(q int64, sys int32, a *agent, obs []wire.Observation) {
	list := make([]wire.Observation, len(obs))
	copy(list, obs)
	if a.box != nil {
		a.box.restate(list)
	}
	sh.write(q, sys, a, letter{kind: report, obs: list})
}

// restate makes the letters that will be sent again say the present state of own
// links, as session.Node does.
func (b *outbox) restate(news []wire.Observation) {
	for i := range news {
		n := &news[i]
		if !ownLink(n) {
			continue
		}
		for k := range b.letters {
			l := &b.letters[k]
			at := slices.IndexFunc(l.obs, func(o wire.Observation) bool { return ownLink(&o) && o.Link == n.Link })
			if at >= 0 {
				l.obs = slices.Clone(l.obs) // A copy is on its way.
				l.obs[at].Kind = n.Kind
			}
		}
	}
}

func ownLink(o *wire.Observation) bool {
	return o.About.IsZero() && (o.Kind == wire.ObsLinkDown || o.Kind == wire.ObsLinkUp)
}

// resend repeats what is not acknowledged.
func (sh *shard) resend(q int64, sys int32, a *agent) {
	b := a.box
	if len(b.letters) == 0 || b.next > q {
		return
	}
	for _, l := range b.letters {
		sh.post(q, l)
	}
	b.pause = min(2*b.pause, resendLast)
	b.next = q + quanta(b.pause)*(95+int64(sh.rnd.IntN(10)))/100
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

func (sh *shard) askCMA(q int64, sys int32, a *agent) {
	if a.asked != 0 && q-a.asked < quanta(askPause) {
		return
	}
	a.asked = q
	sh.post(q, letter{kind: question, sys: sys, session: a.session})
}

// read takes in a signal from the CMA.
func (sh *shard) read(q int64, now time.Time, l *letter) {
	a := &sh.s.agents[l.sys]
	switch a.state {
	case paused:
		a.mail = append(a.mail, *l)
		return
	case stopped:
		if l.kind == ping {
			sh.post(q, letter{kind: refusal, sys: l.sys})
		}
		return
	case off:
		return
	}
	sh.events++
	a.m.Voice(a.clock(now))
	switch l.kind {
	case ack:
		a.acknowledged(l)
	case order:
		a.acknowledged(l)
		if !a.m.Complete(l.desired) {
			break // A whole one follows.
		}
		a.m.SetDesired(a.clock(now), l.desired, &sh.out)
		sh.post(q, letter{kind: applied, sys: l.sys, gen: a.m.Gen(), session: a.session})
	case ping:
		sh.post(q, letter{kind: pong, sys: l.sys, session: a.session})
	}
	sh.follow(q, l.sys, a)
	sh.rearm(q, l.sys, a)
}

// acknowledged drops the signals that the CMA has, up to one.
func (a *agent) acknowledged(l *letter) {
	if a.box == nil || l.session != a.session {
		return
	}
	b := a.box
	for len(b.letters) > 0 && b.letters[0].seq <= l.seq {
		b.letters = b.letters[1:]
	}
	b.pause = resendFirst
	if len(b.letters) == 0 {
		b.letters = nil
		return
	}
	b.next = min(b.next, l.at+quanta(ackPause)) // the CMA is there: the rest at once
}

func quanta(d time.Duration) int64 { return int64(d / quantum) }
