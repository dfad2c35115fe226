package listeners

import (
	"net/netip"
	"slices"
	"testing"

	"assim/discovery/discoverytest"
	"assim/discovery/proc"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Type) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Type) }

func TestAWildcardIsReachedAtEveryAddressThatNobodyElseHas(t *testing.T) {
	own := []proc.OwnAddr{
		{Addr: netip.MustParseAddr("10.0.0.5"), Scope: proc.Global}, {Addr: netip.MustParseAddr("2001:db8::5"), Scope: proc.Global},
		{Addr: netip.MustParseAddr("127.0.0.1"), Scope: proc.Local}, {Addr: netip.MustParseAddr("172.17.0.2"), Scope: proc.Internal, Netns: "docker:1"},
	}
	on := func(addr, process string) Listener {
		return Listener{Process: process, Proto: "tcp", Addr: netip.MustParseAddr(addr), Port: 80, Scope: Any}
	}
	v6only, boxed := on("::", "c"), on("0.0.0.0", "d")
	v6only.V6Only, boxed.Netns = true, "docker:1"
	for _, c := range []struct {
		name string
		list []Listener
		want []string // of the first
	}{
		{"any IPv4", []Listener{on("0.0.0.0", "a")}, []string{"10.0.0.5", "127.0.0.1"}},
		{"any of both", []Listener{on("::", "a")}, []string{"10.0.0.5", "2001:db8::5", "127.0.0.1"}},
		{"IPv6 only", []Listener{v6only}, []string{"2001:db8::5"}},
		{"another has IPv4", []Listener{on("::", "a"), on("0.0.0.0", "b")}, []string{"2001:db8::5"}},
		{"another has one address", []Listener{on("0.0.0.0", "a"), on("127.0.0.1", "b")}, []string{"10.0.0.5"}},
		{"in a container", []Listener{boxed}, []string{"172.17.0.2"}},
	} {
		var got []string
		for _, e := range reach(c.list[0], own, exactBinds(c.list)) {
			got = append(got, e.Addr.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: reached at %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAWaitingClientIsNotAServerButWhatStaysIs(t *testing.T) {
	m := memory{}
	p := &proc.Process{ID: "dig/root", Name: "dig"}
	look := func(seconds uint64, inode uint64) int {
		return len(m.settled(&proc.Snapshot{Uptime: seconds * 100, Listen: []proc.Listen{
			{Process: p, Proto: "udp", Addr: netip.IPv4Unspecified(), Port: 45000, Inode: inode, Ephemeral: true}}}))
	}
	for _, step := range []struct {
		seconds, inode uint64
		want           int
	}{{10, 1, 0}, {40, 2, 0}, {70, 2, 0}, {219, 2, 0}, {220, 2, 1}, {250, 3, 0}} {
		if got := look(step.seconds, step.inode); got != step.want {
			t.Errorf("after %d s: %d listeners, want %d", step.seconds, got, step.want)
		}
	}
}
