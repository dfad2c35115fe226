package cma

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"assim/authority"
	"assim/event"
	"assim/graph"
	"assim/ring"
	"assim/session"
	"assim/verdict"
	"assim/wire"
)

// Buckets of the records that the brain keeps.
const (
	seatBucket = "seat" // authority.Record by node id
	ringBucket = "ring" // roster version by ring id
)

// Limits and times of the brain.
const (
	maxMail   = 131072                 // signals waiting for the brain: a hundred thousand announcements
	maxQuick  = 16384                  // the same, of those that are taken in out of turn
	maxPass   = 256                    // of them taken in before the brain looks at what else is due
	passTime  = 20 * time.Millisecond  // the same, in time
	ringDelay = 300 * time.Millisecond // a ring that changed is written this much later
	bulkEvery = 2 * time.Millisecond   // between two bulk contacts that are let in
	holdTime  = 5 * time.Second        // how long a nanoprobe waits while a document is worked on
	pauseTime = 50 * time.Millisecond  // before what found the commit queue full is tried again
)

// letter is one opened signal.
type letter struct {
	id    wire.ID
	from  netip.AddrPort
	to    netip.Addr // own address it was sent to
	epoch uint16
	at    time.Time // when it was opened
	sig   wire.Signal
}

// brain is the one goroutine that owns the cores: session and authority. It is
// told of signals, finished commits and stored documents, and it decides.
type brain struct {
	now     func() time.Time
	auth    *authority.Authority
	sess    *session.CMA
	slots   session.Slots
	commits *committer
	inbox   *inbox
	health  *health
	// transmit seals a signal for a nanoprobe and sends it there.
	transmit func(r session.Route, id wire.ID, m wire.Signal)
	// sent lets go what transmit has gathered.
	sent func()
	// known reports whether a machine is the one that an identity was given to.
	known func(id wire.ID, machine [16]byte) bool
	// joined returns the name under which a system joined.
	joined func(id wire.ID) string
	// sweepKey is the key of the sweeps of a ring.
	sweepKey func(ring uint64) [16]byte

	mail    chan letter
	quick   chan letter  // what need not wait for its turn: see deliver
	lag     atomic.Int64 // nanoseconds from the opening to the answer of what was answered last
	results chan func()  // what finished commits and parcels want done here
	asks    chan func()  // what others ask of the brain
	ended   chan struct{}

	out     authority.Out
	unsaved pending // not handed to the committer yet
	encoded []byte  // scratch: a desired state
	part    []byte  // scratch: one of its parts
	rings   ringWriter
	turn    turn // from one master key to the next
}

// pending is what one pass of the brain wants durable, and what may be sent
// only then.
type pending struct {
	seats  map[wire.ID]bool
	gone   []wire.ID
	gens   []wire.ID // whose desired state has another generation
	causes []letter  // whose numbers become durable with it
	events []event.Event
	orders []authority.Order
}

func (p *pending) empty() bool {
	return p.plain() && len(p.gens) == 0 && len(p.causes) == 0 && len(p.events) == 0 && len(p.orders) == 0
}

// plain says that there is no graph in it: no store can object to what it says,
// so that many messages may share it.
func (p *pending) plain() bool { return len(p.seats) == 0 && len(p.gone) == 0 }

