package authority

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"assim/event"
	"assim/verdict"
	"assim/wire"
)

var start = time.Unix(1_800_000_000, 0)

func idOf(n int) wire.ID {
	var id wire.ID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func addrOf(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), wire.Port)
}

// estate is an Authority whose n systems have announced themselves, on
// switches of 12, and echoed their orders.
func estate(n int) (*Authority, *Out) {
	a, out := New(Config{}, rand.New(rand.NewPCG(1, 2))), &Out{}
	early := start.Add(-time.Minute)
	for i := 1; i <= n; i++ {
		a.Announce(early, idOf(i), 1, 0, fmt.Sprintf("h%02d", i), addrOf(i), []netip.AddrPort{addrOf(i)}, out)
		a.Attach(early, idOf(i), []verdict.Link{{Name: "eth0", Addr: addrOf(i).Addr(), Switch: fmt.Sprintf("sw%d", (i-1)/12+1),
			Port: fmt.Sprint(i), Subnet: netip.MustParsePrefix("10.0.0.0/16")}}, out)
	}
	echo(a, start, out)
	out.Reset()
	return a, out
}

// echo ticks and echoes until nothing is wanted any more.
func echo(a *Authority, now time.Time, out *Out) (orders int) {
	for range 1000 {
		a.Tick(now, out)
		if len(out.Orders) == 0 {
			return orders
		}
		orders += len(out.Orders)
		list := slices.Clone(out.Orders)
		out.Orders = out.Orders[:0]
		for _, o := range list {
			a.Echoed(now, o.To, o.Desired.Gen, out)
		}
	}
	return orders
}

func after(d time.Duration) time.Time { return start.Add(d) }

func TestANewcomerIsToldItsRingAndSoAreItsNeighborsOnly(t *testing.T) {
	a, out := estate(48)
	a.Announce(after(time.Minute), idOf(99), 1, 0, "new", addrOf(99), nil, out)
	a.Tick(after(time.Minute), out)
	if len(out.Events) != 1 || out.Events[0].Kind != event.Joined {
		t.Errorf("events %v, want one: joined", out.Events)
	}
	if n := len(out.Orders); n == 0 || n > 8 {
		t.Errorf("%d orders for one newcomer, want a handful", n)
	}
	if !slices.ContainsFunc(out.Orders, func(o Order) bool { return o.To == idOf(99) && o.Addr == addrOf(99) && len(o.Desired.Rings) > 0 }) {
		t.Error("the newcomer is not told its ring")
	}
}

// Who announces itself again has not heard the answer, and its order was the answer.
func TestWhoAnnouncesItselfAgainGetsItsOrderAgain(t *testing.T) {
	a, out := estate(12)
	orders := func(at time.Duration) (n int) {
		a.Tick(after(at), out)
		for _, o := range out.Orders {
			if o.To == idOf(99) {
				n++
			}
		}
		out.Reset()
		return n
	}
	at := time.Minute
	a.Announce(after(at), idOf(99), 1, 0, "new", addrOf(99), nil, out)
	if orders(at) == 0 {
		t.Fatal("the newcomer is told nothing")
	}
	a.Again(after(at+resendHurry/2), idOf(99))
	if n := orders(at + resendHurry/2); n != 0 {
		t.Errorf("%d orders while the first may still be on its way", n)
	}
	a.Again(after(at+2*resendHurry), idOf(99))
	if n := orders(at + 2*resendHurry); n != 1 {
		t.Errorf("%d orders to who announced itself again, want one", n)
	}
	a.Again(after(at), idOf(77)) // Nobody knows it.
}

func TestAnOrderIsResentUntilItsGenerationIsEchoed(t *testing.T) {
	a, out := estate(12)
	a.Retime(after(time.Minute), idOf(3), wire.FastTiming, out)
	gens, bases := []uint32{}, []uint32{}
	for s := range 20 {
		out.Reset()
		a.Tick(after(time.Minute+time.Duration(s)*time.Second), out)
		for _, o := range out.Orders {
			gens, bases = append(gens, o.Desired.Gen), append(bases, o.Desired.Base)
		}
	}
	if !slices.Equal(gens, []uint32{2, 3, 3, 3, 3}) || !slices.Equal(bases, []uint32{1, 0, 0, 0, 0}) {
		t.Fatalf("orders of generations %v upon %v in 20 s, want what changed, and then the whole at 1, 3, 7 and 15 s", gens, bases)
	}
	a.Echoed(after(2*time.Minute), idOf(3), gens[4], out)
	out.Reset()
	a.Tick(after(10*time.Minute), out)
	if len(out.Orders) != 0 {
		t.Errorf("%d orders after the echo, want none", len(out.Orders))
	}
}

