package member

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"assim/wire"
)

func TestHealthyRingSaysNothingAndSendsTwoTicksPerSecond(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	l.packets = 0
	l.run(100 * time.Second)
	l.tell("")
	if per := float64(l.packets) / 1000; per > 2.05 || per < 1.95 {
		t.Errorf("%.3f packets per system and second, want 2", per)
	}
	for i, s := range l.systems {
		if n := len(s.m.Neighbors(nil, l.now)); n != 2 {
			t.Errorf("system %d has %d neighbors", i, n)
		}
	}
}

func TestOneDeathIsReportedByItsTwoNeighborsOnly(t *testing.T) {
	for _, n := range []int{3, 4, 5, 10, 48, 100} {
		var slowest time.Duration
		for seed := range uint64(30) {
			l := newLab(t, seed, n)
			l.ring(1, 0, l.systems...)
			l.run(10*time.Second + time.Duration(seed)*37*time.Millisecond)
			killed := l.now
			l.systems[1].dead = true
			l.run(5 * time.Second)
			for _, x := range l.news {
				slowest = max(slowest, x.at.Sub(killed))
			}
			l.tell("0: 1 unresponsive, 2: 1 unresponsive")
			l.run(10 * time.Second)
			l.tell("") // the CMA has the same clock
			if n > 3 {
				if got := l.neighbors(l.systems[0]); got != map[bool]string{true: "2 3", false: "2 " + strconv.Itoa(n-1)}[n == 4] {
					t.Errorf("n=%d: neighbors of 0 are %s", n, got)
				}
			}
			if t.Failed() {
				t.Fatalf("n=%d (seed %d)", n, seed)
			}
		}
		if slowest > 2700*time.Millisecond {
			t.Errorf("n=%d: slowest report after %v, want at most 2.7 s", n, slowest)
		}
		t.Logf("n=%d: slowest of both reports in 30 deaths after %v", n, slowest)
	}
}

func TestRingOfTwoAsksTheCMABeforeItAccuses(t *testing.T) {
	l := newLab(t, 1, 2)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	killed := l.now
	l.systems[1].dead = true
	l.run(4 * time.Second)
	if len(l.news) == 1 && l.news[0].at.Sub(killed) > 2700*time.Millisecond {
		t.Errorf("reported after %v", l.news[0].at.Sub(killed))
	}
	l.tell("0: 1 unresponsive")
	l.run(5 * time.Second)
	l.tell("")
	l.start(l.systems[1])
	l.run(10 * time.Second)
	l.tell("")
	if got := l.neighbors(l.systems[0]); got != "1" {
		t.Errorf("0 heartbeats with %q", got)
	}
}

func TestDeafMemberAccusesNobody(t *testing.T) {
	for _, n := range []int{2, 3, 10} {
		l := newLab(t, 1, n)
		l.ring(1, 0, l.systems...)
		l.run(10 * time.Second)
		deaf := l.systems[0]
		l.cma = func(s *system) bool { return s != deaf }
		l.drop = func(from, to *system, _ netip.AddrPort) bool { return to == deaf || from == deaf }
		l.run(60 * time.Second)
		for _, x := range l.news {
			if x.from == 0 {
				t.Errorf("n=%d: the deaf one says %v of others", n, obsNames[x.o.Kind])
			}
		}
		l.news = nil
		l.drop, l.cma = nil, nil
		l.run(15 * time.Second)
		for _, x := range l.news {
			if x.from == 0 || x.o.Kind != wire.ObsAlive {
				t.Errorf("n=%d: %d says %v after the cure", n, x.from, obsNames[x.o.Kind])
			}
		}
		l.news = nil
		l.run(20 * time.Second)
		l.tell("")
	}
}

func TestReturnedMemberIsReadoptedWithoutTheCMA(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	l.systems[4].dead = true
	l.run(60 * time.Second)
	l.tell("3: 4 unresponsive, 5: 4 unresponsive")
	l.start(l.systems[4])
	l.run(2 * time.Second)
	l.tell("") // a new session announces itself
	for i, want := range map[int]string{3: "2 4", 4: "3 5", 5: "4 6"} {
		if got := l.neighbors(l.systems[i]); got != want {
			t.Errorf("%d heartbeats with %s, want %s", i, got, want)
		}
	}
}

func TestSuspendedMemberIsTakenBackByThoseWhoAccusedIt(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	l.pause(l.systems[4], 30*time.Second)
	l.run(29 * time.Second)
	l.tell("3: 4 unresponsive, 5: 4 unresponsive")
	l.run(10 * time.Second)
	l.tell("3: 4 alive, 5: 4 alive")
	for i, want := range map[int]string{3: "2 4", 4: "3 5", 5: "4 6"} {
		if got := l.neighbors(l.systems[i]); got != want {
			t.Errorf("%d heartbeats with %s, want %s", i, got, want)
		}
	}
}

func TestGoodbyeThatTheCMADoesNotKnowIsToldByBothAndIsNoAccusation(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	s := l.systems[4]
	s.m.Goodbye(l.now, false, &l.out)
	l.flush(s)
	s.dead = true
	l.run(30 * time.Second)
	l.tell("3: 4 goodbye, 5: 4 goodbye")
	if got := l.neighbors(l.systems[3]); got != "2 5" {
		t.Errorf("3 heartbeats with %s", got)
	}
	l.start(s)
	l.run(5 * time.Second)
	l.tell("")
	if got := l.neighbors(l.systems[3]); got != "2 4" {
		t.Errorf("3 heartbeats with %s", got)
	}
}

