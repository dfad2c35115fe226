package sim

import (
	"time"

	"assim/event"
	"assim/session"
	"assim/wire"
)

// wakeUp gives a system's core a chance to be followed outside its alarms.
func (s *Sim) wakeUp(sys int32) {
	sh := s.shardOf(sys)
	sh.follow(s.q, sys, &s.agents[sys])
	sh.rearm(s.q, sys, &s.agents[sys])
}

// kill takes the power from a system.
func (s *Sim) kill(sys int32) {
	s.net.dirty()
	s.halt(sys, off)
}

// crash ends a nanoprobe; its host lives on.
func (s *Sim) crash(sys int32) { s.halt(sys, stopped) }

func (s *Sim) halt(sys int32, st state) {
	a := &s.agents[sys]
	a.state, a.node, a.waiting, a.mail = st, nil, nil, nil
}

// boot starts a nanoprobe anew: it announces itself after a moment.
func (s *Sim) boot(sys int32) {
	s.begin(sys, s.agents[sys].session+1)
	sh, a := s.shardOf(sys), &s.agents[sys]
	a.node = session.NewNode(a.clock(s.instant(s.q)), session.DefaultOptions, a.session, sh.rnd)
	s.announce(sys)
}

// announce has a system say of itself what has changed.
func (s *Sim) announce(sys int32) {
	sh, a := s.shardOf(sys), &s.agents[sys]
	sh.talk(sys, a).Announce(s.about(sys))
	sh.say(s.q, sys, a)
}

// shutdown stops a system in an orderly way: it tells the CMA, and then its
// neighbors whether the CMA knows.
func (s *Sim) shutdown(sys int32) {
	a := &s.agents[sys]
	if a.state != running {
		return
	}
	sh := s.shardOf(sys)
	sh.talk(sys, a).Stop(wire.Stopping{Reason: "shut down"})
	sh.say(s.q, sys, a)
	s.leave(sys, a.session, s.q+quanta(stopTime))
}

func (s *Sim) leave(sys int32, number wire.Session, latest int64) {
	a := &s.agents[sys]
	if a.state != running || a.session != number {
		return
	}
	known := a.node.Stopped()
	if !known && s.q < latest {
		s.later(stopLook, func() { s.leave(sys, number, latest) })
		return
	}
	sh := s.shardOf(sys)
	a.m.Goodbye(a.clock(s.instant(s.q)), known, &sh.out)
	sh.follow(s.q, sys, a)
	s.halt(sys, off)
}

// pause starves a system of its processor, or suspends it.
func (s *Sim) pause(sys int32) {
	if a := &s.agents[sys]; a.state == running {
		a.state = paused
	}
}

// resume lets it run again: it reads what waits, then looks at its clock.
func (s *Sim) resume(sys int32) {
	a := &s.agents[sys]
	if a.state != paused {
		return
	}
	a.state = running
	sh, now := s.shardOf(sys), s.instant(s.q)
	waiting, mail := a.waiting, a.mail
	a.waiting, a.mail = nil, nil
	for i := range waiting {
		sh.deliver(s.q, now, &waiting[i])
	}
	for i := range mail {
		sh.read(s.q, now, &mail[i])
	}
	sh.wake(s.q, now, sys, a)
}

// cable cuts or mends one cable; the system's own kernel notices.
func (s *Sim) cable(sys int32, which int, up bool) {
	s.net.dirty()
	if up {
		s.net.links[sys] &^= 1 << which
	} else {
		s.net.links[sys] |= 1 << which
	}
	s.carrier(sys, which, up)
}

func (s *Sim) carrier(sys int32, which int, up bool) {
	if a := &s.agents[sys]; a.state == running {
		a.m.LinkChanged(a.clock(s.instant(s.q)), nicName(which), up, &s.shardOf(sys).out)
		if up && a.node != nil {
			a.node.Hurry(a.clock(s.instant(s.q)))
		}
		s.wakeUp(sys)
	}
}

// switchPower takes the power from a switch, or gives it back: everybody
// plugged in notices.
func (s *Sim) switchPower(box int32, up bool) {
	s.net.dirty()
	s.net.boxDown[box] = !up
	for _, sys := range s.e.boxes[box].systems {
		for which := range 2 {
			if s.e.nics[sys][which].box == box {
				s.carrier(sys, which, up)
			}
		}
	}
	if box == s.net.cmaBox {
		s.cma.carrier(s.q, s.instant(s.q), up)
	}
}

