package trust

import (
	"crypto/hmac"
	"encoding/hex"
	"net/netip"
	"time"

	"assim/wire"
)

// Policy is how a CMA lets newcomers in. The zero Policy wants a token.
type Policy struct {
	// ZeroConfiguration lets systems without a token ask; a person accepts
	// them. For labs.
	ZeroConfiguration bool
	// AutoAccept accepts, without a person, those who ask from these networks.
	AutoAccept []netip.Prefix
	// Strict wants single-use, bound tokens and a person's approval, and does
	// not answer multicast.
	Strict bool
}

// Applicant is somebody who asks to join, as the connection shows it.
type Applicant struct {
	Enroll  *wire.Enroll
	From    netip.Addr
	Binding []byte // exported from the TLS session
	Local   bool   // root on the CMA's own host
}

// Enroller decides who becomes a member.
type Enroller struct {
	Registry *Registry
	Keys     *CMAKeys
	Policy   Policy
}

// Decide answers an application: a Welcome, or a wire.Refused as the error. It
// is idempotent by key: asking again gives the same answer and uses up
// nothing.
func (e *Enroller) Decide(now time.Time, a *Applicant) (wire.Welcome, error) {
	r := e.Registry
	if id, revoked, known := r.ByKey(a.Enroll.Pub); known {
		if revoked {
			return wire.Welcome{}, wire.Refused{Code: wire.CodeRevoked, Text: "this system was put out", RetryAfter: time.Hour}
		}
		return e.Welcome(id), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, known := r.byKey[a.Enroll.Pub]; known {
		return e.Welcome(id), nil // Two connections of one newcomer met here.
	}
	info := NodeInfo{
		ID: newID(), Pub: a.Enroll.Pub, Name: a.Enroll.About.Name, Machine: a.Enroll.About.Machine,
		Joined: now, Weak: a.Enroll.Weak, Was: a.Enroll.Was,
	}
	switch {
	case a.Local:
		info.How = "local"
		return e.admit(info, nil)
	case !a.Enroll.Token.IsZero():
		return e.byToken(now, a, info)
	}
	return e.byHand(now, a, info)
}

func (e *Enroller) byToken(now time.Time, a *Applicant, info NodeInfo) (wire.Welcome, error) {
	r := e.Registry
	t, ok := r.tokens[a.Enroll.Token]
	if !ok {
		return wire.Welcome{}, wire.Refused{Code: wire.CodeUnknownToken, Text: "this CMA did not make that join string", RetryAfter: time.Hour}
	}
	proof := wire.EnrollProof(t.Verifier, a.Enroll.Pub, a.Binding)
	if !hmac.Equal(proof[:], a.Enroll.Proof[:]) {
		return wire.Welcome{}, wire.Refused{Code: wire.CodeBadProof, RetryAfter: time.Hour}
	}
	if err := t.usable(now, &a.Enroll.About, a.From); err != nil {
		return wire.Welcome{}, err
	}
	if e.Policy.Strict && !t.Strict() {
		return wire.Welcome{}, wire.Refused{Code: wire.CodeBound, Text: "this CMA is strict: it wants a single-use join string bound to one system", RetryAfter: time.Hour}
	}
	if (t.Approve || e.Policy.Strict) && !r.accepted(now, info.Pub, info.Name, a.From) {
		return wire.Welcome{}, e.ask(now, a)
	}
	info.Token, info.How = t.ID, "token"
	t.Used++
	return e.admit(info, &t)
}

func (e *Enroller) byHand(now time.Time, a *Applicant, info NodeInfo) (wire.Welcome, error) {
	if !e.Policy.ZeroConfiguration || e.Policy.Strict {
		return wire.Welcome{}, wire.Refused{Code: wire.CodeUnknownToken, Text: "this CMA wants a join string: assim join-token create", RetryAfter: time.Hour}
	}
	if !inPrefixes(a.From, e.Policy.AutoAccept) && !e.Registry.accepted(now, info.Pub, info.Name, a.From) {
		return wire.Welcome{}, e.ask(now, a)
	}
	info.How, info.Weak = "accepted", true
	return e.admit(info, nil)
}

// pendingRetry is when somebody who waits for a person asks again.
const pendingRetry = 10 * time.Second

func (e *Enroller) ask(now time.Time, a *Applicant) error {
	err := e.Registry.wait(Pending{
		Pub: a.Enroll.Pub, Name: a.Enroll.About.Name, From: a.From.Unmap(), Machine: a.Enroll.About.Machine,
		Since: now, Token: a.Enroll.Token,
	})
	if err != nil {
		return err
	}
	return wire.Refused{Code: wire.CodePending, Text: "waiting for: assim accept " + Fingerprint(a.Enroll.Pub), RetryAfter: pendingRetry}
}

// admit stores a new member, and with it the use of its token and the end of
// its waiting, in one transaction; mu is held.
func (e *Enroller) admit(info NodeInfo, used *Token) (wire.Welcome, error) {
	r := e.Registry
	var more = pendingGone(r, info.Pub)
	if used != nil {
		more = append(more, encodeToken(*used))
	}
	if err := r.storeLocked(info, more...); err != nil {
		return wire.Welcome{}, err
	}
	delete(r.pending, info.Pub)
	if used != nil {
		r.tokens[used.ID] = *used
	}
	return e.Welcome(info.ID), nil
}

// Welcome returns what a member needs to know at the beginning of a contact.
func (e *Enroller) Welcome(id wire.ID) wire.Welcome {
	key, _ := e.Keys.NodeKey(id, e.Keys.Epoch())
	return wire.Welcome{ID: id, Epoch: e.Keys.Epoch(), Key: key, Pins: e.Keys.Pins(), Recovery: e.Keys.Recovery}
}

// MachineName is how a token's binding to a machine is written.
func MachineName(m [16]byte) string { return hex.EncodeToString(m[:]) }
