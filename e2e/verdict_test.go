package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/e2e/lab"
	"assim/event"
	"assim/wire"
)

// campus has a system on two switches, and a router by which its second card is
// reached.
const campus = `
switch sw0
switch sw1
switch sw2
trunk sw0 sw1
trunk sw0 sw2
cma cma sw0
router r1 sw0 sw0
system a1 sw1
system a2 sw1
system b1 sw2
system b2 sw2
system d1 sw1 sw2
`

// findings are the kinds of news that say that something is broken. That a
// system is unresponsive is shown and is none of them.
var findings = []event.Kind{event.SystemDead, event.NanoprobeStopped, event.LinkDown, event.PathBroken, event.SystemDeaf,
	event.SwitchUnreachable, event.Partition, event.CMAIsolated, event.Liar}

// found lists what was found broken since then, as "kind name", sorted.
func (w *world) found(before []event.Event) []string {
	w.t.Helper()
	list := []string{}
	for _, e := range w.since(before) {
		if slices.Contains(findings, e.Kind) {
			list = append(list, string(e.Kind)+" "+e.Name)
		}
	}
	slices.Sort(list)
	return list
}

// finds checks that exactly that was found broken since then.
func (w *world) finds(before []event.Event, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.found(before); !slices.Equal(got, want) {
		w.t.Errorf("found was %q, want %q; all news:\n%s", got, want, strings.Join(texts(w.since(before)), "\n"))
	}
}

// resolves waits until that many incidents have ended since then.
func (w *world) resolves(before []event.Event, want int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d incidents are resolved", want), func() error {
		list := w.since(before)
		n := 0
		for _, e := range list {
			if e.Kind == event.Resolved {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d are; told was %q", n, texts(list))
		}
		return nil
	})
}

// lasting is how long a test watches for news that must not come: the time after
// which silence is death, and the judge's second thoughts.
const lasting = 11 * time.Second

func TestAKilledNanoprobeIsFoundStoppedWithinOneIntervalOfTheNextTick(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	c, err := w.Capture("h03", "eth0")
	if err != nil {
		t.Fatal(err)
	}
	before := w.events()
	if err := w.Probe("h03").Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	stopped := w.happens(before, event.NanoprobeStopped, "h03")
	var next time.Time
	for _, f := range c.Stop() {
		p := f.Packet()
		if !f.Out && f.At.After(killed) && p.IP && p.Proto == 17 && wire.PlaneOf(p.Payload) == wire.PlaneTick {
			next = f.At
			break
		}
	}
	if next.IsZero() {
		t.Fatal("nobody sent it a tick after its nanoprobe was killed")
	}
	took := stopped.At.Sub(next)
	t.Logf("the next tick came %v after the kill, the verdict %v after that tick", next.Sub(killed).Round(time.Millisecond), took.Round(time.Millisecond))
	if limit := wire.DefaultTiming.Interval + 50*time.Millisecond; took > limit {
		t.Errorf("the verdict took %v from the next tick on, more than %v", took, limit)
	}
	w.finds(before, "nanoprobe stopped h03")
}

func TestOneOfTwoCablesIsALinkDownAndItsSystemLives(t *testing.T) {
	for name, c := range map[string]struct{ plan, system, nic string }{
		"the CMA reaches its other card by a router":              {campus, "d1", "eth0"},
		"by the other card nobody heartbeats":                     {campus, "d1", "eth1"},
		"the CMA does not reach its other card, its neighbors do": {pairs, "d2", "eth0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := steady(t, c.plan)
			before := w.events()
			if err := w.CutCable(c.system, c.nic); err != nil {
				t.Fatal(err)
			}
			w.happens(before, event.LinkDown, c.system+" "+c.nic)
			wait(t, lasting)
			w.finds(before, "link down "+c.system+" "+c.nic)
			if err := w.status("up", w.Systems()...); err != nil {
				t.Error(err)
			}
			if err := w.MendCable(c.system, c.nic); err != nil {
				t.Fatal(err)
			}
			w.resolves(before, 1)
			w.allUp()
			w.finds(before, "link down "+c.system+" "+c.nic)
		})
	}
}

// pairs are systems with two cards each and no router: the CMA has one card.
const pairs = `
switch sw1
switch sw2
trunk sw1 sw2
cma cma sw1
system d1 sw1 sw2
system d2 sw1 sw2
system d3 sw1 sw2
`

