package heartbeat

import (
	"time"

	"assim/wire"
)

// State is what is known of a neighbor.
type State uint8

// The states of a neighbor.
const (
	Fresh        State = iota // not heard yet; perhaps it does not know of me yet
	Alive                     // heard within 1.5 intervals
	Late                      // silent; pings are on their way
	Unresponsive              // accused: enough pings went unanswered
	Dead                      // still silent after Timing.Dead
	PathBroken                // silent to me, heard by the other witness
	Gone                      // said goodbye
	Stopped                   // its host says that nobody listens
	Deaf                      // it speaks, and answers nothing
)

var stateNames = [...]string{"new", "alive", "late", "unresponsive", "dead", "path broken", "shut down", "stopped", "deaf"}

// String returns the state in people's words.
func (s State) String() string { return stateNames[s] }

// Lost says whether a neighbor in this state needs a replacement.
func (s State) Lost() bool { return s >= Unresponsive }

// Silent says whether it was lost because I hear nothing, or no answers, from it.
func (s State) Silent() bool { return s.Lost() && s != Gone && s != Stopped }

// What a burst is made of. One lost packet in five is not rare on a bad day:
// three pings in vain happen then to one healthy burst in 21, five to one in 160.
const (
	SuspectPings = 3  // in vain until the replacement is sought and others are asked
	AccusePings  = 5  // in vain until the neighbor may be accused
	longBurst    = 25 // pings in vain after which I am deaf rather than my neighbor dead
	deafTicks    = 3  // heard since its last proof of life that answer nothing: it speaks, and is deaf
	freshTicks   = 3  // of mine that may be missing from what it echoes: three lost in a row are rare even where one in five is
	stopHints    = 3  // "port unreachable" in a row, with a ping between them, until it is believed

	shortestPing = 20 * time.Millisecond
	longestPing  = 100 * time.Millisecond
	hintPing     = 15 * time.Millisecond // between pings that verify a "port unreachable"
	probeEvery   = 5                     // intervals between pings to a neighbor that is lost
)

// PingEvery is the time between the pings of a burst.
func PingEvery(t *wire.Timing) time.Duration {
	return min(max(t.Interval/10, shortestPing), longestPing)
}

// ProbeEvery is the time between pings to a neighbor that is lost.
func ProbeEvery(t *wire.Timing) time.Duration { return probeEvery * t.Interval }

// Neighbor is one end's knowledge of one edge. The zero Neighbor is Fresh and
// has been silent since the start of time: Watch it first.
type Neighbor struct {
	heard   time.Duration // last proof of life, or since when we look; my own lateness is added
	next    time.Duration // when the next ping is due, unless Alive
	pinged  time.Duration // when my newest ping left
	session wire.Session
	window  uint64 // bit i: sequence number seq-i was heard
	seq     uint32 // newest heard in its session
	pingSeq uint32 // of my newest ping
	bar     uint32 // newest of mine that it echoed; while lost: echoes up to here prove nothing
	rtt     uint32 // microseconds, smoothed; 0 = unknown
	every   uint16 // its interval, wire.EveryUnit; 0 = it did not say
	state   State
	pings   uint8 // unanswered, since the last proof of life
	hints   uint8 // of "port unreachable" since then
	vain    uint8 // its ticks since then that answered nothing
	missing uint8 // heartbeats of mine since the one that it echoed
}

// Watch begins (again) to wait for signs of life, as if one had just come.
func (n *Neighbor) Watch(now time.Duration) {
	n.state, n.heard, n.next = Fresh, now, now
	n.pings, n.hints, n.vain, n.missing = 0, 0, 0, 0
}

// Adopt takes over a neighbor that has just proven its life to the owner.
func (n *Neighbor) Adopt(now time.Duration) {
	n.Watch(now)
	n.state = Alive
}

// News is what a tick means.
type News uint8

// What a tick can mean.
const (
	Ignored  News = iota // heard before, or from a session that is over
	Unproven             // authentic, but perhaps a recording: it proves nothing
	Proof                // it lives
	Back                 // it lives, and was not known to
)