// run is the brain's loop.
func (b *brain) run(ctx context.Context) {
	defer close(b.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil { // Looked at first: however much waits, a stop is a stop.
		timer.Reset(b.wait())
		mail := b.mail
		if b.commits.behind() {
			mail = nil // What is durable next wakes the brain.
		}
		select {
		case <-ctx.Done():
			return
		case l := <-b.quick:
			b.letters(l)
		case l := <-mail:
			b.letters(l)
		case f := <-b.results:
			f()
		case f := <-b.asks:
			f()
		case <-timer.C:
		}
		now := b.now()
		if due := b.auth.Deadline(); !due.IsZero() && !now.Before(due) {
			b.auth.Busy(len(b.mail) > maxPass || b.commits.behind())
			b.auth.Tick(now, &b.out)
		}
		b.goOnTurning(now)
		b.settle(nil)
		b.flush()
		b.rings.flush(now, b)
		b.sent()
	}
}

// wait is how long nothing is due.
func (b *brain) wait() time.Duration {
	due := b.auth.Deadline()
	for _, at := range []time.Time{b.rings.due, b.turn.due} {
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	switch {
	case !b.unsaved.empty():
		return pauseTime
	case due.IsZero():
		return time.Hour
	}
	return max(0, due.Sub(b.now()))
}

// ask runs f in the brain and returns when it has, or when ctx ends.
func (b *brain) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case b.asks <- func() { f(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post hands the brain what a finished commit or parcel wants done. When the
// brain has stopped nobody is told any more: what is durable is durable.
func (b *brain) post(f func()) {
	select {
	case b.results <- f:
	case <-b.ended:
	}
}

func (l *letter) route() session.Route {
	return session.Route{To: l.from, From: l.to, Epoch: l.epoch}
}

// way is how to reach a nanoprobe at an address: as it spoke to us, if it is
// the same address or none that leaves this host.
func (b *brain) way(id wire.ID, addr netip.AddrPort) session.Route {
	if r, ok := b.sess.Route(id); ok && (r.To == addr || r.To.Addr().IsLoopback() || !addr.IsValid()) {
		return r
	}
	return session.Route{To: addr}
}

// backlog is how many messages are not durable yet. Anybody may ask.
func (b *brain) backlog() int { return len(b.mail) + len(b.commits.queue) }

// deliver puts a signal where the brain takes it in, and reports whether there
// was room. Echoes and pongs make nothing durable and go ahead of all that does:
// behind a hundred thousand announcements the echo of an order would come after
// the order was repeated, and an answer to a ping when nobody waits for it any
// more. Reports keep their turn: who is said to be silent may have announced
// itself before.
func (b *brain) deliver(l letter) bool {
	lane := b.mail
	if l.sig.Kind == wire.KindEcho || l.sig.Kind == wire.KindPong {
		lane = b.quick
	}
	select {
	case lane <- l:
		return true
	default:
		return false
	}
}

// letters takes in what waits, up to a limit: in a crush the brain is to read
// its mail, echoes of its orders among it, before it makes more orders.
func (b *brain) letters(l letter) {
	end := b.now().Add(passTime)
	for i := range maxPass {
		b.signal(l)
		if !b.now().Before(end) {
			return
		}
		var ok bool
		if l, ok = b.waiting(i%2 == 0); !ok {
			return
		}
	}
}

// waiting is a signal that waits, from either lane in turn so that neither keeps
// the other from moving.
func (b *brain) waiting(quick bool) (l letter, ok bool) {
	first, second := b.mail, b.quick
	if b.commits.behind() {
		first = nil
	}
	if quick {
		first, second = second, first
	}
	select {
	case l = <-first:
		return l, true
	default:
	}
	select {
	case l = <-second:
		return l, true
	default:
		return l, false
	}
}

// signal takes one opened signal in.
func (b *brain) signal(l letter) {
	now := b.now()
	b.turn.heard(&l)
	v := b.sess.Receive(now, l.id, &l.sig)
	if v.Clone {
		b.out.Events = append(b.out.Events, event.Event{At: now, Kind: event.Clone, System: l.id.String(), Name: b.name(l.id),
			Detail: map[string]string{"from": l.from.String()},
			Text:   fmt.Sprintf("two systems take turns as %s: its identity file was copied; one of them is at %s", b.name(l.id), l.from.Addr())})
	}
	if v.Elsewhere {
		b.auth.Elsewhere(now, l.id)
	}
	if v.HasReply {
		b.reply(&l, v.Reply)
		if l.sig.Kind == wire.KindAnnounce {
			b.auth.Again(now, l.id)
		}
	}
	if v.Fresh { // Anything else may be a recording: it neither lives nor moves.
		b.sess.Heard(l.id, l.route())
	}
	if v.Fresh && !v.Started { // Who begins anew says so itself: see process.
		b.auth.Alive(now, l.id, &b.out)
	}
	if !v.Started && (v.Action == session.Process || v.Action == session.Glance) {
		b.auth.Echoed(now, l.id, l.sig.Applied, &b.out)
	}
	switch v.Action {
	case session.Process:
		b.process(now, l)
	case session.Repeat:
		b.answerHashes(l)
	}
	if v.Action == session.Glance && l.sig.Flags&wire.FlagBulk != 0 {
		m := b.sess.Answer(l.id, l.sig.Session, 0, wire.KindAck, nil)
		m.Slot = b.slots.Give(now)
		b.transmit(l.route(), l.id, m)
	}
}

// reply answers a letter, with a slot for bulk if it asks for one.
func (b *brain) reply(l *letter, m wire.Signal) {
	if l.sig.Flags&wire.FlagBulk != 0 && m.Slot == 0 {
		m.Slot = b.slots.Give(b.now())
	}
	b.transmit(l.route(), l.id, m)
}

// process does what a new numbered message says. Its number becomes durable
// with its consequences; then it is acknowledged.
func (b *brain) process(now time.Time, l letter) {
	var err error
	switch l.sig.Kind {
	case wire.KindAnnounce:
		var a wire.Announce
		if a, err = wire.ParseAnnounce(l.sig.Body); err == nil {
			b.health.count("announces")
			b.sameMachine(now, l, &a)
			b.auth.Announce(now, l.id, l.sig.Session, l.sig.Applied, a.Name, l.from, a.Addrs, &b.out)
		}
	case wire.KindReport:
		var obs []wire.Observation
		if obs, err = wire.ParseReport(l.sig.Body); err == nil {
			b.health.count("reports")
			b.auth.Report(now, l.id, obs, &b.out)
		}
	case wire.KindStopping:
		if _, err = wire.ParseStopping(l.sig.Body); err == nil {
			b.auth.Stopping(now, l.id, &b.out)
		}
	case wire.KindDocument, wire.KindHashes:
		b.enqueue(l)
		return
	default:
		err = fmt.Errorf("kind %d is not known", l.sig.Kind)
	}
	if err != nil {
		// It is authentic and will not get better: count it, and let its number go.
		b.health.malformed("malformed signals", l.id, err)
	}
	b.settle(&l)
}

// sameMachine tells when an identity announces itself from another machine than
// the one that it was given to: its file was copied.
func (b *brain) sameMachine(now time.Time, l letter, a *wire.Announce) {
	if b.known(l.id, a.Machine) {
		return
	}
	b.out.Events = append(b.out.Events, event.Event{At: now, Kind: event.Clone, System: l.id.String(), Name: a.Name,
		Detail: map[string]string{"from": l.from.String()},
		Text:   fmt.Sprintf("%s announces itself as %s from another machine than it joined from: its identity file was copied", a.Name, l.id)})
}

// enqueue hands a document or a list of hashes to the workers.
func (b *brain) enqueue(l letter) {
	p := parcel{from: l.id, session: l.sig.Session, seq: l.sig.Seq, kind: l.sig.Kind, body: l.sig.Body}
	p.done = func(r receipt) {
		b.post(func() { b.finished(l, r) })
	}
	if err := b.inbox.put(p); err != nil {
		b.sess.Failed(l.id, l.sig.Session, l.sig.Seq)
		hold := b.sess.Answer(l.id, l.sig.Session, l.sig.Seq, wire.KindHold, nil)
		hold.Slot = holdTime
		b.reply(&l, hold)
	}
}

// finished acknowledges a document, or says what is wanted instead.
func (b *brain) finished(l letter, r receipt) {
	if r.err != nil || r.stale {
		b.sess.Failed(l.id, l.sig.Session, l.sig.Seq)
	} else {
		ack := b.sess.Committed(l.id, l.sig.Session, l.sig.Seq)
		if len(r.want) == 0 {
			b.reply(&l, ack)
		}
	}
	want := r.want
	for len(want) > 0 {
		var body []byte
		body, want = wire.AppendRefs(nil, want)
		b.reply(&l, b.sess.Answer(l.id, l.sig.Session, l.sig.Seq, wire.KindWant, body))
	}
}

// answerHashes answers a list of hashes that was processed before: its answer
// may be lost, and asking again costs no write.
func (b *brain) answerHashes(l letter) {
	p := parcel{from: l.id, session: l.sig.Session, kind: l.sig.Kind, body: l.sig.Body}
	p.done = func(r receipt) {
		b.post(func() {
			if r.err == nil {
				if len(r.want) == 0 {
					b.reply(&l, b.sess.Answer(l.id, l.sig.Session, l.sig.Seq, wire.KindAck, nil))
				}
				r.stale = true // not numbered: nothing to commit
				b.finished(l, r)
			}
		})
	}
	_ = b.inbox.put(p) // it asks again when it hears nothing
}

// settle notes what the cores want durable, together with the number of the
// letter that caused it (if any). Letters that change no graph share a commit; of
// the others each has its own, so that one that the store refuses fails alone.
func (b *brain) settle(cause *letter) {
	if cause == nil {
		b.collect() // With the last letter: its sender may get an order, which acknowledges it.
		return
	}
	if len(b.out.Records)+len(b.out.Gone) > 0 || !b.unsaved.plain() || len(b.unsaved.causes) >= maxPass {
		b.flush()
	}
	b.collect()
	b.unsaved.causes = append(b.unsaved.causes, *cause)
}

// flush hands what is noted to the committer, and sends what may be sent when it
// is durable. When there is no room, the letters are as good as not received.
func (b *brain) flush() {
	if b.unsaved.empty() {
		return
	}
	p := b.unsaved
	c := commit{changes: b.changes(&p), marks: b.marks(&p), events: p.events}
	c.done = func(err error) {
		b.post(func() { b.settled(&p, err) })
	}
	select {
	case b.commits.queue <- c:
		b.unsaved = pending{}
	default:
		b.failed(p.causes)
		b.unsaved.causes = nil
	}
}

func (b *brain) failed(letters []letter) {
	for i := range letters {
		b.sess.Failed(letters[i].id, letters[i].sig.Session, letters[i].sig.Seq)
	}
}

func (b *brain) settled(p *pending, err error) {
	if err != nil {
		b.health.failed("what the CMA decided could not be stored", err)
		b.failed(p.causes)
		return
	}
	if len(p.causes) > 0 {
		b.lag.Store(int64(b.now().Sub(p.causes[0].at)))
	}
	for i := range p.causes {
		l := &p.causes[i]
		ack := b.sess.Committed(l.id, l.sig.Session, l.sig.Seq)
		if o := orderTo(l.id, p.orders); o == nil || !b.order(o, l) {
			b.reply(l, ack)
		}
	}
	for i := range p.orders {
		if p.orders[i].To != (wire.ID{}) {
			b.order(&p.orders[i], nil)
		}
	}
}

// orderTo returns the order to a system, nil if there is none. There are few.
func orderTo(id wire.ID, orders []authority.Order) *authority.Order {
	for i := range orders {
		if orders[i].To == id {
			return &orders[i]
		}
	}
	return nil
}

// collect empties what the cores put out. Pings need nothing durable.
func (b *brain) collect() {
	for _, p := range b.out.Pings {
		if m, ok := b.sess.Unasked(p.To, wire.KindPing, wire.AppendToken(nil, b.sess.PingToken(b.now(), p.To))); ok {
			b.health.count("pings")
			b.transmit(b.way(p.To, p.Addr), p.To, m)
		}
	}
	for _, id := range b.out.Records {
		if b.unsaved.seats == nil {
			b.unsaved.seats = map[wire.ID]bool{}
		}
		b.unsaved.seats[id] = true
	}
	b.unsaved.gone = append(b.unsaved.gone, b.out.Gone...)
	b.unsaved.gens = append(b.unsaved.gens, b.out.Gens...)
	b.unsaved.events = append(b.unsaved.events, b.out.Events...)
	b.unsaved.orders = append(b.unsaved.orders, b.out.Orders...)
	b.rings.incidents(b.out.Incidents)
	b.out.Reset()
}

// changes turns what is pending into changes of the store.
func (b *brain) changes(p *pending) []graph.Change {
	var changes []graph.Change
	for id := range p.seats {
		r, ok := b.auth.Record(id)
		if !ok {
			continue
		}
		changes = append(changes, Seat(id, r, b.now()))
		b.rings.touched(b.now(), id, r.Membership)
	}
	for _, id := range p.gone {
		changes = append(changes, b.putOut(id))
		b.rings.touched(b.now(), id, ring.Membership{})
	}
	return changes
}

// marks is what is to be remembered of sessions and generations.
func (b *brain) marks(p *pending) []session.Mark {
	list := make([]session.Mark, 0, len(p.causes)+len(p.gens)+len(p.gone))
	for i := range p.causes {
		l := &p.causes[i]
		list = append(list, session.Mark{ID: l.id, Session: l.sig.Session, Seq: l.sig.Seq})
	}
	for _, id := range p.gens {
		list = append(list, session.Mark{ID: id, Gen: b.auth.Gen(id)})
	}
	for _, id := range p.gone {
		if m, ok := b.sess.Expel(id); ok { // What it said before stays past, should it come back.
			list = append(list, m)
		}
	}
	return list
}

// order sends a desired state in as many signals as it needs, and reports whether
// it did. The first of them acknowledges the letter that it answers, if any. An
// order is sent once.
func (b *brain) order(o *authority.Order, answering *letter) bool {
	if b.gathering() {
		return false // It is made anew when everybody can be told.
	}
	to := o.To
	o.To = wire.ID{}
	for i := range o.Desired.Rings {
		o.Desired.Rings[i].SweepKey = b.sweepKey(o.Desired.Rings[i].Ring)
	}
	b.encoded = wire.AppendDesired(b.encoded[:0], &o.Desired)
	parts := session.Split(o.Desired.Gen, b.encoded)
	if parts == nil {
		b.health.failed("desired state of "+b.name(to), fmt.Errorf("it does not fit %d signals", wire.MaxParts))
		return false
	}
	for i := range parts {
		b.part = wire.AppendDesiredPart(b.part[:0], &parts[i])
		b.health.count("orders sent")
		if answering != nil && i == 0 {
			b.reply(answering, b.sess.Answer(to, answering.sig.Session, answering.sig.Seq, wire.KindDesired, b.part))
			continue
		}
		m, ok := b.sess.Unasked(to, wire.KindDesired, b.part)
		if !ok {
			return false
		}
		b.transmit(b.way(to, o.Addr), to, m)
	}
	return true
}

// name is what people call a system.
func (b *brain) name(id wire.ID) string {
	if r, ok := b.auth.Record(id); ok && r.Name != "" {
		return r.Name
	}
	return id.String()
}

// putOut is what is stored of a system that was put out: what it told stays in
// the graph, and people shall see whose that is.
func (b *brain) putOut(id wire.ID) graph.Change {
	node := graph.Node{Key: graph.Key{Label: graph.System, ID: id.String()}, Props: graph.P(
		"id", id.String(), "name", b.joined(id), "kind", "server", "status", "revoked", "nanoprobe", false)}
	return graph.Change{Source: seatSource(id), At: b.now(), Nodes: []graph.Node{node},
		Records: []graph.Record{{Bucket: seatBucket, Name: id.String()}}}
}

// seatSource is the source of what the CMA itself says of a system.
func seatSource(id wire.ID) string { return "cma/system/" + id.String() }

// Seat is what is stored of a system when its record changes.
func Seat(id wire.ID, r authority.Record, now time.Time) graph.Change {
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("cma: a record does not encode: %v", err)) // It holds plain values only.
	}
	node := graph.Node{Key: graph.Key{Label: graph.System, ID: id.String()}, Props: graph.P(
		"id", id.String(), "name", r.Name, "kind", "server", "status", r.Status.String(), "nanoprobe", true)}
	if r.Status != verdict.Up {
		node.Props["last_sign"] = r.Since.UTC().Format(time.RFC3339)
	}
	return graph.Change{Source: seatSource(id), At: now, Nodes: []graph.Node{node},
		Records: []graph.Record{{Bucket: seatBucket, Name: id.String(), Value: text}}}
}
