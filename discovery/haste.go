package discovery

import "time"

// How much may be done at once because something happened.
const (
	// maxHaste is CPU time for looks after triggers. Less makes news late where a
	// few things happen in a row, more is felt by others.
	maxHaste = 250 * time.Millisecond
	// hastePart is how fast it comes back: one part in so many of the time that
	// passes. What happens for ever may not cost more than that in haste.
	hastePart = 400
)

// haste is what a type has used of it. On a box where a service is started every
// second its looks would otherwise take a tenth of a processor for each type that
// this is news to. When it is spent they take their time, until half of it has come
// back.
type haste struct {
	used  time.Duration
	at    time.Time // when used was right
	spent bool
	since time.Time // when it was spent
}

// spend adds what a look has cost that was triggered.
func (h *haste) spend(now time.Time, cost time.Duration) {
	h.recover(now)
	// More than twice the limit would be felt long after everything is quiet.
	h.used = min(h.used+cost, 2*maxHaste)
	if h.used >= maxHaste && !h.spent {
		h.spent, h.since = true, now
	}
}

// recover lets time pass.
func (h *haste) recover(now time.Time) {
	if h.used > 0 {
		h.used = max(0, h.used-now.Sub(h.at)/hastePart)
	}
	if h.at = now; h.used <= maxHaste/2 {
		h.spent = false
	}
}
