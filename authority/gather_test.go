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

// newcomers announces systems from, from+1, ... with a pause between them, and
// lets the Authority do what is due meanwhile.
func newcomers(a *Authority, at time.Time, from, n int, pause time.Duration, out *Out) time.Time {
	for i := from; i < from+n; i++ {
		run(a, at, out)
		a.Announce(at, idOf(i), 1, 0, fmt.Sprintf("h%02d", i), addrOf(i), nil, out)
		at = at.Add(pause)
	}
	return at
}

// told counts the orders of each system.
func told(out *Out) map[wire.ID]int {
	orders := map[wire.ID]int{}
	for _, o := range out.Orders {
		orders[o.To]++
	}
	return orders
}

func TestAFewNewcomersAreToldAtOnce(t *testing.T) {
	a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
	newcomers(a, start, 1, fewSeats, 0, out)
	a.Tick(start, out)
	for i := 1; i <= fewSeats; i++ {
		if told(out)[idOf(i)] == 0 {
			t.Errorf("newcomer %d of %d is told nothing at once", i, fewSeats)
		}
	}
}

func TestManyNewcomersAreToldOnceTheRingsHaveFilled(t *testing.T) {
	a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
	const n = 1000
	end := newcomers(a, start, 1, n, time.Millisecond/2, out)
	if len(out.Orders) > 2*fewSeats+4 {
		t.Errorf("%d orders while %d systems take their seats, want those of the first few", len(out.Orders), n)
	}
	a.Tick(end.Add(quietSeats), out) // The repetitions to the first few are none of this.
	for !a.Deadline().After(end.Add(quietSeats)) {
		a.Tick(end.Add(quietSeats), out)
	}
	orders := told(out)
	if len(orders) != n {
		t.Errorf("%d of %d were told", len(orders), n)
	}
	if len(out.Orders) > n+4*fewSeats {
		t.Errorf("%d orders for %d newcomers, want about one each", len(out.Orders), n)
	}
}

func TestNobodyIsHeldBackForLongThoughSystemsComeAllTheTime(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		most  time.Duration
	}{
		{100 * time.Millisecond, 700 * time.Millisecond}, // A slow stream: little is gained by waiting.
		{time.Millisecond, heldMost},
	} {
		a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
		at := newcomers(a, start, 1, 10, c.pause, out)
		tenth := at
		for i := 11; told(out)[idOf(10)] == 0 && at.Sub(tenth) < time.Minute; i++ {
			at = newcomers(a, at, i, 1, c.pause, out)
		}
		if held := at.Sub(tenth); held > c.most {
			t.Errorf("with a newcomer every %v the tenth is held back for %v, want at most %v", c.pause, held, c.most)
		}
	}
}

func TestWhatIsNoNewcomerIsToldAtOnceThoughTheRingsFill(t *testing.T) {
	a, out := estate(24)
	at := newcomers(a, after(time.Minute), 100, 50, time.Millisecond, out)
	accuse(a, at, 5, out, 4, 6)
	for i := 0; i < 100 && !a.Plan().Lost(idOf(5)); i++ {
		at = newcomers(a, at, 200+i, 1, 100*time.Millisecond, out)
	}
	if !a.Plan().Lost(idOf(5)) {
		t.Error("the dead is not found while the rings fill")
	}
	at = newcomers(a, at, 400, 50, time.Millisecond, out)
	out.Reset()
	a.Retime(at, idOf(3), wire.FastTiming, out)
	a.Tick(at, out)
	if told(out)[idOf(3)] != 1 {
		t.Error("another impatience is held back while the rings fill")
	}
}

