package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"assim/event"
)

// The standard script is the same for every size of estate: so many faults, at
// the same times, drawn from the seed, each at a place of its own.
const (
	standardKills     = 12
	standardCrashes   = 6
	standardShutdowns = 4
	standardLinks     = 2
	standardFirst     = 10 * time.Second
	standardTail      = 20 * time.Second // for the last news to come
)

// Standard runs n systems for a while under the standard script.
func Standard(n int, length time.Duration, opt Options, newsTo io.Writer) *Result {
	began := stopwatch()
	s := ready(n, opt, newsTo)
	p := places{s: s, r: rand.New(rand.NewPCG(opt.Seed, 3)), taken: map[int32]bool{}}
	plan := p.standard()
	span := length - standardFirst - standardTail
	for i, do := range plan {
		if span <= 0 {
			break
		}
		s.runTo(standardFirst + span*time.Duration(i)/time.Duration(len(plan)))
		do()
	}
	s.runTo(length)
	s.watch.finish(s)
	return s.result(fmt.Sprintf("standard script on %d systems", n), began)
}

// ready makes a usual estate that has been running for long.
func ready(n int, opt Options, newsTo io.Writer) *Sim {
	e := newEstate(opt.Seed)
	e.generate(n, usual)
	opt.MaxPerTick = 1 << 20
	s := newSim(e, opt)
	s.tell(newsTo)
	must(s.seatCMA("", ""))
	s.warm()
	return s
}

// tell prints the news as they come, unless w is nil.
func (s *Sim) tell(w io.Writer) {
	if w != nil {
		s.onNews = func(e *event.Event) { fmt.Fprintf(w, "%9.3fs  %-18s %s\n", s.at().Seconds(), e.Kind, e.Text) }
	}
}

// must is for what cannot fail with the arguments it is given.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// places draws where faults happen: each on a switch of its own.
type places struct {
	s     *Sim
	r     *rand.Rand
	taken map[int32]bool // switches
	// alone: a fault concerns one system, so that others on the switches that the
	// dual-homed hear make no difference
	alone bool
	// switched: a whole switch has failed in this round already
	switched bool
}

func (p *places) standard() []func() {
	var list []func()
	add := func(n int, f func()) {
		for range n {
			list = append(list, f)
		}
	}
	add(standardKills, func() { p.one(p.s.failHost) })
	add(standardCrashes, func() { p.one(p.s.failNanoprobe) })
	add(standardShutdowns, func() { p.one(p.s.stopHost) })
	add(standardLinks, func() { p.dual(p.s.failLink) })
	add(1, func() { p.box(p.s.failRack) })
	add(1, func() { p.box(p.s.failSwitch) })
	p.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// box picks a switch where nothing is wrong yet.
func (p *places) box(f func(int32) *fault) {
	if b, ok := p.draw(func(b int32) bool { return len(p.s.e.boxes[b].systems) >= 3 }); ok {
		f(b)
	}
}

// one picks a healthy system with one NIC, on a switch with three or more.
func (p *places) one(f func(int32) *fault) {
	p.pick(f, func(sys int32) bool { return p.s.e.nics[sys][1].box < 0 })
}

// dual picks a healthy system with two NICs.
func (p *places) dual(f func(int32) *fault) {
	p.pick(f, func(sys int32) bool { return p.s.e.nics[sys][1].box >= 0 })
}

func (p *places) pick(f func(int32) *fault, fits func(int32) bool) {
	var found int32 = -1
	_, ok := p.draw(func(b int32) bool {
		list := p.s.e.boxes[b].systems
		if len(list) < 3 {
			return false
		}
		seen := 0 // Every one that fits is as likely: a deputy costs more than others.
		for _, sys := range list {
			if p.s.e.nics[sys][0].box != b || !fits(sys) || !p.s.healthy(sys) {
				continue
			}
			if seen++; p.r.IntN(seen) == 0 {
				found = sys
			}
		}
		return seen > 0
	})
	if ok {
		f(found)
	}
}

// draw picks a switch that is not taken and takes it, with those that its
// dual-homed systems hear.
func (p *places) draw(fits func(int32) bool) (int32, bool) {
	n := len(p.s.e.boxes)
	at := p.r.IntN(n)
	for i := range n {
		b := int32((at + i) % n)
		if p.taken[b] || b == p.s.net.cmaBox || !fits(b) {
			continue
		}
		p.taken[b] = true
		if p.alone {
			return b, true
		}
		for _, sys := range p.s.e.boxes[b].systems {
			for which := range 2 {
				if o := p.s.e.nics[sys][which].box; o >= 0 {
					p.taken[o] = true
				}
			}
		}
		return b, true
	}
	return 0, false
}

func (s *Sim) key(sys int32) string { return s.e.id(sys).String() }

func (s *Sim) failHost(sys int32) *fault {
	s.kill(sys)
	return s.expect(event.SystemDead, s.key(sys), []int32{sys}, "killed "+s.e.names[sys])
}

func (s *Sim) failNanoprobe(sys int32) *fault {
	s.crash(sys)
	return s.expect(event.NanoprobeStopped, s.key(sys), []int32{sys}, "crashed the nanoprobe of "+s.e.names[sys])
}

func (s *Sim) stopHost(sys int32) *fault {
	f := s.expect(event.ShutDown, s.key(sys), []int32{sys}, "shut down "+s.e.names[sys])
	s.shutdown(sys)
	return f
}

func (s *Sim) failLink(sys int32) *fault {
	f := s.expect(event.LinkDown, s.key(sys), []int32{sys}, "cut a cable of "+s.e.names[sys])
	s.cable(sys, 0, false)
	return f
}

func (s *Sim) failRack(box int32) *fault {
	f := s.expect(event.SwitchUnreachable, s.switchKey(box), s.atHome(box), "took the power from the rack of "+s.e.boxes[box].name)
	s.powerOff(box)
	return f
}

func (s *Sim) failSwitch(box int32) *fault {
	f := s.expect(event.SwitchUnreachable, s.switchKey(box), s.atHome(box), "took the power from "+s.e.boxes[box].name)
	s.switchPower(box, false)
	return f
}

// atHome returns the systems with their first NIC on a switch.
func (s *Sim) atHome(box int32) []int32 {
	var list []int32
	for _, sys := range s.e.boxes[box].systems {
		if s.e.nics[sys][0].box == box {
			list = append(list, sys)
		}
	}
	return list
}

// Script runs one of the built-in scripts by name.
func Script(name string, n int, length time.Duration, opt Options, newsTo io.Writer) (*Result, error) {
	if n < 1 || n > maxSystems {
		return nil, fmt.Errorf("sim: an estate has 1 to %d systems, not %d", maxSystems, n)
	}
	if d, ok := days[name]; ok {
		return d.run(n, length, opt, newsTo)
	}
	switch name {
	case "standard":
		return Standard(n, length, opt, newsTo), nil
	case "half":
		return half(n, length, opt, newsTo), nil
	}
	return nil, fmt.Errorf("sim: no script is called %q (standard, day, crashes, reboots, half)", name)
}
