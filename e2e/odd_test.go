package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"assim/event"
)

// filter loads a packet filter into a system: what its kernel drops, its
// programs never hear.
func (w *world) filter(system, rules string) {
	w.t.Helper()
	if _, err := w.Run(within(w.t, patience), system, "nft", "table inet odd { chain in { type filter hook input priority 0\n "+rules+"\n }\n}"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) unfilter(system string) {
	w.t.Helper()
	if _, err := w.Run(within(w.t, patience), system, "nft", "delete table inet odd"); err != nil {
		w.t.Fatal(err)
	}
}

// A system that hears none of its neighbors and speaks to all of them accuses
// nobody and is not called dead.
func TestADeafSystemIsOneFindingAndNobodyIsAccused(t *testing.T) {
	long(t)
	for name, rule := range map[string]string{
		"it hears the CMA":     "ip saddr CMA accept\n udp dport 1984 drop",
		"it hears nobody":      "udp dport 1984 drop",
		"it hears nothing UDP": "meta l4proto udp drop",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := steady(t, rack)
			before := w.events()
			w.filter("h02", strings.ReplaceAll(rule, "CMA", w.Addr(w.Lab.CMA()).String()))
			began := time.Now()
			deaf := w.happens(before, event.SystemDeaf, "h02")
			t.Logf("found %v after it went deaf", deaf.At.Sub(began).Round(100*time.Millisecond))
			wait(t, lasting)
			w.finds(before, "system deaf h02")
			w.unfilter("h02")
			w.resolves(before, 1)
			w.allUp()
			w.finds(before, "system deaf h02")
		})
	}
}

// A process that does not run for a while accuses nobody when it does again, and
// is back without anybody's help.
func TestASuspendedNanoprobeAccusesNobodyWhenItRunsAgain(t *testing.T) {
	long(t)
	for _, c := range []struct {
		for_ time.Duration
		want []string
	}{
		{3 * time.Second, nil},
		{60 * time.Second, []string{"system dead h02"}},
	} {
		t.Run(c.for_.String(), func(t *testing.T) {
			t.Parallel()
			w := steady(t, rack)
			before := w.events()
			if err := w.Probe("h02").Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			wait(t, c.for_)
			w.finds(before, c.want...)
			if err := w.Probe("h02").Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			wait(t, lasting)
			w.allUp()
			w.finds(before, c.want...)
		})
	}
}

// The CMA does not run for a while: what died meanwhile is told, and nobody else.
func TestASuspendedCMATellsWhoDiedMeanwhileAndNobodyElse(t *testing.T) {
	long(t)
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	if err := w.Installation.CMA.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveSystem("h03"); err != nil {
		t.Fatal(err)
	}
	wait(t, 30*time.Second)
	if err := w.Installation.CMA.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h03")
	wait(t, lasting)
	w.allUp()
	w.finds(before, "system dead h03")
}

// Two systems have one address: that is told, and nobody is accused of what comes of
// it, whomever others find there; when the second gives it up all is well again.
func TestTwoSystemsWithTheSameAddressAreNamedAndNobodyIsAccused(t *testing.T) {
	long(t)
	for name, lured := range map[string]bool{"others find who had it": false, "others find who came later": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := steady(t, rack)
			before := w.events()
			theirs := w.NICs("h02")[0].Addr
			if _, err := w.Run(within(t, patience), "h04", "ip", "addr", "add", theirs.String(), "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
			if lured { // Whoever comes with an address tells its neighbors (arping -U, keepalived).
				for _, other := range []string{w.Lab.CMA(), "h01", "h03"} {
					if _, err := w.Run(within(t, patience), other, "ip", "neigh", "replace", theirs.Addr().String(), "lladdr", w.NICs("h04")[0].MAC, "dev", "eth0", "nud", "permanent"); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.until("it is told that both claim it", func() error { return w.claimed(before, 1, "h02", "h04") })
			wait(t, 2*lasting)
			w.finds(before)
			if _, err := w.Run(within(t, patience), "h04", "ip", "addr", "del", theirs.String(), "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
			if lured {
				for _, other := range []string{w.Lab.CMA(), "h01", "h03"} {
					if _, err := w.Run(within(t, patience), other, "ip", "neigh", "del", theirs.Addr().String(), "dev", "eth0"); err != nil {
						t.Fatal(err)
					}
				}
			}
			wait(t, lasting)
			w.allUp()
			w.finds(before)
			if err := w.claimed(before, 1, "h02", "h04"); err != nil {
				t.Error(err)
			}
		})
	}
}

// claimed checks how often it was told since then that these two claim one address.
func (w *world) claimed(before []event.Event, want int, a, b string) error {
	list := w.since(before)
	n := 0
	for _, e := range list {
		if e.Kind == event.DuplicateAddress && slices.Contains(e.Affected, a) && slices.Contains(e.Affected, b) {
			n++
		}
	}
	if n != want {
		return fmt.Errorf("that %s and %s claim one address is told %d times, want %d; told was %q", a, b, n, want, texts(list))
	}
	return nil
}

// The neighbors of a system that said goodbye believe that the CMA knows: so it
// must, even if it is killed the moment after.
func TestAGoodbyeThatTheCMAAcknowledgedOutlivesIt(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	before := w.events()
	for _, name := range []string{"h02", "h04"} {
		if _, err := w.Probe(name).Stop(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		if err := w.Installation.CMA.Restart(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := w.WaitCMA(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		if err := w.status("shutdown", name); err != nil {
			t.Error(err)
		}
	}
	w.finds(before)
}
