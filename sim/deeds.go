package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// verbs are what can happen in a story.
var verbs = map[string]func(*Sim, []string) error{
	"kill":        each((*Sim).kill),
	"boot":        each((*Sim).bootAgain),
	"start":       each((*Sim).bootAgain),
	"crash":       each((*Sim).crash),
	"shutdown":    each((*Sim).shutdown),
	"pause":       each((*Sim).pause),
	"resume":      each((*Sim).resume),
	"remove":      each((*Sim).remove),
	"disown":      each((*Sim).disown),
	"cut":         cable(false),
	"mend":        cable(true),
	"deafen":      deafen(true),
	"undeafen":    deafen(false),
	"lose":        lose,
	"switch down": eachSwitch(func(s *Sim, b int32) { s.switchPower(b, false) }),
	"switch up":   eachSwitch(func(s *Sim, b int32) { s.switchPower(b, true) }),
	"power off":   eachSwitch((*Sim).powerOff),
	"power on":    eachSwitch((*Sim).powerOn),
	"uplink cut":  eachSwitch(func(s *Sim, b int32) { s.uplink(b, false) }),
	"uplink mend": eachSwitch(func(s *Sim, b int32) { s.uplink(b, true) }),
	"partition":   partition,
	"heal":        func(s *Sim, _ []string) error { s.healPartition(); return nil },
	"cma crash":   func(s *Sim, _ []string) error { s.cma.crash(); return nil },
	"cma restart": func(s *Sim, _ []string) error { s.cma.restart(s.q, s.cma.clock(s.instant(s.q))); return nil },
	"cma cut":     func(s *Sim, _ []string) error { s.cutCMA(true); return nil },
	"cma mend":    func(s *Sim, _ []string) error { s.cutCMA(false); return nil },
	"cma deaf":    each(func(s *Sim, sys int32) { s.net.dirty(); s.net.cmaDeaf[sys] = true }),
	"cma hears":   each(func(s *Sim, sys int32) { delete(s.net.cmaDeaf, sys) }),
	"cma twin":    twin,
	"cma own":     each(func(s *Sim, sys int32) { delete(s.cma.theirs, sys) }),
	"join":        join,
	"move":        move,
	"steal":       steal,
	"slander":     slander,
	"clock":       clock,
	"retime":      retime,
}

// do carries out one deed.
func (s *Sim) do(d *deed) error {
	if err := verbs[d.verb](s, d.args); err != nil {
		return fmt.Errorf("line %d: %s %s: %w", d.line, d.verb, strings.Join(d.args, " "), err)
	}
	return nil
}

func (s *Sim) bootAgain(sys int32) {
	s.watch.mended[sys] = s.at()
	s.boot(sys)
}

func each(f func(*Sim, int32)) func(*Sim, []string) error {
	return func(s *Sim, args []string) error {
		list, err := s.systems(args)
		for _, sys := range list {
			f(s, sys)
		}
		return err
	}
}

func eachSwitch(f func(*Sim, int32)) func(*Sim, []string) error {
	return func(s *Sim, args []string) error {
		names, err := expand(args)
		if err != nil {
			return err
		}
		for _, n := range names {
			b, err := s.switchBy(n)
			if err != nil {
				return err
			}
			f(s, b)
		}
		return nil
	}
}

func (s *Sim) systems(args []string) ([]int32, error) {
	names, err := expand(args)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("whom?")
	}
	list := make([]int32, len(names))
	for i, n := range names {
		sys, ok := s.e.byName[n]
		if !ok {
			return nil, fmt.Errorf("no system is called %s", n)
		}
		list[i] = sys
	}
	return list, nil
}

func (s *Sim) switchBy(name string) (int32, error) {
	b, ok := s.e.boxBy[name]
	if !ok {
		return 0, fmt.Errorf("no switch is called %s", name)
	}
	return b, nil
}

// cable: SYSTEMS [eth1]
func cable(up bool) func(*Sim, []string) error {
	return func(s *Sim, args []string) error {
		which := 0
		if n := len(args); n > 1 && strings.HasPrefix(args[n-1], "eth") {
			if args[n-1] == nicName(1) {
				which = 1
			}
			args = args[:n-1]
		}
		list, err := s.systems(args)
		for _, sys := range list {
			s.cable(sys, which, up)
			if up {
				s.watch.mended[sys] = s.at()
			}
		}
		return err
	}
}

// deafen: A to B
func deafen(on bool) func(*Sim, []string) error {
	return func(s *Sim, args []string) error {
		if len(args) != 3 || args[1] != "to" {
			return errors.New("say: deafen h01 to h02")
		}
		as, err := s.systems(args[:1])
		if err != nil {
			return err
		}
		bs, err := s.systems(args[2:])
		if err != nil {
			return err
		}
		s.net.dirty()
		for _, a := range as {
			for _, b := range bs {
				s.net.deaf[[2]int32{a, b}] = on
			}
		}
		return nil
	}
}

// lose: 20% [into SYSTEMS | from SYSTEMS]
func lose(s *Sim, args []string) error {
	if len(args) == 0 {
		return errors.New("say: lose 20%")
	}
	p, err := parsePercent(args[0])
	if err != nil {
		return err
	}
	if len(args) == 1 {
		s.net.loss = p
		return nil
	}
	where := s.net.lossIn
	if args[1] == "from" {
		where = s.net.lossOut
	} else if args[1] != "into" {
		return errors.New("say: lose 20% into h01, or: from h01")
	}
	list, err := s.systems(args[2:])
	s.net.dirty()
	for _, sys := range list {
		where[sys] = p
	}
	return err
}

