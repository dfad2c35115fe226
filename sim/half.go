package sim

import (
	"fmt"
	"io"
	"time"

	"assim/event"
)

// half kills the second half of all racks, which is half of all subnets, at
// once, and does nothing else.
func half(n int, length time.Duration, opt Options, newsTo io.Writer) *Result {
	began := stopwatch()
	s := ready(n, opt, newsTo)
	s.runTo(standardFirst)
	var dead []int32
	racks := 0
	for b := len(s.e.subnets) / 2; b < len(s.e.subnets); b++ {
		for i := range s.e.boxes {
			if s.e.boxes[i].subnet == int32(b) && int32(i) != s.net.cmaBox {
				dead = append(dead, s.atHome(int32(i))...)
				racks++
			}
		}
	}
	before := s.count()
	f := s.expect(event.Partition, "", dead, fmt.Sprintf("killed %d systems in %d racks", len(dead), racks))
	for _, sys := range dead {
		s.kill(sys)
	}
	s.runTo(length)
	s.watch.finish(s)
	r := s.result(fmt.Sprintf("half of %d systems die at once", n), began)
	c := s.count()
	r.Notes = append(r.Notes, fmt.Sprintf("%d systems in %d racks named %.1f s after they died; %.2f packets at the CMA per rack (%d to it, %d from it)",
		len(dead), racks, (f.answered-f.at).Seconds(), float64(c.in-before.in+c.out-before.out)/float64(max(racks, 1)), c.in-before.in, c.out-before.out))
	return r
}
