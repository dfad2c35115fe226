package member

import (
	"net/netip"
	"testing"
	"time"

	"assim/wire"
)

// Every real system has two addresses, of IPv4 and of IPv6. A deaf one asks from
// both, which is not to say that it is reached at either.
func TestADeafNeighborWithTwoAddressesIsDeafAndHasNoLinkDown(t *testing.T) {
	for seed := range uint64(10) {
		l := newLab(t, seed, 10)
		l.twoAddresses()
		l.ring(1, 0, l.systems...)
		l.run(10 * time.Second)
		deaf := l.systems[4]
		l.cma = func(s *system) bool { return s != deaf }
		l.drop = func(_, to *system, _ netip.AddrPort) bool { return to == deaf }
		l.run(30 * time.Second)
		told := 0
		for _, n := range l.news {
			if n.o.Kind != wire.ObsDeaf || n.o.About != deaf.id {
				t.Errorf("seed %d: %d says %s", seed, n.from, obsNames[n.o.Kind])
			}
			told++
		}
		if told != 2 {
			t.Errorf("seed %d: it is told %d times that it is deaf, want by both neighbors", seed, told)
		}
	}
}

// Who hears the CMA and none of its neighbors accuses them, as it must if they have
// died around it. It speaks on all the time, so that they know better; also if there
// is one further away that it hears.
func TestADeafSystemThatHearsTheCMASpeaksOnAndIsNeverCalledSilent(t *testing.T) {
	for seed := range uint64(20) {
		l := newLab(t, seed, 10)
		l.ring(1, 0, l.systems...)
		l.run(10 * time.Second)
		deaf := l.systems[4]
		l.drop = func(from, to *system, _ netip.AddrPort) bool { return to == deaf && (seed%2 == 0 || from.n != 0) }
		began := l.now
		l.run(60 * time.Second)
		told := map[int]int{}
		for _, n := range l.news {
			if n.from == deaf.n {
				continue
			}
			told[n.from]++
			if n.o.Kind != wire.ObsDeaf || n.o.About != deaf.id {
				t.Errorf("seed %d: %d says %s", seed, n.from, obsNames[n.o.Kind])
			}
			if took := n.at.Sub(began); took > 7*time.Second {
				t.Errorf("seed %d: %d takes %v to find it deaf", seed, n.from, took)
			}
		}
		if len(told) != 2 || told[3] != 1 || told[5] != 1 {
			t.Errorf("seed %d: told that it is deaf, by whom how often: %v, want once by each neighbor", seed, told)
		}
	}
}