func accuse(a *Authority, now time.Time, about int, out *Out, by ...int) {
	for _, b := range by {
		a.Report(now, idOf(b), []wire.Observation{{Kind: wire.ObsUnresponsive, About: idOf(about), Silent: 2 * time.Second}}, out)
	}
}

// run ticks whenever the Authority wants to.
func run(a *Authority, until time.Time, out *Out) {
	for d := a.Deadline(); !d.IsZero() && !d.After(until); d = a.Deadline() {
		if d.Before(start) {
			d = start
		}
		a.Tick(d, out)
	}
}

func TestADeathIsNewsAndTheDeadIsSentNothing(t *testing.T) {
	a, out := estate(24)
	accuse(a, after(time.Minute), 5, out, 4, 6)
	run(a, after(2*time.Minute), out)
	kinds := []event.Kind{}
	for _, e := range out.Events {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []event.Kind{event.Unresponsive, event.SystemDead}) {
		t.Fatalf("news %v, want unresponsive and dead", kinds)
	}
	if !a.Plan().Lost(idOf(5)) || a.Status(idOf(5)) != verdict.Dead {
		t.Error("the plan does not look past the dead")
	}
	if slices.ContainsFunc(out.Orders, func(o Order) bool { return o.To == idOf(5) }) {
		t.Error("the dead is sent an order")
	}
	out.Reset()
	a.Announce(after(3*time.Minute), idOf(5), 2, 0, "h05", addrOf(5), nil, out)
	a.Tick(after(3*time.Minute), out)
	if len(out.Orders) != 1 || out.Orders[0].To != idOf(5) {
		t.Errorf("%d orders when it returns, want one to it alone", len(out.Orders))
	}
}

func TestARestartOfTheCMADisturbsNobody(t *testing.T) {
	a, out := estate(96)
	accuse(a, after(time.Minute), 5, out, 4, 6)
	run(a, after(2*time.Minute), out)
	echo(a, after(2*time.Minute), out)
	var records []Record
	for i := 1; i <= 96; i++ {
		r, ok := a.Record(idOf(i))
		if !ok {
			t.Fatalf("no record of system %d", i)
		}
		records = append(records, r)
	}
	versions := map[uint64]uint32{}
	for info := range a.Plan().Rings() {
		versions[info.Ring] = info.Version
	}
	b, again := New(Config{}, rand.New(rand.NewPCG(3, 4))), &Out{}
	b.Restore(after(3*time.Minute), records, versions, again)
	run(b, after(4*time.Minute), again)
	if len(again.Orders) != 0 || len(again.Events) != 0 {
		t.Errorf("%d orders and events %v after a restart, want none", len(again.Orders), again.Events)
	}
	if b.Status(idOf(5)) != verdict.Dead || len(b.Incidents()) != 1 {
		t.Errorf("the dead is %v and %d incidents are open, want dead and one", b.Status(idOf(5)), len(b.Incidents()))
	}
	for i := 1; i <= 96; i++ {
		x, y := a.Plan().Neighbors(nil, idOf(i)), b.Plan().Neighbors(nil, idOf(i))
		if !slices.Equal(x, y) {
			t.Errorf("system %d had the neighbors %v and has %v", i, x, y)
		}
	}
}

