package attack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"assim/api"
	"assim/netio"
	"assim/trust"
	"assim/trust/bulk"
	"assim/trust/trusttest"
	"assim/wire"
)

// A stranger who asks and asks, with the claim to be somebody else's address
// in mind, gets no more bytes than he sends, and nothing is remembered of him
// before he has shown that he receives what he is sent.
func TestAStrangerIsNeitherAmplifiedNorRemembered(t *testing.T) {
	s := startCMA(t, "-zero-configuration")
	c := s.client()
	token, err := c.CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	j, err := trust.ParseJoin(token.Join)
	if err != nil {
		t.Fatal(err)
	}
	for name, hello := range map[string]func(i int) []byte{
		"without a join string": func(i int) []byte {
			return wire.AppendHello(nil, &wire.Hello{Nonce: uint64(i + 1), Pub: wire.PubKey{byte(i), byte(i >> 8), 1}}, nil)
		},
		"with a leaked join string": func(i int) []byte {
			h := wire.Hello{Nonce: uint64(i + 1), Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{byte(i), byte(i >> 8), 2}}
			return wire.AppendHello(nil, &h, trust.Verifier(j.Secret))
		},
	} {
		stranger := socket(t)
		sent, got, answers := 0, 0, 0
		for i := range 200 {
			b := hello(i)
			if err := stranger.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
				t.Fatal(err)
			}
			answer := listenFor(t, stranger, silence/5)
			sent, got = sent+len(b), got+len(answer)
			if len(answer) > 0 {
				answers++
			}
			if len(answer) > len(b) {
				t.Fatalf("%s: %d bytes are answered by %d", name, len(b), len(answer))
			}
		}
		if answers == 0 {
			t.Errorf("%s: nobody answers: nothing is shown", name)
		}
		t.Logf("%s: %d bytes sent, %d received: amplification %.2f", name, sent, got, float64(got)/float64(sent))
	}
	if list, err := c.Pending(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("remembered are %v, %v", list, err)
	}
	for _, e := range s.events() {
		t.Errorf("event %q", e)
	}
}

func TestASystemWithoutAJoinStringWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-zero-configuration")
	c := s.client()
	p := s.startProbe("-run", t.TempDir(), "-zero-configuration", "-cma", s.at.String())
	waiting := func() api.Pending {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
			if list, err := c.Pending(t.Context()); err == nil && len(list) == 1 {
				return list[0]
			}
		}
		t.Fatal("nobody waits")
		return api.Pending{}
	}
	first := waiting()
	if n, err := c.Refuse(t.Context(), first.Fingerprint); err != nil || n != 1 {
		t.Fatalf("refused %d, %v", n, err)
	}
	if again := waiting(); again.Fingerprint != first.Fingerprint || p.identity().ID != "" {
		t.Fatalf("%s waits, id %q", again.Fingerprint, p.identity().ID)
	}
	if n, err := c.Accept(t.Context(), first.Fingerprint); err != nil || n != 1 {
		t.Fatalf("accepted %d, %v", n, err)
	}
	p.id()
	if !p.identity().Weak {
		t.Error("a nanoprobe that believed the first who answered thinks that it knows its CMA")
	}
}

// impostor answers whoever knocks, and lets everybody in.
type impostor struct {
	at      netip.AddrPort
	keys    *trust.CMAKeys
	knocked atomic.Int64
	udp     *netio.UDP
	signals chan netio.Packet // that members sent
}

// signal is the next that a member sent, or none within a time.
func (x *impostor) signal(wait time.Duration) netio.Packet {
	select {
	case p := <-x.signals:
		return p
	case <-time.After(wait):
		return netio.Packet{}
	}
}

// greedy takes every document, and wants none.
type greedy struct{}

func (greedy) Document(context.Context, wire.ID, *wire.Document) wire.DocumentAck {
	return wire.DocumentAck{Stored: true}
}
func (greedy) Recall(context.Context, wire.ID, wire.DocRef) []byte { return nil }
func (greedy) Finish(wire.ID) (wire.BulkDesired, []wire.DocRef)    { return wire.BulkDesired{}, nil }

// verifier is what it proves with: to one who wants no proof, none.
func (x *impostor) verifier(h *wire.Hello) []byte {
	if h.Token.IsZero() {
		return nil
	}
	return make([]byte, 32)
}

func newImpostor(t *testing.T) *impostor {
	t.Helper()
	keys, _, err := trust.LoadCMAKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := trust.NewRegistry(&trusttest.KV{})
	if err != nil {
		t.Fatal(err)
	}
	udp := socket(t)
	x := &impostor{at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), udp.Port()), keys: keys, udp: udp, signals: make(chan netio.Packet, 1000)}
	l, err := net.Listen("tcp", x.at.String())
	if err != nil {
		t.Fatal(err)
	}
	all := trust.Policy{ZeroConfiguration: true, AutoAccept: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	server := &bulk.Server{Enroller: &trust.Enroller{Registry: registry, Keys: keys, Policy: all}, Backend: greedy{}}
	go func() { _ = server.Serve(t.Context(), l) }()
	go func() {
		one := make([]netio.Packet, 1)
		for {
			n, err := udp.Read(one)
			if err != nil {
				return
			}
			if n == 0 {
				continue
			}
			if h, err := wire.ParseHello(one[0].Data); err == nil {
				x.knocked.Add(1)
				reply := wire.HelloReply{Nonce: h.Nonce, Pub: keys.Pub(), Slot: time.Millisecond}
				_ = udp.Write(netio.Packet{Data: wire.AppendHelloReply(nil, &reply, x.verifier(&h)), Peer: one[0].Peer})
				continue
			}
			select {
			case x.signals <- netio.Packet{Data: append([]byte(nil), one[0].Data...), Peer: one[0].Peer}:
			default:
			}
		}
	}()
	return x
}

// Somebody who sits where a join string leads is not the CMA that made it.
func TestAnImpostorGetsNobodyWhoHasAJoinString(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	token, err := s.client().CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	j, err := trust.ParseJoin(token.Join)
	if err != nil {
		t.Fatal(err)
	}
	x := newImpostor(t)
	j.Port = x.at.Port()
	p := s.startProbe("-run", t.TempDir(), "-join", j.String())
	for end := time.Now().Add(patience); x.knocked.Load() < 3; <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not knock: nothing is shown")
		}
	}
	if id := p.identity().ID; id != "" {
		t.Errorf("the nanoprobe is %s to an impostor", id)
	}
	// Even if it came to TLS.
	id, err := trust.LoadIdentity(t.TempDir(), trust.Machine{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	err = bulk.Enroll(t.Context(), id, wire.Announce{Name: "x"}, x.at.String(), bulk.Permission{Join: j, CMA: x.keys.Pub()})
	if !errors.Is(err, bulk.ErrWrongCMA) || id.Enrolled() {
		t.Errorf("enrolled %v by an impostor: %v", id.Enrolled(), err)
	}
}
