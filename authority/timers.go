package authority

import "time"

// timer is something to repeat for one system: a ping, with the tries that are
// left, or its order, with none.
type timer struct {
	at    time.Time
	n     *node
	tries int
	pause time.Duration // between the tries
}

// timers is a heap, earliest first. Outdated entries are recognized when they
// fire.
type timers []timer

func (ts *timers) add(t timer) {
	*ts = append(*ts, t)
	h := *ts
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].at.Before(h[parent].at) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (ts *timers) due(now time.Time) (timer, bool) {
	h := *ts
	if len(h) == 0 || h[0].at.After(now) {
		return timer{}, false
	}
	t := h[0]
	last := len(h) - 1
	h[0], h[last] = h[last], timer{}
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
	*ts = h
	return t, true
}

func (ts timers) next() time.Time {
	if len(ts) == 0 {
		return time.Time{}
	}
	return ts[0].at
}

// sooner returns the earlier of two instants; zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