func TestAGoodbyeThatTheCMAKnowsOfIsNotReported(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	s := l.systems[4]
	s.m.Goodbye(l.now, true, &l.out)
	l.flush(s)
	s.dead = true
	l.run(30 * time.Second)
	l.tell("")
	if got := l.neighbors(l.systems[3]); got != "2 5" {
		t.Errorf("3 heartbeats with %s", got)
	}
}

func TestStoppedProcessIsToldFromADeadSystemAtOnce(t *testing.T) {
	for seed := range uint64(20) {
		l := newLab(t, seed, 10)
		l.ring(1, 0, l.systems...)
		l.run(10 * time.Second)
		l.systems[4].stopped = true
		killed := l.now
		l.run(30 * time.Second)
		for _, x := range l.news {
			if d := x.at.Sub(killed); d > 1150*time.Millisecond {
				t.Errorf("reported %v after the kill, want one interval and 50 ms", d)
			}
		}
		l.tell("3: 4 unreachable, 5: 4 unreachable")
		if got := l.neighbors(l.systems[3]); got != "2 5" {
			t.Errorf("3 heartbeats with %s", got)
		}
		l.start(l.systems[4])
		l.run(6 * time.Second)
		l.tell("")
		if got := l.neighbors(l.systems[4]); got != "3 5" {
			t.Errorf("4 heartbeats with %s", got)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestForgedUnreachablesAreRefutedByTheNextPong(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	for range 2000 {
		l.systems[3].m.Unreachable(l.now, l.systems[4].id, &l.out)
		l.flush(l.systems[3])
		l.run(10 * time.Millisecond)
	}
	l.tell("")
}

func TestBrokenPathBetweenTwoIsNoDeath(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	a, b := l.systems[4], l.systems[5]
	l.drop = func(from, to *system, _ netip.AddrPort) bool { return from == a && to == b || from == b && to == a }
	l.run(30 * time.Second)
	l.tell("4: 5 path broken, 5: 4 path broken")
	l.drop = nil
	l.run(10 * time.Second)
	l.tell("4: 5 alive, 5: 4 alive")
	l.run(60 * time.Second)
	l.tell("")
}

// Who hears the other and gets no answers says just that; the CMA puts the two together.
func TestOneWayLossIsABrokenPathToo(t *testing.T) {
	l := newLab(t, 1, 10)
	l.ring(1, 0, l.systems...)
	l.run(10 * time.Second)
	a, b := l.systems[4], l.systems[5]
	l.drop = func(from, to *system, _ netip.AddrPort) bool { return from == a && to == b }
	l.run(30 * time.Second)
	l.tell("4: 5 deaf, 5: 4 path broken")
	l.drop = nil
	l.run(10 * time.Second)
	l.tell("4: 5 alive, 5: 4 alive")
}

func TestRunOfDeadIsFoundAtOnce(t *testing.T) {
	var slowest time.Duration
	for _, run := range []int{2, 3, 5, 16, 31, 47, 48, 60, 61} {
		for seed := range uint64(5) {
			l := newLab(t, seed, 64)
			l.ring(1, 0, l.systems...)
			l.run(10 * time.Second)
			killed, last := l.now, time.Duration(0)
			for i := range run {
				l.systems[1+i].dead = true
			}
			l.run(5 * time.Second)
			for _, x := range l.news {
				last = max(last, x.at.Sub(killed))
			}
			n := strconv.Itoa(run)
			l.tell("0: 1 unresponsive run " + n + ", " + strconv.Itoa(run+1) + ": " + n + " unresponsive run -" + n)
			if slowest = max(slowest, last); last > 2200*time.Millisecond {
				t.Errorf("run of %d known after %v", run, last)
			}
			l.run(10 * time.Second)
			l.tell("")
			if t.Failed() {
				t.Fatalf("run of %d, seed %d", run, seed)
			}
		}
	}
	t.Logf("the slower of both reports came at most %v after the deaths", slowest)
}

func TestSweepNamesADeadRackInOneReport(t *testing.T) {
	var first []time.Duration
	for seed := range uint64(10) {
		l := newLab(t, seed, 5+48)
		upper, rack := l.systems[:5], l.systems[5:]
		l.ring(1, 1, append(append([]*system{}, upper...), rack[0])...)
		l.ring(2, 0, rack...)
		for _, s := range []*system{upper[4], upper[0]} { // the deputy's neighbors
			v := rack[0].desired.Rings[1]
			v.Self, v.Sweep, v.Deputy = 0, true, rack[0].id
			l.add(s, v)
		}
		l.run(20 * time.Second)
		l.tell("")
		killed := l.now
		for _, s := range rack {
			s.dead = s.n != 20 && s.n != 31 // these two have another way
		}
		l.cma = func(*system) bool { return true }
		l.run(4 * time.Second)
		swept := 0
		for _, x := range l.news {
			if x.o.Kind != wire.ObsSwept {
				continue
			}
			if swept++; swept == 1 {
				first = append(first, x.at.Sub(killed))
			}
			for i := range 48 {
				silent := x.o.Bits[i/8]>>(i%8)&1 == 1
				if silent != rack[i].dead {
					t.Errorf("index %d: reported silent %v", i, silent)
				}
			}
			if d := x.at.Sub(killed); d > 2500*time.Millisecond {
				t.Errorf("known after %v", d)
			}
		}
		if swept != 2 {
			t.Errorf("%d reports of a sweep, want one by each neighbor of the deputy", swept)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	slices.Sort(first)
	t.Logf("a rack of 48 is named after %v at the median, %v at most", first[len(first)/2], first[len(first)-1])
}
