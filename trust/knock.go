package trust

import (
	"math/rand/v2"
	"time"

	"assim/wire"
)

// Timers of a stranger.
const (
	knockFirst = 500 * time.Millisecond
	knockMax   = time.Minute
	refusedMax = time.Hour
)

// Knock is a nanoprobe that is not enrolled yet and looks for a CMA that lets
// it in. It is pure: the daemon sends what Poll returns, to the CMA's address
// or the multicast group, and enrolls by bulk when Receive says so.
//
//	knocking ── HelloReply(cookie) ──▶ knocking with it ── HelloReply(slot) ──▶ admitted ──▶ enroll
//	    ▲                                                                          │ refused
//	    └───────────────────────────── backs off, an hour at most ◀────────────────┘
type Knock struct {
	token  wire.TokenID
	secret []byte // verifier; nil for zero configuration
	pin    Pin    // zero for zero configuration
	pub    wire.PubKey
	rng    *rand.Rand

	nonce    uint64
	cookie   [16]byte
	next     time.Time
	tries    int
	admitted bool
	slot     time.Time
	cma      wire.PubKey
}

// NewKnock returns a stranger with a permission; with a zero Join it is one
// without (zero configuration).
func NewKnock(now time.Time, pub wire.PubKey, j Join, rng *rand.Rand) *Knock {
	k := &Knock{pub: pub, rng: rng, next: now.Add(time.Duration(rng.Int64N(int64(knockFirst))))}
	if j != (Join{}) {
		k.token, k.secret, k.pin = TokenIDOf(j.Secret), Verifier(j.Secret), j.Pin
	}
	return k
}

// Poll returns the Hello to send now, or nil.
func (k *Knock) Poll(now time.Time) []byte {
	if k.admitted || now.Before(k.next) {
		return nil
	}
	k.nonce = k.rng.Uint64()
	k.wait(now, knockFirst, knockMax)
	return wire.AppendHello(nil, &wire.Hello{Token: k.token, Pub: k.pub, Nonce: k.nonce, Cookie: k.cookie}, k.secret)
}

func (k *Knock) wait(now time.Time, first, most time.Duration) {
	d := first
	for range min(k.tries, 16) {
		d = min(2*d, most)
	}
	k.tries++
	k.next = now.Add(d*3/4 + time.Duration(k.rng.Int64N(int64(d/2))))
}

// Receive takes a datagram of wire.PlaneHelloReply. It returns false for one
// that nobody with the permission made, or that answers an earlier Hello.
func (k *Knock) Receive(now time.Time, b []byte) bool {
	r, err := wire.OpenHelloReply(b, k.secret)
	if err != nil || k.admitted || k.nonce == 0 || r.Nonce != k.nonce {
		return false
	}
	switch {
	case r.Cookie != [16]byte{}:
		if r.Cookie == k.cookie {
			return true // It does not like its own cookie: no hurry.
		}
		k.cookie, k.next = r.Cookie, now
	default:
		k.admitted, k.slot, k.cma = true, now.Add(r.Slot), r.Pub
	}
	return true
}

// Admitted reports whether it is time to enroll with the CMA that answered.
// cma is its key, to be compared with the one that TLS shows.
func (k *Knock) Admitted(now time.Time) (cma wire.PubKey, ok bool) {
	return k.cma, k.admitted && !now.Before(k.slot)
}

// Refused makes it knock again after a while: enrolling failed, or the CMA
// said no. A wait of zero means the failure was not the CMA's answer.
func (k *Knock) Refused(now time.Time, wait time.Duration) {
	k.admitted, k.cookie, k.nonce = false, [16]byte{}, 0
	if wait <= 0 {
		k.wait(now, knockFirst, knockMax)
		return
	}
	wait = min(wait, refusedMax)
	k.next = now.Add(wait*3/4 + time.Duration(k.rng.Int64N(int64(wait/2)+1)))
}

// Deadline returns when to call Poll or Admitted.
func (k *Knock) Deadline() time.Time {
	if k.admitted {
		return k.slot
	}
	return k.next
}
