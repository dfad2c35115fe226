package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// twoSwitches is the smallest lab with everything in it.
const twoSwitches = `
switch sw1 vlan 100
switch sw2 both vlan 300
trunk sw1 sw2
cma cma sw1
system h01 sw1
system h02 sw2/7
system h03 sw1/9 sw2/9
`

func parsed(t *testing.T, text string) Plan {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hears waits for the next LLDP frame on a card and returns what it says.
func hears(t *testing.T, l *Lab, system, nic string) spoken {
	t.Helper()
	c, err := l.Capture(system, nic)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	var said spoken
	if err := Until(within(t, 8*time.Second), system+" hears LLDP on "+nic, func() error {
		for _, f := range c.Frames() {
			if p := f.Packet(); p.Type == TypeLLDP && !f.Out {
				said = lldp(p.Payload)
				return nil
			}
		}
		return fmt.Errorf("it heard %v", c.Frames())
	}); err != nil {
		t.Fatal(err)
	}
	return said
}

// spoken is what these tests look for in an LLDP frame.
type spoken struct {
	system, port, description, vlan string
	management                      netip.Addr
	ttl                             uint16
}

// lldp reads the TLVs of IEEE 802.1AB: 7 bits of type, 9 bits of length.
func lldp(b []byte) (s spoken) {
	for len(b) >= 2 {
		head := binary.BigEndian.Uint16(b)
		kind, n := head>>9, int(head&511)
		if len(b) < 2+n {
			return s
		}
		v := b[2 : 2+n]
		b = b[2+n:]
		switch {
		case kind == 2 && n > 1:
			s.port = string(v[1:])
		case kind == 3 && n == 2:
			s.ttl = binary.BigEndian.Uint16(v)
		case kind == 4:
			s.description = string(v)
		case kind == 5:
			s.system = string(v)
		case kind == 8 && n > 6 && v[0] == 5 && v[1] == 1:
			s.management = netip.AddrFrom4([4]byte(v[2:6]))
		case kind == 127 && n == 6 && bytes.Equal(v[:4], []byte{0, 0x80, 0xc2, 1}):
			s.vlan = fmt.Sprint(binary.BigEndian.Uint16(v[4:]))
		}
	}
	return s
}

func TestEverySystemHearsExactlyItsOwnPort(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	for _, name := range l.Systems() {
		for _, n := range l.NICs(name) {
			want := spoken{
				system: n.Switch + ".lab", port: PortID(n.Port), description: PortDescription(name, n.Name),
				vlan: map[string]string{"sw1": "100", "sw2": "300"}[n.Switch], management: l.SwitchAddr(n.Switch), ttl: 4,
			}
			if got := hears(t, l, name, n.Name); got != want {
				t.Errorf("%s %s hears %+v, want %+v", name, n.Name, got, want)
			}
		}
	}
}

func TestASwitchSpeaksCDPWhenAsked(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, "switch sw1 both\nswitch sw2 cdp\nswitch sw3 mute\ntrunk sw1 sw3\nsystem h01 sw1/5 sw2/6 sw3/7\n"))
	captures := map[string]*Capture{}
	for _, n := range l.NICs("h01") {
		c, err := l.Capture("h01", n.Name)
		if err != nil {
			t.Fatal(err)
		}
		captures[n.Name] = c
	}
	heard := func(nic string) (lldp, cdp bool) {
		for _, f := range captures[nic].Frames() {
			if f.Out {
				continue
			}
			p := f.Packet()
			lldp = lldp || p.Type == TypeLLDP
			cdp = cdp || p.Dst.String() == "01:00:0c:cc:cc:cc" && bytes.Contains(p.Payload, []byte("sw")) && bytes.Contains(p.Payload, []byte("h01 "+nic))
		}
		return lldp, cdp
	}
	if err := Until(within(t, 8*time.Second), "the switches have spoken", func() error {
		lldp0, cdp0 := heard("eth0")
		_, cdp1 := heard("eth1")
		if lldp0 && cdp0 && cdp1 {
			return nil
		}
		return fmt.Errorf("sw1 LLDP %v, CDP %v; sw2 CDP %v", lldp0, cdp0, cdp1)
	}); err != nil {
		t.Fatal(err)
	}
	if lldp, _ := heard("eth1"); lldp {
		t.Error("a switch that speaks CDP alone speaks LLDP")
	}
	if lldp, cdp := heard("eth2"); lldp || cdp {
		t.Error("a mute switch speaks")
	}
	for _, f := range captures["eth2"].Stop() {
		if f.Packet().Dst.String() == "01:00:0c:cc:cc:cc" {
			t.Errorf("a switch lets CDP of another one through: %v", f)
		}
	}
}

