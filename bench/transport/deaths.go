package main

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"assim/member"
	"assim/trust"
	"assim/wire"
)

// deaths is what it costs the CMA that systems die, one after the other, and
// come back: all signals it sent and received, whoever they were for.
type deaths struct {
	Died    int     `json:"died"`
	Told    int     `json:"reports"`          // by their neighbors, of silence
	Packets float64 `json:"packets_per_each"` // at the CMA, there and back, of one death and return
	Each    float64 `json:"cma_cpu_us_per_each"`
	// Kinds are those of the packets that arrived; pings at the dead did not.
	Kinds map[string]float64 `json:"kinds"`
}

var kindNames = map[wire.SignalKind]string{
	wire.KindAnnounce: "announce", wire.KindReport: "report", wire.KindEcho: "echo", wire.KindPong: "pong",
	wire.KindAck: "ack", wire.KindHold: "hold", wire.KindDesired: "part of an order", wire.KindPing: "ping", wire.KindSessionOld: "session old",
}

func (d *deaths) print() {
	fmt.Printf("\n%d systems die one after the other, and each comes back\n", d.Died)
	fmt.Printf("  signals at the cma      %8.2f     per death and return, there and back\n", d.Packets)
	for _, name := range slices.Sorted(maps.Keys(d.Kinds)) {
		fmt.Printf("    %-20s  %8.2f\n", name, d.Kinds[name])
	}
	fmt.Printf("  reports of silence      %8d\n", d.Told)
	fmt.Printf("  cma cpu                 %8.1f µs per death and return\n", d.Each)
}

// How the deaths are spread: each is over before the next.
const (
	deathTime  = 12 * time.Second // from a death to the return: it is found dead before
	deathPause = 400 * time.Millisecond
	// refreshTime is how long rosters that are merely old are told anew after a storm.
	refreshTime = 15 * time.Second
)

// measureDeaths lets n systems die and return.
func measureDeaths(c *crowd, keys *trust.CMAKeys, n, pid int, running wire.Session) deaths {
	calm(pid, c)
	c.live(refreshTime)
	c.signals, c.heard, c.deaths, c.kinds = 0, 0, 0, [32]int{}
	used := cpuSeconds(pid)
	rng := rand.New(rand.NewPCG(7, 7))
	who := rng.Perm(len(c.systems))[:min(n, len(c.systems))]
	for _, i := range who {
		c.systems[i].off = true
		c.live(deathPause)
	}
	c.live(max(0, deathTime-time.Duration(n)*deathPause))
	for _, i := range who {
		c.back(i, keys, running)
		c.live(deathPause)
	}
	c.live(deathTime)
	each := float64(len(who))
	kinds := map[string]float64{}
	for k, n := range c.kinds {
		if n > 0 {
			kinds[cmp.Or(kindNames[wire.SignalKind(k)], fmt.Sprint("kind ", k))] = float64(n) / each
		}
	}
	return deaths{
		Kinds: kinds, Died: len(who), Told: c.deaths, Packets: float64(c.signals+c.heard) / each,
		Each: (cpuSeconds(pid) - used) * 1e6 / each,
	}
}

// live lets everybody go on for a while.
func (c *crowd) live(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.take()
	}
}

// back starts one system anew.
func (c *crowd) back(i int, keys *trust.CMAKeys, running wire.Session) {
	s := &c.systems[i]
	*s = system{id: s.id, addr: s.addr}
	s.sealer = sealerOf(keys, s.id)
	rng := c.introduce(i, running)
	s.member = member.New(s.id, running, &member.Config{Start: time.Now()}, rng)
	c.settle(i, time.Now())
}
