package verdict

import (
	"time"

	"assim/wire"
)

// agenda is a heap of instants at which a system is to be looked at again. An
// entry may be outdated: looking once too often does no harm.
type agenda []entry

type entry struct {
	at time.Time
	id wire.ID
}

func (a *agenda) add(at time.Time, id wire.ID) {
	*a = append(*a, entry{at, id})
	h := *a
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].at.Before(h[parent].at) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// due takes out the earliest entry if its time has come.
func (a *agenda) due(now time.Time) (wire.ID, bool) {
	h := *a
	if len(h) == 0 || h[0].at.After(now) {
		return wire.ID{}, false
	}
	id := h[0].id
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && h[child+1].at.Before(h[child].at) {
			child++
		}
		if child >= last || !h[child].at.Before(h[i].at) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	*a = h
	return id, true
}

func (a agenda) next() time.Time {
	if len(a) == 0 {
		return time.Time{}
	}
	return a[0].at
}

// sooner returns the earlier of two instants; zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