// lost pings quickly and returns how many of n pings had no answer.
func lost(t *testing.T, l *Lab, from, to string, n int) int {
	t.Helper()
	out, _ := l.Run(within(t, 30*time.Second), from, "ping", "-q", "-i", "0.002", "-c", fmt.Sprint(n), "-W", "1", l.Addr(to).String())
	var sent, got int
	for line := range strings.Lines(string(out)) {
		fmt.Sscanf(line, "%d packets transmitted, %d received", &sent, &got)
	}
	if sent != n {
		t.Fatalf("ping sent %d of %d:\n%s", sent, n, out)
	}
	return n - got
}

// reaches tells whether a ping is answered, trying until it is as wanted.
func reaches(t *testing.T, l *Lab, from, to string, want bool) {
	t.Helper()
	if err := Until(within(t, 8*time.Second), fmt.Sprintf("%s reaches %s: %v", from, to, want), func() error {
		_, err := l.Run(within(t, 5*time.Second), from, "ping", "-q", "-c", "1", "-W", "0.3", l.Addr(to).String())
		if (err == nil) != want {
			return fmt.Errorf("%v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestACutCableLosesItsCarrierAndAMendedOneGetsItBack(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	carrier := func() string {
		out, _ := l.Run(within(t, 5*time.Second), "h01", "cat", "/sys/class/net/eth0/carrier")
		return strings.TrimSpace(string(out))
	}
	reaches(t, l, "h01", "h02", true)
	must(t, l.CutCable("h01", "eth0"))
	if got := carrier(); got != "0" {
		t.Errorf("carrier of a cut cable is %q", got)
	}
	reaches(t, l, "h01", "h02", false)
	must(t, l.MendCable("h01", "eth0"))
	reaches(t, l, "h01", "h02", true)
	if got := carrier(); got != "1" {
		t.Errorf("carrier of a mended cable is %q", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAMovedCableHearsItsNewPort(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	if got := hears(t, l, "h01", "eth0"); got.system != "sw1.lab" {
		t.Fatalf("h01 begins at %+v", got)
	}
	must(t, l.MoveCable("h01", "eth0", "sw2", 12))
	var got spoken
	if err := Until(within(t, 8*time.Second), "h01 hears its new port described", func() error {
		got = hears(t, l, "h01", "eth0")
		if got.description != "h01 eth0" {
			return fmt.Errorf("it hears %+v", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got.system != "sw2.lab" || got.port != "Gi1/0/12" || got.vlan != "300" {
		t.Errorf("after the move h01 hears %+v", got)
	}
	reaches(t, l, "h01", "cma", true)
	if err := l.MoveCable("h01", "eth0", "sw2", 7); err == nil || !strings.Contains(err.Error(), "taken by h02") {
		t.Errorf("a move to a taken port: %v", err)
	}
}

func TestARemovedSystemIsSilentAtOnceAndANewOneTakesItsPlace(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	reaches(t, l, "cma", "h02", true)
	p, err := l.Start("h02", "sleep", "1000")
	must(t, err)
	must(t, l.RemoveSystem("h02"))
	if _, err := p.Wait(within(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	if slices.Contains(l.Systems(), "h02") {
		t.Error("a removed system is still listed")
	}
	if _, err := l.Start("h02", "true"); err == nil {
		t.Error("a program starts in a removed system")
	}
	reaches(t, l, "cma", "h02", false)
	before := l.Addr("h02")
	must(t, l.AddSystem(System{Name: "h02", Cables: []Cable{{Switch: "sw1"}}}))
	if l.Addr("h02") != before {
		t.Errorf("it comes back as %v, was %v", l.Addr("h02"), before)
	}
	reaches(t, l, "cma", "h02", true)
	if got := hears(t, l, "h02", "eth0"); got.system != "sw1.lab" {
		t.Errorf("it hears %+v", got)
	}
}

func TestDroppedPacketsAreAsManyAsAskedAndTheSenderIsNotTold(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	reaches(t, l, "h01", "h02", true)
	must(t, l.Drop("h01", 20))
	const pings = 1000
	// 1-(0.8)² = 36 % of the pings; five standard deviations are 7.6 %.
	if n := lost(t, l, "h01", "h02", pings); n < 284 || n > 436 {
		t.Errorf("with 20 %% each way %d of %d pings were lost, want about 360", n, pings)
	}
	if n := lost(t, l, "cma", "h02", 200); n > 2 {
		t.Errorf("others lost %d of 200 pings", n)
	}
	must(t, l.Drop("h01", 100))
	reaches(t, l, "h01", "h02", false)
	if got := hears(t, l, "h01", "eth0"); got.system != "sw1.lab" {
		t.Errorf("a lossy cable still brings LLDP, got %+v", got)
	}
	must(t, l.Heal())
	if n := lost(t, l, "h01", "h02", 200); n > 2 {
		t.Errorf("after healing %d of 200 pings were lost", n)
	}
}

func TestAPartitionSplitsExactlyItsGroupsAndHeals(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	must(t, l.Partition([]string{"cma", "h02"}, []string{"h01"}))
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"cma", "h02", true},  // the same group, across the trunk
		{"cma", "h01", false}, // on the same switch
		{"h01", "h02", false}, // across the trunk
		{"h03", "cma", true},  // in no group
		{"h03", "h01", true},
	} {
		reaches(t, l, c.from, c.to, c.want)
	}
	must(t, l.Heal())
	reaches(t, l, "cma", "h01", true)
	reaches(t, l, "h01", "h02", true)
}

func TestASwitchFallsSilentInEveryWayAndWakesUp(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	ctx := within(t, 40*time.Second)
	hears(t, l, "h01", "eth0")

	c, err := l.Capture("h01", "eth0")
	must(t, err)
	must(t, l.SilenceSwitch(ctx, "sw1", StopSpeaking))
	if said := lastLLDP(c.Stop()); said.ttl != 0 || said.port == "" {
		t.Errorf("an orderly end is told with a time to live of 0; the last words were %+v", said)
	}
	reaches(t, l, "h01", "h02", true)
	must(t, l.WakeSwitch("sw1"))

	hears(t, l, "h01", "eth0")
	c, err = l.Capture("h01", "eth0")
	must(t, err)
	must(t, l.SilenceSwitch(ctx, "sw1", KillSpeaking))
	if said := lastLLDP(c.Stop()); said.port != "" && said.ttl == 0 {
		t.Errorf("a killed lldpd says goodbye: %+v", said)
	}
	must(t, l.WakeSwitch("sw1"))
	hears(t, l, "h01", "eth0")

	must(t, l.SilenceSwitch(ctx, "sw1", BridgeDown))
	reaches(t, l, "h01", "cma", false)
	if got := hears(t, l, "h01", "eth0"); got.system != "sw1.lab" {
		t.Errorf("got %+v", got)
	}
	must(t, l.WakeSwitch("sw1"))
	reaches(t, l, "h01", "cma", true)

	must(t, l.CutCable("cma", "eth0"))
	must(t, l.SilenceSwitch(ctx, "sw1", PortsDown))
	out, _ := l.Run(ctx, "h01", "cat", "/sys/class/net/eth0/carrier")
	if string(out) != "0\n" {
		t.Errorf("the carrier of a dead switch's port is %q", out)
	}
	must(t, l.WakeSwitch("sw1"))
	reaches(t, l, "h01", "h02", true)
	reaches(t, l, "h01", "cma", false) // its cable is still cut
}

func lastLLDP(frames []Frame) (said spoken) {
	for _, f := range frames {
		if p := f.Packet(); p.Type == TypeLLDP && !f.Out {
			said = lldp(p.Payload)
		}
	}
	return said
}

func TestACutTrunkSplitsTheSwitchesAndMends(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	must(t, l.CutTrunk("sw1", "sw2"))
	reaches(t, l, "h01", "h02", false)
	reaches(t, l, "h01", "cma", true)
	must(t, l.MendTrunk("sw2", "sw1"))
	reaches(t, l, "h01", "h02", true)
}

// The second card takes over when the first has lost its carrier.
func TestADualHomedSystemIsReachedByItsSecondCardThroughTheRouter(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, "switch sw0\nswitch sw1\ntrunk sw0 sw1\nrouter r1 sw0 sw0\nsystem h01 sw0\nsystem h02 sw0 sw1\n"))
	second := l.NICs("h02")[1].Addr.Addr().String()
	ping := func(from, to string) error {
		_, err := l.Run(within(t, 5*time.Second), from, "ping", "-q", "-c", "1", "-W", "0.5", to)
		return err
	}
	for _, cut := range []bool{false, true} {
		if cut {
			must(t, l.CutCable("h02", "eth0"))
		}
		for _, way := range [][2]string{{"h01", second}, {"h02", l.Addr("h01").String()}} {
			must(t, Until(within(t, 8*time.Second), fmt.Sprintf("%s reaches %s, first cable cut: %v", way[0], way[1], cut),
				func() error { return ping(way[0], way[1]) }))
		}
	}
}

func TestARouterJoinsSubnets(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, "switch sw1\nswitch sw2 subnet 1\nrouter r1 sw1 sw2\nsystem h01 sw1\nsystem h02 sw2\n"))
	if a, b := l.Addr("h01"), l.Addr("h02"); subnet4(0).Contains(b) || !subnet4(0).Contains(a) || !subnet4(1).Contains(b) {
		t.Errorf("h01 is %v, h02 is %v", a, b)
	}
	reaches(t, l, "h01", "h02", true)
	if out, err := l.Run(within(t, 5*time.Second), "h01", "ping", "-c", "1", "-W", "2", l.Addr6("h02").String()); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	must(t, l.Partition([]string{"h01"}, []string{"h02"}))
	reaches(t, l, "h01", "h02", false)
}

func TestRealServicesAnswer(t *testing.T) {
	t.Parallel()
	l := ForTest(t, parsed(t, twoSwitches))
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is not here; run make setup-test")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not here; run make setup-test")
	}
	web, err := l.Nginx("h01", 80)
	must(t, err)
	db, err := l.Redis("h02", 6379)
	must(t, err)
	talk := func(addr, say string) string {
		out, err := l.Run(within(t, 5*time.Second), "h03", "bash", "-c",
			fmt.Sprintf(`exec 3<>/dev/tcp/%s; printf '%s' >&3; timeout 2 cat <&3`, addr, say))
		if err != nil && len(out) == 0 {
			t.Error(err)
		}
		return string(out)
	}
	if got := talk(l.Addr("h01").String()+"/80", `GET / HTTP/1.0\r\n\r\n`); !strings.HasSuffix(got, "\r\n\r\nh01\n") {
		t.Errorf("nginx says %q", got)
	}
	if got := talk(l.Addr("h02").String()+"/6379", `PING\r\nQUIT\r\n`); !strings.HasPrefix(got, "+PONG\r\n") {
		t.Errorf("redis says %q", got)
	}
	for _, p := range []*Process{web, db} {
		if _, err := p.Stop(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

func TestCapturedFramesReadBackWithTcpdump(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not here; run make setup-test")
	}
	l := ForTest(t, parsed(t, twoSwitches))
	c, err := l.Capture("h01", "eth0")
	must(t, err)
	reaches(t, l, "h01", "h02", true)
	frames := c.Stop()
	file := filepath.Join(t.TempDir(), "x.pcap")
	f, err := os.Create(file)
	must(t, err)
	must(t, WritePcap(f, frames))
	must(t, f.Close())
	out, err := exec.Command("tcpdump", "-nr", file, "icmp").CombinedOutput()
	if err != nil || !strings.Contains(string(out), l.Addr("h01").String()+" > "+l.Addr("h02").String()+": ICMP echo request") {
		t.Errorf("tcpdump says (%v):\n%s", err, out)
	}
	var sent, heard int
	for _, f := range frames {
		if p := f.Packet(); p.IP && p.Proto == 1 {
			if f.Out {
				sent++
			} else {
				heard++
			}
		}
	}
	if sent == 0 || sent != heard {
		t.Errorf("%d pings sent, %d answers heard:\n%v", sent, heard, frames)
	}
}