func TestAMovedCableIsNewsOnce(t *testing.T) {
	a, out := estate(24)
	links := []verdict.Link{{Name: "eth0", Addr: addrOf(5).Addr(), Switch: "sw2", Port: "40", Subnet: netip.MustParsePrefix("10.0.0.0/16")}}
	unplugged := []verdict.Link{{Name: "eth0", Addr: addrOf(5).Addr(), Subnet: netip.MustParsePrefix("10.0.0.0/16")}}
	a.Attach(after(time.Minute), idOf(5), unplugged, out)
	a.Attach(after(time.Minute), idOf(5), links, out)
	a.Attach(after(time.Minute), idOf(5), links, out)
	if len(out.Events) != 1 || out.Events[0].Kind != event.CableMoved {
		t.Errorf("events %v, want one: cable moved", out.Events)
	}
}

func TestInterfacesThatChangeNamesHaveNotMovedTheirCables(t *testing.T) {
	a, out := estate(24)
	subnet := netip.MustParsePrefix("10.0.0.0/16")
	links := []verdict.Link{{Name: "eth0", NIC: "52:54:00:00:00:01", Addr: addrOf(5).Addr(), Switch: "sw2", Port: "40", Subnet: subnet},
		{Name: "eth1", NIC: "52:54:00:00:00:02", Switch: "sw3", Port: "7", Subnet: subnet}}
	a.Attach(after(time.Minute), idOf(5), links, out)
	out.Events = nil
	swapped := slices.Clone(links)
	swapped[0].Name, swapped[1].Name = "eth1", "eth0"
	a.Attach(after(2*time.Minute), idOf(5), swapped, out)
	if len(out.Events) != 0 {
		t.Errorf("events %v, want none: the cables are where they were", out.Events)
	}
	moved := slices.Clone(swapped)
	moved[0].Port = "41"
	a.Attach(after(3*time.Minute), idOf(5), moved, out)
	if len(out.Events) != 1 || out.Events[0].Detail["nic"] != "eth1" {
		t.Errorf("events %v, want one: the cable of eth1 moved", out.Events)
	}
}

func TestReportsAboutStrangersAndFromStrangersAreIgnored(t *testing.T) {
	a, out := estate(12)
	accuse(a, after(time.Minute), 777, out, 4, 6)
	a.Report(after(time.Minute), idOf(888), []wire.Observation{{Kind: wire.ObsUnresponsive, About: idOf(5)}}, out)
	run(a, after(2*time.Minute), out)
	if len(out.Events) != 0 {
		t.Errorf("events %v, want none", out.Events)
	}
}

func TestPortsSortAsPeopleCount(t *testing.T) {
	for _, c := range []struct{ a, b string }{{"Eth1/2", "Eth1/10"}, {"1", "2"}, {"port9", "port10"}, {"a", "b"}, {"", "1"}, {"Gi1/0/9", "Gi2/0/1"}} {
		if comparePorts(c.a, c.b) >= 0 || comparePorts(c.b, c.a) <= 0 || comparePorts(c.a, c.a) != 0 {
			t.Errorf("%q does not come before %q", c.a, c.b)
		}
	}
}

func TestNewKeysAreOrderedForAllAndWhoIsBehindIsKnown(t *testing.T) {
	a, out := estate(24)
	key, also := byte(1), byte(0)
	a.cfg.Key = func(x, y wire.ID) [16]byte { return [16]byte{key} }
	a.cfg.Also = func(x, y wire.ID) ([16]byte, bool) { return [16]byte{also}, also != 0 }
	also = 2
	a.Reorder()
	if behind := a.Behind(nil, 100); len(behind) != 24 {
		t.Fatalf("%d are behind before anything is sent, want 24", len(behind))
	}
	a.Tick(start, out)
	if len(out.Orders) != 24 {
		t.Fatalf("%d orders, want one for each of 24", len(out.Orders))
	}
	for _, o := range out.Orders {
		for _, v := range o.Desired.Rings {
			for i, m := range v.Members {
				if m.ID != o.To && (v.Keys[i] != [16]byte{1} || len(v.Also) != len(v.Members) || v.Also[i] != [16]byte{2}) {
					t.Fatalf("keys of %v are %v and %v", m.ID, v.Keys[i], v.Also)
				}
			}
		}
		if o.To != idOf(1) {
			a.Echoed(start, o.To, o.Desired.Gen, out)
		}
	}
	if behind := a.Behind(nil, 100); !slices.Equal(behind, []wire.ID{idOf(1)}) {
		t.Errorf("%v are behind, want the one that did not echo", behind)
	}
	a.Stopping(start, idOf(1), out) // It says goodbye: nobody waits for it.
	if behind := a.Behind(nil, 100); slices.Contains(behind, idOf(1)) {
		t.Error("a system that is shut down is waited for")
	}
}

