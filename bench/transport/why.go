package main

import (
	"fmt"
	"slices"
	"time"

	"assim/wire"
)

// why is what stands behind the counts of a storm: what the second announcement
// of a system was for, how late orders were, and who was reported silent.
type why struct {
	// AgainUnanswered and AgainHeld are announcements after the first of a session:
	// said again because nothing came back in time, or because the CMA had asked for
	// patience and it was over.
	AgainUnanswered int `json:"announced_again_unanswered"`
	AgainHeld       int `json:"announced_again_after_patience"`
	// Holds is how many requests for patience arrived.
	Holds int `json:"asked_for_patience"`
	// OrderP50S, OrderP99S and OrderMaxS are from a system's acknowledgment to the
	// whole of its order.
	OrderP50S float64 `json:"order_after_acknowledgment_p50_s"`
	OrderP99S float64 `json:"order_after_acknowledgment_p99_s"`
	OrderMaxS float64 `json:"order_after_acknowledgment_max_s"`
	// Without are systems that were reported silent while they had no order yet, so
	// that they could not answer their neighbors.
	Without int `json:"reported_silent_without_an_order"`
}

func (w *why) print() {
	fmt.Printf("  announced again         %8d     unanswered, %d after patience that was asked for (%d times)\n", w.AgainUnanswered, w.AgainHeld, w.Holds)
	fmt.Printf("  order after the ack     %8.1f s   p50, %.1f s p99, %.1f s the last\n", w.OrderP50S, w.OrderP99S, w.OrderMaxS)
	if w.Without > 0 {
		fmt.Printf("  reported silent before their order %d\n", w.Without)
	}
}

// announced notes why a system announces itself.
func (c *crowd) announced(s *system) {
	c.announces++
	switch {
	case !s.said:
		s.said = true
	case s.held:
		c.why.AgainHeld++
	default:
		c.why.AgainUnanswered++
	}
	s.held = false
}

// delays fills in how late the orders were.
func (w *why) delays(systems []system) {
	var all []time.Duration
	for i := range systems {
		if s := &systems[i]; !s.ackedAt.IsZero() && !s.orderedAt.IsZero() {
			all = append(all, max(0, s.orderedAt.Sub(s.ackedAt)))
		}
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	at := func(p int) float64 { return all[(len(all)-1)*p/100].Seconds() }
	w.OrderP50S, w.OrderP99S, w.OrderMaxS = at(50), at(99), at(100)
}

// accused notes whom a system reports silent.
func (c *crowd) accused(about wire.ID) {
	c.deaths++
	if i, ok := c.byID[about]; ok && c.systems[i].gen == 0 {
		c.why.Without++
	}
}
