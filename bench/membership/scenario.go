package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// bench runs scenarios.
type bench struct {
	seed    uint64
	kills   int
	lossFor time.Duration
	hungry  time.Duration // how long systems, or the machine, are starved
	quiet   bool          // results are collected, not printed as they come
	mu      sync.Mutex    // guards results and the printing
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
func (b *bench) tell(h *head, figures map[string]float64, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := h.result
	if !b.quiet {
		fmt.Printf("%-13s %5d  %-10s  "+format+"\n", append([]any{r.Scenario, r.Systems, r.Who}, args...)...)
		return
	}
	r.Figures = figures
	b.results = append(b.results, r)
}

const (
	warmUp     = 5 * time.Second
	steadyFor  = 15 * time.Second
	waitAtMost = 60 * time.Second
)

// scenarios are what can be measured, and of which sizes when nobody says. Those
// that tell how long something takes are run with both crowds at the same time;
// the others have the machine for themselves, one after the other.
var scenarios = []scenario{
	{"steady", []int{100, 300, 1000, 5000}, false, (*bench).steady},
	{"kill", []int{100, 300, 1000, 5000}, true, (*bench).killOneByOne},
	{"tenth", []int{100, 300, 1000, 5000}, false, (*bench).tenth},
	{"rack", []int{100, 300, 1000, 5000}, false, (*bench).rack},
	{"loss", []int{100}, true, (*bench).lossy},
	{"starved", []int{100}, true, (*bench).starved},
	{"overcommitted", []int{100}, true, (*bench).overcommitted},
}

type scenario struct {
	name     string
	sizes    []int
	together bool
	run      func(*bench, *head, crowd)
}

// head begins a line of the table.
type head struct {
	result
	gone   map[int]bool // who was killed
	n      int
	rnd    *rand.Rand
	before uint64 // memory without the crowd
}

// maxPeers is up to how many members memberlist is asked to be in one process.
const maxPeers = 1000

// run measures one scenario of one size.
func (b *bench) run(who []string, n int, s scenario) error {
	who = slices.DeleteFunc(slices.Clone(who), func(w string) bool { return w == "memberlist" && n > maxPeers })
	if s.name == "overcommitted" {
		defer b.burn()()
	}
	if !s.together {
		for _, w := range who {
			if err := b.one(w, n, s); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make(chan error)
	for _, w := range who {
		go func() { errs <- b.one(w, n, s) }()
	}
	var err error
	for range who {
		err = errors.Join(err, <-errs)
	}
	return err
}

// one measures scenarios one after another with one crowd.
func (b *bench) one(who string, n int, list ...scenario) error {
	h := &head{result: result{Who: who, Systems: n}, gone: map[int]bool{}, n: n, rnd: rand.New(rand.NewPCG(b.seed, uint64(n))), before: memory()}
	c, err := b.crowd(who, n)
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	defer c.stop()
	for _, s := range list {
		time.Sleep(warmUp)
		c.log().take()
		h.Scenario = s.name
		s.run(b, h, c)
	}
	return nil
}

// size measures all that is measured in this size: what it costs to be one of a
// crowd while that crowd has the machine for itself, deaths in both crowds at the
// same time.
func (b *bench) size(who []string, n int) error {
	steady, deaths := scenarios[0], scenarios[1:4]
	var errs [2]error
	var ours sync.WaitGroup
	if slices.Contains(who, "ours") {
		if err := b.one("ours", n, steady); err != nil {
			return err
		}
	}
	start := scenario{run: func(*bench, *head, crowd) {
		if slices.Contains(who, "ours") {
			ours.Go(func() { errs[0] = b.one("ours", n, deaths...) })
		}
	}}
	if slices.Contains(who, "memberlist") && n <= maxPeers {
		errs[1] = b.one("memberlist", n, slices.Concat([]scenario{steady, start}, deaths)...)
	} else {
		start.run(b, nil, nil)
	}
	ours.Wait()
	return errors.Join(errs[:]...)
}

func (b *bench) tenth(h *head, c crowd) {
	b.killAtOnce(h, c, h.living(h.rnd.Perm(h.n))[:max(h.n/10, 1)])
}

func (b *bench) rack(h *head, c crowd) {
	b.killAtOnce(h, c, h.living(span(rackSize*((h.n/rackSize)/2), min(rackSize, h.n/2))))
}

// living leaves out who was killed.
func (h *head) living(all []int) []int {
	return slices.DeleteFunc(all, func(i int) bool { return h.gone[i] })
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

// steady measures what watching costs when nothing happens. It needs no second
// processor, and Go pays for handing work from one to the other.
func (b *bench) steady(h *head, c crowd) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	n, before := h.n, h.before
	w := c.wires()
	p0, b0, cpu0, t0 := w.packets.Load(), w.bytes.Load(), cpu(), time.Now()
	time.Sleep(steadyFor)
	s := time.Since(t0).Seconds() * float64(n)
	packets, bytes := float64(w.packets.Load()-p0)/s, float64(w.bytes.Load()-b0)/s
	work, room := (cpu()-cpu0).Seconds()*60/s, float64(int64(memory())-int64(before))/float64(n)/1024
	b.tell(h, map[string]float64{"packets_per_second": packets, "bytes_per_second": bytes, "cpu_seconds_per_minute": work, "kb": room},
		"%.2f packets/s, %.0f B/s, %.4f CPU-s/min, %.0f KB per system", packets, bytes, work, room)
}

// killOneByOne measures single deaths.
func (b *bench) killOneByOne(h *head, c crowd) {
	var first, all []time.Duration
	for _, victim := range h.living(h.rnd.Perm(h.n))[:b.kills*killsOf(c)] {
		time.Sleep(time.Duration(h.rnd.Int64N(int64(time.Second))))
		c.log().take()
		killed := time.Now()
		c.kill(victim)
		h.gone[victim] = true
		f, last := await(c, killed, []int{victim}, c.mustKnow(len(h.gone)))
		first = append(first, f)
		all = append(all, last)
	}
	b.tell(h, map[string]float64{"first_known_p50_seconds": median(first).Seconds(), "first_known_max_seconds": slices.Max(first).Seconds(),
		"all_who_must_know_max_seconds": slices.Max(all).Seconds(), "deaths": float64(len(first))},
		"%d deaths: first known after p50 %s, max %s; to all who must know max %s", len(first),
		seconds(median(first)), seconds(slices.Max(first)), seconds(slices.Max(all)))
}

// killAtOnce measures many deaths at one moment.
func (b *bench) killAtOnce(h *head, c crowd, victims []int) {
	c.log().take()
	killed := time.Now()
	for _, v := range victims {
		c.kill(v)
		h.gone[v] = true
	}
	last, _ := await(c, killed, victims, 1)
	time.Sleep(2 * time.Second)
	all, reports, orders := c.log().take()
	wrong := map[int]bool{}
	for _, x := range all {
		if x.lost && !h.gone[x.about] {
			wrong[x.about] = true
		}
	}
	b.tell(h, map[string]float64{"deaths": float64(len(victims)), "last_known_seconds": last.Seconds(),
		"reports": float64(reports), "orders": float64(orders), "living_accused": float64(len(wrong))},
		"%d at once: the last is known after %s; %d reports to the centre, %d orders from it; %d of the living accused",
		len(victims), seconds(last), reports, orders, len(wrong))
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
func (b *bench) lossy(h *head, c crowd) {
	calm := 0.0
	for _, percent := range []int64{0, 5, 20, 40} {
		w := c.wires()
		w.loss.Store(percent * 10)
		c.log().take()
		p0, t0 := w.packets.Load(), time.Now()
		time.Sleep(b.lossFor)
		rate := float64(w.packets.Load()-p0) / time.Since(t0).Seconds() / float64(h.n)
		if percent == 0 {
			calm = rate
		}
		w.loss.Store(0)
		time.Sleep(8 * time.Second) // so that who is accused can be heard again
		all, _, _ := c.log().take()
		deaths, accused := falseDeaths(all, c.patience(), nil)
		b.tell(h, map[string]float64{"percent_lost": float64(percent), "packets_ratio": rate / calm, "accused": float64(accused), "false_deaths": float64(deaths)},
			"%2d %% lost for %v: packets ×%.2f, %d accused, %d false deaths", percent, b.lossFor, rate/calm, accused, deaths)
	}
}

// starved keeps one in six of the systems from running, for 5 s in every 6.
func (b *bench) starved(h *head, c crowd) {
	hungry := h.rnd.Perm(h.n)[:h.n*16/100]
	for end := time.Now().Add(b.hungry); time.Now().Before(end); {
		until := time.Now().Add(5 * time.Second)
		for _, i := range hungry {
			c.starve(i, until)
		}
		time.Sleep(6 * time.Second)
	}
	b.tellFalse(h, c, hungry, fmt.Sprintf("%d systems starved for 5 s in every 6, for %v", len(hungry), b.hungry))
}

// overcommitted lets ten programs per processor want all of it.
func (b *bench) overcommitted(h *head, c crowd) {
	time.Sleep(b.hungry)
	b.tellFalse(h, c, nil, fmt.Sprintf("%d programs on %d processors for %v", overcommit*runtime.NumCPU(), runtime.NumCPU(), b.hungry))
}

// tellFalse tells what was said of the living. hungry are those who did not run.
func (b *bench) tellFalse(h *head, c crowd, hungry []int, what string) {
	time.Sleep(8 * time.Second) // so that who is accused can be heard again
	all, _, _ := c.log().take()
	deaths, accused := falseDeaths(all, c.patience(), nil)
	well, _ := falseDeaths(all, c.patience(), hungry)
	b.tell(h, map[string]float64{"accused": float64(accused), "false_deaths": float64(deaths), "false_deaths_of_well_ones": float64(well)},
		"%s: %d times accused, %d false deaths, %d of them of systems that ran", what, accused, deaths, well)
}

// overcommit is how many programs per processor make a machine overcommitted.
const overcommit = 10

// burn starts programs that want all of every processor, and returns what ends
// them.
func (b *bench) burn() (end func()) {
	var all []*exec.Cmd
	for range overcommit * runtime.NumCPU() {
		self, err := os.Executable()
		if err != nil {
			fmt.Fprintln(os.Stderr, "membership:", err)
			break
		}
		cmd := exec.Command(self, "-burn")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, "membership:", err)
			break
		}
		all = append(all, cmd)
	}
	return func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
}

// falseDeaths counts living systems that were held for lost for as long as makes
// them dead, while nobody took it back, and how often anybody held any for lost.
// Those of except are not counted.
func falseDeaths(all []news, patience time.Duration, except []int) (deaths, accused int) {
	since := map[int]time.Time{}
	dead := map[int]bool{}
	for _, x := range all {
		if slices.Contains(except, x.about) {
			continue
		}
		at, lost := since[x.about]
		switch {
		case x.lost:
			accused++
			if !lost {
				since[x.about] = x.at
			}
		case lost:
			dead[x.about] = dead[x.about] || x.at.Sub(at) >= patience
			delete(since, x.about)
		}
	}
	for about := range since {
		dead[about] = true
	}
	for _, d := range dead {
		if d {
			deaths++
		}
	}
	return deaths, accused
}

// killsOf is how many deaths of ours there is time for during one of a crowd
// that needs as long as memberlist.
func killsOf(c crowd) int {
	if c.patience() > 0 {
		return 5
	}
	return 1
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

// memory is what the heap and the stacks hold when whatever ended is gone.
func memory() uint64 {
	least := held()
	for calm := 0; calm < 3; calm++ {
		time.Sleep(100 * time.Millisecond)
		now := held()
		if now < least-least/100 {
			calm = 0
		}
		least = min(least, now)
	}
	return least
}

func held() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
