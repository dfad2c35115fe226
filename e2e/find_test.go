package e2e

import (
	"errors"
	"testing"

	"assim/e2e/lab"
)

func TestNanoprobesFindTheCMAByAddressByNameAndByMulticast(t *testing.T) {
	t.Parallel()
	w := build(t, `
switch sw1
switch sw2
trunk sw1 sw2
cma cma sw1
system v4 sw1
system v6 sw2
system name sw1
system mcast sw2
`)
	ctx := within(t, patience)
	if _, err := w.StartProbe(ctx, "cma"); err != nil {
		t.Fatal(err)
	}
	for system, address := range map[string]string{
		"v4": w.Addr("cma").String(), "v6": w.Addr6("cma").String(), "name": "cma.lab", "mcast": "*",
	} {
		join, err := w.JoinAt(ctx, address)
		if err != nil {
			t.Fatalf("join string for %s: %v", address, err)
		}
		if _, err := w.StartProbe(ctx, system, "-join", join); err != nil {
			t.Fatal(err)
		}
	}
	w.allUp()
}

// A nanoprobe may be there before its CMA, and asks until it is answered.
func TestANanoprobeThatWasFirstIsAnsweredWhenTheCMAComes(t *testing.T) {
	t.Parallel()
	w := start(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n")
	if err := w.Installation.CMA.Kill(); err != nil {
		t.Fatal(err)
	}
	old := w.Probe("h01")
	if _, err := old.Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.StartProbe(within(t, patience), "h01"); err != nil {
		t.Fatal(err)
	}
	// It has asked in vain by now.
	if err := lab.Until(within(t, patience), "the nanoprobe has called", func() error { return calls(w, "h01") }); err != nil {
		t.Fatal(err)
	}
	if err := w.Installation.CMA.Restart(0); err != nil {
		t.Fatal(err)
	}
	w.allUp()
}

// calls succeeds when a system sends something to the CMA's port.
func calls(w *world, system string) error {
	c, err := w.Capture(system, "eth0")
	if err != nil {
		return err
	}
	defer c.Stop()
	return lab.Until(within(w.t, patience), system+" calls the CMA", func() error {
		for _, f := range c.Frames() {
			if p := f.Packet(); f.Out && p.To.Addr() == w.Addr("cma") && p.To.Port() == 1984 {
				return nil
			}
		}
		return errSilent
	})
}

var errSilent = errors.New("it is silent")
