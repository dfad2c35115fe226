package listeners

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/discovery/proc"
	"assim/graph"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

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

func TestRulesOfAddressTranslation(t *testing.T) {
	nft := parseNft(`table ip nat {
	chain DOCKER {
		iifname != "docker0" tcp dport 8080 counter packets 0 bytes 0 dnat to 172.17.0.2:80
		meta l4proto udp udp dport 53 dnat ip to 10.88.0.3
		tcp dport 8443 dnat ip6 to [fd00::2]:443
		tcp dport 99999 dnat to 10.0.0.1
	}
}`)
	want := []forward{
		{"tcp", 8080, netip.MustParseAddrPort("172.17.0.2:80")}, {"udp", 53, netip.MustParseAddrPort("10.88.0.3:53")}, {"tcp", 8443, netip.MustParseAddrPort("[fd00::2]:443")}}
	if !slices.Equal(nft, want) {
		t.Errorf("nft: %v, want %v", nft, want)
	}
	old := parseIptables("*nat\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n-A DOCKER -i docker0 -j RETURN\n")
	if !slices.Equal(old, want[:1]) {
		t.Errorf("iptables: %v, want %v", old, want[:1])
	}
}

func TestAPublishedPortIsHeardByTheProcessInTheContainer(t *testing.T) {
	web := &proc.Process{ID: "nginx/docker:web:tcp80", Name: "nginx"}
	inside := proc.Listen{Process: web, Proto: "tcp", Addr: netip.IPv4Unspecified(), Port: 80, Netns: "docker:web"}
	addrs := []proc.OwnAddr{{Addr: netip.MustParseAddr("10.0.0.5"), Scope: proc.Global}, {Addr: netip.MustParseAddr("172.17.0.2"), Scope: proc.Internal, Netns: "docker:web"}}
	h := discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{Run: map[string]string{"nft list ruleset": "tcp dport 8080 dnat to 172.17.0.2:80\ntcp dport 9090 dnat to 172.17.0.9:80\n"}})
	list := []proc.Listen{inside}
	list = append(list, published(context.Background(), h, list, addrs)...)
	doc, _, err := discovery.Canonical(document(list, addrs))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Graph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Rels {
		if r.Type == graph.ListensOn {
			got = append(got, r.To.ID)
		}
	}
	slices.Sort(got)
	if want := []string{"tcp/10.0.0.5:8080", "tcp/n-1/172.17.0.2:80"}; !slices.Equal(got, want) {
		t.Errorf("nginx listens on %q, want %q", got, want)
	}
}

func FuzzRules(f *testing.F) {
	f.Add("tcp dport 8080 dnat to 172.17.0.2:80\n-p tcp --dport 1 -j DNAT --to-destination 1.2.3.4:5\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, x := range append(parseNft(text), parseIptables(text)...) {
			if x.port == 0 || !x.to.IsValid() {
				t.Errorf("%+v", x)
			}
		}
	})
}