// Heard takes in an authenticated tick of this edge.
func (n *Neighbor) Heard(now time.Duration, me *Self, t *wire.Tick) News {
	if !n.accept(t) {
		return Ignored
	}
	n.every = t.Every
	if !me.Proves(t) || !n.answered(t.EchoSeq) {
		n.vain = min(n.vain, 254) + 1
		if n.state == Deaf {
			n.heard = now // It speaks still.
		}
		return Unproven
	}
	if t.Kind == wire.Pong && t.EchoSeq == n.pingSeq {
		n.measure(now - n.pinged)
	}
	known := n.state == Alive || n.state == Late
	n.state, n.heard = Alive, now
	n.pings, n.hints, n.vain = 0, 0, 0
	if known {
		return Proof
	}
	return Back
}

// answered says whether an echo is of something that it did not echo before, or
// need not be yet: one who echoes the same again and again, whatever I send, hears
// me no more. Of one that is lost only the former counts.
func (n *Neighbor) answered(echo uint32) bool {
	if int32(echo-n.bar) > 0 {
		n.bar, n.missing = echo, 0
		return true
	}
	return !n.state.Lost() && n.missing < freshTicks
}

// Sent notes that a heartbeat of mine left, which it should echo.
func (n *Neighbor) Sent() { n.missing = min(n.missing, 254) + 1 }

// accept turns away replays.
func (n *Neighbor) accept(t *wire.Tick) bool {
	if t.Session < n.session {
		return false
	}
	if t.Session > n.session {
		n.session, n.seq, n.window = t.Session, t.Seq, 1
		return true
	}
	if ahead := t.Seq - n.seq; ahead-1 < 1<<31 {
		n.window = n.window<<ahead | 1
		n.seq = t.Seq
		return true
	}
	behind := n.seq - t.Seq
	if behind > 63 || n.window>>behind&1 == 1 {
		return false
	}
	n.window |= 1 << behind
	return true
}

func (n *Neighbor) measure(d time.Duration) {
	us := uint32(min(max(d.Microseconds(), 1), 1<<31))
	if n.rtt != 0 {
		us = (n.rtt*7 + us) / 8
	}
	n.rtt = us
}

// Tick says whether to ping now. The caller sends the ping and hands its
// sequence number to Pinged.
func (n *Neighbor) Tick(now time.Duration, t *wire.Timing) (ping bool) {
	if n.state == Alive && now-n.heard >= n.patience(t) {
		n.state, n.next = Late, now
	}
	return n.state != Alive && now >= n.next
}

// Pinged tells that a ping left.
func (n *Neighbor) Pinged(now time.Duration, seq uint32, t *wire.Timing) {
	n.pinged, n.pingSeq = now, seq
	n.pings = min(n.pings, 254) + 1
	n.next = now + n.spacing(t)
}

// spacing is the time until the next ping.
func (n *Neighbor) spacing(t *wire.Timing) time.Duration {
	switch {
	case n.hints > 0 && n.hints < stopHints:
		return hintPing
	case n.state == Late && n.pings > longBurst:
		return t.Interval / 2
	case n.state == Late:
		return PingEvery(t)
	case n.state == Fresh:
		return t.Interval / 2
	case n.state == Unresponsive:
		return 2 * PingEvery(t)
	}
	return ProbeEvery(t)
}

// Deadline is when Tick has something to say at the latest.
func (n *Neighbor) Deadline(t *wire.Timing) time.Duration {
	if n.state == Alive {
		return n.heard + n.patience(t)
	}
	return n.next
}

// interval is how often the neighbor says it sends.
func (n *Neighbor) interval(t *wire.Timing) time.Duration {
	if n.every != 0 {
		return time.Duration(n.every) * wire.EveryUnit
	}
	return t.Interval
}

// patience is the silence that starts a burst.
func (n *Neighbor) patience(t *wire.Timing) time.Duration {
	return n.interval(t) * 3 / 2
}

// Suspect says whether enough pings went unanswered to look for a replacement.
func (n *Neighbor) Suspect(now time.Duration, t *wire.Timing) bool {
	if n.state == Fresh {
		return now-n.heard >= t.Dead
	}
	return n.state == Late && n.pings >= SuspectPings && now >= n.next
}

// Ripe says whether the silence suffices to accuse.
func (n *Neighbor) Ripe(now time.Duration, t *wire.Timing) bool {
	if n.pings < AccusePings {
		return false
	}
	silent := now - n.heard
	if n.state == Fresh {
		return silent >= t.Dead
	}
	return n.state == Late && silent >= max(n.unresponsive(t), n.patience(t)+PingEvery(t)*AccusePings)
}

