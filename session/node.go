package session

import (
	"math/rand/v2"
	"slices"
	"time"

	"assim/wire"
)

// Options are what an operator might tune.
type Options struct {
	// First spreads first announcements: each waits a random part of it. More
	// makes a power-on of thousands gentler, less makes one start faster.
	First time.Duration
	// Retry is waited for an answer before the first resend, when nothing is
	// known of the round trip. It doubles up to RetryMax.
	Retry, RetryMax time.Duration
	// NewsMax is the longest wait between two tries while observations wait or are
	// in flight, if it is not 0: who comes back after an absence is to know of the
	// deaths meanwhile at once, and few have any to tell.
	NewsMax time.Duration
	// Patience is waited for an answer to the first copy of what begins a session,
	// if it is more than Retry: when a whole site begins at once, the CMA needs a
	// while to read a hundred thousand announcements, and copies of them would make
	// it longer. A lost one is said again that much later.
	Patience time.Duration
}

// DefaultOptions suit a local network.
var DefaultOptions = Options{First: 200 * time.Millisecond, Retry: time.Second, RetryMax: time.Minute, NewsMax: 10 * time.Second, Patience: 3 * time.Second}

// Limits of a nanoprobe's outbox.
const (
	maxReports = 256  // observations waiting; the newest about the same thing wins
	maxDocs    = 256  // documents waiting; newest per type and instance wins
	maxRefs    = 1024 // hashes waiting
	maxPongs   = 8    // answers to pings waiting
	maxEvents  = 1024 // news the daemon has not fetched
	minRetry   = 250 * time.Millisecond
	maxRefusal = time.Hour // longest wait after a refusal
)

// EventKind says what a Node has to tell its daemon.
type EventKind uint8

// The kinds of event.
const (
	Acked      EventKind = iota + 1 // Ref is durable at the CMA (its hash is a base for patches)
	Wanted                          // the CMA wants document Ref; Ref.Hash is what it has: Put it again
	NewDesired                      // Gen and Data arrived whole: apply, then call Applied
	NewSession                      // Session began: remember it durably
	OpenBulk                        // dial now; then BulkNext, BulkAck and BulkDone
	WasRefused                      // Refused says why
	Overflow                        // Lost things had no room and will be found missing by hashes or the rings
)

// Event is news for the daemon.
type Event struct {
	Kind    EventKind
	Ref     wire.DocRef
	Gen     uint32
	Data    []byte
	Session wire.Session
	Refused wire.Refused
	Lost    int
}

// Node is a nanoprobe's end. It is owned by one goroutine.
type Node struct {
	opt     Options
	rng     *rand.Rand
	session wire.Session
	cookie  uint64
	applied uint32
	said    uint32 // what the first copy of the message in flight said of applied
	acked   uint32 // last number the CMA has processed

	out    outbox
	head   message // what is in flight; kind 0: nothing
	sentAt time.Time
	tries  int
	pace   int       // tries since news came: how long to wait for the next one
	next   time.Time // when head is sent (again)
	pause  time.Time // nothing is sent before this
	rtt    time.Duration
	olds   int // sessions begun because the CMA said "old" in a row

	stopping bool   // Stop was called
	echo     bool   // tell the CMA what I run
	ask      bool   // and ask whether it hears me
	token    uint64 // what its answer has to return; 0: nothing asked
	pongs    []uint64
	parts    assembler
	bulk     bulk

	events []Event
}

// message is one numbered message, encoded when it is sent.
type message struct {
	kind   wire.SignalKind
	seq    uint32
	doc    wire.Document
	refs   []wire.DocRef
	report []noticed
	body   []byte // of the other kinds
	sent   bool
}

// NewNode returns the nanoprobe's end for one session, which must be greater
// than all earlier ones of this identity.
func NewNode(now time.Time, opt Options, s wire.Session, rng *rand.Rand) *Node {
	n := &Node{opt: opt, rng: rng, session: s}
	n.next = now.Add(n.upTo(opt.First))
	return n
}

// Session returns the running session.
func (n *Node) Session() wire.Session { return n.session }

// Tries returns how often what is in flight was sent without an answer. Above
// two or three it is time to look for the CMA elsewhere.
func (n *Node) Tries() int { return n.tries }

// Hurry sends what is in flight again at once: a cable is back, or anything else
// says that what was tried in vain may now succeed.
func (n *Node) Hurry(now time.Time) {
	if n.head.kind != 0 && n.head.sent {
		n.next, n.tries, n.pace = now, min(n.tries, 1), min(n.pace, 1)
	}
}

// Quiet reports whether everything said so far is acknowledged.
func (n *Node) Quiet() bool {
	return n.head.kind == 0 && n.out.empty() && !n.bulk.needed()
}

