package authority

import (
	"fmt"
	"testing"
	"time"

	"assim/verdict"
	"assim/wire"
)

// Its neighbors ask one in vain who has no order yet: it cannot answer them. The
// CMA asks it itself, and it answers.
func TestWhoIsCalledSilentForWantOfAnOrderIsNoIncident(t *testing.T) {
	a, out := rack()
	now := after(time.Minute)
	for i := range 48 {
		a.Announce(now, idOf(1+i), 2, 0, fmt.Sprintf("h%02d", 1+i), addrOf(1+i), nil, out)
	}
	a.Tick(now, out)
	late := idOf(20)
	for i := range 48 {
		if id := idOf(1 + i); id != late {
			a.Echoed(now, id, a.Gen(id), out)
		}
	}
	now = now.Add(a.timing(a.nodes[late]).Dead)
	out.Reset()
	for _, by := range []int{19, 21} {
		a.Report(now, idOf(by), []wire.Observation{{Kind: wire.ObsUnresponsive, About: late, Silent: a.timing(a.nodes[late]).Dead}}, out)
	}
	asked := 0
	for range 200 {
		a.Tick(now, out)
		for _, p := range out.Pings {
			if p.To == late {
				asked++
				a.Alive(now, late, out)
			} else {
				a.Alive(now, p.To, out)
			}
		}
		for _, in := range out.Incidents {
			t.Errorf("%v: incident %s: %s", now.Sub(start), in.Kind, in.Name)
		}
		out.Reset()
		now = now.Add(100 * time.Millisecond)
	}
	if asked == 0 {
		t.Error("it is not asked")
	}
	if got := a.Status(late); got != verdict.Up {
		t.Errorf("it is %v", got)
	}
}
