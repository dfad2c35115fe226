package trust_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"assim/session"
	"assim/trust"
	"assim/trust/trusttest"
	"assim/wire"
)

func (o *office) doorman() *trust.Doorman {
	return trust.NewDoorman(o.reg, o.keys, o.e.Policy, &session.Slots{}, [32]byte{1})
}

var stranger = netip.MustParseAddrPort("10.1.2.3:40000")

func TestStrangerWithATokenIsAdmittedAfterItsCookie(t *testing.T) {
	o := newOffice(t)
	d := o.doorman()
	k := trust.NewKnock(now, wire.PubKey{1}, o.token(trust.Token{}), rand.New(rand.NewPCG(1, 1)))
	at := k.Deadline()
	for round := range 2 {
		hello := k.Poll(at)
		reply := d.Hello(at, hello, stranger, false)
		if reply == nil || len(reply) > len(hello) || !k.Receive(at, reply) {
			t.Fatalf("round %d: hello of %d bytes, reply of %d", round, len(hello), len(reply))
		}
		if k.Receive(at, reply) && round == 1 {
			t.Fatal("the same reply counts twice")
		}
	}
	at = k.Deadline()
	if cma, ok := k.Admitted(at); !ok || cma != o.keys.Pub() {
		t.Fatalf("admitted %v by %x", ok, cma[:2])
	}
	if d.Cookies != 1 || d.Admitted != 1 {
		t.Fatalf("%d cookies, %d admitted", d.Cookies, d.Admitted)
	}
	k.Refused(at, time.Hour)
	if k.Poll(at.Add(40*time.Minute)) != nil {
		t.Fatal("knocks again within the hour it was refused for")
	}
	if k.Poll(at.Add(90*time.Minute)) == nil {
		t.Fatal("gave up for ever")
	}
}

func TestStrangersAreIgnored(t *testing.T) {
	o := newOffice(t)
	d := o.doorman()
	good := o.token(trust.Token{})
	hello := func(j trust.Join, cookie [16]byte) []byte {
		return wire.AppendHello(nil, &wire.Hello{Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{1}, Cookie: cookie}, trust.Verifier(j.Secret))
	}
	flipped := hello(good, [16]byte{})
	flipped[20] ^= 1
	for name, b := range map[string][]byte{
		"empty":               {},
		"cut short":           hello(good, [16]byte{})[:100],
		"of an unknown token": hello(trust.Join{Host: "x"}, [16]byte{}),
		"with a bit flipped":  flipped,
		"without a token":     wire.AppendHello(nil, &wire.Hello{Pub: wire.PubKey{1}}, nil),
	} {
		if reply := d.Hello(now, b, stranger, false); reply != nil {
			t.Errorf("%s: answered", name)
		}
	}
	// A cookie is good for one address and key, and not for long.
	r, err := wire.OpenHelloReply(d.Hello(now, hello(good, [16]byte{}), stranger, false), trust.Verifier(good.Secret))
	if err != nil {
		t.Fatal(err)
	}
	admitted := func(at time.Time, from netip.AddrPort) bool {
		before := d.Admitted
		d.Hello(at, hello(good, r.Cookie), from, false)
		return d.Admitted > before
	}
	if !admitted(now, stranger) || !admitted(now.Add(50*time.Second), stranger) {
		t.Error("a good cookie is refused")
	}
	if admitted(now, netip.MustParseAddrPort("10.1.2.4:40000")) || admitted(now, netip.MustParseAddrPort("10.1.2.3:40001")) {
		t.Error("a cookie is good for another address")
	}
	if admitted(now.Add(3*time.Minute), stranger) {
		t.Error("a cookie is good for ever")
	}
}

