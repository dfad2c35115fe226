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
