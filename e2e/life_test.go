package e2e

import (
	"slices"
	"syscall"
	"testing"

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
	w := start(t, rack)
	before := w.events()
	if err := w.RemoveSystem("h02"); err != nil {
		t.Fatal(err)
	}
	dead := w.happens(before, event.SystemDead, "h02")
	if len(dead.Witnesses) != 2 || slices.Contains(dead.Witnesses, "h02") {
		t.Errorf("witnesses are %v, want its two neighbors", dead.Witnesses)
	}
	w.until("the graph says so", func() error { return w.status("dead", "h02") })
	for _, e := range w.since(before) {
		if e.Name != "h02" || e.Kind != event.SystemDead && e.Kind != event.Unresponsive && e.Kind != event.LinkDown {
			t.Errorf("also told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
}

func TestAKilledNanoprobeIsNotADeadSystem(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
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
	w := start(t, rack)
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
	w := start(t, rack)
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
