package member

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"assim/wire"
)

func TestLossKillsNobody(t *testing.T) {
	for _, c := range []struct {
		loss float64
		more float64 // packets, against none lost
	}{{0.05, 1.2}, {0.2, 1.6}, {0.4, 9}} {
		l := newLab(t, 7, 100)
		l.ring(1, 0, l.systems[:50]...)
		l.ring(2, 0, l.systems[50:]...)
		l.run(10 * time.Second)
		l.packets, l.news, l.loss = 0, nil, c.loss
		l.run(20 * time.Minute)
		kinds := map[string]int{}
		for _, x := range l.news {
			kinds[obsNames[x.o.Kind]]++
		}
		ratio := float64(l.packets) / (100 * 1200 * 2)
		t.Logf("loss %.0f %%: packets ×%.2f, news %v in 20 minutes of 100 systems", c.loss*100, ratio, kinds)
		if kinds["dead"] > 0 {
			t.Errorf("loss %.0f %%: %d false deaths", c.loss*100, kinds["dead"])
		}
		if ratio > c.more {
			t.Errorf("loss %.0f %%: packets ×%.2f, want at most ×%.1f", c.loss*100, ratio, c.more)
		}
	}
}

func TestStarvedMemberAccusesNobody(t *testing.T) {
	l := newLab(t, 3, 40)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	starved := l.systems[10:16]
	for range 20 {
		for _, s := range starved {
			l.pause(s, 5*time.Second)
		}
		l.run(6 * time.Second)
	}
	for _, x := range l.news {
		if x.from >= 10 && x.from < 16 && x.o.Kind != wire.ObsAlive {
			t.Errorf("the starved %d says %v", x.from, obsNames[x.o.Kind])
		}
		if x.o.Kind == wire.ObsDead {
			t.Errorf("%d says dead", x.from)
		}
	}
}

func TestCutCableOfADualHomedNeighborIsALinkDown(t *testing.T) {
	l := newLab(t, 1, 10)
	l.twoAddresses()
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	cut := l.systems[4]
	l.drop = func(from, to *system, addr netip.AddrPort) bool {
		return (to == cut || from == cut) && addr.Addr().As4()[1] == 0
	}
	l.run(30 * time.Second)
	l.tell("3: 4 link down 10.0.0.4, 4: 3 link down 10.0.0.3, 4: 5 link down 10.0.0.5, 5: 4 link down 10.0.0.4")
	l.drop = nil
	l.run(20 * time.Second)
	l.tell("3: 4 link up 10.0.0.4, 4: 3 link up 10.0.0.3, 4: 5 link up 10.0.0.5, 5: 4 link up 10.0.0.4")
}

func TestHealedPartitionIsOneMessagePerSide(t *testing.T) {
	l := newLab(t, 1, 20)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	l.drop = func(from, to *system, _ netip.AddrPort) bool { return (from.n < 10) != (to.n < 10) }
	l.run(60 * time.Second)
	l.news = nil
	l.drop = nil
	l.run(20 * time.Second)
	back := map[[2]int]bool{}
	for _, x := range l.news {
		first, step := int(binary.BigEndian.Uint64(x.o.About[8:])), 1
		if x.o.Run < 0 {
			step = -1
		}
		for i := range max(1, int(x.o.Run)*step) {
			back[[2]int{x.from, (first + i*step + 20) % 20}] = true
		}
	}
	if len(back) != 40 || len(l.news) > 8 {
		t.Errorf("%d reports name %d of 40: %s", len(l.news), len(back), l.story())
	}
	l.news = nil
	l.run(time.Minute)
	l.tell("")
	for i, s := range l.systems {
		if n := len(s.m.Neighbors(nil, l.now)); n != 2 {
			t.Errorf("%d has %d neighbors", i, n)
		}
	}
}

func TestTimingChangesLiveAndAlarmsNobody(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	for _, timing := range []wire.Timing{wire.QuietTiming, wire.FastTiming, wire.DefaultTiming} {
		for i, s := range l.systems { // one after another, as the CMA gets to them
			l.after(time.Duration(i)*700*time.Millisecond, func() {
				d := *s.desired
				d.Gen++
				d.Timing = timing
				l.desire(s, &d)
			})
		}
		l.run(60 * time.Second)
		l.tell("")
		l.packets = 0
		l.run(100 * time.Second)
		want := 2 * 10 * 100 / timing.Interval.Seconds()
		if got := float64(l.packets); got > want*1.05 || got < want*0.95 {
			t.Errorf("interval %v: %.0f packets, want %.0f", timing.Interval, got, want)
		}
	}
}

