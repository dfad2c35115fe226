package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"assim/event"
	"assim/member"
	"assim/ring"
)

const (
	// swarmRounds is how many rounds of faults one seed gets at most.
	swarmRounds = 4
	// swarmSettle is how long a mended estate is given before the next round.
	swarmSettle = 45 * time.Second
)

// Swarm runs seeds first, first+1, ... and sums them up. Failing seeds are
// told, with how to repeat them, and appended to the file keep if it exists.
func Swarm(first uint64, n int, keep string, newsTo io.Writer) (*Result, error) {
	sum := &Result{Name: fmt.Sprintf("swarm of %d seeds from %d", n, first), Seed: first}
	began := stopwatch()
	var failed []uint64
	for i := range n {
		seed := first + uint64(i)
		r := SwarmSeed(seed, newsTo)
		sum.add(r)
		if !r.OK() {
			failed = append(failed, seed)
			for _, b := range r.Broken {
				sum.Broken = append(sum.Broken, fmt.Sprintf("seed %d: %s", seed, b))
			}
			sum.Broken = append(sum.Broken, fmt.Sprintf(`repeat with: make sim ARGS="-swarm -seed %d -seeds 1 -v"`, seed))
		}
	}
	sum.WallSeconds, sum.MaxRSS = began().Seconds(), maxRSS()
	return sum, keepSeeds(keep, failed)
}

// keepSeeds appends seeds to a file that is replayed by the tests for ever.
func keepSeeds(name string, seeds []uint64) error {
	if len(seeds) == 0 || name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known := map[uint64]bool{}
	for {
		var seed uint64
		if _, err := fmt.Fscanln(f, &seed); errors.Is(err, io.EOF) {
			break
		} else if err == nil {
			known[seed] = true
		}
	}
	for _, seed := range seeds {
		if !known[seed] {
			fmt.Fprintln(f, seed)
		}
	}
	return f.Close()
}

// add sums another run up into r; of times the longest are kept.
func (r *Result) add(o *Result) {
	r.Systems += o.Systems
	r.VirtualSeconds += o.VirtualSeconds
	r.Faults += o.Faults
	r.IncidentsRight += o.IncidentsRight
	r.IncidentsWrong += o.IncidentsWrong
	r.FalseDeaths += o.FalseDeaths
	r.DetectionP50, r.DetectionP99 = max(r.DetectionP50, o.DetectionP50), max(r.DetectionP99, o.DetectionP99)
	r.DetectionMax, r.IncidentP50 = max(r.DetectionMax, o.DetectionMax), max(r.IncidentP50, o.IncidentP50)
	r.IncidentMax, r.Packets = max(r.IncidentMax, o.IncidentMax), max(r.Packets, o.Packets)
	r.CMAPackets += o.CMAPackets
	r.CMAIn += o.CMAIn
	r.CMAOrders += o.CMAOrders
}

// SwarmSeed draws an estate, a quality of network and some rounds of faults
// from one seed. In each round one to three faults happen at places of their
// own, are mended after a while, and everything must be well again.
func SwarmSeed(seed uint64, newsTo io.Writer) *Result {
	began := stopwatch()
	r := rand.New(rand.NewPCG(seed, 11))
	e := newEstate(seed)
	sh := shape{perSwitch: 3 + r.IntN(46), perSubnet: 1 + r.IntN(5), perSite: 1 + r.IntN(3), dualEvery: []int{0, 3, 7, 20}[r.IntN(4)]}
	e.generate(sh.perSwitch*(3+r.IntN(8)), sh)
	s := newSim(e, Options{Seed: seed, MaxPerTick: 64})
	s.tell(newsTo)
	must(s.seatCMA("", ""))
	s.warm()
	s.net.loss = []float64{0, 0, 0.01, 0.05, 0.1}[r.IntN(5)]
	s.net.dup = []float64{0, 0, 0.05}[r.IntN(3)]
	s.runTo(10 * time.Second)
	for range 1 + r.IntN(swarmRounds) {
		s.round(r, newsTo)
	}
	s.watch.finish(s)
	return s.result(fmt.Sprintf("swarm seed %d", seed), began)
}

// round does some faults, waits, mends them, and waits again.
func (s *Sim) round(r *rand.Rand, newsTo io.Writer) {
	p := places{s: s, r: r, taken: map[int32]bool{}}
	before, known := s.count(), len(s.faults)
	var mend []func()
	for range 1 + r.IntN(3) {
		before := len(s.faults)
		if m := p.something(); m != nil {
			mend = append(mend, m)
		}
		if newsTo != nil {
			for _, f := range s.faults[before:] {
				fmt.Fprintf(newsTo, "%9.3fs  -- %s\n", s.at().Seconds(), f.words)
			}
		}
		s.runTo(s.at() + time.Duration(r.IntN(6000))*time.Millisecond)
	}
	s.runTo(s.at() + answerWithin + time.Duration(r.IntN(20000))*time.Millisecond)
	for _, m := range mend {
		m()
	}
	if newsTo != nil {
		fmt.Fprintf(newsTo, "%9.3fs  -- mended\n", s.at().Seconds())
	}
	for _, f := range s.faults {
		if f.until == 0 {
			f.until = s.at()
		}
	}
	s.runTo(s.at() + swarmSettle)
	s.allWell()
	s.withinBudget(before, s.faults[known:])
}

