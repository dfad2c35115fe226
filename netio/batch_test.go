package netio

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestABatchArrivesInOrderWithoutWhatCannotBeSent(t *testing.T) {
	from, err := Listen(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := Listen(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	home, source := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.AddrFrom4([4]byte{127, 0, 7, 7})
	var list []Packet
	for i := range 2*Batch + 3 {
		list = append(list, Packet{Data: fmt.Append(nil, i), Peer: netip.AddrPortFrom(home, to.Port()), Local: source})
	}
	list[5].Peer = netip.AddrPort{}     // nowhere
	list[70].Data = make([]byte, 1<<17) // longer than a datagram can be
	var out Outgoing
	if n := from.WriteBatch(&out, list); n != len(list)-2 {
		t.Errorf("%d of %d were sent, want all but two", n, len(list))
	}
	_ = to.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]Packet, Batch)
	for next := 0; next < len(list); {
		n, err := to.Read(got)
		if err != nil {
			t.Fatalf("after %d: %v", next, err)
		}
		for _, p := range got[:n] {
			for next == 5 || next == 70 {
				next++
			}
			if string(p.Data) != fmt.Sprint(next) || p.Peer.Addr() != source {
				t.Fatalf("got %q from %v, want %d from %v", p.Data, p.Peer, next, source)
			}
			next++
		}
	}
}
