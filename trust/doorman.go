package trust

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"assim/session"
	"assim/wire"
)

// cookieLife is how long a cookie is good, at least; at most twice that.
const cookieLife = time.Minute

// The rates at which strangers with a permission, or asking for one, are
// answered. Members never pass here.
var (
	strangersPerPrefix = session.Rate{PerSecond: 50, Burst: 500}
	strangersGlobal    = session.Rate{PerSecond: 2000, Burst: 4000}
)

// class is what a stranger has shown. Each has rates of its own, so that a flood
// of those who have shown less does not keep out whoever has shown more.
type class uint8

const (
	unproven  class = iota // nothing: zero configuration lets anybody ask
	permitted              // a join string, perhaps recorded from another's Hello
	reachable              // a cookie: it receives at the address it claims
	classes
)

// Doorman answers the Hellos of strangers. It keeps no state for them: a
// cookie proves that a stranger receives at the address it claims, before
// anything is remembered or any expensive cryptography done.
//
//	Hello(proof)          ──▶ no proof, no zero configuration: counted, ignored
//	                      ◀── HelloReply(cookie)
//	Hello(proof, cookie)  ──▶ cookie good?
//	                      ◀── HelloReply(slot): enroll by bulk then
type Doorman struct {
	Registry *Registry
	Keys     *CMAKeys
	Policy   Policy
	Slots    *session.Slots

	limiters [classes]*session.Limiter
	secret   [32]byte

	// Counts of what was decided, for people.
	Malformed, Unproven, Limited, Cookies, Admitted uint64
}

// NewDoorman returns a Doorman. secret is random, new for every run.
func NewDoorman(r *Registry, k *CMAKeys, p Policy, slots *session.Slots, secret [32]byte) *Doorman {
	d := &Doorman{Registry: r, Keys: k, Policy: p, Slots: slots, secret: secret}
	for c := range d.limiters {
		d.limiters[c] = session.NewLimiter(strangersPerPrefix, strangersGlobal)
	}
	return d
}

// Hello answers one datagram of wire.PlaneHello; nil means silence. multicast
// tells that it was sent to the group and not to this CMA.
func (d *Doorman) Hello(now time.Time, b []byte, from netip.AddrPort, multicast bool) []byte {
	h, err := wire.ParseHello(b)
	if err != nil {
		d.Malformed++
		return nil
	}
	verifier, ok := d.permitted(&h, b, multicast)
	if !ok {
		d.Unproven++
		return nil
	}
	shown := d.classOf(now, &h, from)
	if !d.limiters[shown].Allow(now, from.Addr()) {
		d.Limited++
		return nil
	}
	reply := wire.HelloReply{Nonce: h.Nonce, Pub: d.Keys.Pub()}
	if shown == reachable {
		d.Admitted++
		reply.Slot = d.Slots.Give(now)
	} else {
		d.Cookies++
		reply.Cookie = d.cookie(now, &h, from)
	}
	return wire.AppendHelloReply(nil, &reply, verifier)
}

// permitted checks the proof of a token, or whether none is needed. A token
// that has ended is answered as well: the enrollment says what is wrong.
func (d *Doorman) permitted(h *wire.Hello, b []byte, multicast bool) (verifier []byte, ok bool) {
	if d.Policy.Strict && multicast {
		return nil, false
	}
	if h.Token.IsZero() {
		return nil, d.Policy.ZeroConfiguration && !d.Policy.Strict
	}
	t, ok := d.Registry.Token(h.Token)
	return t.Verifier, ok && wire.CheckHello(b, t.Verifier)
}

func (d *Doorman) classOf(now time.Time, h *wire.Hello, from netip.AddrPort) class {
	switch {
	case h.Cookie != [16]byte{} && d.cookieGood(now, h, from):
		return reachable
	case h.Token.IsZero():
		return unproven
	}
	return permitted
}

func (d *Doorman) cookieGood(now time.Time, h *wire.Hello, from netip.AddrPort) bool {
	for _, at := range [2]time.Time{now, now.Add(-cookieLife)} {
		if want := d.cookie(at, h, from); hmac.Equal(want[:], h.Cookie[:]) {
			return true
		}
	}
	return false
}

func (d *Doorman) cookie(at time.Time, h *wire.Hello, from netip.AddrPort) [16]byte {
	mac := hmac.New(sha256.New, d.secret[:])
	addr := from.Addr().As16()
	mac.Write(addr[:])
	var tail [10]byte
	binary.BigEndian.PutUint16(tail[:], from.Port())
	binary.BigEndian.PutUint64(tail[2:], uint64(at.UnixNano()/int64(cookieLife)))
	mac.Write(tail[:])
	mac.Write(h.Pub[:])
	return [16]byte(mac.Sum(nil))
}
