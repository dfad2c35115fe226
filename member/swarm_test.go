package member

import (
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"assim/ring"
	"assim/wire"
)

// Longer: go test ./member -run Whatever -seed 1000 -swarms 5000.
var (
	firstSeed = flag.Uint64("seed", 0, "the first seed of the swarm")
	swarms    = flag.Uint64("swarms", 12, "how many seeds")
)

// planned seats all systems of a lab by a real plan and tells them.
func (l *lab) planned(limits ring.Limits, seat func(s *system) ring.Seat) *ring.Plan {
	p := ring.NewPlan(limits)
	for _, s := range l.systems {
		p.Join(seat(s))
	}
	l.tellAll(p, p.Urgent(nil))
	p.Stale(nil, 1<<30)
	return p
}

// tellAll tells some systems what the plan wants of them now.
func (l *lab) tellAll(p *ring.Plan, ids []wire.ID) {
	for _, id := range ids {
		s := l.byID(id)
		gen := uint32(1)
		if s.desired != nil {
			gen = s.desired.Gen + 1
		}
		d := &wire.Desired{Gen: gen, Timing: wire.DefaultTiming, Rings: p.Views(id)}
		if s.dead || s.stopped {
			s.desired = d
			continue
		}
		l.desire(s, d)
	}
}

func (l *lab) byID(id wire.ID) *system {
	i := slices.IndexFunc(l.systems, func(s *system) bool { return s.id == id })
	return l.systems[i]
}

// rack seats system n on switch n/size, two of them to a subnet.
func rack(size int) func(s *system) ring.Seat {
	return func(s *system) ring.Seat {
		return ring.Seat{
			ID: s.id, Addr: s.addr, Alt: s.alt, Switch: fmt.Sprintf("sw%d", s.n/size), Port: fmt.Sprint(s.n % size),
			Subnet: netip.PrefixFrom(addrOf(s.n/size/2, 9).Addr(), 32),
		}
	}
}

// watched says what is wrong with who watches whom: every living system must
// hear exactly those who are the nearest living in its rings.
func (l *lab) watched(p *ring.Plan) error {
	for _, s := range l.systems {
		if s.dead || s.stopped {
			continue
		}
		var want, got []int
		for _, n := range p.Neighbors(nil, s.id) {
			want = append(want, l.byID(n.ID).n)
		}
		for _, n := range s.m.Neighbors(nil, l.now) {
			if n.State == "alive" {
				got = append(got, l.byID(n.ID).n)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			return fmt.Errorf("%d hears %v, its nearest living neighbors are %v", s.n, got, want)
		}
	}
	return nil
}

func TestWhateverHappensEverybodyIsWatchedAgainAndNobodyHealthyDies(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*swarms; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { swarm(t, seed) })
	}
}

// swarm lets random faults happen to 60 systems.
func swarm(t *testing.T, seed uint64) {
	l := newLab(t, seed, 60)
	r := l.rnd
	window := 4 + int(seed%4)
	if seed%2 == 1 {
		window = 30 // nobody makes it wider in these
	}
	p := l.planned(ring.Limits{Ring: 8 + int(seed%3)*16, Window: window}, rack(1+int(seed%7)))
	l.run(10 * time.Second)
	if err := l.watched(p); err != nil {
		t.Fatalf("at the start: %v (seed %d)", err, seed)
	}
	l.loss = []float64{0, 0.02, 0.1}[seed%3]
	lastFault := map[wire.ID]time.Time{} // the last moment at which something was wrong with it
	l.cma = func(*system) bool { return true }
	for round := range 6 {
		for range 1 + r.IntN(8) {
			s := l.systems[r.IntN(len(l.systems))]
			lastFault[s.id] = l.now
			switch {
			case s.dead || s.stopped:
				l.start(s)
			case s.paused:
			case r.IntN(4) == 0:
				s.stopped = true
			case r.IntN(4) == 0:
				l.out.Reset()
				s.m.Goodbye(l.now, false, &l.out)
				l.flush(s)
				s.dead = true
			case r.IntN(4) == 0:
				l.pause(s, time.Duration(r.Int64N(int64(6*time.Second))))
			default:
				s.dead = true
			}
			l.run(time.Duration(r.Int64N(int64(3 * time.Second))))
		}
		split := r.IntN(3) == 0
		if split {
			side := r.Perm(len(l.systems))
			cut := r.IntN(len(l.systems))
			l.drop = func(from, to *system, _ netip.AddrPort) bool { return (side[from.n] < cut) != (side[to.n] < cut) }
			l.run(time.Duration(r.Int64N(int64(40 * time.Second))))
			l.drop = nil
		}
		if r.IntN(3) == 0 {
			for range 1 + r.IntN(5) {
				s := l.systems[r.IntN(len(l.systems))]
				moved := rack(1 + int(seed%7))(l.systems[r.IntN(len(l.systems))])
				moved.ID, moved.Addr, moved.Alt = s.id, s.addr, s.alt
				p.Join(moved)
			}
			for _, id := range p.Urgent(nil) { // they hear of it one after another
				l.after(time.Duration(r.Int64N(int64(time.Second))), func() { l.tellAll(p, []wire.ID{id}) })
			}
			stale := p.Stale(nil, 1<<30)
			for _, s := range l.systems {
				if seed%2 == 1 && p.Dated(s.id) { // nobody corrects their rosters later in these
					stale = append(stale, s.id)
				}
			}
			l.after(3*time.Second, func() { l.tellAll(p, stale) })
		}
		for _, s := range l.systems {
			if split || s.dead || s.stopped || s.paused {
				lastFault[s.id] = l.now
			}
		}
		l.run(15 * time.Second)
		for _, x := range l.news {
			if x.o.Kind != wire.ObsDead && x.o.Kind != wire.ObsUnreachable && x.o.Kind != wire.ObsGoodbye {
				continue
			}
			s := l.byID(x.o.About)
			if !s.dead && !s.stopped && x.at.Sub(lastFault[s.id]) > 10*time.Second {
				t.Fatalf("round %d: %d says %v of %d, who was fine (seed %d)", round, x.from, obsNames[x.o.Kind], s.n, seed)
			}
		}
		l.news = nil
		for _, s := range l.systems {
			p.SetLost(s.id, s.dead || s.stopped)
		}
		if seed%2 == 0 {
			l.tellAll(p, p.Urgent(nil))
		}
		if seed%4 == 0 {
			l.tellAll(p, p.Stale(nil, 1<<30))
		}
		loss := l.loss
		l.loss = 0
		l.run(20 * time.Second)
		if err := l.watched(p); err != nil {
			t.Fatalf("round %d: %v (seed %d)", round, err, seed)
		}
		l.loss = loss
	}
}
