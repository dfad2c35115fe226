package authority

import (
	"time"

	"assim/agenda"
)

// Times of gathering.
const (
	// fewSeats is how many systems may take a seat in one go and be told at once.
	fewSeats = 4
	// quietSeats is how long nobody must have taken a seat for the rings to count
	// as filled.
	quietSeats = 300 * time.Millisecond
	// heldPerSeat and heldMost bound how long an order is held back while seats
	// are taken all the time: the longer, the more there are.
	heldPerSeat = 10 * time.Millisecond
	heldMost    = 3 * time.Second
	// heldBusy is the bound while more waits than can be taken in: whoever is told
	// now has other neighbors in a moment.
	heldBusy = 20 * time.Second
)

// gathering holds orders back while many systems take their seats at once: each
// newcomer changes the rosters of a whole ring, and telling all of them each
// time would cost the square of what is needed. A single newcomer is told at
// once, and so is everybody about a death.
type gathering struct {
	taken int       // seats, without a pause
	last  time.Time // when the last of them was taken
	first time.Time // when the first order was held; zero = none is
	held  []*node
}

// seated notes that a system took a seat.
func (g *gathering) seated(now time.Time) {
	if now.Sub(g.last) >= quietSeats {
		g.taken = 0
	}
	g.taken++
	g.last = now
}

// filling says whether orders about seats are to be held back.
func (g *gathering) filling(now time.Time) bool {
	return g.taken > fewSeats && now.Sub(g.last) < quietSeats
}

func (g *gathering) hold(now time.Time, n *node) {
	if g.first.IsZero() {
		g.first = now
	}
	n.held = true
	g.held = append(g.held, n)
}

// due is when what is held is let go; zero = nothing is held.
func (g *gathering) due(busy bool) time.Time {
	if g.first.IsZero() {
		return time.Time{}
	}
	most := min(heldMost, quietSeats+time.Duration(g.taken)*heldPerSeat)
	if busy {
		most = heldBusy
	}
	return agenda.Sooner(g.last.Add(quietSeats), g.first.Add(most))
}

// holdOrEnqueue puts a system in line for a new order about seats: now, or when
// the rings have filled.
func (a *Authority) holdOrEnqueue(now time.Time, n *node) {
	switch {
	case n.queued || n.held:
	case a.gathering.filling(now):
		a.gathering.hold(now, n)
	default:
		a.enqueue(n)
	}
}

// letGo puts those in line whose orders were held back long enough.
func (a *Authority) letGo(now time.Time) {
	g := &a.gathering
	if due := g.due(a.busy); due.IsZero() || now.Before(due) {
		return
	}
	for _, n := range g.held {
		if n.held && a.nodes[n.id] == n {
			n.held = false
			a.enqueue(n)
		}
	}
	clear(g.held)
	g.held, g.first = g.held[:0], time.Time{}
}
