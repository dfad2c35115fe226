package ring

import "assim/wire"

// Dir is a direction along a ring.
type Dir int8

// The two directions.
const (
	After  Dir = 1
	Before Dir = -1
)

// Roster answers questions about a view, in distances from me: 1 is whom the
// plan made my neighbor, 2 the one beyond it.
type Roster struct{ *wire.RingView }

// Sides is in how many directions I have a neighbor: the one edge of a ring of
// two is used once, and so is the one at the open end of a window.
func (r Roster) Sides() []Dir {
	switch {
	case r.Sweep || len(r.Members) < 2:
		return nil
	case len(r.Members) == 2 && r.Self == 0:
		return afterOnly
	case len(r.Members) == 2 && r.Whole():
		return afterOnly
	case len(r.Members) == 2:
		return beforeOnly
	}
	return bothDirs
}

var (
	afterOnly  = []Dir{After}
	beforeOnly = []Dir{Before}
	bothDirs   = []Dir{After, Before}
)

// Reach is the largest distance that the view knows in a direction.
func (r Roster) Reach(d Dir) int {
	switch {
	case r.Whole():
		return len(r.Members) - 1
	case d == After:
		return len(r.Members) - 1 - int(r.Self)
	}
	return int(r.Self)
}

// At is the index of the member at a distance between 1 and Reach.
func (r Roster) At(d Dir, distance int) int {
	i := int(r.Self) + int(d)*distance
	switch n := len(r.Members); {
	case i >= n:
		return i - n
	case i < 0:
		return i + n
	}
	return i
}

// Distance is how far the member at an index is in a direction; 0 = it is not
// that way, or it is me.
func (r Roster) Distance(d Dir, index int) int {
	n := (index - int(r.Self)) * int(d)
	if n < 0 && r.Whole() {
		n += len(r.Members)
	}
	return max(n, 0)
}

// Find is the index of the member at the other end of an edge; -1 = none.
func (r Roster) Find(e wire.Edge, me wire.ID) int {
	for i := range r.Members {
		if wire.EdgeOf(me, r.Members[i].ID) == e {
			return i
		}
	}
	return -1
}
