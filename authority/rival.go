package authority

import (
	"time"

	"assim/wire"
)

const (
	// rivalTraces is how many systems must run orders of somebody else before we
	// speak of another CMA: one may be a recording, our own order of a moment
	// before a restart that overtook its echo, or a system whose state was put back.
	rivalTraces = 2
	// rivalWithin is the time within which they must be heard of.
	rivalWithin = time.Minute
)

// rivals are traces of a second CMA: systems that ran what this run of ours had
// ordered, and then something newer that it had not; or that had spoken to this
// run, and somebody else acknowledged what they said next.
type rivals struct {
	who   []wire.ID
	since time.Time
}

// strange takes in that n runs an order that is newer than the newest of ours.
// After a restart that forgot some that is no wonder, unless it was of one mind
// with this run before.
func (a *Authority) strange(now time.Time, n *node) {
	if !n.agreed {
		return
	}
	n.agreed = false
	a.trace(now, n)
}

// Elsewhere tells that a system that had spoken to this run of the CMA went on
// with another one, and is back.
func (a *Authority) Elsewhere(now time.Time, id wire.ID) {
	if n := a.nodes[id]; n != nil {
		a.trace(now, n)
	}
}

// trace notes that a system has to do with a second CMA.
func (a *Authority) trace(now time.Time, n *node) {
	r := &a.rivals
	if now.Sub(r.since) > rivalWithin {
		r.who, r.since = r.who[:0], now
	}
	for _, id := range r.who {
		if id == n.id {
			return
		}
	}
	if len(r.who) < rivalTraces {
		r.who = append(r.who, n.id)
	} else {
		r.who[rivalTraces-1] = n.id
	}
	if len(r.who) == rivalTraces {
		a.judge.Rival(now, r.who, &a.said)
	}
}
