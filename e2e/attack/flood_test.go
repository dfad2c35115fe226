package attack

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"assim/api"
	"assim/netio"
	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

var (
	flood     = flag.Int("flood", 100_000, "forged announces that the CMA has to receive beside real ones")
	floodRate = flag.Int("flood-rate", 50_000, "forged announces a second; 0: as fast as it gets")
)

// floodDelay is how much later than without a flood a real one may be answered.
const floodDelay = 2 * time.Second

// forger makes what a flood is of: in turn announces of a member, of nobody, and
// those of strangers by a join string that it does not have, or by none.
type forger struct{ signal, hello, free []byte }

func newForger(victim *actor, j trust.Join) *forger {
	key := *victim.id
	key.NodeKey = wire.NodeKey{1}
	h := wire.Hello{Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{1}}
	return &forger{
		signal: (&actor{id: &key}).seal(&wire.Signal{Session: 1 << 62, Seq: 1, Kind: wire.KindAnnounce}),
		hello:  wire.AppendHello(nil, &h, make([]byte, 32)),
		free:   wire.AppendHello(nil, &wire.Hello{Pub: wire.PubKey{2}, Nonce: 1}, nil),
	}
}

// next is another one each time, from ever other networks.
func (f *forger) next(n int) netio.Packet {
	var b []byte
	switch n % 4 {
	case 0, 1:
		b = f.signal
		binary.BigEndian.PutUint32(b[20:], uint32(n)) // the nonce
		b[4] ^= 0xff                                  // an id that nobody has, and back
	case 2:
		b = f.hello
		binary.BigEndian.PutUint32(b[44:], uint32(n))
	default:
		b = f.free
		binary.BigEndian.PutUint32(b[44:], uint32(n))
	}
	return netio.Packet{Data: b, Local: netip.AddrFrom4([4]byte{127, byte(n >> 8), byte(n), 9})}
}

// knock is a stranger with a join string, from its first Hello until it has an id.
func (s *server) knock(j trust.Join) time.Duration {
	s.t.Helper()
	id, err := trust.LoadIdentity(s.t.TempDir(), trust.Machine{ID: "stranger"})
	if err != nil {
		s.t.Fatal(err)
	}
	udp := socket(s.t)
	began := time.Now()
	k := trust.NewKnock(began, id.Pub(), j, rand.New(rand.NewPCG(1, 1)))
	began = k.Deadline()
	for end := began.Add(patience); time.Now().Before(end); {
		now := time.Now()
		if b := k.Poll(now); b != nil {
			if err := udp.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
				s.t.Fatal(err)
			}
		}
		if key, ok := k.Admitted(now); ok {
			if err := bulk.Enroll(s.t.Context(), id, wire.Announce{Name: "stranger"}, s.at.String(), bulk.Permission{Join: j, CMA: key}); err != nil {
				s.t.Fatal(err)
			}
			return time.Since(began)
		}
		k.Receive(time.Now(), listenFor(s.t, udp, max(time.Millisecond, min(50*time.Millisecond, time.Until(k.Deadline())))))
	}
	s.t.Fatal("a stranger with a join string is not let in")
	return 0
}

// forged is how many of a flood the CMA has received.
func (s *server) forged() int {
	s.t.Helper()
	status, err := s.client().Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, what := range []string{"signals of strangers", "forged signals", "strangers ignored", "strangers answered"} {
		n += int(status.Counters[what])
	}
	return n
}

// The flood lasts until all of it was received, not only sent. In its midst real
// ones announce themselves one after the other, and strangers ask with a join
// string, where everybody may ask without.
func TestFloodOfForgedAnnouncesDelaysARealOneByTwoSecondsAtMost(t *testing.T) {
	s := startCMA(t, "-zero-configuration")
	token, err := s.client().CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	j, err := trust.ParseJoin(token.Join)
	if err != nil {
		t.Fatal(err)
	}
	victim := s.join("victim")
	victim.quiet()
	calm := s.knock(j)
	const times = 4
	late := make([]*actor, times)
	for i := range late {
		late[i] = s.join(fmt.Sprintf("late%d", i))
	}
	attacker, err := netio.Listen(netio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = attacker.Close() })
	var stop atomic.Bool
	flooded := make(chan int, 1)
	began := time.Now()
	go func() {
		n := 0
		for f := newForger(victim, j); !stop.Load(); n++ {
			p := f.next(n)
			p.Peer = s.at
			_ = attacker.Write(p)
			if *floodRate > 0 && n%100 == 0 {
				time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(*floodRate))))
			}
		}
		flooded <- n
	}()
	defer stop.Store(true)
	received := func(atLeast int) {
		t.Helper()
		for end := time.Now().Add(patience); s.forged() < atLeast; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the CMA receives %d of the flood: nothing is shown", s.forged())
			}
		}
	}
	var announced, joined []time.Duration
	for i, a := range late {
		received((i + 1) * *flood / (times + 1))
		at := time.Now()
		a.begin(wire.Announce{Name: fmt.Sprintf("late%d", i)})
		a.quiet()
		announced = append(announced, time.Since(at))
		joined = append(joined, s.knock(j))
	}
	received(*flood)
	stop.Store(true)
	sent := <-flooded
	t.Logf("%d forged announces in %v, of which the CMA received %d; real ones were acknowledged after %v; strangers joined after %v, without a flood %v",
		sent, time.Since(began).Round(time.Millisecond), s.forged(), announced, joined, calm)
	if slices.Max(announced) > floodDelay {
		t.Errorf("a real one was acknowledged after %v", slices.Max(announced))
	}
	if slices.Max(joined) > floodDelay+calm {
		t.Errorf("a stranger joined after %v", slices.Max(joined))
	}
}