// powerOff takes the power from a switch and everybody on it.
func (s *Sim) powerOff(box int32) {
	for _, sys := range s.e.boxes[box].systems {
		if s.e.nics[sys][0].box == box {
			s.kill(sys)
		}
	}
	s.switchPower(box, false)
}

// powerOn gives it back; the systems take some seconds to boot, each its own.
func (s *Sim) powerOn(box int32) {
	s.switchPower(box, true)
	for _, sys := range s.e.boxes[box].systems {
		if s.e.nics[sys][0].box == box {
			s.later(time.Duration(2000+s.rnd.IntN(20000))*time.Millisecond, func() { s.bootAgain(sys) })
		}
	}
}

func (s *Sim) uplink(box int32, up bool) {
	s.net.dirty()
	s.net.boxCut[box] = !up
	if up {
		s.mendAll([]int32{box})
	}
}

// mendAll notes that the systems of some switches are well again.
func (s *Sim) mendAll(boxes []int32) {
	for _, b := range boxes {
		for _, sys := range s.e.boxes[b].systems {
			s.watch.mended[sys] = s.at()
		}
	}
}

// partition: SUBNETS or SITES, cut off together from the rest
func partition(s *Sim, args []string) error {
	names, err := expand(args)
	if err != nil {
		return err
	}
	var subs []int32
	for _, n := range names {
		found := false
		for i := range s.e.subnets {
			if s.e.subnets[i].name == n || s.e.subnets[i].site == n {
				subs = append(subs, int32(i))
				found = true
			}
		}
		if !found {
			return fmt.Errorf("no subnet or site is called %s", n)
		}
	}
	side := uint8(1)
	for _, p := range s.net.part {
		side = max(side, p+1)
	}
	s.apart(subs, side)
	return nil
}

func (s *Sim) healPartition() {
	for b := range s.net.part {
		if s.net.part[b] != 0 {
			s.net.part[b] = 0
			s.mendAll([]int32{int32(b)})
		}
	}
}

func (s *Sim) cutCMA(cut bool) {
	s.net.dirty()
	s.net.cmaCut = cut
	s.cma.carrier(s.q, s.instant(s.q), !cut)
}

// join: SYSTEMS on SWITCH
func join(s *Sim, args []string) error {
	if len(args) < 3 || args[len(args)-2] != "on" {
		return errors.New("say: join h99 on sw1")
	}
	if len(s.shards) > 1 {
		return fmt.Errorf("newcomers need an estate of fewer than %d systems", splitFrom)
	}
	box, err := s.switchBy(args[len(args)-1])
	if err != nil {
		return err
	}
	names, err := expand(args[:len(args)-2])
	for _, n := range names {
		if _, ok := s.e.byName[n]; ok {
			return fmt.Errorf("%s is there already", n)
		}
		s.watch.mended[s.join(n, box)] = s.at()
	}
	return err
}

// move: SYSTEM to SWITCH
func move(s *Sim, args []string) error {
	if len(args) != 3 || args[1] != "to" {
		return errors.New("say: move h01 to sw2")
	}
	list, err := s.systems(args[:1])
	if err != nil {
		return err
	}
	box, err := s.switchBy(args[2])
	if err != nil {
		return err
	}
	s.watch.mended[list[0]] = s.at()
	s.move(list[0], box)
	return nil
}

// steal: THIEF from VICTIM
func steal(s *Sim, args []string) error {
	if len(args) != 3 || args[1] != "from" {
		return errors.New("say: steal h01 from h02")
	}
	list, err := s.systems([]string{args[0], args[2]})
	if err != nil {
		return err
	}
	s.agents[list[0]].copied, s.agents[list[1]].copied = true, true
	s.steal(list[0], list[1])
	return nil
}

// slander: SYSTEMS by LIAR
func slander(s *Sim, args []string) error {
	n := len(args) - 2
	if n < 1 || args[n] != "by" {
		return errors.New("say: slander h01 by h02")
	}
	list, err := s.systems(args[:n])
	if err != nil {
		return err
	}
	by, err := s.systems(args[n+1:])
	if err != nil || len(by) != 1 {
		return errors.Join(err, errors.New("one system slanders at a time"))
	}
	s.slander(list, by[0])
	return nil
}

// twin: SYSTEMS
func twin(s *Sim, args []string) error {
	list, err := s.systems(args)
	if err == nil {
		s.cma.split(list)
	}
	return err
}

func clock(s *Sim, args []string) error {
	if len(args) != 2 {
		return errors.New("say whose clock, or cma, and how far: +1h or -10m")
	}
	by, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	return s.setClock(args[0], by)
}

// retime: SYSTEMS PROFILE
func retime(s *Sim, args []string) error {
	if len(args) < 2 {
		return errors.New("say: retime h01 fast")
	}
	t, err := Profile(args[len(args)-1])
	if err != nil {
		return err
	}
	list, err := s.systems(args[:len(args)-1])
	for _, sys := range list {
		s.retime(sys, t)
	}
	return err
}

// later has something done after a while.
func (s *Sim) later(d time.Duration, do func()) { s.chores.Add(s.instant(s.q+quanta(d)), do) }

// runTo runs on, doing chores and checking invariants every second.
func (s *Sim) runTo(until time.Duration) {
	const second = int64(time.Second / quantum)
	for end := quanta(until); s.q < end; {
		next := min(end, (s.q/second+1)*second)
		if at := s.chores.Next(); !at.IsZero() {
			next = min(next, max(s.quantumOf(at), s.q+1))
		}
		s.run(time.Duration(next) * quantum)
		s.doChores()
		if s.q%second == 0 {
			s.watch.check(s)
		}
	}
}

func (s *Sim) doChores() {
	now := s.instant(s.q)
	for do, ok := s.chores.Due(now); ok; do, ok = s.chores.Due(now) {
		do()
	}
}
