package netio

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func listen(t *testing.T, opt Options) *UDP {
	t.Helper()
	u, err := Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

// receive waits for n packets, for a generous while.
func receive(t *testing.T, u *UDP, n int) []Packet {
	t.Helper()
	done := time.AfterFunc(10*time.Second, func() { _ = u.Close() })
	defer done.Stop()
	var out []Packet
	packets := make([]Packet, Batch)
	for len(out) < n {
		got, err := u.Read(packets)
		if err != nil {
			t.Fatalf("after %d of %d packets: %v", len(out), n, err)
		}
		for _, p := range packets[:got] {
			p.Data = bytes.Clone(p.Data)
			out = append(out, p)
		}
	}
	return out
}

func TestOneSocketServesBothFamiliesAndTellsWhereToAPacketWasSent(t *testing.T) {
	u := listen(t, Options{})
	for _, c := range []struct{ from, to string }{
		{"127.0.0.1", "127.0.0.1"},
		{"127.9.8.7", "127.1.2.3"},
		{"::1", "::1"},
	} {
		from, to := netip.MustParseAddr(c.from), netip.MustParseAddr(c.to)
		if from.Is6() && !hasLoopback6() {
			t.Log("this host has no ::1; IPv6 is not shown")
			continue
		}
		peer := listen(t, Options{Bind: from})
		if err := peer.Write(Packet{Data: []byte("ask"), Peer: netip.AddrPortFrom(to, u.Port())}); err != nil {
			t.Fatal(err)
		}
		p := receive(t, u, 1)[0]
		if string(p.Data) != "ask" || p.Peer != netip.AddrPortFrom(from, peer.Port()) || p.Local != to || p.Interface == 0 {
			t.Errorf("%s to %s: got %q from %s to %s by interface %d", from, to, p.Data, p.Peer, p.Local, p.Interface)
		}
		// The answer leaves from the address that was asked.
		if err := u.Write(Packet{Data: []byte("answer"), Peer: p.Peer, Local: p.Local}); err != nil {
			t.Fatal(err)
		}
		if p := receive(t, peer, 1)[0]; string(p.Data) != "answer" || p.Peer != netip.AddrPortFrom(to, u.Port()) {
			t.Errorf("%s to %s: answered %q from %s", from, to, p.Data, p.Peer)
		}
	}
}

func hasLoopback6() bool {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func TestOneSocketStandsInForManyAddresses(t *testing.T) {
	cma := listen(t, Options{Bind: netip.MustParseAddr("127.0.0.1")})
	crowd := listen(t, Options{})
	for i := range 200 {
		from := netip.AddrFrom4([4]byte{127, 3, byte(i), 9})
		if err := crowd.Write(Packet{Data: []byte{byte(i)}, Peer: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), cma.Port()), Local: from}); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range receive(t, cma, 200) {
		if want := netip.AddrFrom4([4]byte{127, 3, byte(i), 9}); p.Peer.Addr() != want || p.Data[0] != byte(i) {
			t.Fatalf("packet %d comes from %s", i, p.Peer)
		}
	}
}

func TestStormIsReadInBatches(t *testing.T) {
	u := listen(t, Options{ReadBuffer: 1 << 20})
	peer := listen(t, Options{})
	const n = 500
	for i := range n {
		if err := peer.Write(Packet{Data: []byte{byte(i)}, Peer: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), u.Port())}); err != nil {
			t.Fatal(err)
		}
	}
	reads, got := 0, 0
	packets := make([]Packet, Batch)
	for got < n {
		k, err := u.Read(packets)
		if err != nil {
			t.Fatal(err)
		}
		got, reads = got+k, reads+1
	}
	if reads > 2*n/Batch {
		t.Fatalf("%d reads for %d packets", reads, n)
	}
}

func TestDeadProcessOnALivingHostIsHeardByItsPort(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		if addr == "::1" && !hasLoopback6() {
			t.Log("this host has no ::1; IPv6 is not shown")
			continue
		}
		gone := listen(t, Options{Bind: netip.MustParseAddr(addr)})
		dead := netip.AddrPortFrom(netip.MustParseAddr(addr), gone.Port())
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		u := listen(t, Options{Errors: true})
		if err := u.Write(Packet{Data: []byte("tick"), Peer: dead}); err != nil {
			t.Fatal(err)
		}
		done := time.AfterFunc(10*time.Second, func() { _ = u.Close() })
		var heard []Unreachable
		packets := make([]Packet, 1)
		for len(heard) == 0 {
			if _, err := u.Read(packets); err != nil {
				t.Fatalf("%s: %v", addr, err)
			}
			var err error
			if heard, err = u.Unreachables(heard); err != nil {
				t.Fatal(err)
			}
		}
		done.Stop()
		if len(heard) != 1 || heard[0].Peer != dead || !heard[0].Port {
			t.Errorf("heard %+v, want %s by port", heard, dead)
		}
		// The socket goes on working, to the others and from them.
		friend := listen(t, Options{Bind: netip.MustParseAddr(addr)})
		to := netip.AddrPortFrom(netip.MustParseAddr(addr), friend.Port())
		_ = u.Write(Packet{Data: []byte("tick"), Peer: dead})
		if err := u.Write(Packet{Data: []byte("hello"), Peer: to}); err != nil {
			t.Errorf("%s: after the news: %v", addr, err)
		}
		if p := receive(t, friend, 1)[0]; string(p.Data) != "hello" {
			t.Errorf("%s: got %q", addr, p.Data)
		}
	}
}

func TestCloseEndsARead(t *testing.T) {
	u := listen(t, Options{})
	read := make(chan error)
	go func() {
		_, err := u.Read(make([]Packet, 1))
		read <- err
	}()
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}

func TestPortInUseSaysWhatToDo(t *testing.T) {
	u := listen(t, Options{})
	_, err := Listen(Options{Port: int(u.Port())})
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("-listen")) {
		t.Fatalf("got %v", err)
	}
}

func TestOversizedDatagramIsCutAndDoesNotBreakTheNext(t *testing.T) {
	u := listen(t, Options{})
	peer := listen(t, Options{})
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), u.Port())
	for _, data := range [][]byte{make([]byte, 40_000), nil, []byte("ok")} {
		if err := peer.Write(Packet{Data: data, Peer: to}); err != nil {
			t.Fatal(err)
		}
	}
	got := receive(t, u, 3)
	if len(got[0].Data) != MaxDatagram || len(got[1].Data) != 0 || string(got[2].Data) != "ok" {
		t.Fatalf("got %d, %d bytes and %q", len(got[0].Data), len(got[1].Data), got[2].Data)
	}
}

func BenchmarkUDPRoundTrip(b *testing.B) {
	one, err := Listen(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = one.Close() }()
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), one.Port())
	packets := make([]Packet, Batch)
	data := make([]byte, 56)
	b.ReportAllocs()
	for b.Loop() {
		if err := one.Write(Packet{Data: data, Peer: to, Local: netip.MustParseAddr("127.0.0.2")}); err != nil {
			b.Fatal(err)
		}
		if _, err := one.Read(packets); err != nil {
			b.Fatal(err)
		}
	}
}
