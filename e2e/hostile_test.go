package e2e

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"assim/e2e/lab"
	"assim/event"

	"golang.org/x/sys/unix"
)

// mangle makes bad datagrams out of good ones: cut, longer, with flipped bits,
// replayed as they were; and some that never were good.
func mangle(rng *rand.Rand, good [][]byte) (bad [][]byte) {
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for _, g := range good {
		bad = append(bad, g, append(slices.Clone(g), noise(1+rng.IntN(64))...))
		for range 8 {
			flipped := slices.Clone(g)
			flipped[rng.IntN(len(g))] ^= 1 << rng.IntN(8)
			bad = append(bad, flipped, g[:rng.IntN(len(g))])
		}
	}
	for first := range 256 {
		b := noise(1 + rng.IntN(1400))
		b[0] = byte(first)
		bad = append(bad, b)
	}
	return append(bad, nil, noise(8000), noise(60000))
}

// overheard are the datagrams that pass the card of a system in two seconds.
func (w *world) overheard(system string) (good [][]byte) {
	w.t.Helper()
	c, err := w.Capture(system, "eth0")
	if err != nil {
		w.t.Fatal(err)
	}
	wait(w.t, 2*time.Second)
	for _, f := range c.Stop() {
		if p := f.Packet(); p.IP && p.Proto == unix.IPPROTO_UDP && len(p.Payload) > 0 && len(good) < 64 {
			good = append(good, p.Payload)
		}
	}
	if len(good) == 0 {
		w.t.Fatal("nothing was overheard that could be mangled")
	}
	return good
}

// shout sends datagrams from a system that is no member.
func (w *world) shout(from string, to netip.AddrPort, list [][]byte) {
	w.t.Helper()
	var socket *net.UDPConn
	if err := w.Inside(from, func() (err error) {
		socket, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	defer socket.Close()
	for i, b := range list {
		if _, err := socket.WriteToUDPAddrPort(b, to); err != nil {
			w.t.Fatalf("datagram %d of %d bytes: %v", i, len(b), err)
		}
	}
}

// babble connects by TCP and says what no client would.
func (w *world) babble(from string, to netip.AddrPort) (open []net.Conn) {
	w.t.Helper()
	words := [][]byte{
		nil,
		[]byte("GET / HTTP/1.1\r\nHost: cma\r\n\r\n"),
		{0x16, 3, 1, 0xff, 0xff},                                    // a TLS record that never comes
		append([]byte{0x16, 3, 1, 0x40, 0}, make([]byte, 1<<16)...), // one that is too long
	}
	for i := range 40 {
		if err := w.Inside(from, func() error {
			c, err := net.DialTimeout("tcp4", to.String(), 5*time.Second)
			if err == nil {
				open = append(open, c)
			}
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		// A server may well hang up before all is said.
		_, _ = open[i].Write(words[i%len(words)])
	}
	return open
}

// emit sends frames to a system out of its switch's port.
func (w *world) emit(n lab.NIC, frames [][]byte) {
	w.t.Helper()
	fd := -1
	err := w.Inside(n.Switch, func() error {
		port, err := net.InterfaceByName(lab.PortName(n.Port))
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: port.Index})
	})
	if fd >= 0 {
		defer unix.Close(fd)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range frames {
		if _, err := unix.Write(fd, f); err != nil && !errors.Is(err, unix.ENOBUFS) {
			w.t.Fatal(err)
		}
	}
}

// badFrames look like LLDP or CDP at their beginning.
func badFrames(rng *rand.Rand) (frames [][]byte) {
	lldp := []byte{0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0xa5, 0x5a, 9, 9, 9, 0x88, 0xcc}
	cdp := []byte{0x01, 0, 0x0c, 0xcc, 0xcc, 0xcc, 2, 0xa5, 0x5a, 9, 9, 9, 0, 200, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0}
	for range 100 {
		for _, head := range [][]byte{lldp, cdp} {
			f := slices.Clone(head)
			for range rng.IntN(300) {
				f = append(f, byte(rng.Uint32()))
			}
			frames = append(frames, f)
		}
	}
	return frames
}

func TestNonsenseFromTheNetworkIsCountedAndDisturbsNobody(t *testing.T) {
	t.Parallel()
	w := build(t, rack+"system evil sw1\n")
	for _, name := range []string{"cma", "h01", "h02", "h03", "h04"} {
		if _, err := w.StartProbe(within(t, patience), name); err != nil {
			t.Fatal(err)
		}
	}
	members := []string{"cma", "h01", "h02", "h03", "h04"}
	up := func() {
		t.Helper()
		w.until("all members are up", func() error { return w.status("up", members...) })
	}
	up()
	w.calm()
	const cable = `MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(:NIC)<-[:HAS_NIC]-(s:System {name: 'h01'}) RETURN sw.name, p.port`
	port := [][]any{{"sw1.lab", lab.PortID(w.NICs("h01")[0].Port)}}
	w.wants("h01's cable is known", cable, port)

	rng := rand.New(rand.NewPCG(1, 2))
	bad := mangle(rng, slices.Concat(w.overheard("cma"), w.overheard("h01")))
	before, counted := w.events(), w.health().Counters
	for _, name := range members {
		w.shout("evil", netip.AddrPortFrom(w.Addr(name), 1984), bad)
	}
	for _, c := range w.babble("evil", netip.AddrPortFrom(w.Addr("cma"), 1984)) {
		defer c.Close()
	}
	w.emit(w.NICs("h01")[0], badFrames(rng))

	// Everything goes on, beside forty connections that say nothing more.
	if _, err := w.Redis("h01", 6379); err != nil {
		t.Fatal(err)
	}
	w.wants("redis is in the graph", redisPorts("h01"), [][]any{{float64(6379)}})
	wait(t, 8*time.Second) // what would look like a death would be told by now
	up()
	w.wants("h01's cable is where it was", cable, port)
	for _, p := range append([]*lab.Process{w.Installation.CMA}, w.Probe("cma"), w.Probe("h01"), w.Probe("h02"), w.Probe("h03"), w.Probe("h04")) {
		if !p.Running() {
			t.Errorf("%s has ended: %s", p.Args[0], p.Tail(5))
		}
	}
	var refused uint64
	now := w.health().Counters
	for _, name := range []string{"foreign datagrams", "malformed datagrams", "forged signals", "signals of strangers", "strangers ignored"} {
		t.Logf("%s: %d", name, now[name]-counted[name])
		refused += now[name] - counted[name]
	}
	if refused < uint64(len(bad))/2 {
		t.Errorf("of %d bad datagrams the CMA counted %d: %v", len(bad), refused, now)
	}
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead || e.Kind == event.NanoprobeStopped || e.Kind == event.Unresponsive {
			t.Errorf("told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
	if s := w.health(); len(s.SetAside) > 0 {
		t.Errorf("set aside: %v", s.SetAside)
	}
}
