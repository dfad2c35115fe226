package arp

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedSystems(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func entryOf(ip, mac, state string) discovery.Neighbor {
	return discovery.Neighbor{Link: "eth0", IP: netip.MustParseAddr(ip), MAC: mac, State: state}
}

// at is a host with eth0 at a moment of its uptime in seconds.
func at(uptime string, table ...discovery.Neighbor) discovery.Host {
	root := fstest.MapFS{"proc/uptime": {Data: []byte(uptime + " 0.00\n")}}
	return discoverytest.NewHost(root, discoverytest.Host{Links: []discovery.Link{{Index: 2, Name: "eth0", Kind: "device"}}, Neighbors: table})
}

func TestWhatTheKernelForgetsIsNoNewsForADay(t *testing.T) {
	const mac, other = "52:54:00:00:00:01", "52:54:00:00:00:02"
	for _, c := range []struct {
		story string
		hosts []discovery.Host
		want  string // MACs at the end
	}{
		{"reachable and stale are the same", []discovery.Host{at("10", entryOf("10.0.0.1", mac, "reachable")), at("20", entryOf("10.0.0.1", mac, "stale"))}, mac},
		{"forgotten by the kernel", []discovery.Host{at("10", entryOf("10.0.0.1", mac, "stale")), at("80000")}, mac},
		{"forgotten for more than a day", []discovery.Host{at("10", entryOf("10.0.0.1", mac, "stale")), at("90000")}, ""},
		{"does not answer now", []discovery.Host{at("10", entryOf("10.0.0.1", mac, "stale")), at("20", entryOf("10.0.0.1", "", "failed"))}, mac},
		{"another MAC at once", []discovery.Host{at("10", entryOf("10.0.0.1", mac, "stale")), at("20", entryOf("10.0.0.1", other, "reachable"))}, other},
		{"never answered", []discovery.Host{at("10", entryOf("10.0.0.1", "", "incomplete"))}, ""},
		{"multicast", []discovery.Host{at("10", entryOf("ff02::16", "33:33:00:00:00:16", "noarp"))}, ""},
		{"no MAC", []discovery.Host{at("10", entryOf("10.0.0.1", "00:00:00:00:00:00", "reachable"))}, ""},
	} {
		collect := Type.Collector()
		var got string
		for _, h := range c.hosts {
			doc, err := collect(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			got = ""
			for _, n := range doc.(*payload).Neighbors {
				got += n.MAC
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.story, got, c.want)
		}
	}
}

func TestAnInterfaceThatIsGoneTakesItsNeighborsWithIt(t *testing.T) {
	collect := Type.Collector()
	if _, err := collect(t.Context(), at("10", entryOf("10.0.0.1", "52:54:00:00:00:01", "stale"))); err != nil {
		t.Fatal(err)
	}
	doc, err := collect(t.Context(), discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	if n := doc.(*payload).Neighbors; len(n) != 0 {
		t.Errorf("neighbors %v", n)
	}
}

const macX, macY = "52:54:00:00:00:0a", "52:54:00:00:00:0b"

func TestAnAddressThatGoesToAndFroIsOnePieceOfNews(t *testing.T) {
	collect := Type.Collector()
	for i, step := range []struct{ uptime, mac, want string }{
		{"100", macX, macX}, {"110", macY, macY + " was " + macX}, {"120", macX, macX + " was " + macY}, // a cluster moved and moved back
		{"130", macY, macY + " was " + macX}, {"140", macX, macY + " was " + macX}, {"150", macY, macY + " was " + macX}, {"160", macX, macY + " was " + macX},
		{"3750", macX, macY + " was " + macX}, {"3770", macX, macX + " was " + macY}, {"3780", macY, macY + " was " + macX},
	} {
		doc, err := collect(t.Context(), at(step.uptime, entryOf("10.0.0.1", step.mac, "reachable")))
		if err != nil {
			t.Fatal(err)
		}
		n := doc.(*payload).Neighbors[0]
		if got := strings.TrimSuffix(n.MAC+" was "+n.Was, " was "); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func TestWhatANeighborWasIsRememberedForADay(t *testing.T) {
	collect := Type.Collector()
	for _, step := range []struct{ uptime, mac, want string }{
		{"10", macX, ""}, {"20", macY, macX}, {"30", macY, macX}, {"86000", macY, macX}, {"86500", macY, ""}, {"86510", macX, macY},
	} {
		doc, err := collect(t.Context(), at(step.uptime, entryOf("10.0.0.1", step.mac, "reachable")))
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.(*payload).Neighbors[0].Was; got != step.want {
			t.Errorf("at %s s it was %q, want %q", step.uptime, got, step.want)
		}
	}
}
