package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/e2e/lab"
	"assim/event"
)

// town is where random faults happen: four switches around one, two systems
// with two cards, and a router for their second ones.
const town = `
switch sw0
switch sw1
switch sw2
switch sw3
switch sw4
trunk sw0 sw1
trunk sw0 sw2
trunk sw0 sw3
trunk sw0 sw4
cma cma sw0
router r1 sw0 sw0
system a1 sw1
system a2 sw1
system a3 sw1
system b1 sw2
system b2 sw2
system c1 sw3
system c2 sw3
system c3 sw3
system e1 sw4
system e2 sw4
system d1 sw1 sw2
system d2 sw3 sw2
`

// shortRun is the seeds of "make test"; "make random-faults" says others.
const shortRun = "1-3"

// Every seed is one installation and one combination of faults. The findings are
// exactly those of the faults, every system has the status that is true, and when
// all is mended nothing is left.
func TestRandomFaultsAreFoundOnceEachAndNothingElseIs(t *testing.T) {
	seeds := os.Getenv("ASSIM_SEEDS")
	if seeds == "" {
		seeds = shortRun
	}
	var first, last uint64
	if n, _ := fmt.Sscanf(seeds, "%d-%d", &first, &last); n == 1 {
		last = first
	} else if n == 0 || last < first {
		t.Fatalf("ASSIM_SEEDS=%q is not of the form 7 or 1-100", seeds)
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			w := steady(t, town)
			c := draw(rand.New(rand.NewPCG(seed, 0)))
			t.Logf("seed %d: %s (repeat with: make random-faults SEEDS=%d)", seed, c, seed)
			w.suffers(c)
		})
	}
}

// fault is one thing that breaks.
type fault struct {
	words string        // what breaks, for people
	after time.Duration // since the fault before
	do    func(*world) error
	mend  func(*world) error // nil: it stays broken
	finds string             // the finding it must cause; "" = none
	is    map[string]string  // who must have which status because of it
}

// combination is several faults, and perhaps a CMA that is away meanwhile.
type combination struct {
	faults []fault
	away   time.Duration // 0: the CMA stays
}

func (c combination) String() string {
	var words []string
	for _, f := range c.faults {
		words = append(words, fmt.Sprintf("%s after %v", f.words, f.after.Round(time.Millisecond)))
	}
	if c.away > 0 {
		words = append(words, fmt.Sprintf("the CMA away for %v", c.away.Round(time.Millisecond)))
	}
	return strings.Join(words, ", ")
}

// behind are the systems that have no cable but to one switch.
var behind = map[string][]string{"sw1": {"a1", "a2", "a3"}, "sw2": {"b1", "b2"}, "sw3": {"c1", "c2", "c3"}, "sw4": {"e1", "e2"}}

// dual are the systems with two cables, by switch.
var dual = map[string][]string{"sw1": {"d1"}, "sw2": {"d1", "d2"}, "sw3": {"d2"}}

// maxFaults bounds a combination, and maxSwitches the switches in it: from three
// on it is what joins them that is found.
const (
	maxFaults   = 4
	maxSwitches = 2
)

// draw makes a combination. Whatever a switch takes with it breaks in no other
// way, since nobody could know; and somebody stays behind every switch, since
// otherwise the switch is the better explanation.
func draw(r *rand.Rand) combination {
	var c combination
	taken, silent, switches := map[string]bool{}, map[string]int{}, 0
	for want := 1 + r.IntN(maxFaults); len(c.faults) < want; {
		sw := fmt.Sprintf("sw%d", 1+r.IntN(4))
		var f fault
		switch kind := r.IntN(7); {
		case taken[sw]:
			continue
		case kind == 0:
			whole := slices.Concat([]string{sw}, behind[sw], dual[sw])
			if switches == maxSwitches || slices.ContainsFunc(whole, func(s string) bool { return taken[s] }) {
				continue
			}
			switches++
			f = switchFault(r, sw)
			for _, s := range whole {
				taken[s] = true
			}
		case kind == 1:
			d := []string{"d1", "d2"}[r.IntN(2)]
			if taken[d] {
				continue
			}
			taken[d] = true
			f = cableFault(d, fmt.Sprintf("eth%d", r.IntN(2)))
		default:
			s := behind[sw][r.IntN(len(behind[sw]))]
			if taken[s] || silent[sw] == len(behind[sw])-1 {
				continue
			}
			taken[s] = true
			silent[sw]++
			f = systemFault(kind, s)
		}
		f.after = time.Duration(r.Int64N(int64(2 * time.Second)))
		c.faults = append(c.faults, f)
	}
	if r.IntN(4) == 0 {
		c.away = time.Duration(r.Int64N(int64(8 * time.Second)))
	}
	return c
}

