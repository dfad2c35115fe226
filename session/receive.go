package session

import (
	"time"

	"assim/wire"
)

// Receive takes a signal from the CMA whose seal was opened. It returns true
// when that proves that its sender is the CMA of this moment: it answers what
// is in flight now. Anything else may have been recorded earlier and be played
// by somebody else; it does no harm, but where it came from means nothing.
func (n *Node) Receive(now time.Time, m *wire.Signal) bool {
	if m.Session != n.session {
		return false
	}
	fresh := n.head.kind != 0 && n.head.sent && m.Seq == n.head.seq
	if m.Seq != 0 && !fresh && m.Kind != wire.KindAck {
		return false // An answer to what is settled already.
	}
	if fresh {
		n.cookie, m.Cookie = m.Cookie, n.cookie
	}
	if m.Kind != wire.KindSessionOld {
		n.acknowledge(now, m)
	}
	if m.Slot > 0 && m.Kind != wire.KindHold {
		n.bulk.granted(now.Add(m.Slot))
	}
	if m.Flags&(wire.FlagRekey|wire.FlagRenew) != 0 {
		n.bulk.rekey = true
		n.bulk.renew = n.bulk.renew || m.Flags&wire.FlagRenew != 0
	}
	n.act(now, m, fresh)
	return fresh || n.answered(m)
}

// answered reports whether m returns the token that was asked with.
func (n *Node) answered(m *wire.Signal) bool {
	token, err := wire.ParseToken(m.Body)
	if m.Kind != wire.KindAck || err != nil || n.token == 0 || token != n.token {
		return false
	}
	n.token = 0
	return true
}

// acknowledge settles what is in flight. An honest CMA never acknowledges what
// was not sent.
func (n *Node) acknowledge(now time.Time, m *wire.Signal) {
	if n.head.kind == 0 || !n.head.sent || m.AckThrough != n.head.seq {
		return
	}
	n.acked = n.head.seq
	n.olds = 0
	if n.tries == 1 {
		n.measure(now.Sub(n.sentAt))
	}
	switch n.head.kind {
	case wire.KindDocument:
		n.tell(Event{Kind: Acked, Ref: n.head.doc.DocRef})
	case wire.KindAnnounce:
		n.echo = n.applied != n.said
	}
	n.head = message{}
	n.tries, n.pace = 0, 0
}

func (n *Node) measure(d time.Duration) {
	if n.rtt == 0 {
		n.rtt = d
	}
	n.rtt += (d - n.rtt) / 8
}

// act does what a signal's kind asks for. m.Cookie is the cookie before it.
// What is malformed or of an unknown kind says nothing.
func (n *Node) act(now time.Time, m *wire.Signal, fresh bool) {
	switch m.Kind {
	case wire.KindHold:
		if fresh {
			n.next = now.Add(m.Slot + n.upTo(m.Slot/4))
		}
	case wire.KindDemand:
		if fresh && n.head.kind != 0 && m.Cookie != n.cookie {
			n.next = now
		}
	case wire.KindSessionOld:
		if old, err := wire.ParseSessionOld(m.Body); err == nil && fresh {
			n.begin(now, old.Last)
		}
	case wire.KindWant:
		n.want(m.Body)
	case wire.KindDesired:
		n.desired(m.Body)
	case wire.KindPing:
		if token, err := wire.ParseToken(m.Body); err == nil && len(n.pongs) < maxPongs {
			n.pongs = append(n.pongs, token)
		}
		n.sayAgain(now)
	case wire.KindRefused:
		if fresh {
			n.refused(now, m)
		}
	}
}

// sayAgain sends what is in flight again when the CMA asks for a sign of life: it
// wants to know what there is to say, and may have been away.
func (n *Node) sayAgain(now time.Time) {
	if n.head.kind == wire.KindReport && n.head.sent && !now.Before(n.sentAt.Add(minRetry)) {
		n.next = now
	}
}

// begin starts a session greater than the running one and than last, and says
// everything that is not acknowledged again.
func (n *Node) begin(now time.Time, last wire.Session) {
	n.session = max(n.session, last) + 1
	n.out.restore(n.head)
	n.head = message{}
	n.acked, n.tries, n.pace = 0, 0, 0
	n.out.announced = false
	// Two clones of one identity would drive each other on: ever slower.
	n.next = now.Add(n.upTo(minRetry))
	if n.olds > 0 {
		n.next = now.Add(n.backoff(n.olds + 2))
	}
	n.olds++
	n.tell(Event{Kind: NewSession, Session: n.session})
}

func (n *Node) want(body []byte) {
	refs, err := wire.ParseRefs(body)
	if err != nil {
		return
	}
	for _, r := range refs {
		if n.head.kind == wire.KindDocument && same(n.head.doc.DocRef, r) {
			n.head.body = []byte{} // See unusable.
		}
		n.tell(Event{Kind: Wanted, Ref: r})
	}
}

func (n *Node) desired(body []byte) {
	p, err := wire.ParseDesiredPart(body)
	if err != nil {
		return
	}
	if p.Gen <= n.applied {
		n.echo = true // The CMA did not hear it yet.
		return
	}
	if data := n.parts.add(p); data != nil {
		n.tell(Event{Kind: NewDesired, Gen: p.Gen, Data: data})
	}
}

func (n *Node) refused(now time.Time, m *wire.Signal) {
	r, err := wire.ParseRefused(m.Body)
	if err != nil {
		return
	}
	wait := min(max(r.RetryAfter, time.Second), maxRefusal)
	n.pause = now.Add(wait*3/4 + n.upTo(wait/2))
	n.tell(Event{Kind: WasRefused, Refused: r})
}