// Who runs what it was told last is told no ring again that is as it was, unless
// the keys have changed; who has just started is told everything.
func TestAnOrderLeavesOutWhatItsReceiverHas(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause func(a *Authority, out *Out)
		same  bool
	}{
		{"another impatience", func(a *Authority, out *Out) { a.Retime(after(time.Minute), idOf(3), wire.FastTiming, out) }, true},
		{"new keys", func(a *Authority, out *Out) { a.Reorder() }, false},
		{"a new start", func(a *Authority, out *Out) {
			a.Announce(after(time.Minute), idOf(3), 2, 0, "h03", addrOf(3), nil, out)
		}, false},
	} {
		a, out := estate(12)
		c.cause(a, out)
		a.Tick(after(time.Minute), out)
		i := slices.IndexFunc(out.Orders, func(o Order) bool { return o.To == idOf(3) })
		if i < 0 {
			t.Errorf("%s: no order", c.name)
			continue
		}
		d := &out.Orders[i].Desired
		same := !slices.ContainsFunc(d.Rings, func(v wire.RingView) bool { return !v.Same })
		if same != c.same || (d.Base != 0) != c.same {
			t.Errorf("%s: rings left out %v upon generation %d, want %v", c.name, same, d.Base, c.same)
		}
	}
}

// A system's name decides how impatient its watchers are, and a new name may
// change that; a CMA that restarts with other classes goes by the new ones.
func TestAClassOfSystemsHasItsOwnImpatience(t *testing.T) {
	cfg := Config{Classes: []Class{{Names: "db-*", Timing: wire.FastTiming}, {Names: "d*", Timing: wire.QuietTiming}}}
	a, out := New(cfg, rand.New(rand.NewPCG(1, 2))), &Out{}
	timing := func(a *Authority, id wire.ID) wire.Timing { return a.timing(a.nodes[id]) }
	for i, name := range []string{"web", "db-1", "desk"} {
		a.Announce(start, idOf(i), 1, 0, name, addrOf(i), nil, out)
	}
	for i, want := range []wire.Timing{wire.DefaultTiming, wire.FastTiming, wire.QuietTiming} {
		if got := timing(a, idOf(i)); got != want {
			t.Errorf("system %d: %v, want %v", i, got, want)
		}
	}
	echo(a, after(time.Second), out)
	out.Reset()
	a.Announce(after(time.Minute), idOf(0), 1, 0, "db-2", addrOf(0), nil, out)
	a.Tick(after(time.Minute), out)
	if i := slices.IndexFunc(out.Orders, func(o Order) bool { return o.To == idOf(0) }); i < 0 || out.Orders[i].Desired.Timing != wire.FastTiming {
		t.Errorf("the renamed one is told %v", out.Orders)
	}
	var records []Record
	for i := range 3 {
		r, _ := a.Record(idOf(i))
		records = append(records, r)
	}
	b := New(Config{Classes: cfg.Classes[1:]}, rand.New(rand.NewPCG(1, 2)))
	b.Restore(after(time.Hour), records, nil, out)
	if got := timing(b, idOf(1)); got != wire.QuietTiming {
		t.Errorf("after a restart with another configuration: %v", got)
	}
}

func TestASampleHoldsEachSystemOnceAndAllWhereThereAreFew(t *testing.T) {
	for _, c := range []struct{ systems, n, want int }{{12, 48, 12}, {12, 12, 12}, {48, 5, 5}, {48, 47, 47}} {
		a, _ := estate(c.systems)
		for range 50 {
			seen := map[wire.ID]bool{}
			for _, id := range (world{a}).Sample(nil, c.n) {
				seen[id] = true
			}
			if len(seen) != c.want {
				t.Fatalf("a sample of %d of %d holds %d systems, want %d", c.n, c.systems, len(seen), c.want)
			}
		}
	}
}