// Announce sets what this nanoprobe says of itself. It is the first message of
// the session; said again when it differs. Nothing else is sent before it.
func (n *Node) Announce(a wire.Announce) {
	body := wire.AppendAnnounce(nil, &a)
	if string(body) != string(n.out.announce) {
		n.out.announce = body
		n.out.announced = false
	}
}

// Report queues observations. What is waiting is merged, so a long absence of
// the CMA costs bounded memory.
func (n *Node) Report(now time.Time, obs []wire.Observation) {
	for i := range obs {
		if ob := &obs[i]; ob.About.IsZero() && (ob.Kind == wire.ObsLinkDown || ob.Kind == wire.ObsLinkUp) {
			n.restate(now, ob)
		}
	}
	if lost := n.out.report(now, obs); lost > 0 {
		n.tell(Event{Kind: Overflow, Lost: lost})
	}
	if n.head.kind == 0 || !n.head.sent {
		return
	}
	n.pace = min(n.pace, 1) // News cannot wait for a long pause between two tries to end.
	if n.next.After(now.Add(n.opt.Retry)) {
		n.next = now
	}
}

// restate makes what waits, or is in flight and may be sent again, say the
// present state of an own link: a report that could not leave because of a cut
// cable must not tell of the cut once the cable is mended. What is in flight may
// have been taken in already, so the new state is queued as well.
func (n *Node) restate(now time.Time, ob *wire.Observation) {
	for _, waiting := range [][]noticed{n.head.report, n.out.reports} {
		for i := range waiting {
			if w := &waiting[i].obs; w.About.IsZero() && w.Link == ob.Link && (w.Kind == wire.ObsLinkDown || w.Kind == wire.ObsLinkUp) {
				w.Kind, waiting[i].at = ob.Kind, now
			}
		}
	}
}

// Hashes tells the CMA which documents this system has; it will want what it
// lacks.
func (n *Node) Hashes(refs []wire.DocRef) {
	for _, r := range refs {
		i := slices.IndexFunc(n.out.refs, func(w wire.DocRef) bool { return same(w, r) })
		switch {
		case i >= 0:
			n.out.refs[i] = r
		case len(n.out.refs) < maxRefs:
			n.out.refs = append(n.out.refs, r)
		}
	}
}

// Put queues a document; the newest per type and instance wins. Documents that
// are too big for a signal, or confidential, go by bulk.
func (n *Node) Put(d wire.Document, confidential bool) {
	if n.replaceHead(d, confidential) {
		return
	}
	if confidential || d.Size() > wire.MaxBody {
		n.out.dropDoc(d.DocRef)
		n.bulk.put(d)
		return
	}
	n.bulk.drop(d.DocRef)
	if !n.out.putDoc(d) {
		n.tell(Event{Kind: Overflow, Lost: 1})
	}
}

// replaceHead puts d in the place of the version in flight, if the CMA has said
// that it cannot use that one: its number is not used up.
func (n *Node) replaceHead(d wire.Document, confidential bool) bool {
	if !n.head.unusable() || !same(n.head.doc.DocRef, d.DocRef) {
		return false
	}
	if confidential || d.Size() > wire.MaxBody {
		n.head = message{} // The number was not used; something else takes it.
		return false
	}
	n.head.doc = d
	n.head.body = nil
	n.next = time.Time{}
	return true
}

// unusable is marked by an empty, non-nil body.
func (m *message) unusable() bool { return m.kind == wire.KindDocument && m.body != nil }

// Stop says that this is an orderly stop, ahead of everything that waits but the
// announcement of a session that has just begun. Poll until it is sent; there is
// no need to wait for the answer.
func (n *Node) Stop(s wire.Stopping) {
	n.out.stopping, n.stopping = wire.AppendStopping(nil, &s), true
	n.next = time.Time{} // There is no time for a pause, nor for the one before the first announcement.
}

// Stopped reports whether the CMA has taken in that this is an orderly stop. From
// then on nothing is said any more: a word after the last one would be a sign of
// life.
func (n *Node) Stopped() bool {
	return n.stopping && n.out.stopping == nil && n.head.kind != wire.KindStopping
}

// Applied records the generation of desired state that runs now.
func (n *Node) Applied(gen uint32) {
	n.applied = gen
	n.echo = true
}

// Ask makes the CMA answer at once, if it hears us: Receive returns true for
// that answer. Nothing is asked again.
func (n *Node) Ask() { n.ask = true }

// Rekey asks for a bulk contact to fetch the key of the next epoch.
func (n *Node) Rekey() { n.bulk.rekey = true }