// unresponsive is the silence after which it may be accused: less for one who
// speaks more often than I do, because it is of a class that is in a hurry.
func (n *Neighbor) unresponsive(t *wire.Timing) time.Duration {
	if i := n.interval(t); i < t.Interval {
		return time.Duration(float64(t.Unresponsive) * float64(i) / float64(t.Interval))
	}
	return t.Unresponsive
}

// Overdue says whether an accused neighbor has been silent for so long that it
// is dead.
func (n *Neighbor) Overdue(now time.Duration, t *wire.Timing) bool {
	return n.state == Unresponsive && now-n.heard >= max(t.Dead, 2*n.interval(t))
}

// Speaks says whether a silent neighbor is silent only in that it answers
// nothing: its ticks arrive, ours do not reach it. When it missed several of mine,
// one tick in which it does not echo them says so.
func (n *Neighbor) Speaks() bool {
	return n.vain >= deafTicks || n.vain > 0 && n.missing >= freshTicks
}

// Mute says whether a deaf neighbor has fallen silent altogether. Since it cannot be
// asked, a few lost ticks must not be enough: it takes as long as to be dead.
func (n *Neighbor) Mute(now time.Duration, t *wire.Timing) bool {
	return n.state == Deaf && now-n.heard >= max(t.Dead, 2*n.interval(t))
}

// Conclude sets what the owner concluded from silence and everything else it
// knows: one of the states that are Lost. From now on only an echo of what is
// sent from now on brings it back: it may hear nothing, and yet speak.
func (n *Neighbor) Conclude(now time.Duration, s State, me *Self, t *wire.Timing) {
	n.state, n.bar = s, me.seq
	n.next = now + n.spacing(t)
}

// Refused takes in a hint that nobody listens on the neighbor's port. It says
// whether that is to be believed: hints can be forged by anybody, so each is
// verified by another ping, and any proof of life refutes them all.
func (n *Neighbor) Refused(now time.Duration) (believed bool) {
	if n.state == Stopped || n.state == Gone {
		return false
	}
	if n.state == Alive {
		n.state = Late
	}
	n.hints = min(n.hints+1, stopHints)
	if n.hints < stopHints {
		n.next = min(n.next, now+hintPing)
		if n.hints == 1 {
			n.next = now
		}
		return false
	}
	return true
}

// Doubt adds the caller's own lateness to every deadline of this neighbor: time
// in which I did not run is no silence.
func (n *Neighbor) Doubt(late, now time.Duration) {
	n.heard = min(n.heard+late, now)
}

// Restart begins a burst anew: what was not answered while I was deaf counts
// for nothing.
func (n *Neighbor) Restart(now time.Duration) {
	if n.state == Late || n.state == Fresh {
		n.pings, n.next = 0, now
	}
}

// State is what is known of the neighbor.
func (n *Neighbor) State() State { return n.state }

// Silent is how long it has given no proof of life.
func (n *Neighbor) Silent(now time.Duration) time.Duration { return now - n.heard }

// LateSince is when its silence became remarkable.
func (n *Neighbor) LateSince(t *wire.Timing) time.Duration {
	if n.state == Fresh {
		return n.heard
	}
	return n.heard + n.patience(t)
}

// HeardWithin says whether it gave proof of life within its own interval and a
// little: what another witness is told.
func (n *Neighbor) HeardWithin(now time.Duration, t *wire.Timing) bool {
	return (n.state == Alive || n.state == Late) && now-n.heard <= n.interval(t)*6/5
}

// Asked says whether a ping left so short a time ago that its answer may be on
// the way still.
func (n *Neighbor) Asked(now time.Duration, t *wire.Timing) bool {
	return n.pings > 0 && now-n.pinged < PingEvery(t)
}

// Pings is how many pings are unanswered since the last proof of life.
func (n *Neighbor) Pings() int { return int(n.pings) }

// Session is the newest session heard of it; 0 = none.
func (n *Neighbor) Session() wire.Session { return n.session }

// Echo fills in what a tick to this neighbor echoes.
func (n *Neighbor) Echo(t *wire.Tick) { t.EchoSession, t.EchoSeq = n.session, n.seq }

// RTT is the smoothed round-trip time of pings; 0 = unknown.
func (n *Neighbor) RTT() time.Duration { return time.Duration(n.rtt) * time.Microsecond }
