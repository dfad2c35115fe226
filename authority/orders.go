package authority

import (
	"time"

	"assim/verdict"
	"assim/wire"
)

const (
	// resendFirst and resendLast bound the interval at which an order is sent
	// again until it is echoed.
	resendFirst = time.Second
	resendLast  = time.Minute
	// resendCrowd orders that wait for their echoes make the first copies of those
	// after them later by resendSpread: when a site starts they cannot all have
	// answered in a second, and copies would keep them from it.
	resendCrowd  = 100
	resendSpread = 20 * time.Millisecond
	// fewAlone is how many orders may wait for their echoes while whoever starts
	// counts as starting alone.
	fewAlone = 8
	// resendHurry is after how long a copy must have been echoed: who says after
	// that that it runs what it ran before has not got it. It doubles with every
	// copy in a hurry: who speaks, and gets nothing, is not to be flooded.
	resendHurry = 200 * time.Millisecond
)

// timer is something to repeat for one system: a ping, with the tries that are
// left, or its order, with none.
type timer struct {
	n     *node
	tries int
	pause time.Duration // between the tries
}

// follow hands on what the judge and the plan want after any input.
func (a *Authority) follow(now time.Time, out *Out) {
	for i := range a.said.Changes {
		a.change(now, &a.said.Changes[i], out)
	}
	for _, p := range a.said.Pings {
		a.ping(now, p, out)
	}
	out.Events = append(out.Events, a.said.Events...)
	out.Incidents = append(out.Incidents, a.said.Incidents...)
	a.said.Reset()
	a.followPlan(now, out)
}

// followPlan queues orders for those whose rings changed.
func (a *Authority) followPlan(now time.Time, out *Out) {
	a.urgent(now, func(n *node) { a.enqueue(n) })
	out.Records = a.plan.Moved(out.Records)
}

// followSeats is followPlan after a system took a seat: it may be one of many.
func (a *Authority) followSeats(now time.Time) {
	counted := false
	a.urgent(now, func(n *node) {
		if !counted {
			a.gathering.seated(now)
			counted = true
		}
		a.holdOrEnqueue(now, n)
	})
}

func (a *Authority) urgent(now time.Time, tell func(*node)) {
	a.ids = a.plan.Urgent(a.ids[:0])
	for _, id := range a.ids {
		if n := a.nodes[id]; n != nil {
			tell(n)
		}
	}
	if len(a.ids) > 0 && a.leisure.IsZero() {
		a.leisure = now.Add(leisure)
	}
}

// change follows a new status: the plan looks past the lost, and nothing is
// sent to them.
func (a *Authority) change(now time.Time, c *verdict.Change, out *Out) {
	n := a.nodes[c.ID]
	if n == nil {
		return
	}
	was := lost(n.status)
	n.status, n.since = c.Status, c.Since
	if is := lost(c.Status); is != was {
		a.plan.SetLost(c.ID, is)
		a.contend(now, n, out)
	}
	if c.Status == verdict.Up && (n.echoed != n.gen || n.missed) {
		a.enqueue(n)
	}
	out.Records = append(out.Records, c.ID)
}

// lost says whether a system with this status can do no duty in its rings.
// One that is merely unknown, behind a switch, goes on in the ring over there.
func lost(s verdict.Status) bool {
	return s == verdict.Dead || s == verdict.Stopped || s == verdict.Shut
}

// enqueue puts a system in line for a new order.
func (a *Authority) enqueue(n *node) {
	n.told = false
	if lost(n.status) {
		n.missed = true
		return
	}
	if n.queued {
		return
	}
	n.queued, n.held = true, false
	a.queue = append(a.queue, n)
}

// contact is a chance to tell a system what could wait for one.
func (a *Authority) contact(n *node) {
	if a.plan.Dated(n.id) {
		a.enqueue(n)
	}
}

// queueSince is an instant in the past: there is work now.
func (a *Authority) queueSince() time.Time { return time.Unix(1, 0) }

// makeOrders makes a bounded number of orders.
func (a *Authority) makeOrders(now time.Time, out *Out) {
	n := min(len(a.queue), a.cfg.MaxPerTick)
	for _, nd := range a.queue[:n] {
		nd.queued = false
		if a.nodes[nd.id] != nd {
			continue
		}
		if nd.missed = lost(nd.status); nd.missed {
			continue
		}
		part := a.order(nd, out)
		first := min(resendFirst+time.Duration(len(a.sent)/resendCrowd)*resendSpread, resendLast)
		a.sent[nd] = &sending{at: now.Add(first), backoff: first, part: part}
		a.timers.Add(now.Add(first), timer{n: nd})
	}
	a.queue = a.queue[:copy(a.queue, a.queue[n:])]
}

// order makes a new order, and says whether it leaves anything out: because its
// receiver runs it already, or has just started and is far from it.
func (a *Authority) order(n *node, out *Out) (part bool) {
	if n.gen > 0 && n.echoed == 0 && !n.whole && len(a.sent) < fewAlone {
		if near, ok := a.plan.Near(n.id); ok {
			n.told = true
			n.gen++
			out.Gens = append(out.Gens, n.id)
			a.post(n, 0, near, out)
			return true
		}
	}
	var base uint32 // what it runs, and can build upon
	if !a.current(n) {
		if n.echoed == n.gen && !n.whole {
			base = n.gen
		}
		n.gen++
		out.Gens = append(out.Gens, n.id)
	}
	n.told, n.whole = true, false
	a.send(n, base, out)
	return base != 0
}

// send makes one copy of the order that is valid now: of what changed since the
// generation base, if there is one.
func (a *Authority) send(n *node, base uint32, out *Out) {
	if base != 0 {
		a.post(n, base, a.plan.Changes(n.id), out)
	} else {
		a.post(n, 0, a.plan.Views(n.id), out)
	}
}