func TestFastProfileFindsADeathInUnderASecond(t *testing.T) {
	for seed := range uint64(30) {
		l := newLab(t, seed, 20)
		l.ring(1, 0, l.systems...)
		for _, s := range l.systems {
			d := *s.desired
			d.Gen++
			d.Timing = wire.FastTiming
			l.desire(s, &d)
		}
		l.run(10 * time.Second)
		killed := l.now
		l.systems[5].dead = true
		l.run(2 * time.Second)
		for _, x := range l.news {
			if d := x.at.Sub(killed); d > 900*time.Millisecond {
				t.Errorf("known after %v (seed %d)", d, seed)
			}
		}
		l.tell("4: 5 unresponsive, 6: 5 unresponsive")
	}
}

func TestTwoThatClaimOneIdentityAreMartians(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	clone := &system{n: 104, id: l.systems[4].id, addr: addrOf(99, 0), desired: l.systems[4].desired}
	l.byAddr[clone.addr] = clone
	l.run(10 * time.Second)
	l.start(clone)
	l.run(5 * time.Minute)
	martians := 0
	for _, x := range l.news {
		switch x.o.Kind {
		case wire.ObsMartian:
			martians++
		default:
			if x.from == 4 && x.o.Kind != wire.ObsAlive {
				t.Errorf("the one that was cloned says %v", obsNames[x.o.Kind])
			}
		}
	}
	if martians < 1 || martians > 6 {
		t.Errorf("%d reports of martians, want a few: %s", martians, l.story())
	}
}

func TestStrangersAreReportedOnceInTenMinutes(t *testing.T) {
	l := newLab(t, 1, 3)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	for range 20 * 60 {
		l.out.Reset()
		l.systems[0].m.Stranger(l.now, addrOf(77, 0), &l.out)
		l.flush(l.systems[0])
		l.run(time.Second)
	}
	l.tell("0: martian 10.0.0.77:1984, 0: martian 10.0.0.77:1984")
}

func TestStrangersOfAChangeAreNoMartians(t *testing.T) {
	l := newLab(t, 1, 3)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	for range 10 {
		l.out.Reset()
		l.systems[0].m.Stranger(l.now, addrOf(77, 0), &l.out)
		l.flush(l.systems[0])
		l.run(time.Second)
	}
	l.tell("")
}

// Orders may follow closely: those who have not heard of the first of two yet
// still get their answers after the second.
func TestWhoIsMovedTwiceStillAnswersWhoKnowsOfNeither(t *testing.T) {
	l := newLab(t, 1, 3)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	s := l.systems[0]
	for gen := range uint32(3) {
		l.desire(s, &wire.Desired{Gen: 2 + gen, Timing: wire.DefaultTiming})
		l.run(time.Second)
	}
	l.run(2 * time.Minute)
	l.tell("") // They still go by the old roster.
}

// What nobody goes by any more is forgotten, however often it was used before.
func TestARosterIsForgottenAfterThoseWhoWentByItStopped(t *testing.T) {
	l := newLab(t, 1, 3)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	s := l.systems[0]
	l.desire(s, &wire.Desired{Gen: 2, Timing: wire.DefaultTiming})
	l.run(time.Minute)
	for _, x := range l.systems[1:] {
		l.desire(x, &wire.Desired{Gen: 2, Timing: wire.DefaultTiming})
	}
	l.run(time.Second)
	if s.m.former.kept(s.m.instant(l.now), formerMost) == nil {
		t.Error("it is forgotten at once")
	}
	l.run(formerFor)
	if s.m.former.kept(s.m.instant(l.now), formerMost) != nil {
		t.Error("it is never forgotten")
	}
}

func TestOlderDesiredStateChangesNothing(t *testing.T) {
	l := newLab(t, 1, 3)
	l.ring(1, 0, l.systems...)
	s := l.systems[0]
	gen := s.m.Gen()
	for _, g := range []uint32{0, gen - 1, gen} {
		if s.m.SetDesired(l.now, &wire.Desired{Gen: g, Timing: wire.FastTiming}, &l.out) {
			t.Errorf("generation %d is applied over %d", g, gen)
		}
	}
	if len(s.m.Neighbors(nil, l.now)) != 2 {
		t.Error("it lost its ring")
	}
}

