package authority

import (
	"time"

	"assim/wire"
)

const (
	// rivalTraces is how many systems must run orders of somebody else before we
	// speak of another CMA: one may be a recording, or our own order of a moment
	// before a restart that overtook its echo.
	rivalTraces = 2
	// rivalWithin is the time within which they must be heard of.
	rivalWithin = time.Minute
)

// rivals are traces of a second CMA: systems that ran what this run of ours had
// ordered, and then something newer that it had not.
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