func switchFault(r *rand.Rand, sw string) fault {
	f := fault{words: sw + " loses its power", finds: "switch unreachable switch " + sw + ".lab", is: map[string]string{},
		do: func(w *world) error { return w.SilenceSwitch(within(w.t, patience), sw, lab.PortsDown) }}
	f.mend = func(w *world) error { return w.WakeSwitch(sw) }
	if dual[sw] == nil && r.IntN(2) == 0 {
		f.words = "the trunk to " + sw + " is cut"
		f.do = func(w *world) error { return w.CutTrunk("sw0", sw) }
		f.mend = func(w *world) error { return w.MendTrunk("sw0", sw) }
	}
	for _, s := range behind[sw] {
		f.is[s] = "unknown"
	}
	return f
}

func cableFault(system, nic string) fault {
	return fault{words: "cable " + nic + " of " + system + " is cut", finds: "link down " + system + " " + nic,
		do:   func(w *world) error { return w.CutCable(system, nic) },
		mend: func(w *world) error { return w.MendCable(system, nic) }}
}

func systemFault(kind int, s string) fault {
	again := func(w *world) error {
		_, err := w.StartProbe(within(w.t, patience), s)
		return err
	}
	switch kind {
	case 2:
		return fault{words: "the nanoprobe of " + s + " is killed", finds: "nanoprobe stopped " + s, is: map[string]string{s: "stopped"},
			do: func(w *world) error { return w.Probe(s).Kill() }, mend: again}
	case 3:
		return fault{words: s + " is shut down", is: map[string]string{s: "shutdown"}, mend: again,
			do: func(w *world) error {
				_, err := w.Probe(s).Stop(within(w.t, patience))
				return err
			}}
	case 4:
		return fault{words: "the only cable of " + s + " is cut", finds: "system dead " + s, is: map[string]string{s: "dead"},
			do:   func(w *world) error { return w.CutCable(s, "eth0") },
			mend: func(w *world) error { return w.MendCable(s, "eth0") }}
	case 5:
		return fault{words: "nothing from or to " + s + " arrives", finds: "system dead " + s, is: map[string]string{s: "dead"},
			do:   func(w *world) error { return w.Drop(s, 100) },
			mend: func(w *world) error { return w.Drop(s, 0) }}
	}
	return fault{words: s + " loses its power", finds: "system dead " + s, is: map[string]string{s: "dead"},
		do: func(w *world) error { return w.RemoveSystem(s) }}
}

// suffers lets the faults of a combination happen, looks, mends and looks again.
func (w *world) suffers(c combination) {
	w.t.Helper()
	systems := w.Systems()
	before := w.events()
	if c.away > 0 {
		if err := w.Installation.CMA.Kill(); err != nil {
			w.t.Fatal(err)
		}
	}
	down := time.Now()
	var want []string
	status := map[string]string{}
	for _, s := range systems {
		status[s] = "up"
	}
	for _, f := range c.faults {
		wait(w.t, f.after)
		if err := f.do(w); err != nil {
			w.t.Fatal(err)
		}
		if f.finds != "" {
			want = append(want, f.finds)
		}
		for s, is := range f.is {
			status[s] = is
		}
	}
	if c.away > 0 {
		wait(w.t, time.Until(down.Add(c.away)))
		if err := w.Installation.CMA.Restart(0); err != nil {
			w.t.Fatal(err)
		}
		if err := w.WaitCMA(within(w.t, patience)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.believes(before, want, status)
	wait(w.t, lasting)
	w.finds(before, want...)
	for _, f := range c.faults {
		if f.mend == nil {
			continue
		}
		if err := f.mend(w); err != nil {
			w.t.Fatal(err)
		}
		for s := range f.is {
			status[s] = "up"
		}
	}
	w.believes(before, want, status)
	w.finds(before, want...)
	w.noneOpenBut(status)
}

// believes waits until the findings and every status are as they should be.
func (w *world) believes(before []event.Event, want []string, status map[string]string) {
	w.t.Helper()
	slices.Sort(want)
	w.until("all is found that is broken", func() error {
		if got := w.found(before); !slices.Equal(got, want) {
			return fmt.Errorf("found was %q, want %q; all news:\n%s", got, want, strings.Join(texts(w.since(before)), "\n"))
		}
		return w.statuses(status)
	})
}

// statuses checks what the CMA says about systems, all at once.
func (w *world) statuses(want map[string]string) error {
	rows, err := w.ask("MATCH (s:System) RETURN s.name, s.status")
	if err != nil {
		return err
	}
	is := map[string]string{}
	for _, r := range rows {
		is[fmt.Sprint(r[0])] = fmt.Sprint(r[1])
	}
	for s, should := range want {
		if is[s] != should {
			return fmt.Errorf("%s is %s, want %s", s, is[s], should)
		}
	}
	return nil
}

// noneOpenBut waits until no incident is open but those of systems that stay
// down.
func (w *world) noneOpenBut(status map[string]string) {
	w.t.Helper()
	w.until("every mended incident is closed", func() error {
		rows, err := w.ask("MATCH (i:Incident {state: 'open'}) RETURN i.kind, i.name")
		if err != nil {
			return err
		}
		for _, r := range rows {
			if status[fmt.Sprint(r[1])] != "dead" {
				return fmt.Errorf("open is %v", r)
			}
		}
		return nil
	})
}