func TestForgedCMAIsNotBelievedByAStranger(t *testing.T) {
	o := newOffice(t)
	k := trust.NewKnock(now, wire.PubKey{1}, o.token(trust.Token{}), rand.New(rand.NewPCG(1, 1)))
	at := k.Deadline()
	h, err := wire.ParseHello(k.Poll(at))
	if err != nil {
		t.Fatal(err)
	}
	forged := wire.HelloReply{Nonce: h.Nonce, Slot: time.Second, Pub: wire.PubKey{66}}
	for _, secret := range [][]byte{nil, make([]byte, 32)} {
		if k.Receive(at, wire.AppendHelloReply(nil, &forged, secret)) {
			t.Fatal("believed")
		}
	}
}

func TestFloodOfForgedHellosDoesNotKeepARealOneOut(t *testing.T) {
	o := newOffice(t)
	d := o.doorman()
	j := o.token(trust.Token{})
	forged := wire.AppendHello(nil, &wire.Hello{Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{1}}, make([]byte, 32))
	began := time.Now()
	for i := range 100_000 {
		forged[30] = byte(i)
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 2, byte(i)}), uint16(i))
		if d.Hello(now, forged, src, false) != nil {
			t.Fatal("a forged hello is answered")
		}
	}
	took := time.Since(began)
	k := trust.NewKnock(now, wire.PubKey{1}, j, rand.New(rand.NewPCG(1, 1)))
	for range 2 {
		at := k.Deadline()
		k.Receive(at, d.Hello(at, k.Poll(at), stranger, false))
	}
	if d.Admitted != 1 {
		t.Fatal("the real one is kept out")
	}
	t.Logf("100,000 forged hellos took %v", took)
}

// Where anybody may ask, a crowd that asks from everywhere hinders nobody who has
// a join string; and who records a Hello of somebody who has one, and repeats it
// in the name of everybody, hinders nobody who has a cookie already.
func TestWhoHasShownLessDoesNotKeepOutWhoHasShownMore(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.ZeroConfiguration = true
	d := o.doorman()
	j := o.token(trust.Token{})
	flood := func(hello []byte) {
		t.Helper()
		limited := d.Limited
		for i := range 100_000 {
			d.Hello(now, hello, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 3}), uint16(i)), false)
		}
		if d.Limited == limited {
			t.Fatal("the flood is all answered: nothing is shown")
		}
	}
	k := trust.NewKnock(now, wire.PubKey{1}, j, rand.New(rand.NewPCG(1, 1)))
	answered := func() bool {
		t.Helper()
		at := k.Deadline()
		return k.Receive(now, d.Hello(now, k.Poll(at), stranger, false))
	}
	flood(wire.AppendHello(nil, &wire.Hello{Pub: wire.PubKey{2}}, nil))
	if !answered() {
		t.Error("those without a join string keep out one who has it")
	}
	recorded := wire.AppendHello(nil, &wire.Hello{Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{3}}, trust.Verifier(j.Secret))
	flood(recorded)
	if !answered() || d.Admitted != 1 {
		t.Error("a recording keeps out one who has a cookie")
	}
}

func TestStrictCMADoesNotAnswerMulticast(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.Strict = true
	j := o.token(trust.Token{Max: 1, Name: "a"})
	b := wire.AppendHello(nil, &wire.Hello{Token: trust.TokenIDOf(j.Secret), Pub: wire.PubKey{1}}, trust.Verifier(j.Secret))
	d := o.doorman()
	if d.Hello(now, b, stranger, true) != nil {
		t.Error("answered")
	}
	if d.Hello(now, b, stranger, false) == nil {
		t.Error("not answered when asked by address")
	}
}

func FuzzDoorman(f *testing.F) {
	keys, _, err := trust.LoadCMAKeys(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	reg, err := trust.NewRegistry(&trusttest.KV{})
	if err != nil {
		f.Fatal(err)
	}
	d := trust.NewDoorman(reg, keys, trust.Policy{ZeroConfiguration: true}, &session.Slots{}, [32]byte{1})
	f.Add(wire.AppendHello(nil, &wire.Hello{Pub: wire.PubKey{1}}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if reply := d.Hello(now, b, stranger, false); len(reply) > len(b) {
			t.Fatalf("%d bytes are answered by %d", len(b), len(reply))
		}
	})
}
