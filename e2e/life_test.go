package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"assim/event"
)

const rack = `
switch sw1
cma cma sw1
system h01 sw1
system h02 sw1
system h03 sw1
system h04 sw1
`

func TestASystemWithoutPowerIsOneEventThatNamesItsTwoWitnesses(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	witnesses := w.neighbors("h02")
	before := w.events()
	if err := w.RemoveSystem("h02"); err != nil {
		t.Fatal(err)
	}
	dead := w.happens(before, event.SystemDead, "h02")
	slices.Sort(dead.Witnesses)
	if !slices.Equal(dead.Witnesses, witnesses) || len(witnesses) != 2 {
		t.Errorf("witnesses are %v, want its two neighbors %v", dead.Witnesses, witnesses)
	}
	w.until("the graph says so", func() error { return w.status("dead", "h02") })
	for _, e := range w.since(before) {
		if e.Name != "h02" || e.Kind != event.SystemDead && e.Kind != event.Unresponsive && e.Kind != event.LinkDown {
			t.Errorf("also told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
}

// neighbors are those with which a system exchanges heartbeats.
func (w *world) neighbors(name string) (list []string) {
	w.t.Helper()
	rows, err := w.ask("MATCH (s:System {name: $name})-[:WATCHES]-(n:System) RETURN DISTINCT n.name ORDER BY n.name", "name="+name)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, fmt.Sprint(r[0]))
	}
	return list
}

// Who dies while the rings are still being told is dead once, whoever saw it.
func TestASystemThatDiesWithinItsFirstSecondIsOneEvent(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
	before := w.events()
	if err := w.RemoveSystem("h02"); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h02")
	w.settled()
	deaths := 0
	for _, e := range w.since(before) {
		switch {
		case e.Kind == event.SystemDead && e.Name == "h02":
			deaths++
		case e.Kind == event.SystemDead || e.Kind == event.NanoprobeStopped:
			t.Errorf("also told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
	if deaths != 1 {
		t.Errorf("its death is told %d times", deaths)
	}
}

func TestADeathWhileTheCMAIsDownIsToldAfterItsReturn(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	if err := w.Installation.CMA.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveSystem("h02"); err != nil {
		t.Fatal(err)
	}
	// Its neighbors tell it to nobody, again and again.
	wait(t, 3*time.Second)
	if err := w.Installation.CMA.Restart(0); err != nil {
		t.Fatal(err)
	}
	if err := w.WaitCMA(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h02")
	w.allUp()
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead && e.Name != "h02" {
			t.Errorf("told dead: %s", e.Text)
		}
	}
}

func TestAKilledNanoprobeIsNotADeadSystem(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	if err := w.Probe("h03").Kill(); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.NanoprobeStopped, "h03")
	if _, err := w.StartProbe(within(t, patience), "h03"); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead {
			t.Errorf("told dead: %s", e.Text)
		}
	}
}

func TestAnOrderlyStopIsNoDeath(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	if state, err := w.Probe("h04").Stop(within(t, patience)); err != nil || !state.Success() {
		t.Fatalf("the nanoprobe ends with %v, %v", state, err)
	}
	w.happens(before, event.ShutDown, "h04")
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead || e.Kind == event.NanoprobeStopped {
			t.Errorf("told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
}

func TestARestartedCMAKnowsEverybodyAndTellsNoDeaths(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := w.Installation.CMA.Restart(signal); err != nil {
			t.Fatal(err)
		}
		if err := w.WaitCMA(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		w.allUp()
	}
	// It judges again: a death after the restart is told.
	if err := w.RemoveSystem("h01"); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h01")
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead && e.Name != "h01" {
			t.Errorf("told dead: %s", e.Text)
		}
	}
}
