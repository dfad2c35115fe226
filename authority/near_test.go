package authority

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"assim/verdict"
	"assim/wire"
)

// rack is an Authority of 48 systems on one switch, which run their orders.
func rack() (*Authority, *Out) {
	a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
	early := start.Add(-time.Minute)
	for i := 1; i <= 48; i++ {
		a.Announce(early, idOf(i), 1, 0, fmt.Sprintf("h%02d", i), addrOf(i), []netip.AddrPort{addrOf(i)}, out)
		a.Attach(early, idOf(i), []verdict.Link{{Name: "eth0", Addr: addrOf(i).Addr(), Switch: "sw1",
			Port: fmt.Sprint(i), Subnet: netip.MustParsePrefix("10.0.0.0/16")}}, out)
	}
	echo(a, start, out)
	out.Reset()
	return a, out
}

func TestWhoStartsAloneIsToldItsNearAndACrowdIsToldAll(t *testing.T) {
	for _, c := range []struct{ starts, cut int }{{1, 1}, {30, fewAlone}} {
		a, out := rack()
		now := after(time.Minute)
		for i := range c.starts {
			a.Announce(now, idOf(10+i), 2, 0, fmt.Sprintf("h%02d", 10+i), addrOf(10+i), nil, out)
		}
		a.Tick(now, out)
		cut := 0
		for _, o := range out.Orders {
			if v := &o.Desired.Rings[0]; !v.Whole() {
				cut++
			}
		}
		if cut != c.cut || len(out.Orders) < c.starts {
			t.Errorf("%d start at once: %d of %d orders are cut, want %d", c.starts, cut, len(out.Orders), c.cut)
		}
	}
}

func TestACutOrderThatIsNotEchoedIsFollowedByTheWhole(t *testing.T) {
	a, out := rack()
	a.Announce(after(time.Minute), idOf(10), 2, 0, "h10", addrOf(10), nil, out)
	a.Tick(after(time.Minute), out)
	a.Tick(after(time.Minute+2*resendFirst), out)
	if len(out.Orders) != 2 || out.Orders[0].Desired.Rings[0].Whole() || !out.Orders[1].Desired.Rings[0].Whole() {
		t.Fatalf("%d orders, want the near and then the whole", len(out.Orders))
	}
	if first, second := out.Orders[0].Desired.Gen, out.Orders[1].Desired.Gen; second != first+1 {
		t.Errorf("generations %d and %d: parts of both could be put together", first, second)
	}
}

func TestWhoIsCalledSilentAndHasNotEchoedItsOrderIsSentItAgainAtOnce(t *testing.T) {
	for _, c := range []struct {
		why    string
		echoes bool
		want   int
	}{{"its order was lost", false, 1}, {"it runs its order", true, 0}} {
		a, out := rack()
		now := after(time.Minute)
		for i := range 30 { // A crowd: the first copies of its orders come late.
			a.Announce(now, idOf(10+i), 2, 0, fmt.Sprintf("h%02d", 10+i), addrOf(10+i), nil, out)
		}
		a.Tick(now, out)
		for i := range 30 {
			if i != 5 || c.echoes {
				a.Echoed(now, idOf(10+i), a.Gen(idOf(10+i)), out)
			}
		}
		out.Reset()
		now = now.Add(resendFirst / 2)
		a.Report(now, idOf(14), []wire.Observation{{Kind: wire.ObsUnresponsive, About: idOf(15)}}, out)
		a.Tick(now, out)
		got := 0
		for _, o := range out.Orders {
			if o.To == idOf(15) {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: it is sent %d orders, want %d", c.why, got, c.want)
		}
	}
}