func TestRepetitionsComeInHelpingsAndAfterNews(t *testing.T) {
	a, out := estate(24)
	a.cfg.MaxPerTick = 10
	at := after(time.Minute)
	a.Reorder()
	for range 3 {
		a.Tick(at, out)
	}
	if len(out.Orders) != 24 {
		t.Fatalf("%d orders, want 24", len(out.Orders))
	}
	out.Reset()
	at = at.Add(resendFirst)
	a.Tick(at, out)
	if len(out.Orders) != 10 || a.Deadline().After(at) {
		t.Errorf("%d repetitions in one go and the next at %v, want 10 and the rest at once", len(out.Orders), a.Deadline().Sub(at))
	}
	out.Reset()
	a.Reorder() // News: 24 orders in helpings of 10.
	a.Tick(at, out)
	for _, o := range out.Orders {
		if n := a.nodes[o.To]; o.Desired.Gen != n.gen {
			t.Errorf("%s is told an old order", n.name)
		}
	}
	if len(out.Orders) != 10 {
		t.Errorf("%d orders, want 10 and no repetition", len(out.Orders))
	}
}

func TestWhoMissedAnOrderWhileItWasLostIsToldWhenItReturns(t *testing.T) {
	a, out := estate(24)
	accuse(a, after(time.Minute), 5, out, 4, 6)
	run(a, after(2*time.Minute), out)
	if !a.Plan().Lost(idOf(5)) {
		t.Fatal("the dead is not known to be dead")
	}
	at := after(3 * time.Minute)
	a.Announce(at, idOf(99), 1, 0, "new", addrOf(99), nil, out)
	a.Attach(at, idOf(99), []verdict.Link{{Name: "eth0", Addr: addrOf(99).Addr(), Switch: "sw1", Port: "5a",
		Subnet: netip.MustParsePrefix("10.0.0.0/16")}}, out)
	echo(a, at.Add(time.Second), out)
	out.Reset()
	a.Alive(at.Add(time.Minute), idOf(5), out) // In the session that it had.
	a.Tick(at.Add(time.Minute), out)
	if told(out)[idOf(5)] != 1 {
		t.Errorf("orders to %v, want one to the system that has a new neighbor since it was lost", told(out))
	}
}

func TestWhoHasJustStartedIsNotAccusedTogetherWithItsSilentNeighbor(t *testing.T) {
	a, out := estate(24)
	at := after(time.Minute)
	a.Announce(at, idOf(6), 2, 0, "h06", addrOf(6), nil, out)
	echo(a, at, out)
	out.Reset()
	r, _ := a.Record(idOf(4))
	info, _ := a.Plan().Ring(r.Home)
	a.Report(at.Add(20*time.Millisecond), idOf(4), []wire.Observation{{Kind: wire.ObsUnresponsive, About: idOf(5), Run: 2,
		Ring: r.Home, Version: info.Version, Silent: 2 * time.Second}}, out)
	for i := range 200 {
		a.Tick(at.Add(time.Duration(i)*100*time.Millisecond), out)
		for _, p := range out.Pings {
			if p.To == idOf(6) {
				t.Fatal("who has just announced itself is asked whether it lives")
			}
		}
		out.Pings = out.Pings[:0]
	}
	for _, e := range out.Events {
		if e.System == idOf(6).String() {
			t.Errorf("news of h06: %s", e.Text)
		}
	}
	if a.Status(idOf(5)) != verdict.Dead {
		t.Errorf("h05 is %v, want dead", a.Status(idOf(5)))
	}
}

func TestWhileMoreWaitsThanCanBeTakenInRingsFillLonger(t *testing.T) {
	for _, busy := range []bool{false, true} {
		a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
		a.Busy(busy)
		newcomers(a, start, 1, 1000, 10*time.Millisecond, out) // for ten seconds
		most := 0
		for _, n := range told(out) {
			most = max(most, n)
		}
		if busy && len(told(out)) > 2*fewSeats+4 {
			t.Errorf("busy: %d are told before all have come", len(told(out)))
		}
		if !busy && most == 0 {
			t.Error("nobody is told for ten seconds")
		}
		a.Busy(false)
		run(a, start.Add(time.Minute), out)
		if n := len(told(out)); n != 1000 {
			t.Errorf("busy %v: %d of 1000 were told in the end", busy, n)
		}
	}
}
