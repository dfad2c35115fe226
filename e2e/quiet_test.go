package e2e

import (
	"net/netip"
	"testing"
	"time"

	"assim/e2e/lab"
	"assim/wire"
)

const (
	// A process is told once it is a minute old, and is looked for every minute:
	// until then the lab's own processes are news.
	settle = 140 * time.Second
	quiet  = 60 * time.Second
)

func TestAQuietMinuteHoldsHeartbeatsToNeighborsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	wait(t, settle)
	captures := map[string]*lab.Capture{}
	for _, name := range w.Systems() {
		c, err := w.Capture(name, "eth0")
		if err != nil {
			t.Fatal(err)
		}
		captures[name] = c
	}
	wait(t, quiet)
	defer func() {
		if t.Failed() {
			for _, e := range w.events() {
				t.Logf("told was %s %s %s: %s %v", e.At.Format(time.TimeOnly), e.Kind, e.Name, e.Text, e.Detail)
			}
		}
	}()
	for _, name := range w.Systems() {
		heartbeats, peers := 0, map[netip.Addr]bool{}
		for _, f := range captures[name].Stop() {
			p := f.Packet()
			tick := p.IP && p.Proto == 17 && wire.PlaneOf(p.Payload) == wire.PlaneTick
			switch {
			case !f.Out:
				if name == "cma" && p.IP && p.To.Addr() == w.Addr("cma") && p.Proto != 58 && !tick {
					t.Errorf("%s the CMA receives %v", f.At.Format(time.TimeOnly), f)
				}
			case tick:
				heartbeats++
				peers[p.To.Addr()] = true
			case p.Type == lab.TypeARP && f.Data[0]&1 == 0, p.IP && p.Proto == 58:
				// The kernel asks the neighbor it sends to whether it is still
				// there: unicast, in either family.
			default:
				t.Errorf("%s %s sends %v", f.At.Format(time.TimeOnly), name, f)
			}
		}
		if heartbeats < 50 || len(peers) == 0 || len(peers) > 4 {
			t.Errorf("%s sent %d heartbeats to %d neighbors", name, heartbeats, len(peers))
		}
		t.Logf("%s sent %d heartbeats to %d neighbors in %v", name, heartbeats, len(peers), quiet)
	}
}

// wait lets real time pass: quiet cannot be hurried.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
