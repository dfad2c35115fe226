package lldp

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
)

func TestRecordedSystems(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/pcap/*.pcap")
	for _, name := range files {
		for _, frame := range readPcap(f, name) {
			f.Add(frame)
		}
	}
	for _, tlv := range rare {
		f.Add(frame(tlv))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		a, err := Decode(frame)
		if err != nil {
			return
		}
		if a.ChassisID == "" && a.Protocol() == "cdp" {
			t.Error("a CDP frame without device id was taken")
		}
		if _, _, err := discovery.Canonical(a); err != nil {
			t.Errorf("what was decoded is no document: %v", err)
		}
	})
}

// lldpd are the frames that a real lldpd sent, with every TLV it can send.
func lldpd(t *testing.T) (lldp, cdp []byte) {
	frames := readPcap(t, "testdata/pcap/lldpd.pcap")
	return frames[0], frames[1]
}

func TestFieldsThatTsharkDoesNotShow(t *testing.T) {
	frame, _ := lldpd(t)
	a, err := Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	if *a.Dot1.Digest != 0x1234 || *a.Dot1.ManagementVLAN != 99 {
		t.Errorf("digest %x, management VLAN %d; 1234 and 99 were sent", *a.Dot1.Digest, *a.Dot1.ManagementVLAN)
	}
	l := a.MED.Location
	for text, want := range map[string]float64{l.Latitude: 48.85667, l.Longitude: 2.2014, l.Altitude: 117.47} {
		if got, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(got-want) > 0.002 {
			t.Errorf("location %s; %v was configured", text, want)
		}
	}
}

func TestEveryTruncationOfAFrameIsAnErrorOrFewerFieldsAndNeverAPanic(t *testing.T) {
	lldp, cdp := lldpd(t)
	for _, frame := range [][]byte{lldp, cdp} {
		for n := range frame {
			if a, err := Decode(frame[:n]); err == nil && len(a.Problems) == 0 && len(frame)-n > 64 {
				t.Errorf("%d of %d bytes are taken for a whole frame", n, len(frame))
			}
		}
	}
}

func TestForeignFramesAreNeither(t *testing.T) {
	for _, frame := range []string{
		"",
		"short",
		"\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06arp",
		"\x01\x80\xc2\x00\x00\x00\x02\x00\x00\x00\x00\x01\x00\x26\x42\x42\x03spanning tree",
		strings.Repeat("x", 2000),
	} {
		if _, err := Decode([]byte(frame)); err == nil {
			t.Errorf("%.20q was decoded", frame)
		}
	}
}

// on returns a live host with one interface that heard the frames.
func on(listening time.Duration, frames ...discovery.Frame) discovery.Host {
	return discoverytest.NewHost(nil, discoverytest.Host{
		Links: []discovery.Link{
			{Index: 1, Name: "lo", Kind: "loopback", Loopback: true, Up: true, Carrier: true},
			{Index: 2, Name: "eth0", Kind: "device", MAC: "52:54:00:12:34:0a", Up: true, Carrier: true},
			{Index: 3, Name: "eth1", Kind: "device", MAC: "52:54:00:12:34:0c", Up: true, Carrier: true},
			{Index: 4, Name: "eth2", Kind: "device", MAC: "52:54:00:12:34:0d", Up: true},
		},
		Frames: frames, Listening: listening,
	})
}

func look(t *testing.T, collect func(discovery.Host) (any, error), h discovery.Host) *Document {
	t.Helper()
	got, err := collect(h)
	if err != nil {
		t.Fatal(err)
	}
	return got.(*Document)
}

func newCollect(t *testing.T) func(discovery.Host) (any, error) {
	collect := Type.Collector()
	return func(h discovery.Host) (any, error) { return collect(t.Context(), h) }
}

func TestLLDPAndCDPOfOnePortAreOneNeighborAndOnePort(t *testing.T) {
	lldp, cdp := lldpd(t)
	d := look(t, newCollect(t), on(time.Hour, discovery.Frame{Link: "eth0", Data: lldp}, discovery.Frame{Link: "eth0", Data: cdp}))
	if len(d.Neighbors) != 1 || d.Neighbors[0].LLDP == nil || d.Neighbors[0].CDP == nil {
		t.Fatalf("neighbors %+v", d.Neighbors)
	}
	doc, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	at, err := Attachments(doc)
	want := []Attachment{{NIC: "eth0", Switch: "sw-52:54:00:12:34:0b", Name: "sw1.example", Port: "Gi1/0/1", PortText: "h01 uplink rack 7",
		Kind: "switch", Via: "lldp and cdp", Management: []string{"10.77.0.11", "fd77::11"}}}
	if err != nil || !reflect.DeepEqual(at, want) {
		t.Errorf("attached %+v, %v\nwant %+v", at, err, want)
	}
	change, err := toGraph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
	if err != nil {
		t.Fatal(err)
	}
	ports := slices.DeleteFunc(change.Nodes, func(n graph.Node) bool { return n.Key.Label != graph.SwitchPort })
	if len(ports) != 1 {
		t.Errorf("%d ports", len(ports))
	}
}

func TestWhatASwitchPromisedHoldsAsLongAsItPromised(t *testing.T) {
	lldp, _ := lldpd(t) // promises 4 seconds
	collect := newCollect(t)
	for _, c := range []struct {
		age       time.Duration
		neighbors int
		silent    bool
	}{
		{0, 1, false}, {4 * time.Second, 1, false}, {4*time.Second + 1, 0, false}, {8*time.Second + 1, 0, true},
	} {
		d := look(t, collect, on(time.Hour, discovery.Frame{Link: "eth0", Data: lldp, Age: c.age}))
		if len(d.Neighbors) != c.neighbors || (len(d.Silent) == 1) != c.silent {
			t.Errorf("after %v: %d neighbors, silent %v", c.age, len(d.Neighbors), d.Silent)
		}
	}
}

func TestASwitchThatTakesLeaveIsGoneAtOnceAndNotSilent(t *testing.T) {
	lldp, _ := lldpd(t)
	leave := slices.Clone(lldp)
	i := strings.Index(string(leave), "\x06\x02\x00\x04") // time to live: 4
	leave[i+3] = 0
	d := look(t, newCollect(t), on(time.Hour, discovery.Frame{Link: "eth0", Data: leave, Age: time.Minute}))
	if len(d.Neighbors) != 0 || len(d.Silent) != 0 {
		t.Errorf("neighbors %v, silent %v", d.Neighbors, d.Silent)
	}
}

func TestANewListenerSaysNothingBeforeEverySwitchHadItsTurn(t *testing.T) {
	lldp, _ := lldpd(t)
	collect := newCollect(t)
	one := discovery.Frame{Link: "eth0", Data: lldp}
	two := discovery.Frame{Link: "eth1", Data: lldp}
	for _, early := range []discovery.Host{on(time.Second), on(time.Second, one)} {
		if _, err := collect(early); !errors.Is(err, discovery.ErrNotYet) {
			t.Errorf("too early, and %v", err)
		}
	}
	if d := look(t, collect, on(time.Second, one, two)); len(d.Neighbors) != 2 {
		t.Errorf("all heard, and %d neighbors", len(d.Neighbors))
	}
	if d := look(t, collect, on(settle, one)); len(d.Neighbors) != 1 {
		t.Errorf("waited, and %d neighbors", len(d.Neighbors))
	}
}

func TestASwitchHeardByCDPIsGivenTimeToSayItByLLDP(t *testing.T) {
	lldp, cdp := lldpd(t)
	collect := newCollect(t)
	byCDP := discovery.Frame{Link: "eth0", Data: cdp} // promises 4 seconds
	byLLDP := discovery.Frame{Link: "eth0", Data: lldp}
	if _, err := collect(on(time.Hour, byCDP)); !errors.Is(err, discovery.ErrNotYet) {
		t.Errorf("CDP alone, just heard: %v", err)
	}
	if d := look(t, collect, on(time.Hour+4*time.Second, byCDP)); len(d.Neighbors) != 1 || d.Neighbors[0].CDP == nil {
		t.Errorf("CDP alone for long: %+v", d.Neighbors)
	}
	// Another cable: what was said before is over, the new switch is not known yet.
	if d := look(t, collect, on(2*time.Hour)); len(d.Neighbors) != 0 {
		t.Errorf("nothing heard: %+v", d.Neighbors)
	}
	if d := look(t, collect, on(2*time.Hour+time.Second, byCDP)); len(d.Neighbors) != 0 {
		t.Errorf("CDP alone on a new cable: %+v", d.Neighbors)
	}
	if d := look(t, collect, on(2*time.Hour+2*time.Second, byCDP, byLLDP)); len(d.Neighbors) != 1 || d.Neighbors[0].LLDP == nil || d.Neighbors[0].CDP == nil {
		t.Errorf("both: %+v", d.Neighbors)
	}
}

func TestASwitchThatSpeaksCDPHereAndLLDPThereIsOne(t *testing.T) {
	lldp, cdp := lldpd(t)
	a, errA := Decode(lldp)
	b, errB := Decode(cdp)
	doc, errC := json.Marshal(Document{Neighbors: []Neighbor{{Link: "eth0", LLDP: a}, {Link: "eth1", CDP: b}}})
	at, errD := Attachments(doc)
	if err := errors.Join(errA, errB, errC, errD); err != nil || len(at) != 2 {
		t.Fatalf("%v, attached %+v", err, at)
	}
	if at[0].Switch != at[1].Switch || at[1].Via != "cdp" || at[1].Port != "h01 uplink rack 7" {
		t.Errorf("attached %+v", at)
	}
	change, err := toGraph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
	if err != nil {
		t.Fatal(err)
	}
	switches := slices.DeleteFunc(change.Nodes, func(n graph.Node) bool { return n.Key.Label != graph.System })
	if len(switches) != 1 {
		t.Errorf("%d switches", len(switches))
	}
}

func TestTheSameWordsInOtherBytesAreNoNews(t *testing.T) {
	lldp, _ := lldpd(t)
	padded := append(slices.Clone(lldp), 0, 0, 0, 0)
	collect := newCollect(t)
	a, _, _ := discovery.Canonical(look(t, collect, on(time.Hour, discovery.Frame{Link: "eth0", Data: lldp})))
	b, _, _ := discovery.Canonical(look(t, collect, on(time.Hour, discovery.Frame{Link: "eth0", Data: padded, Age: time.Second})))
	if string(a) != string(b) {
		t.Error("padding made a new document")
	}
}

func TestAnInterfaceWithoutCarrierHasNoNeighbor(t *testing.T) {
	lldp, _ := lldpd(t)
	if d := look(t, newCollect(t), on(time.Hour, discovery.Frame{Link: "eth2", Data: lldp})); len(d.Neighbors) != 0 {
		t.Errorf("neighbors %v", d.Neighbors)
	}
}
