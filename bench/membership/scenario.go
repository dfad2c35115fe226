package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// bench runs scenarios.
type bench struct {
	rnd     *rand.Rand
	kills   int
	lossFor time.Duration
	quiet   bool // results are collected, not printed as they come
	results []result
}

// result is what one scenario showed, for programs.
type result struct {
	Who      string             `json:"who"`
	Systems  int                `json:"systems"`
	Scenario string             `json:"scenario"`
	Figures  map[string]float64 `json:"figures"`
}

// tell prints a result for people, or keeps it for programs.
func (b *bench) tell(r result, figures map[string]float64, format string, args ...any) {
	if !b.quiet {
		fmt.Printf("%-10s %5d  %-7s  "+format+"\n", append([]any{r.Who, r.Systems, r.Scenario}, args...)...)
		return
	}
	r.Figures = figures
	b.results = append(b.results, r)
}

const (
	warmUp     = 5 * time.Second
	steadyFor  = 20 * time.Second
	waitAtMost = 60 * time.Second
)

func (b *bench) run(who string, n int, scenario string) error {
	before := memory()
	c, err := b.crowd(who, n)
	if err != nil {
		return err
	}
	defer c.stop()
	time.Sleep(warmUp)
	c.log().take()
	head := result{Who: who, Systems: n, Scenario: scenario}
	switch scenario {
	case "steady":
		b.steady(head, c, n, before)
	case "kill":
		b.killOneByOne(head, c, n)
	case "tenth":
		b.killAtOnce(head, c, n, b.rnd.Perm(n)[:max(n/10, 1)])
	case "rack":
		b.killAtOnce(head, c, n, span(rackSize*((n/rackSize)/2), min(rackSize, n/2)))
	case "loss":
		b.lossy(head, c, n)
	default:
		return fmt.Errorf("there is no scenario of this name; choose from steady, kill, tenth, rack, loss")
	}
	return nil
}

func (b *bench) crowd(who string, n int) (crowd, error) {
	switch who {
	case "ours":
		return newOurs(n)
	case "memberlist":
		return newPeers(n)
	}
	return nil, fmt.Errorf("nobody is called %q; choose from ours, memberlist", who)
}

func span(first, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = first + i
	}
	return all
}

// steady measures what watching costs when nothing happens.
func (b *bench) steady(head result, c crowd, n int, before uint64) {
	w := c.wires()
	p0, b0, cpu0, t0 := w.packets.Load(), w.bytes.Load(), cpu(), time.Now()
	time.Sleep(steadyFor)
	s := time.Since(t0).Seconds() * float64(n)
	packets, bytes := float64(w.packets.Load()-p0)/s, float64(w.bytes.Load()-b0)/s
	work, room := (cpu()-cpu0).Seconds()*60/s, float64(memory()-before)/float64(n)/1024
	b.tell(head, map[string]float64{"packets_per_second": packets, "bytes_per_second": bytes, "cpu_seconds_per_minute": work, "kb": room},
		"%.2f packets/s, %.0f B/s, %.4f CPU-s/min, %.0f KB per system", packets, bytes, work, room)
}

// killOneByOne measures single deaths.
func (b *bench) killOneByOne(head result, c crowd, n int) {
	var first, all []time.Duration
	for _, victim := range b.rnd.Perm(n)[:b.kills] {
		time.Sleep(time.Duration(b.rnd.Int64N(int64(time.Second))))
		c.log().take()
		killed := time.Now()
		c.kill(victim)
		f, last := await(c, killed, []int{victim}, 2)
		first = append(first, f)
		all = append(all, last)
	}
	b.tell(head, map[string]float64{"first_known_p50_seconds": median(first).Seconds(), "first_known_max_seconds": slices.Max(first).Seconds(),
		"second_witness_max_seconds": slices.Max(all).Seconds()},
		"first known after p50 %s, max %s; by the second witness max %s",
		seconds(median(first)), seconds(slices.Max(first)), seconds(slices.Max(all)))
}

// killAtOnce measures many deaths at one moment.
func (b *bench) killAtOnce(head result, c crowd, n int, victims []int) {
	c.log().take()
	killed := time.Now()
	for _, v := range victims {
		c.kill(v)
	}
	last, _ := await(c, killed, victims, 1)
	time.Sleep(2 * time.Second)
	all, reports := c.log().take()
	wrong := map[int]bool{}
	for _, x := range all {
		if x.lost && !slices.Contains(victims, x.about) {
			wrong[x.about] = true
		}
	}
	b.tell(head, map[string]float64{"deaths": float64(len(victims)), "last_known_seconds": last.Seconds(),
		"reports": float64(reports), "living_accused": float64(len(wrong))},
		"%d at once: the last is known after %s; %d reports to the centre; %d of the living accused",
		len(victims), seconds(last), reports, len(wrong))
}

// await waits until every victim was declared by one, and by enough, of the
// others.
func await(c crowd, killed time.Time, victims []int, enough int) (first, all time.Duration) {
	for time.Since(killed) < waitAtMost {
		time.Sleep(20 * time.Millisecond)
		by := map[int][]time.Duration{}
		for _, x := range c.log().peek() {
			if x.lost {
				by[x.about] = append(by[x.about], x.at.Sub(killed))
			}
		}
		first, all = 0, 0
		done := true
		for _, v := range victims {
			slices.Sort(by[v])
			if len(by[v]) < enough {
				done = false
				break
			}
			first, all = max(first, by[v][0]), max(all, by[v][enough-1])
		}
		if done {
			return first, all
		}
	}
	return waitAtMost, waitAtMost
}

// lossy measures what lost datagrams do to the living.
func (b *bench) lossy(head result, c crowd, n int) {
	calm := 0.0
	for _, percent := range []int64{0, 5, 20, 40} {
		w := c.wires()
		w.loss.Store(percent * 10)
		c.log().take()
		p0, t0 := w.packets.Load(), time.Now()
		time.Sleep(b.lossFor)
		rate := float64(w.packets.Load()-p0) / time.Since(t0).Seconds() / float64(n)
		if percent == 0 {
			calm = rate
		}
		w.loss.Store(0)
		time.Sleep(8 * time.Second) // so that who is accused can be heard again
		all, _ := c.log().take()
		deaths, accused := falseDeaths(all)
		b.tell(head, map[string]float64{"percent_lost": float64(percent), "packets_ratio": rate / calm, "accused": float64(accused), "false_deaths": float64(deaths)},
			"%2d %% lost for %v: packets ×%.2f, %d accused, %d false deaths", percent, b.lossFor, rate/calm, accused, deaths)
	}
}

// falseDeaths counts living systems that anybody held for lost for 7 s, and how
// often any was held for lost at all.
func falseDeaths(all []news) (deaths, accused int) {
	since := map[[2]int]time.Time{}
	dead := map[int]bool{}
	for _, x := range all {
		k := [2]int{x.by, x.about}
		switch t, ok := since[k]; {
		case x.lost && !ok:
			since[k] = x.at
			accused++
		case !x.lost && ok:
			if x.at.Sub(t) > 7*time.Second {
				dead[x.about] = true
			}
			delete(since, k)
		}
	}
	for k := range since {
		dead[k[1]] = true
	}
	return len(dead), accused
}

func median(all []time.Duration) time.Duration {
	s := slices.Clone(all)
	slices.Sort(s)
	return s[len(s)/2]
}

func seconds(d time.Duration) string {
	if d >= waitAtMost {
		return "never"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is what the heap and the stacks hold.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