// Poll returns the next message to seal and send, if one is due. Call it until
// ok is false, after every Receive and at Deadline.
func (n *Node) Poll(now time.Time) (m wire.Signal, ok bool) {
	if now.Before(n.pause) || n.Stopped() {
		return m, false
	}
	if len(n.pongs) > 0 {
		token := n.pongs[0]
		n.pongs = n.pongs[1:]
		return n.unnumbered(wire.KindPong, wire.AppendToken(nil, token)), true
	}
	n.choose()
	if n.head.kind != 0 && !now.Before(n.next) {
		return n.send(now), true
	}
	if n.bulk.due(now) {
		n.tell(Event{Kind: OpenBulk})
	}
	if n.acked > 0 && (n.echo || n.ask || n.bulk.asks(now)) {
		n.bulk.asked(now, n.backoff(n.bulk.tries))
		return n.unnumbered(wire.KindEcho, n.echoBody()), true
	}
	return m, false
}

// echoBody is empty, or the token that the CMA's answer shall return.
func (n *Node) echoBody() []byte {
	asked := n.ask
	n.echo, n.ask = false, false
	if !asked {
		return nil
	}
	n.token = n.rng.Uint64() | 1
	return wire.AppendToken(nil, n.token)
}

// Deadline returns when Poll has something to do without a Receive before;
// zero: never.
func (n *Node) Deadline() time.Time {
	if n.Stopped() {
		return time.Time{}
	}
	n.choose()
	var at time.Time
	switch {
	case len(n.pongs) > 0 || n.acked > 0 && (n.echo || n.ask):
		at = n.pause
		if at.IsZero() {
			return n.sentAt.Add(time.Nanosecond)
		}
		return at
	case n.head.kind != 0:
		at = n.next
		if at.IsZero() {
			at = n.sentAt.Add(time.Nanosecond)
		}
	}
	at = earlier(at, n.bulk.deadline(n.acked > 0))
	if !at.IsZero() && at.Before(n.pause) {
		return n.pause
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Events returns the news since the last call.
func (n *Node) Events() []Event {
	ev := n.events
	n.events = nil
	return ev
}

func (n *Node) tell(e Event) {
	if len(n.events) < maxEvents {
		n.events = append(n.events, e)
	}
}

// choose puts the next thing to say in flight.
func (n *Node) choose() {
	if n.head.kind == wire.KindReport && !n.head.sent {
		n.out.refill(&n.head) // It may still grow.
	}
	if n.head.kind != 0 {
		return
	}
	if n.head = n.out.take(n.acked == 0); n.head.kind == 0 {
		return
	}
	n.head.seq = n.acked + 1
	n.tries, n.pace = 0, 0
	if n.acked > 0 {
		n.next = time.Time{}
	}
}

func (n *Node) send(now time.Time) wire.Signal {
	m := wire.Signal{
		Session: n.session, Seq: n.head.seq, Cookie: n.cookie, Applied: n.applied,
		Kind: n.head.kind, Flags: n.flags(), Body: n.head.encode(now),
	}
	if n.tries == 0 {
		n.said = n.applied
	}
	n.head.sent = true
	n.sentAt = now
	n.next = now.Add(n.wait())
	n.tries++
	n.pace++
	return m
}

func (n *Node) unnumbered(kind wire.SignalKind, body []byte) wire.Signal {
	return wire.Signal{Session: n.session, Cookie: n.cookie, Applied: n.applied, Kind: kind, Flags: n.flags(), Body: body}
}

func (n *Node) flags() uint8 {
	if n.bulk.needed() {
		return wire.FlagBulk
	}
	return 0
}

// wait is how long an answer to what is sent now is waited for.
func (n *Node) wait() time.Duration {
	if n.acked > 0 || n.tries > 0 || n.stopping || n.opt.Patience <= n.opt.Retry {
		d := n.backoff(n.pace)
		if news := len(n.out.reports) > 0 || n.head.kind == wire.KindReport; news && n.opt.NewsMax > 0 && d > n.opt.NewsMax {
			d = n.about(n.opt.NewsMax)
		}
		return d
	}
	return n.about(n.opt.Patience)
}

// backoff returns how long to wait after try number tries (from 0): doubled
// each time, a quarter more or less at random.
func (n *Node) backoff(tries int) time.Duration {
	d := n.opt.Retry
	switch {
	case n.stopping: // It has a second, and is not there to hear of a better time.
		return minRetry
	case n.rtt > 0:
		d = min(max(3*n.rtt, minRetry), d)
	}
	for range min(tries, 16) {
		d = min(2*d, n.opt.RetryMax)
	}
	return n.about(d)
}

// about is d, a quarter more or less at random.
func (n *Node) about(d time.Duration) time.Duration { return d*3/4 + n.upTo(d/2) }

func (n *Node) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(n.rng.Int64N(int64(d)))
}