// What a round of faults may cost at the CMA, there and back.
const (
	budgetRound  = 40 // in any case: naps, a busy deputy, lost acknowledgments
	budgetFault  = 32 // for each fault: reports, questions, successors of deputies
	budgetSystem = 8  // for each system that it concerns: its return, its ring's roster
)

// withinBudget checks that faults cost the CMA a number of packets that follows
// from how many systems they concern. Lost datagrams are sent again.
func (s *Sim) withinBudget(before counters, faults []*fault) {
	budget := float64(budgetRound)
	for _, f := range faults {
		budget += budgetFault + budgetSystem*float64(len(f.systems))
	}
	budget /= (1 - s.net.loss) * (1 - s.net.loss)
	now := s.count()
	cost := float64(now.in - before.in + now.out - before.out)
	if cost > budget {
		s.watch.breaks(s, "%.0f packets at the CMA since the round began, and %.0f would have been enough", cost, budget)
	}
}

// something does one random fault and returns how to mend it.
func (p *places) something() (mend func()) {
	s := p.s
	remember := func(f func(int32) *fault, undo func(int32)) func(int32) *fault {
		return func(x int32) *fault {
			mend = func() { undo(x) }
			return f(x)
		}
	}
	kind := p.r.IntN(9)
	if kind == 5 || kind == 6 {
		if p.switched {
			kind = 0 // a second silent switch may well mean something above them
		}
		p.switched = true
	}
	switch kind {
	case 0, 1:
		p.one(remember(s.failHost, s.bootAgain))
	case 2:
		p.one(remember(s.failNanoprobe, s.bootAgain))
	case 3:
		p.one(remember(s.stopHost, s.bootAgain))
	case 4:
		p.dual(remember(s.failLink, func(sys int32) { s.cable(sys, 0, true) }))
	case 5:
		p.box(remember(s.failSwitch, func(b int32) { s.switchPower(b, true); s.mendAll([]int32{b}) }))
	case 6:
		p.box(remember(s.failRack, s.powerOn))
	case 7:
		p.one(remember(s.nap, s.resume))
	case 8:
		p.one(remember(p.failPath, func(a int32) { clear(s.net.deaf) }))
	}
	return mend
}

// nap pauses a system for so short a time that nobody may be told it is dead.
func (s *Sim) nap(sys int32) *fault {
	s.pause(sys)
	s.later(4*time.Second, func() { s.resume(sys) })
	return nil
}

// failPath is Sim.failPath, and takes the place of the other end, too: what
// happens there later would hide that path.
func (p *places) failPath(sys int32) *fault {
	f := p.s.failPath(sys)
	if f != nil {
		for _, n := range p.s.e.nics[f.systems[1]] {
			if n.box >= 0 {
				p.taken[n.box] = true
			}
		}
	}
	return f
}

// failPath makes a system deaf to one of its neighbors that can be heard, and is
// one by plan, too, not for the moment in which another one naps: of others there
// is nothing to miss.
func (s *Sim) failPath(sys int32) *fault {
	list := s.agents[sys].m.Neighbors(nil, s.agents[sys].clock(s.instant(s.q)))
	if len(list) < 2 {
		return nil
	}
	plan := s.cma.a.Plan().Neighbors(nil, s.e.id(sys))
	list = slices.DeleteFunc(list, func(n member.Neighbor) bool {
		return !s.whole(numberOf(n.ID)) || !slices.ContainsFunc(plan, func(p ring.Neighbor) bool { return p.ID == n.ID })
	})
	if len(list) == 0 {
		return nil
	}
	from := numberOf(list[s.rnd.IntN(len(list))].ID)
	s.net.dirty()
	s.net.deaf[[2]int32{sys, from}] = true
	return s.expect(event.PathBroken, "", []int32{sys, from}, "made "+s.e.names[sys]+" deaf to "+s.e.names[from])
}

// whole says whether a system is healthy and has all its links.
func (s *Sim) whole(sys int32) bool {
	for which, n := range s.e.nics[sys] {
		if n.box >= 0 && !s.net.plugged(sys, which) {
			return false
		}
	}
	return s.healthy(sys)
}

// allWell checks that a mended estate has no open incident.
func (s *Sim) allWell() {
	for _, in := range s.cma.a.Incidents() {
		s.watch.breaks(s, "still open though everything is mended: %s", in.Cause)
	}
	for i := range s.agents {
		if st := s.cma.a.Status(s.e.id(int32(i))); s.healthy(int32(i)) && st != 0 {
			s.watch.breaks(s, "%s is healthy and called %v", s.e.names[i], st)
		}
	}
}

// SeedsIn reads a file of kept seeds.
func SeedsIn(r io.Reader) ([]uint64, error) {
	var seeds []uint64
	for {
		var seed uint64
		if _, err := fmt.Fscanln(r, &seed); errors.Is(err, io.EOF) {
			slices.Sort(seeds)
			return slices.Compact(seeds), nil
		} else if err != nil {
			return nil, fmt.Errorf("seeds: %w", err)
		}
		seeds = append(seeds, seed)
	}
}
