package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// day is what happens to a million systems in a day, of one kind.
type day struct {
	perMillion int
	fail       func(*Sim, int32) *fault
	away       time.Duration // until it is back
	words      string
}

// days are the scripts of a day's faults. The quiet hours between them are left
// out: nothing reaches the CMA in a quiet hour, and each fault has a switch of
// its own, so that how many happen at a time makes no difference to what each
// of them costs. TestAQuietHourLeftOutChangesNothing holds us to it.
var days = map[string]day{
	"day":     {500, (*Sim).failHost, 40 * time.Second, "deaths and returns"},
	"crashes": {5500, (*Sim).failNanoprobe, 20 * time.Second, "crashes of nanoprobes and new starts"},
	"reboots": {33000, (*Sim).stopHost, 40 * time.Second, "reboots"},
}

// dayTail is how long the last who is back is given.
const dayTail = 20 * time.Second

// run lets a day's share of faults happen to n systems, spread over a length of
// time, and counts the packets at the CMA.
func (d day) run(n int, length time.Duration, opt Options, newsTo io.Writer) (*Result, error) {
	span := length - standardFirst - d.away - dayTail
	if span <= 0 {
		return nil, fmt.Errorf("sim: %s need more time: -for %v or longer", d.words, standardFirst+d.away+dayTail+time.Second)
	}
	began := stopwatch()
	s := ready(n, opt, newsTo)
	p := places{s: s, r: rand.New(rand.NewPCG(opt.Seed, 5)), taken: map[int32]bool{}, alone: true}
	count := max(1, int(int64(n)*int64(d.perMillion)/1_000_000))
	for i := range count {
		s.runTo(standardFirst + span*time.Duration(i)/time.Duration(count))
		d.once(s, &p)
	}
	s.runTo(length)
	s.watch.finish(s)
	r := s.result(fmt.Sprintf("%d systems, %s", n, d.words), began)
	each := float64(r.CMAPackets) / float64(max(r.Faults, 1))
	r.Notes = append(r.Notes, fmt.Sprintf("%.2f packets at the CMA for each of %d %s (%.2f of them orders): %.0f a day for a million systems",
		each, r.Faults, d.words, float64(r.CMAOrders)/float64(max(r.Faults, 1)), each*float64(d.perMillion)))
	if r.Faults < count {
		r.Notes = append(r.Notes, fmt.Sprintf("%d more found no switch of their own at their time", count-r.Faults))
	}
	return r, nil
}

// once does one fault, and mends it later. Its switches are free again when all
// is over.
func (d day) once(s *Sim, p *places) {
	before := len(p.taken)
	p.one(func(sys int32) *fault {
		f := d.fail(s, sys)
		s.later(d.away, func() {
			f.until = s.at()
			s.bootAgain(sys)
		})
		return f
	})
	if len(p.taken) == before {
		return
	}
	s.later(d.away+dayTail, func() {
		for b := range p.taken {
			if b != s.net.cmaBox && s.quietOn(b) {
				delete(p.taken, b)
			}
		}
	})
}

// quietOn says whether all systems on a switch are well.
func (s *Sim) quietOn(box int32) bool {
	for _, sys := range s.e.boxes[box].systems {
		if !s.healthy(sys) {
			return false
		}
	}
	return true
}
