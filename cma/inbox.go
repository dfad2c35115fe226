package cma

import (
	"context"
	"errors"
	"sync"

	"assim/session"
	"assim/wire"
)

// Limits of the inbox.
const (
	maxInbox      = 20_000   // documents waiting in all
	maxInboxBytes = 64 << 20 // bytes waiting in all
	maxPerSystem  = 128      // documents waiting of one system
)

// errInboxFull means: not taken, not acknowledged, come again later.
var errInboxFull = errors.New("the inbox is full")

// parcel is one document, or one list of hashes, that arrived and is not
// worked on yet.
type parcel struct {
	from    wire.ID
	kind    wire.SignalKind             // KindDocument or KindHashes
	body    []byte                      // as it came: see wire.ParseDocument, wire.ParseRefs
	session wire.Session                // of what came as a numbered signal
	seq     uint32                      // its number; 0 for what came otherwise
	done    func(receipt)               // called once; must not block
	task    func(context.Context) error // instead of a document: something to do when nothing else is done for that system
}

// marks is what must become durable with a parcel's consequences.
func (p *parcel) marks() []session.Mark {
	if p.seq == 0 {
		return nil
	}
	return []session.Mark{{ID: p.from, Session: p.session, Seq: p.seq}}
}

// receipt says what became of a parcel.
type receipt struct {
	ref   wire.DocRef   // of a document
	err   error         // it is not durable, and may come again
	stale bool          // it is a patch to a version that is not here: see want
	want  []wire.DocRef // send these; Hash is what is here already
}

// inbox is the queue before the store: bounded, fair between systems, and it
// hands out one document of a system at a time, in order.
type inbox struct {
	mu      sync.Mutex
	wake    *sync.Cond
	waiting map[wire.ID]*line
	ready   []wire.ID // systems with something to hand out, whose turn comes in this order
	count   int
	bytes   int
	dropped uint64
	closed  bool
}

// line is what waits of one system.
type line struct {
	parcels []parcel
	busy    bool // one of them is being worked on
}

func newInbox() *inbox {
	b := &inbox{waiting: map[wire.ID]*line{}}
	b.wake = sync.NewCond(&b.mu)
	return b
}

// put takes a parcel in or says errInboxFull.
func (b *inbox) put(p parcel) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.waiting[p.from]
	if b.closed || b.count >= maxInbox || b.bytes+len(p.body) > maxInboxBytes || l != nil && len(l.parcels) >= maxPerSystem {
		b.dropped++
		return errInboxFull
	}
	if l == nil {
		l = &line{}
		b.waiting[p.from] = l
	}
	l.parcels = append(l.parcels, p)
	b.count++
	b.bytes += len(p.body)
	if len(l.parcels) == 1 && !l.busy {
		b.ready = append(b.ready, p.from)
		b.wake.Signal()
	}
	return nil
}

// take waits for a parcel; false when the inbox is closed.
func (b *inbox) take() (parcel, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.ready) == 0 {
		if b.closed {
			return parcel{}, false
		}
		b.wake.Wait()
	}
	id := b.ready[0]
	b.ready = b.ready[1:]
	l := b.waiting[id]
	p := l.parcels[0]
	l.parcels = l.parcels[1:]
	l.busy = true
	b.count--
	b.bytes -= len(p.body)
	return p, true
}

// finished lets the next parcel of a system go.
func (b *inbox) finished(id wire.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.waiting[id]
	l.busy = false
	if len(l.parcels) == 0 {
		delete(b.waiting, id)
		return
	}
	b.ready = append(b.ready, id)
	b.wake.Signal()
}

// work hands parcels to f in n goroutines until ctx ends, and returns when all
// of them have.
func (b *inbox) work(ctx context.Context, n int, f func(context.Context, parcel) receipt) {
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for {
				p, ok := b.take()
				if !ok {
					return
				}
				r := f(ctx, p)
				b.finished(p.from)
				p.done(r)
			}
		})
	}
	<-ctx.Done()
	b.mu.Lock()
	b.closed = true
	b.ready = nil
	b.mu.Unlock()
	b.wake.Broadcast()
	workers.Wait()
}

// size returns how many parcels wait and how many were refused so far.
func (b *inbox) size() (waiting int, dropped uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count, b.dropped
}
