package lab

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestSystemsReachEachOtherByNameAcrossTrunksInBothFamilies(t *testing.T) {
	t.Parallel()
	began := time.Now()
	l := ForTest(t, Spread(2, 20))
	t.Logf("2 switches and 20 systems were up after %v", time.Since(began).Round(time.Millisecond))
	for _, to := range []string{"h02", l.Addr("cma").String(), l.Addr6("h20").String()} {
		if out, err := l.Run(within(t, 5*time.Second), "h01", "ping", "-c", "1", "-W", "2", to); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	began = time.Now()
	if err := l.Down(); err != nil {
		t.Error(err)
	}
	t.Logf("and down after %v", time.Since(began).Round(time.Millisecond))
	if _, err := os.Stat(l.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", l.Dir)
	}
}

func TestASystemSeesOnlyItself(t *testing.T) {
	t.Parallel()
	for _, root := range []bool{false, true} {
		l := ForTest(t, Plan{
			Switches: []Switch{{Name: "sw1"}},
			Systems:  []System{{Name: "h01", Cables: []Cable{{Switch: "sw1"}}, Root: root}, {Name: "h02", Cables: []Cable{{Switch: "sw1"}}, Root: root}},
		})
		ctx := within(t, 10*time.Second)
		p, err := l.Start("h01", "sleep", "1000")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ what, script, wants string }{
			{"its own name", "hostname; cat /etc/hostname", "h01\nh01\n"},
			{"its own interfaces", "ls /sys/class/net", "eth0\nlo\n"},
			// There is one sleep in each of these labs, and others on this machine.
			{"its own processes", "cat /proc/1/comm; cat /proc/[0-9]*/comm 2>/dev/null | grep -cx sleep", "tini\n1\n"},
			{"an empty /run", "ls /run | grep -v -e lldpd -e lock -e sshd; true", ""},
			{"files it writes", "echo x >/var/lib/mine; echo y >/etc/mine; cat /var/lib/mine /etc/mine", "x\ny\n"},
		} {
			out, err := l.Run(ctx, "h01", "sh", "-c", c.script)
			if err != nil || string(out) != c.wants {
				t.Errorf("root %v: %s: got %q, want %q (%v)", root, c.what, out, c.wants, err)
			}
		}
		if out, err := l.Run(ctx, "h02", "cat", "/var/lib/mine"); err == nil {
			t.Errorf("root %v: h02 sees what h01 wrote: %s", root, out)
		}
		if _, err := os.Stat("/var/lib/mine"); err == nil {
			t.Errorf("root %v: this machine sees what h01 wrote", root)
		}
		ids := map[string]bool{}
		for _, name := range l.Systems() {
			id, err := l.Run(ctx, name, "cat", "/etc/machine-id")
			if err != nil || len(strings.TrimSpace(string(id))) != 32 {
				t.Errorf("machine-id of %s: %q, %v", name, id, err)
			}
			ids[string(id)] = true
		}
		if len(ids) != 2 {
			t.Errorf("two systems have %d machine-ids", len(ids))
		}
		if state, err := p.Stop(ctx); err != nil || state.Sys() == nil {
			t.Errorf("sleep did not stop: %v, %v", state, err)
		}
	}
}

// The kernel's own chatter ends soon, so that a capture shows what programs do.
func TestAnIdleSystemSendsNothing(t *testing.T) {
	t.Parallel()
	l := ForTest(t, Spread(2, 2))
	settled := time.Now().Add(2 * time.Second) // multicast membership is reported until then
	c, err := l.Capture("h01", "eth0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	until := settled.Add(4 * time.Second)
	if err := Until(within(t, 10*time.Second), "the time is up", func() error {
		if time.Now().Before(until) {
			return os.ErrDeadlineExceeded
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Stop() {
		if f.Out && f.At.After(settled) {
			t.Errorf("an idle system sends %v", f)
		}
	}
}
