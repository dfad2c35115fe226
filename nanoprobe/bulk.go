package nanoprobe

import (
	"context"
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
	})
}

func (n *Nanoprobe) contact(ctx context.Context) error {
	// A copy: the loop goes on reading the identity while we talk.
	var id trust.Identity
	var place string
	n.inLoop(ctx, func() { id, place = *n.identity, n.cma.String() })
	c, err := bulk.Dial(ctx, &id, place)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	n.inLoop(ctx, func() {
		n.identity.Epoch, n.identity.NodeKey, n.identity.Old = id.Epoch, id.NodeKey, id.Old
		n.identity.Pins, n.identity.Recovery, n.identity.CMA = id.Pins, id.Recovery, id.CMA
		n.identity.Key, n.identity.Next = id.Key, id.Next
		n.rekeyed()
		if id.Session != n.identity.Session {
			if err := n.identity.Save(); err != nil {
				n.log.Error("the identity was not saved", "error", err)
			}
		}
	})
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
	return c.Finish(
		func(m wire.BulkDesired) { n.inLoop(ctx, func() { n.desired(time.Now(), m.Gen, m.Data) }) },
		func(refs []wire.DocRef) { n.inLoop(ctx, func() { n.wants(refs) }) })
}

// wants sends documents that the CMA asked for at the end of a contact.
func (n *Nanoprobe) wants(refs []wire.DocRef) {
	for _, r := range refs {
		if which, doc := n.docs.wanted(r); doc != nil {
			n.put(which, doc)
		}
	}
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
