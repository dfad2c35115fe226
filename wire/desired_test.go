package wire

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func id(n byte) ID { return ID{n, 15: n} }

func desiredExample() Desired {
	return Desired{
		Gen:    7,
		Timing: DefaultTiming,
		Rings: []RingView{
			{
				Ring: 1, Version: 3, Size: 3, Self: 1, SweepKey: [16]byte{9},
				Members: []Member{
					{ID: id(1), Addr: netip.MustParseAddrPort("10.0.0.1:1984")},
					{ID: id(2), Addr: netip.MustParseAddrPort("10.0.0.2:1984"), Alt: []netip.AddrPort{netip.MustParseAddrPort("[fd00::2]:1984")}},
					{ID: id(3), Addr: netip.MustParseAddrPort("[fd00::3]:1984")},
				},
				Keys: [][16]byte{{1}, {}, {3}},
				Also: [][16]byte{{4}, {5}, {6}},
			},
			{Ring: 2, Level: 1, Version: 1, Size: 100, Members: []Member{{ID: id(2), Addr: netip.MustParseAddrPort("10.0.0.2:1984")}}},
			{Ring: 4, Level: 0, Version: 1, Size: 1, Sweep: true, Deputy: id(8), Lost: []byte{1}, Members: []Member{{ID: id(8), Addr: netip.MustParseAddrPort("10.0.1.8:1984")}}},
		},
		Schedule: []Schedule{{"arp", time.Minute}, {"os", 0}, {"packages", -1}},
	}
}

func TestDesiredSurvivesTheWire(t *testing.T) {
	want := desiredExample()
	b := AppendDesired(nil, &want)
	got, err := ParseDesired(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for n := range b {
		if _, err := ParseDesired(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", n, len(b))
		}
	}
}

func TestDesiredLeavesOutWhatAnEarlierGenerationSaid(t *testing.T) {
	want := desiredExample()
	whole := len(AppendDesired(nil, &want))
	want.Base = 6
	want.Rings[0].Same, want.Rings[0].Members, want.Rings[0].Keys, want.Rings[0].Also = true, nil, nil, nil
	b := AppendDesired(nil, &want)
	got, err := ParseDesired(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	if left := whole - len(b); left < 3*(16+16) {
		t.Errorf("it is only %d bytes shorter", left)
	}
	want.Base = 0
	if _, err := ParseDesired(AppendDesired(nil, &want)); err == nil {
		t.Error("a ring without members and without a base to take them from is accepted")
	}
}

func TestDesiredOfAFullRingIsAFewDatagrams(t *testing.T) {
	d := Desired{Timing: DefaultTiming, Rings: []RingView{{Size: 64, SweepKey: [16]byte{1}}}}
	for i := range 64 {
		d.Rings[0].Members = append(d.Rings[0].Members, Member{ID: id(byte(i + 1)), Addr: addr(i)})
		d.Rings[0].Keys = append(d.Rings[0].Keys, [16]byte{byte(i + 1)})
	}
	if n := len(AppendDesired(nil, &d)); n > 3*1100 {
		t.Errorf("%d bytes, more than 3 datagrams carry", n)
	}
}

func addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Port)
}

func TestDesiredWithImpossibleTimingIsRefused(t *testing.T) {
	for _, timing := range []Timing{
		{},
		{Interval: time.Millisecond, Unresponsive: time.Second, Dead: time.Second},
		{Interval: time.Second, Unresponsive: time.Millisecond, Dead: time.Second},
		{Interval: time.Second, Unresponsive: 3 * time.Second, Dead: 2 * time.Second},
		{Interval: time.Second, Unresponsive: 3 * time.Second, Dead: 25 * time.Hour},
	} {
		if _, err := ParseDesired(AppendDesired(nil, &Desired{Timing: timing})); err == nil {
			t.Errorf("%+v is accepted", timing)
		}
	}
}

func TestReportSurvivesTheWire(t *testing.T) {
	want := reportExample()
	b := AppendReport(nil, want)
	got, err := ParseReport(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for n := range b {
		if _, err := ParseReport(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", n, len(b))
		}
	}
}

func reportExample() []Observation {
	return []Observation{
		{Kind: ObsUnresponsive, About: id(1), Ring: 5, Version: 2, Silent: 2 * time.Second, NewNeighbor: id(2), Run: -47},
		{Kind: ObsDead, About: id(1), Ring: 5, Version: 2, Ago: time.Hour, Silent: 7 * time.Second},
		{Kind: ObsSwept, About: id(3), Ring: 9, Version: 1, Bits: []byte{0xff, 1}},
		{Kind: ObsLinkDown, Link: "eth0"},
	}
}

func TestFitReportFillsTheRoomAndNoMore(t *testing.T) {
	var obs []Observation
	for range 50 {
		obs = append(obs, reportExample()...)
	}
	for room := range 1200 {
		n := FitReport(obs, room)
		if got := len(AppendReport(nil, obs[:n])); got > room && n > 0 {
			t.Fatalf("%d observations take %d bytes, room was %d", n, got, room)
		}
		if n < MaxObservations && len(AppendReport(nil, obs[:n+1])) <= room {
			t.Fatalf("room %d takes %d, but one more fits", room, n)
		}
	}
}

func FuzzParseDesired(f *testing.F) {
	d := desiredExample()
	f.Add(AppendDesired(nil, &d))
	f.Add(AppendDesired(nil, &Desired{Timing: FastTiming}))
	d.Base, d.Rings[1].Same, d.Rings[1].Members = 6, true, nil
	f.Add(AppendDesired(nil, &d))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDesired(b)
		if err != nil {
			return
		}
		if again := AppendDesired(nil, &d); !bytes.Equal(again, b) {
			t.Errorf("%x means %+v, which is written %x", b, d, again)
		}
	})
}

func FuzzParseReport(f *testing.F) {
	f.Add(AppendReport(nil, reportExample()))
	f.Add(AppendReport(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		obs, err := ParseReport(b)
		if err != nil {
			return
		}
		if again := AppendReport(nil, obs); !bytes.Equal(again, b) {
			t.Errorf("%x means %+v, which is written %x", b, obs, again)
		}
	})
}

func TestEdgeIsTheSameFromBothEndsAndNoOther(t *testing.T) {
	seen := map[Edge]bool{}
	for i := range 100 {
		for j := range i {
			e := EdgeOf(id(byte(i+1)), id(byte(j+1)))
			if e != EdgeOf(id(byte(j+1)), id(byte(i+1))) {
				t.Fatal("an edge has two names")
			}
			if seen[e] {
				t.Fatal("two edges have one name")
			}
			seen[e] = true
		}
	}
}