func TestRosterThatNamesTheLostStartsBesideThem(t *testing.T) {
	l := newLab(t, 1, 12)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	for i := 3; i <= 8; i++ {
		l.systems[i].dead = true
	}
	l.run(30 * time.Second)
	l.news = nil
	for _, s := range l.systems { // the CMA knows by now
		d := *s.desired
		d.Gen++
		d.Rings = slices.Clone(d.Rings)
		d.Rings[0].Lost = []byte{0b11111000, 1}
		s.desired = &d
	}
	back := l.systems[5]
	l.start(back)
	l.run(3 * time.Second)
	if got := l.neighbors(back); got != "2 9" {
		t.Errorf("it hears %s, want 2 9", got)
	}
	l.run(20 * time.Second)
	for _, x := range l.news {
		if x.from == 5 || x.o.Kind != wire.ObsAlive {
			t.Errorf("%d says %v", x.from, obsNames[x.o.Kind])
		}
	}
	for i := 3; i <= 8; i++ {
		if i != 5 {
			l.start(l.systems[i])
		}
	}
	l.run(20 * time.Second)
	for i := 2; i <= 9; i++ {
		if got, want := l.neighbors(l.systems[i]), fmt.Sprintf("%d %d", i-1, i+1); got != want {
			t.Errorf("%d hears %s, want %s", i, got, want)
		}
	}
}

func FuzzMemberStandsWhateverItHears(f *testing.F) {
	f.Add([]byte("heartbeats and all the rest of them, again and again"))
	// The others stay what they are, so that they are made once.
	l := newLab(f, 1, 6)
	for _, s := range l.systems {
		s.alt = []netip.AddrPort{addrOf(s.n, 1)}
		l.byAddr[s.alt[0]] = s
	}
	l.ring(1, 0, l.systems[:4]...)
	l.ring(2, 1, l.systems[3:]...)
	begin, me := l.now, l.systems[3]
	var out Out
	f.Fuzz(func(t *testing.T, script []byte) {
		l.now = begin
		out.Reset()
		m := New(me.id, 1, l.cfg, rand.New(rand.NewPCG(1, 1)))
		m.SetDesired(l.now, me.desired, &out)
		out.Reset()
		for ; len(script) >= 6; script = script[6:] {
			b := script
			l.now = l.now.Add(time.Duration(b[0]) * 10 * time.Millisecond)
			from := l.systems[b[1]%6]
			tick := wire.Tick{
				Kind: wire.TickKind(b[2]%7 + 1), Edge: wire.EdgeOf(m.id, from.id), Session: wire.Session(b[2] >> 4),
				Seq: uint32(b[3]), EchoSession: m.me.Session, EchoSeq: m.me.Next() - uint32(b[4]), Every: uint16(b[5]), Subject: l.systems[b[5]%6].id.ShortID(),
			}
			switch b[1] >> 5 {
			case 0:
				m.Unreachable(l.now, from.id, &out)
			case 1:
				tick.Edge = wire.SweepEdge(uint64(b[5] % 3))
				m.Heard(l.now, from.addr, &tick, &out)
			case 2:
				d := *l.systems[b[1]%6].desired
				d.Gen = m.Gen() + uint32(b[3]%2)
				m.SetDesired(l.now, &d, &out)
			case 3:
				m.Voice(l.now)
			case 4:
				m.Heard(l.now, from.alt[0], &tick, &out)
			default:
				m.Heard(l.now, from.addr, &tick, &out)
			}
			m.Tick(l.now, &out)
			if len(out.Sends) > 200 || len(out.Reports) > 20 {
				t.Fatalf("one step sends %d and reports %d", len(out.Sends), len(out.Reports))
			}
			if d := m.Deadline(); !d.IsZero() && d.Before(l.now.Add(-time.Hour)) {
				t.Fatal("the deadline stays behind")
			}
			for _, o := range out.Reports {
				if _, err := wire.ParseReport(wire.AppendReport(nil, []wire.Observation{o})); err != nil {
					t.Fatalf("%+v: %v", o, err)
				}
			}
			out.Reset()
		}
	})
}

