package ring

// Asks is how often someone is asked before its silence counts: with one packet
// in five lost, one living system in 60 stays silent that often, and what it
// says on its own a moment later refutes us.
const Asks = 4

// A Hunt finds the nearest living member beyond a lost one. It gallops: 1, 2,
// 4, 8 ... ahead, all at once, then closes in on everybody nearer than the
// nearest that answered. A run of 48 dead costs the rounds that one costs.
//
//	me  x  x  x  x  x  o  o  o  o      round 1 asks       1  2     4           8
//	    1  2  3  4  5  6  7  8         8 answered: then   1  2  3  4  5  6  7
//	                                   6 and 7 answered: the run is 5, 6 is my neighbor
type Hunt struct {
	from     int     // distances up to here need no question
	asks     []uint8 // per distance beyond from: how often it was asked
	answered []bool
	gallop   bool // the next round is the galloping one
	all      bool // everybody matters, not only those nearer than the nearest
	nearest  int  // that answered; 0 = none
}

// NewHunt looks for the nearest living member with from < distance <= reach.
func NewHunt(from, reach int) *Hunt {
	h := NewSweep(from, reach)
	h.gallop, h.all = true, false
	return h
}

// NewSweep asks everybody with from < distance <= reach.
func NewSweep(from, reach int) *Hunt {
	n := max(reach-from, 0)
	return &Hunt{from: from, asks: make([]uint8, n), answered: make([]bool, n), all: true}
}

// Next appends the distances to ask in one more round.
func (h *Hunt) Next(dst []int) []int {
	if h.gallop {
		h.gallop = false
		for step := 1; step <= len(h.asks); step *= 2 {
			h.asks[step-1]++
			dst = append(dst, h.from+step)
		}
		return dst
	}
	for i := range h.asks[:h.limit()] {
		if !h.answered[i] && h.asks[i] < Asks {
			h.asks[i]++
			dst = append(dst, h.from+i+1)
		}
	}
	return dst
}

// limit is how many of the distances still matter.
func (h *Hunt) limit() int {
	if h.nearest != 0 && !h.all {
		return h.nearest - h.from - 1
	}
	return len(h.asks)
}

// Answered tells that the member at a distance lives.
func (h *Hunt) Answered(distance int) {
	i := distance - h.from - 1
	if i < 0 || i >= len(h.answered) {
		return
	}
	h.answered[i] = true
	if h.nearest == 0 || distance < h.nearest {
		h.nearest = distance
	}
}

// Nearest is the distance of the nearest member that answered; 0 = none so far.
func (h *Hunt) Nearest() int { return h.nearest }

// Has says whether the member at a distance answered.
func (h *Hunt) Has(distance int) bool {
	i := distance - h.from - 1
	return i >= 0 && i < len(h.answered) && h.answered[i]
}

// Again takes the last round back: answers to it may wait, unread, because the
// asker itself did not run.
func (h *Hunt) Again() {
	for i := range h.asks {
		if !h.answered[i] && h.asks[i] > 0 {
			h.asks[i]--
		}
	}
}

// Settled says whether everybody nearer than Nearest was asked often enough.
// Ask it one round after the last questions.
func (h *Hunt) Settled() bool {
	for i := range h.asks[:h.limit()] {
		if !h.answered[i] && h.asks[i] < Asks {
			return false
		}
	}
	return true
}
