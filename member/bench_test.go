package member

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"assim/wire"
)

// pair is two members of one ring who heartbeat with each other.
func pair(n int) (a, b *Member, start time.Time) {
	start = time.Unix(1, 0)
	cfg := &Config{Start: start}
	members := make([]wire.Member, n)
	for i := range members {
		members[i] = wire.Member{ID: idOf(i), Addr: addrOf(i, 0)}
	}
	var out Out
	ms := [2]*Member{}
	for i := range ms {
		ms[i] = New(idOf(i), 1, cfg, rand.New(rand.NewPCG(1, 1)))
		ms[i].SetDesired(start, &wire.Desired{Gen: 1, Timing: wire.DefaultTiming, Rings: []wire.RingView{
			{Ring: 1, Size: uint16(n), Self: uint16(i), Members: members},
		}}, &out)
	}
	return ms[0], ms[1], start
}

// exchange lets a heartbeat b, and b hear it, and the other way round.
func exchange(a, b *Member, now time.Time, out *Out) {
	for _, x := range [2][2]*Member{{a, b}, {b, a}} {
		out.Reset()
		x[0].Tick(now, out)
		for i := range out.Sends {
			if s := out.Sends[i]; s.To == x[1].id {
				var reply Out
				x[1].Heard(now, netip.AddrPort{}, &s.Tick, &reply)
				for _, r := range reply.Sends {
					x[0].Heard(now, netip.AddrPort{}, &r.Tick, &Out{})
				}
			}
		}
	}
}

func BenchmarkHeardHeartbeat(b *testing.B) {
	m, n, now := pair(48)
	var out Out
	for range 5 {
		now = now.Add(1200 * time.Millisecond)
		exchange(m, n, now, &out)
	}
	t := wire.Tick{Kind: wire.Heartbeat, Edge: wire.EdgeOf(m.id, n.id), Session: 1, Seq: 1000, EchoSession: 1, EchoSeq: m.me.Next(), Every: 100}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		t.Seq++
		out.Reset()
		m.Heard(now, netip.AddrPort{}, &t, &out)
	}
}

func BenchmarkTickWithTwoNeighbors(b *testing.B) {
	m, n, now := pair(3)
	var out Out
	for range 5 {
		now = now.Add(1200 * time.Millisecond)
		exchange(m, n, now, &out)
	}
	t := wire.Tick{Kind: wire.Heartbeat, Edge: wire.EdgeOf(m.id, n.id), Session: 1, Seq: 1000, EchoSession: 1, Every: 100}
	other := t
	other.Edge = wire.EdgeOf(m.id, idOf(2))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		out.Reset()
		now = m.Deadline()
		m.Tick(now, &out)
		t.Seq, other.Seq = t.Seq+1, other.Seq+1
		t.EchoSeq, other.EchoSeq = m.me.Next(), m.me.Next()
		m.Heard(now, netip.AddrPort{}, &t, &out)
		m.Heard(now, netip.AddrPort{}, &other, &out)
	}
}

func TestHealthySecondAllocatesNothing(t *testing.T) {
	m, n, now := pair(2)
	var out Out
	out.Sends = make([]Send, 0, 16)
	for range 5 {
		now = now.Add(1200 * time.Millisecond)
		exchange(m, n, now, &out)
	}
	beat := wire.Tick{Kind: wire.Heartbeat, Edge: wire.EdgeOf(m.id, n.id), Session: 1, Seq: 1000, EchoSession: 1, Every: 100}
	if got := testing.AllocsPerRun(1000, func() {
		out.Reset()
		now = m.Deadline()
		m.Tick(now, &out)
		beat.Seq++
		beat.EchoSeq = m.me.Next()
		m.Heard(now, netip.AddrPort{}, &beat, &out)
	}); got != 0 {
		t.Errorf("%v allocations per heartbeat", got)
	}
}

func TestMemberIsSmall(t *testing.T) {
	size := unsafe.Sizeof(Member{}) + 2*unsafe.Sizeof(peer{}) + unsafe.Sizeof(seat{})
	t.Logf("%d bytes with two neighbors: member %d, neighbor %d each", size, unsafe.Sizeof(Member{}), unsafe.Sizeof(peer{}))
	if size > 500 {
		t.Errorf("%d bytes beside the shared roster, want at most 500", size)
	}
}
