package nanoprobe

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

// bulk is one contact with the CMA for what does not fit into datagrams. It
// runs beside the loop and asks the loop for everything it needs.
func (n *Nanoprobe) bulk(ctx context.Context) {
	err := n.contact(ctx)
	n.inLoop(ctx, func() {
		if err != nil {
			n.log.Warn("a bulk contact failed", "CMA", n.cma, "error", err)
		}
		n.session.BulkDone(time.Now(), err != nil)
		n.untidy(time.Now())
	})
}

func (n *Nanoprobe) contact(ctx context.Context) error {
	// A copy: the loop goes on reading the identity while we talk.
	var id trust.Identity
	var place netip.AddrPort
	n.inLoop(ctx, func() { id, place = *n.identity, n.place(ctx) })
	if !place.IsValid() {
		return errors.New("nobody has answered yet")
	}
	c, err := bulk.Dial(ctx, &id, place.String())
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	n.inLoop(ctx, func() { n.adopt(&id) })
	if err := n.renew(ctx, c, &id); err != nil {
		return err
	}
	for {
		var d wire.Document
		var ok bool
		n.inLoop(ctx, func() { d, ok = n.session.BulkNext() })
		if !ok {
			break
		}
		ack, err := c.Send(&d)
		if err != nil {
			return err
		}
		n.inLoop(ctx, func() { n.session.BulkAck(ack) })
	}
	for {
		var r wire.DocRef
		var ok bool
		n.inLoop(ctx, func() { r, ok = n.session.BulkRecall() })
		if !ok {
			break
		}
		text, err := c.Recall(r)
		if err != nil {
			return err
		}
		n.inLoop(ctx, func() { n.recalled(time.Now(), r, text) })
	}
	return c.Finish(
		func(m wire.BulkDesired) { n.inLoop(ctx, func() { n.desired(time.Now(), m.Gen, m.Data) }) },
		func(refs []wire.DocRef) { n.inLoop(ctx, func() { n.wants(time.Now(), refs) }) })
}

// inLoop runs f in the loop and returns when it has, or when ctx ends.
func (n *Nanoprobe) inLoop(ctx context.Context, f func()) {
	done := make(chan struct{})
	select {
	case n.calls <- func() { f(); close(done) }:
		<-done
	case <-ctx.Done():
	}
}

// place is where to dial: where the CMA answered last, or where it may be.
func (n *Nanoprobe) place(ctx context.Context) netip.AddrPort {
	if n.cma.IsValid() && n.session.Tries() <= patience {
		return n.cma
	}
	places := n.finder.where(ctx, time.Now())
	if len(places) == 0 {
		return n.cma
	}
	return places[n.rng.IntN(len(places))]
}

// adopt takes over what a contact changed in its copy of the identity.
func (n *Nanoprobe) adopt(id *trust.Identity) {
	if id.Epoch != n.identity.Epoch {
		n.session.Hurry(time.Now()) // What was sealed with the key before may never be answered.
	}
	n.identity.Epoch, n.identity.NodeKey, n.identity.Old = id.Epoch, id.NodeKey, id.Old
	n.identity.Pins, n.identity.Recovery, n.identity.CMA = id.Pins, id.Recovery, id.CMA
	n.identity.Key, n.identity.Next = id.Key, id.Next
	n.rekeyed()
	if id.Session == n.identity.Session {
		return
	}
	// The copy was saved, with a session that has ended meanwhile.
	if err := n.identity.Save(); err != nil {
		n.log.Error("the identity was not saved", "error", err)
	}
}

// renewEvery bounds how often the CMA can make this nanoprobe change its own
// key: a recording of its wish may be played by anybody.
const renewEvery = time.Minute

// renew replaces this nanoprobe's own key, if the CMA wants it.
func (n *Nanoprobe) renew(ctx context.Context, c *bulk.Conn, id *trust.Identity) error {
	wanted := false
	n.inLoop(ctx, func() {
		now := time.Now()
		if wanted = n.session.BulkRenews() && now.Sub(n.renewedAt) >= renewEvery; wanted {
			n.renewedAt = now
		}
	})
	if !wanted {
		return nil
	}
	err := c.Rotate(id)
	n.inLoop(ctx, func() { n.adopt(id) }) // What was begun as well: the next contact completes it.
	if err == nil {
		n.log.Info("another key of my own is in use")
	}
	return err
}

// When a nanoprobe comes by bulk unasked, to learn whether the CMA has changed
// its keys: after so many unanswered tries, at random within a minute, since a
// whole data center may have slept together; then every few minutes.
const (
	rescueTries  = 4
	rescueSpread = time.Minute
	rescueEvery  = 3 * time.Minute
)

// rescue fetches the present key when the one that we have may have ended while
// we slept. The CMA answers nothing that is sealed with a former one.
func (n *Nanoprobe) rescue(ctx context.Context, now time.Time) {
	switch {
	case n.session.Tries() < rescueTries:
		n.rescueAt = time.Time{}
	case n.rescueAt.IsZero():
		n.rescueAt = now.Add(time.Duration(n.rng.Int64N(int64(rescueSpread))))
	case !now.Before(n.rescueAt):
		n.rescueAt = now.Add(rescueEvery + time.Duration(n.rng.Int64N(int64(rescueSpread))))
		n.running.Go(func() { n.bulk(ctx) })
	}
}

// answered puts the rescue off: the CMA knows our key, and is merely busy.
func (n *Nanoprobe) answered(now time.Time) {
	n.doubtAt = time.Time{}
	if !n.rescueAt.IsZero() {
		n.rescueAt = now.Add(rescueEvery)
	}
}
