package session

import (
	"slices"
	"time"

	"assim/wire"
)

// bulk is a nanoprobe's wish for a bulk contact: it asks for a slot, waits for
// it, dials, and hands its documents over one by one.
//
//	idle ─put─▶ asking ─slot─▶ waiting ─time─▶ open ─done─▶ idle
//	               ▲                             │ failed
//	               └─────────────────────────────┘
type bulk struct {
	docs   []wire.Document
	rekey  bool
	renew  bool // and show another key of one's own
	open   bool
	slot   time.Time // granted; zero: none
	ask    time.Time // when to ask again; zero: now
	tries  int
	flight *wire.Document // handed out, unanswered
	recall []wire.DocRef  // documents to ask for
}

func (b *bulk) needed() bool {
	return len(b.docs) > 0 || b.rekey || b.flight != nil || len(b.recall) > 0
}

func (b *bulk) asks(now time.Time) bool {
	return b.needed() && !b.open && b.slot.IsZero() && !now.Before(b.ask)
}

func (b *bulk) asked(now time.Time, wait time.Duration) {
	if b.needed() && !b.open && b.slot.IsZero() {
		b.ask = now.Add(wait)
		b.tries++
	}
}

func (b *bulk) granted(at time.Time) {
	if b.needed() && !b.open && b.slot.IsZero() {
		b.slot = at
	}
}

// due reports, once, that it is time to dial.
func (b *bulk) due(now time.Time) bool {
	if b.open || b.slot.IsZero() || now.Before(b.slot) || !b.needed() {
		return false
	}
	b.open, b.slot = true, time.Time{}
	return true
}

func (b *bulk) deadline(mayAsk bool) time.Time {
	switch {
	case !b.needed() || b.open:
		return time.Time{}
	case !b.slot.IsZero():
		return b.slot
	case mayAsk && b.ask.IsZero():
		return time.Unix(0, 1)
	case mayAsk:
		return b.ask
	}
	return time.Time{}
}

func (b *bulk) put(d wire.Document) {
	for i := range b.docs {
		if same(b.docs[i].DocRef, d.DocRef) {
			b.docs[i] = d
			return
		}
	}
	if len(b.docs) < maxDocs {
		b.docs = append(b.docs, d)
	}
}

func (b *bulk) drop(r wire.DocRef) {
	for i := range b.docs {
		if same(b.docs[i].DocRef, r) {
			b.docs = append(b.docs[:i], b.docs[i+1:]...)
			return
		}
	}
}

// BulkNext returns the next document for an open bulk contact.
func (n *Node) BulkNext() (wire.Document, bool) {
	b := &n.bulk
	if !b.open || b.flight != nil || len(b.docs) == 0 {
		return wire.Document{}, false
	}
	d := b.docs[0]
	b.docs = b.docs[1:]
	b.flight = &d
	return d, true
}

// Recall asks for a bulk contact to learn what this system said last of a
// document, which an earlier nanoprobe told.
func (n *Node) Recall(r wire.DocRef) {
	n.Recalled(r)
	if len(n.bulk.recall) < maxDocs {
		n.bulk.recall = append(n.bulk.recall, r)
	}
}

// BulkRecall returns the next document to ask for in an open bulk contact.
func (n *Node) BulkRecall() (wire.DocRef, bool) {
	if b := &n.bulk; b.open && len(b.recall) > 0 {
		return b.recall[0], true
	}
	return wire.DocRef{}, false
}

// Recalled says that a document needs not be asked for any more.
func (n *Node) Recalled(r wire.DocRef) {
	n.bulk.recall = slices.DeleteFunc(n.bulk.recall, func(o wire.DocRef) bool { return same(o, r) })
}

// BulkRenews reports whether the CMA wants this nanoprobe to replace its own key
// in the open bulk contact.
func (n *Node) BulkRenews() bool { return n.bulk.renew }

// BulkAck takes the CMA's answer to the document that BulkNext returned last.
func (n *Node) BulkAck(a wire.DocumentAck) {
	b := &n.bulk
	if b.flight == nil || b.flight.DocRef != a.DocRef {
		return
	}
	b.flight = nil
	switch {
	case a.Stored:
		n.tell(Event{Kind: Acked, Ref: a.DocRef})
	case a.Text == "":
		n.tell(Event{Kind: Wanted, Ref: wire.DocRef{Type: a.Type, Instance: a.Instance, Hash: a.Have}})
	}
}

// BulkDone ends a bulk contact. After a failure what was not answered is kept,
// unless a newer version waits, and a new slot is asked for.
func (n *Node) BulkDone(now time.Time, failed bool) {
	b := &n.bulk
	if !b.open {
		return
	}
	if b.flight != nil {
		d := *b.flight
		b.flight = nil
		if !b.waits(d.DocRef) {
			b.docs = append([]wire.Document{d}, b.docs...)
		}
		failed = true
	}
	b.open, b.slot = false, time.Time{}
	if failed {
		b.tries++
		b.ask = now.Add(n.backoff(b.tries))
		return
	}
	b.rekey, b.renew, b.tries, b.ask = false, false, 0, time.Time{}
}

func (b *bulk) waits(r wire.DocRef) bool {
	for i := range b.docs {
		if same(b.docs[i].DocRef, r) {
			return true
		}
	}
	return false
}