// carrier tells the CMA that its own cable is dead or alive.
func (c *centre) carrier(q int64, now time.Time, up bool) {
	if c.up {
		c.a.OwnLink(c.clock(now), up, &c.out)
		c.follow(q)
	}
}

// apart puts the switches of some subnets on another side than the rest.
func (s *Sim) apart(subnets []int32, side uint8) {
	s.net.dirty()
	for b := range s.e.boxes {
		for _, sub := range subnets {
			if s.e.boxes[b].subnet == sub {
				s.net.part[b] = side
			}
		}
	}
}

// join brings a system that nobody knows yet.
func (s *Sim) join(name string, box int32) int32 {
	sys := s.e.add(name, box)
	s.net.grow()
	s.agents = append(s.agents, agent{})
	s.boot(sys)
	return sys
}

// move plugs a system's first cable in elsewhere: it tells the CMA when it
// hears the new switch.
func (s *Sim) move(sys int32, box int32) {
	s.shardOf(sys).talk(sys, &s.agents[sys]) // It announced where it was.
	s.e.attach(sys, 0, box)
	if a := &s.agents[sys]; a.state == running {
		s.announce(sys)
	}
}

// remove takes a system out for good, by an operator's order.
func (s *Sim) remove(sys int32) {
	s.halt(sys, off)
	s.disown(sys)
}

// disown takes a system out for good that runs on.
func (s *Sim) disown(sys int32) {
	s.cma.a.Remove(s.cma.clock(s.instant(s.q)), s.e.id(sys), &s.cma.out)
	s.cma.follow(s.q)
}

// steal gives a system the address of another: datagrams for it go astray.
func (s *Sim) steal(thief, victim int32) {
	s.net.dirty()
	s.e.stolen = true
	s.shardOf(thief).talk(thief, &s.agents[thief]) // It announced what it had.
	s.e.point(s.e.nics[victim][0].addr, thief)
	s.e.nics[thief][0].addr = s.e.nics[victim][0].addr
	if a := &s.agents[thief]; a.state == running {
		s.announce(thief)
	}
}

// slander has a nanoprobe report that it hears nothing from systems, whatever it
// hears.
func (s *Sim) slander(list []int32, by int32) {
	a := &s.agents[by]
	if a.state != running {
		return
	}
	obs := make([]wire.Observation, len(list))
	for i, sys := range list {
		obs[i] = wire.Observation{Kind: wire.ObsUnresponsive, About: s.e.id(sys), Silent: 5 * time.Second}
	}
	s.shardOf(by).report(s.q, by, a, obs)
}

// setClock sets the clock of a system, or of the CMA, on or back.
func (s *Sim) setClock(who string, by time.Duration) error {
	if who == "cma" {
		s.cma.ahead += by
		return nil
	}
	list, err := s.systems([]string{who})
	for _, sys := range list {
		a := &s.agents[sys]
		a.ahead += by
		if a.alarm = 0; a.state == running {
			s.shardOf(sys).rearm(s.q, sys, a)
		}
	}
	return err
}

// retime changes how impatient the watchers of a system are.
func (s *Sim) retime(sys int32, t wire.Timing) {
	s.cma.a.Retime(s.cma.clock(s.instant(s.q)), s.e.id(sys), t, &s.cma.out)
	s.cma.follow(s.q)
}

// healthy says whether everybody who should could hear this system.
func (s *Sim) healthy(sys int32) bool {
	if s.agents[sys].state != running || s.agents[sys].copied {
		return false
	}
	if s.net.lossIn[sys] > halfDeaf || s.net.lossOut[sys] > halfDeaf {
		return false
	}
	_, ok := s.net.reachesCMA(sys)
	return ok
}

// halfDeaf is the share of lost datagrams from which nobody can be called
// healthy.
const halfDeaf = 0.5

// estranged says whether a system is at either end of a broken path: one of its
// watchers is missing then, and that was said.
func (s *Sim) estranged(sys int32) bool {
	for p, on := range s.net.deaf {
		if on && (p[0] == sys || p[1] == sys) {
			return true
		}
	}
	return false
}

// heardOf takes in one piece of news.
func (s *Sim) heardOf(e *event.Event) {
	s.news = append(s.news, *e)
	s.watch.hear(s, e)
	if s.onNews != nil {
		s.onNews(e)
	}
}