// post puts an order about some rings among those to be sent.
func (a *Authority) post(n *node, base uint32, rings []wire.RingView, out *Out) {
	if a.cfg.Key != nil {
		for i := range rings {
			a.fillKeys(n.id, &rings[i])
		}
	}
	d := wire.Desired{Gen: n.gen, Base: base, Timing: a.timing(n), Schedule: a.cfg.Schedule, Rings: rings}
	out.Orders = append(out.Orders, Order{To: n.id, Addr: n.addr(), Desired: d})
}

func (a *Authority) fillKeys(id wire.ID, v *wire.RingView) {
	if v.Same {
		return
	}
	v.Keys = make([][16]byte, len(v.Members))
	for i := range v.Members {
		if v.Members[i].ID == id {
			continue
		}
		v.Keys[i] = a.cfg.Key(id, v.Members[i].ID)
		if a.cfg.Also == nil {
			continue
		}
		if also, ok := a.cfg.Also(id, v.Members[i].ID); ok {
			if v.Also == nil {
				v.Also = make([][16]byte, len(v.Members))
			}
			v.Also[i] = also
		}
	}
}

// ping asks for a sign of life; its tries are spread over the time to answer.
func (a *Authority) ping(now time.Time, p verdict.Ping, out *Out) {
	n := a.nodes[p.To]
	if n == nil {
		return
	}
	out.Pings = append(out.Pings, Ping{n.id, n.addr()})
	if p.Tries > 1 {
		a.timers.Add(now.Add(a.cfg.Verdict.Answer/time.Duration(p.Tries)), timer{n: n, tries: p.Tries - 1, pause: a.cfg.Verdict.Answer / time.Duration(p.Tries)})
	}
}

// fire repeats what was not answered or echoed, and helps out stale rosters. It
// repeats a bounded number at a time: the rest is due still.
func (a *Authority) fire(now time.Time, out *Out) {
	for range a.cfg.MaxPerTick {
		t, ok := a.timers.Due(now)
		if !ok {
			break
		}
		if a.nodes[t.n.id] != t.n {
			continue
		}
		if t.tries > 0 {
			a.pingAgain(now, t, out)
		} else {
			a.sendAgain(now, t.n, out)
		}
	}
	if a.leisure.IsZero() || a.leisure.After(now) {
		return
	}
	if a.busy || len(a.queue) > 0 || a.gathering.filling(now) {
		a.leisure = now.Add(leisure)
		return
	}
	a.refresh(now)
}

// pingAgain asks once more, and through another address if there is one.
func (a *Authority) pingAgain(now time.Time, t timer, out *Out) {
	if !a.judge.Asking(t.n.id) {
		return // it has answered
	}
	addr := t.n.addr()
	if len(t.n.addrs) > 1 {
		addr = t.n.addrs[1]
	}
	out.Pings = append(out.Pings, Ping{t.n.id, addr})
	if t.tries > 1 {
		a.timers.Add(now.Add(t.pause), timer{n: t.n, tries: t.tries - 1, pause: t.pause})
	}
}

func (a *Authority) sendAgain(now time.Time, n *node, out *Out) {
	s := a.sent[n]
	if s == nil || s.at.After(now) {
		return
	}
	if lost(n.status) || n.status == verdict.Unknown {
		delete(a.sent, n) // it gets a new one when it returns
		return
	}
	if a.busy || len(a.queue) > 0 || a.gathering.filling(now) {
		s.at = now.Add(s.backoff) // News come before repetitions.
		a.timers.Add(s.at, timer{n: n})
		return
	}
	s.backoff = min(2*s.backoff, resendLast)
	s.at = now.Add(s.backoff)
	a.timers.Add(s.at, timer{n: n})
	if s.part { // The whole is another message, lest parts of both be put together.
		s.part = false
		n.gen++
		out.Gens = append(out.Gens, n.id)
	}
	a.send(n, 0, out)
}

// hurry sends the next copy to one who is heard and has not got the one before.
func (a *Authority) hurry(now time.Time, n *node) {
	s := a.sent[n]
	if s == nil {
		return
	}
	wait := min(resendHurry<<s.hurried, s.backoff)
	if !now.Before(s.at.Add(wait-s.backoff)) && s.at.After(now) {
		s.at, s.hurried = now, min(s.hurried+1, 16)
		a.timers.Add(now, timer{n: n})
	}
}

// Again tells that a system has announced itself once more: it heard no answer, and
// its order was the answer. It may be a recording and proves nothing.
func (a *Authority) Again(now time.Time, id wire.ID) {
	if n := a.nodes[id]; n != nil {
		a.hurry(now, n)
	}
}

// refresh queues a helping of those whose roster is merely older than the truth.
func (a *Authority) refresh(now time.Time) {
	helping := a.cfg.MaxPerTick / 2
	a.ids = a.plan.Stale(a.ids[:0], helping)
	for _, id := range a.ids {
		if n := a.nodes[id]; n != nil {
			a.enqueue(n)
		}
	}
	a.leisure = time.Time{}
	if len(a.ids) == helping {
		a.leisure = now.Add(leisure)
	}
}

// Reorder gives everybody a new order, for when the keys of the edges changed.
func (a *Authority) Reorder() {
	for _, n := range a.all {
		a.anew(n)
	}
}

// Behind appends to dst at most limit of those who do not run their newest
// order yet. Who is lost gets a new one when it returns, and does not count.
func (a *Authority) Behind(dst []wire.ID, limit int) []wire.ID {
	for _, n := range a.all {
		if len(dst) == limit {
			break
		}
		if !lost(n.status) && (n.queued || n.held || n.echoed != n.gen) {
			dst = append(dst, n.id)
		}
	}
	return dst
}
