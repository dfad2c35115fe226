// Package agenda remembers what is to be looked at again, and when: the alarms
// of a core that has many of them, asked for time instead of taking it.
//
//	a.Add(at, what)      as often as you like: an entry cannot be taken back
//	a.Next()             when to call Due again, the deadline of the core
//	a.Due(now)           what was to be looked at by now, one by one
//
// Whoever looks must see for itself whether there is still something to do: an
// entry that is outdated by then does no harm.
package agenda

import "time"

// Agenda is a heap, earliest first. The zero Agenda is empty.
type Agenda[T any] []entry[T]

type entry[T any] struct {
	at   time.Time
	what T
}

// Add has something looked at again at an instant.
func (a *Agenda[T]) Add(at time.Time, what T) {
	*a = append(*a, entry[T]{at, what})
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

// Due takes out the earliest entry if its time has come.
func (a *Agenda[T]) Due(now time.Time) (what T, ok bool) {
	h := *a
	if len(h) == 0 || h[0].at.After(now) {
		return what, false
	}
	what = h[0].what
	last := len(h) - 1
	h[0], h[last] = h[last], entry[T]{}
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
	return what, true
}

// Next is the instant of the earliest entry; zero = there is none.
func (a Agenda[T]) Next() time.Time {
	if len(a) == 0 {
		return time.Time{}
	}
	return a[0].at
}

// Sooner returns the earliest of some instants; zero means never.
func Sooner(list ...time.Time) (at time.Time) {
	for _, t := range list {
		if at.IsZero() || !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at
}