func TestTenPercentDeadAtOnceAreKnownWithinThreeSeconds(t *testing.T) {
	for seed := range uint64(4) {
		l := newLab(t, seed, 480)
		for i := range 10 {
			l.ring(uint64(i+1), 0, l.systems[48*i:48*(i+1)]...)
		}
		l.run(10 * time.Second)
		killed := l.now
		for _, i := range l.rnd.Perm(480)[:48] {
			l.systems[i].dead = true
		}
		l.run(10 * time.Second)
		known := map[int]time.Duration{}
		for _, x := range l.news {
			first, step := int(binary.BigEndian.Uint64(x.o.About[8:])), 1
			if x.o.Run < 0 {
				step = -1
			}
			base := first / 48 * 48
			for i := range max(1, int(x.o.Run)*step) {
				n := base + (first-base+i*step+48)%48
				if _, ok := known[n]; !ok {
					known[n] = x.at.Sub(killed)
				}
				if !l.systems[n].dead {
					t.Errorf("%d says %v of %d, who lives", x.from, obsNames[x.o.Kind], n)
				}
			}
		}
		last := time.Duration(0)
		for _, s := range l.systems {
			if _, ok := known[s.n]; s.dead && !ok {
				t.Errorf("nobody knows that %d is dead", s.n)
			}
			last = max(last, known[s.n])
		}
		if last > 3*time.Second {
			t.Errorf("the last one is known after %v", last)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestBoxWhoseTimersAreAllLateKillsNobody(t *testing.T) {
	l := newLab(t, 5, 100)
	l.tardy = 500 * time.Millisecond
	l.ring(1, 0, l.systems[:50]...)
	l.ring(2, 0, l.systems[50:]...)
	l.run(10 * time.Minute)
	l.tell("")
	l.systems[7].dead = true
	l.run(20 * time.Second)
	l.tell("6: 7 unresponsive, 8: 7 unresponsive")
}

func TestBoxStarvedOfCPUAccusesNobody(t *testing.T) {
	l := newLab(t, 5, 100)
	l.ring(1, 0, l.systems[:50]...)
	l.ring(2, 0, l.systems[50:]...)
	l.run(10 * time.Second)
	for _, s := range l.systems { // runs a tenth of a second, waits 0.3 to 0.5 s for its turn
		var again func()
		again = func() {
			wait := 300*time.Millisecond + time.Duration(l.rnd.Int64N(int64(200*time.Millisecond)))
			l.pause(s, wait)
			l.after(wait+100*time.Millisecond, again)
		}
		l.after(time.Duration(l.rnd.Int64N(int64(time.Second))), again)
	}
	l.run(5 * time.Minute)
	l.tell("")
}

func TestLongWaysAreNoDeath(t *testing.T) {
	for _, rtt := range []time.Duration{50, 200, 400} {
		l := newLab(t, 5, 20)
		l.latency = rtt * time.Millisecond / 3 // and up to that much more
		l.loss = 0.02
		l.ring(1, 0, l.systems...)
		l.run(5 * time.Minute)
		l.tell("")
		l.loss = 0
		l.systems[7].dead = true
		l.run(20 * time.Second)
		l.tell("6: 7 unresponsive, 8: 7 unresponsive")
	}
}

func TestDuplicatedAndReorderedTicksChangeNothing(t *testing.T) {
	l := newLab(t, 6, 20)
	l.twice = 0.3
	l.latency = 40 * time.Millisecond
	l.ring(1, 0, l.systems...)
	l.run(5 * time.Minute)
	l.tell("")
	l.systems[7].dead = true
	l.run(20 * time.Second)
	l.tell("6: 7 unresponsive, 8: 7 unresponsive")
}

func TestClockThatJumpsDoesNoHarm(t *testing.T) {
	l := newLab(t, 6, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	s := l.systems[3]
	for _, jump := range []time.Duration{time.Hour, -2 * time.Hour, 90 * 24 * time.Hour, -89 * 24 * time.Hour} {
		cfg := *s.m.cfg
		cfg.Start = cfg.Start.Add(-jump) // its clock, not the lab's
		s.m.cfg = &cfg
		l.alarm(s, l.now)
		l.run(2 * time.Minute)
		l.tell("")
		if got := l.neighbors(s); got != "2 4" {
			t.Errorf("after a jump of %v it hears %q", jump, got)
		}
	}
}