func TestASwitchWithoutPowerIsOneFindingAndNoneOfItsSystemsIsAccused(t *testing.T) {
	t.Parallel()
	w := steady(t, campus)
	before := w.events()
	if err := w.SilenceSwitch(within(t, patience), "sw1", lab.PortsDown); err != nil {
		t.Fatal(err)
	}
	dark := w.happens(before, event.SwitchUnreachable, "switch sw1.lab")
	if slices.Sort(dark.Affected); !slices.Equal(dark.Affected, []string{"a1", "a2"}) {
		t.Errorf("it lists %v, want a1 and a2, which have no other cable", dark.Affected)
	}
	wait(t, lasting)
	w.finds(before, "switch unreachable switch sw1.lab")
	if err := w.status("unknown", "a1", "a2"); err != nil {
		t.Error(err)
	}
	out, err := w.Assim(within(t, patience), "incidents")
	for _, want := range []string{"switch unreachable: switch sw1.lab", "a1, a2", "next  "} {
		if err != nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("assim incidents says (%v):\n%s\nwithout %q", err, out, want)
		}
	}
	if err := w.status("up", "d1", "b1", "b2"); err != nil {
		t.Error(err)
	}
	if err := w.WakeSwitch("sw1"); err != nil {
		t.Fatal(err)
	}
	w.resolves(before, 1)
	w.allUp()
	w.finds(before, "switch unreachable switch sw1.lab")
}

func TestAPartitionIsOneFindingAndItsEndOneResolution(t *testing.T) {
	t.Parallel()
	w := steady(t, `
switch sw0
switch sw1
switch sw2
switch sw3
trunk sw0 sw1
trunk sw1 sw2
trunk sw1 sw3
cma cma sw0
system h01 sw0
system a1 sw1
system a2 sw1
system b1 sw2
system b2 sw2
system c1 sw3
system c2 sw3
`)
	before := w.events()
	if err := w.CutTrunk("sw0", "sw1"); err != nil {
		t.Fatal(err)
	}
	var apart event.Event
	w.until("a partition is found", func() error {
		for _, e := range w.since(before) {
			if e.Kind == event.Partition {
				apart = e
				return nil
			}
		}
		return fmt.Errorf("told was %q", texts(w.since(before)))
	})
	if slices.Sort(apart.Affected); !slices.Equal(apart.Affected, []string{"a1", "a2", "b1", "b2", "c1", "c2"}) {
		t.Errorf("it lists %v, want the six beyond the trunk", apart.Affected)
	}
	wait(t, lasting)
	w.finds(before, "partition "+apart.Name)
	if err := w.MendTrunk("sw0", "sw1"); err != nil {
		t.Fatal(err)
	}
	w.resolves(before, 1)
	w.allUp()
	w.finds(before, "partition "+apart.Name)
}

// away is how long the CMA is down while systems die.
const away = 60 * time.Second

func TestDeathsWhileTheCMAIsDownForAMinuteAreToldAndRepairedMeanwhile(t *testing.T) {
	t.Parallel()
	w := steady(t, rack+"system h05 sw1\nsystem h06 sw1\n")
	before := w.events()
	if err := w.Installation.CMA.Kill(); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	for _, name := range []string{"h02", "h04"} {
		if err := w.RemoveSystem(name); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, away/2)
	w.circle(5 * time.Second)
	wait(t, time.Until(down.Add(away)))
	if err := w.Installation.CMA.Restart(0); err != nil {
		t.Fatal(err)
	}
	if err := w.WaitCMA(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h02")
	w.happens(before, event.SystemDead, "h04")
	w.allUp()
	w.finds(before, "system dead h02", "system dead h04")
}

// circle checks on the wire that every system still there exchanges ticks with
// two others that are.
func (w *world) circle(d time.Duration) {
	w.t.Helper()
	captures := map[string]*lab.Capture{}
	there := map[netip.Addr]bool{}
	for _, name := range w.Systems() {
		c, err := w.Capture(name, "eth0")
		if err != nil {
			w.t.Fatal(err)
		}
		captures[name], there[w.Addr(name)] = c, true
	}
	wait(w.t, d)
	for name, c := range captures {
		heard := map[netip.Addr]bool{}
		for _, f := range c.Stop() {
			if p := f.Packet(); !f.Out && p.IP && p.Proto == 17 && wire.PlaneOf(p.Payload) == wire.PlaneTick && there[p.From.Addr()] {
				heard[p.From.Addr()] = true
			}
		}
		if len(heard) < 2 {
			w.t.Errorf("%s is watched by %d living systems", name, len(heard))
		}
	}
}
