package authority

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"assim/event"
	"assim/verdict"
)

func TestAnAddressThatTwoClaimIsToldOfWhenItLasts(t *testing.T) {
	const at = time.Minute
	virtual := netip.MustParseAddrPort("10.0.9.9:1984")
	says := func(a *Authority, out *Out, when time.Duration, system int, addrs ...netip.AddrPort) {
		a.Announce(after(when), idOf(system), 1, 0, map[int]string{5: "h05", 6: "h06"}[system], addrOf(system), append([]netip.AddrPort{addrOf(system)}, addrs...), out)
	}
	for _, c := range []struct {
		story string
		do    func(a *Authority, out *Out)
		told  bool
	}{
		{"both claim it", func(a *Authority, out *Out) { says(a, out, at, 6, virtual) }, true},
		{"a cluster moved it, and who had it says so first", func(a *Authority, out *Out) {
			says(a, out, at, 5)
			says(a, out, at+time.Second, 6, virtual)
		}, false},
		{"a cluster moved it, and who has it says so first", func(a *Authority, out *Out) {
			says(a, out, at, 6, virtual)
			says(a, out, at+3*time.Second, 5)
		}, false},
		{"and moved it back", func(a *Authority, out *Out) {
			says(a, out, at, 6, virtual)
			says(a, out, at+3*time.Second, 5)
			says(a, out, at+5*time.Second, 5, virtual)
			says(a, out, at+7*time.Second, 6)
		}, false},
		{"who had it dies and is succeeded, before anybody knows of its death", func(a *Authority, out *Out) {
			says(a, out, at, 6, virtual)
			n := a.nodes[idOf(5)]
			n.status, n.since = verdict.Dead, after(at-3*time.Second)
		}, false},
		{"who had it seems dead because others talk to the wrong one", func(a *Authority, out *Out) {
			says(a, out, at, 6, virtual)
			n := a.nodes[idOf(5)]
			n.status, n.since = verdict.Dead, after(at-time.Second)
		}, true},
		{"who took it is gone again", func(a *Authority, out *Out) {
			says(a, out, at, 6, virtual)
			n := a.nodes[idOf(6)]
			n.status, n.since = verdict.Dead, after(at+time.Second)
		}, false},
	} {
		a, out := estate(12)
		says(a, out, 0, 5, virtual)
		c.do(a, out)
		run(a, after(2*time.Minute), out)
		told := slices.DeleteFunc(slices.Clone(out.Events), func(e event.Event) bool { return e.Kind != event.DuplicateAddress })
		if len(told) > 1 || (len(told) == 1) != c.told {
			t.Errorf("%s: told %v, want %v", c.story, told, c.told)
		}
		if len(told) == 1 && (!slices.Equal(told[0].Affected, []string{"h05", "h06"}) || told[0].Name != "h06" || told[0].Detail["address"] != virtual.String()) {
			t.Errorf("%s: told %+v", c.story, told[0])
		}
		if a.claimed != 0 {
			t.Errorf("%s: %d claims are left", c.story, a.claimed)
		}
	}
}

// A system is reached at the addresses that nobody claimed before it: at others its
// neighbors would find somebody else.
func TestAnAddressThatTwoClaimReachesOnlyTheFirst(t *testing.T) {
	const at = time.Minute
	shared := netip.MustParseAddrPort("10.0.0.200:1984")
	says := func(a *Authority, out *Out, when time.Duration, system int, addrs ...netip.AddrPort) {
		a.Announce(after(when), idOf(system), 1, 0, map[int]string{5: "h05", 6: "h06"}[system], addrOf(system), addrs, out)
	}
	reached := func(a *Authority, system int) []netip.AddrPort {
		seat, ok := a.plan.Membership(idOf(system))
		if !ok {
			t.Fatalf("%d is in no ring", system)
		}
		return append([]netip.AddrPort{seat.Addr}, seat.Alt...)
	}
	for _, c := range []struct {
		story    string
		do       func(a *Authority, out *Out)
		five     []netip.AddrPort
		six      []netip.AddrPort
		contests []int
	}{
		{"the second has another one", func(*Authority, *Out) {}, []netip.AddrPort{shared, addrOf(5)}, []netip.AddrPort{addrOf(6)}, []int{5}},
		{"the second says so again", func(a *Authority, out *Out) {
			a.Announce(after(2*at), idOf(6), 2, 0, "h06", addrOf(6), []netip.AddrPort{shared, addrOf(6)}, out)
		}, []netip.AddrPort{shared, addrOf(5)}, []netip.AddrPort{addrOf(6)}, []int{5}},
		{"the second gives it up", func(a *Authority, out *Out) { says(a, out, 2*at, 6, addrOf(6)) }, []netip.AddrPort{shared, addrOf(5)}, []netip.AddrPort{addrOf(6)}, nil},
		{"the first gives it up", func(a *Authority, out *Out) { says(a, out, 2*at, 5, addrOf(5)) }, []netip.AddrPort{addrOf(5)}, []netip.AddrPort{shared, addrOf(6)}, nil},
		{"the first dies", func(a *Authority, out *Out) {
			a.change(after(2*at), &verdict.Change{ID: idOf(5), Status: verdict.Dead}, out)
		}, []netip.AddrPort{shared, addrOf(5)}, []netip.AddrPort{shared, addrOf(6)}, nil},
		{"the first dies and is back with it", func(a *Authority, out *Out) {
			a.change(after(2*at), &verdict.Change{ID: idOf(5), Status: verdict.Dead}, out)
			a.change(after(3*at), &verdict.Change{ID: idOf(5), Status: verdict.Up}, out)
		}, []netip.AddrPort{addrOf(5)}, []netip.AddrPort{shared, addrOf(6)}, []int{6}},
		{"the second has no other", func(a *Authority, out *Out) { says(a, out, 2*at, 6, shared) }, []netip.AddrPort{shared, addrOf(5)}, []netip.AddrPort{shared}, []int{5, 6}},
		{"the first is taken out for good and a third one takes its place", func(a *Authority, out *Out) {
			a.Remove(after(2*at), idOf(5), out)
			a.Announce(after(2*at), idOf(5), 9, 0, "h05", addrOf(5), []netip.AddrPort{shared, addrOf(5)}, out)
		}, []netip.AddrPort{addrOf(5)}, []netip.AddrPort{shared, addrOf(6)}, []int{6}},
	} {
		a, out := estate(12)
		says(a, out, 0, 5, shared, addrOf(5))
		says(a, out, at, 6, shared, addrOf(6))
		c.do(a, out)
		if got := reached(a, 5); !slices.Equal(got, c.five) {
			t.Errorf("%s: the first is reached at %v, want %v", c.story, got, c.five)
		}
		if got := reached(a, 6); !slices.Equal(got, c.six) {
			t.Errorf("%s: the second is reached at %v, want %v", c.story, got, c.six)
		}
		var contests []int
		for _, system := range []int{5, 6} {
			if len(world{a}.Contested(nil, idOf(system))) > 0 {
				contests = append(contests, system)
			}
		}
		if !slices.Equal(contests, c.contests) {
			t.Errorf("%s: %v share an address, want %v", c.story, contests, c.contests)
		}
	}
}
