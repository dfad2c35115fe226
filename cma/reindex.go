package cma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"assim/admin"
	"assim/graph"
	"assim/wire"
)

const (
	reindexAtOnce   = 8                     // systems in the inbox at one time, so that news still gets a turn
	reindexPause    = 50 * time.Millisecond // between looks whether what follows is worked out
	reindexPatience = 10 * time.Minute      // with that; where news never ends it is never quite done
)

// reindex is one pass over all stored documents.
type reindex struct {
	in     *ingest
	mu     sync.Mutex
	shared map[string]bool // sources of shared pieces that were said already
	docs   int
	failed int
}

// Reindex asks the plugins again what every stored document means, and works out
// anew what follows from that. Each system takes its turn in the inbox, so its
// news and this cannot overtake each other. What means the same as before is not
// written.
func (c *CMA) Reindex(ctx context.Context) (r admin.Reindexed, err error) {
	if !c.reindexing.TryLock() {
		return r, admin.Badf("the graph is being worked out anew already; wait for that")
	}
	defer c.reindexing.Unlock()
	start := c.now()
	if r.Before, err = fingerprint(ctx, c.store); err != nil {
		return r, err
	}
	systems, err := documented(ctx, c.store)
	if err != nil {
		return r, err
	}
	pass := &reindex{in: c.ingest, shared: map[string]bool{}}
	if err := pass.all(ctx, c.inbox, systems); err != nil {
		return r, fmt.Errorf("reindex: %w; what is done is done, begin again", err)
	}
	for end := c.now().Add(reindexPatience); !c.deriver.idle() && c.now().Before(end); {
		if !pause(ctx, reindexPause) {
			return r, ctx.Err()
		}
	}
	r.Documents, r.Failed = pass.docs, pass.failed
	r.After, err = fingerprint(ctx, c.store)
	r.Millis = float64(c.now().Sub(start).Microseconds()) / 1000
	return r, err
}

func fingerprint(ctx context.Context, store graph.Store) (string, error) {
	view, err := store.View(ctx, time.Time{})
	if err != nil {
		return "", err
	}
	hash, err := graph.Hash(view)
	return hash, errors.Join(err, view.Close())
}

// documented lists the systems that have documents.
func documented(ctx context.Context, store graph.Store) ([]wire.ID, error) {
	view, err := store.View(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	var list []wire.ID
	seen := map[string]bool{}
	for d, err := range view.Documents(graph.Key{}, "") {
		if err != nil {
			return nil, err
		}
		if seen[d.System.ID] {
			continue
		}
		seen[d.System.ID] = true
		if id, err := wire.ParseID(d.System.ID); err == nil {
			list = append(list, id)
		}
	}
	return list, nil
}

// all puts every system into the inbox and returns when the last one had its turn.
func (x *reindex) all(ctx context.Context, inbox *inbox, systems []wire.ID) error {
	turns := make(chan error, reindexAtOnce)
	var failed error
	waiting := 0
	for len(systems) > 0 || waiting > 0 {
		if len(systems) > 0 && waiting < reindexAtOnce && failed == nil {
			id := systems[0]
			err := inbox.put(parcel{from: id, task: func(ctx context.Context) error { return x.system(ctx, id) },
				done: func(r receipt) { turns <- r.err }})
			switch {
			case err == nil:
				systems = systems[1:]
				waiting++
				continue
			case waiting == 0 && !pause(ctx, reindexPause):
				return ctx.Err()
			case waiting == 0:
				continue
			}
		}
		if waiting == 0 {
			break
		}
		select {
		case err := <-turns:
			waiting--
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			return ctx.Err() // the channel has room for those that are not waited for
		}
	}
	return failed
}

// system asks again about all documents of one system.
func (x *reindex) system(ctx context.Context, id wire.ID) error {
	view, err := x.in.store.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	var docs []graph.Document
	for d, e := range view.Documents(systemKey(id), "") {
		if e != nil {
			err = e
			break
		}
		docs = append(docs, d)
	}
	if err := errors.Join(err, view.Close()); err != nil {
		return err
	}
	for _, d := range docs {
		if err := x.document(ctx, d); err != nil {
			return fmt.Errorf("%s of %s: %w", d.Type, id, err)
		}
		x.in.stored(id, d.Type)
	}
	return nil
}

func (x *reindex) document(ctx context.Context, d graph.Document) error {
	if err := x.share(ctx, d); err != nil {
		return err
	}
	change, reason := x.in.change(d.System, d.Type, d.JSON)
	err := x.write(ctx, d, change, reason)
	if refused(ctx, err) {
		reason = err
		err = x.write(ctx, d, graph.Change{Keep: true}, reason)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.docs++
	if reason != nil {
		x.failed++
	}
	return err
}

// write makes durable what a document means now. The document itself is there.
func (x *reindex) write(ctx context.Context, d graph.Document, change graph.Change, reason error) error {
	change.Source, change.At = graph.SourceOf(d), x.in.now()
	record := graph.Record{Bucket: asideBucket, Name: d.System.ID + "/" + d.Type + "/" + d.Instance}
	if reason != nil {
		var err error
		if record.Value, err = json.Marshal(aside{d.System.ID, d.Type, d.Instance, d.Hash, change.At, reason.Error()}); err != nil {
			return err
		}
	}
	change.Records = append(change.Records, record)
	return x.in.commits.do(ctx, change)
}

// share says again, once, the piece of graph that belongs to a content.
func (x *reindex) share(ctx context.Context, d graph.Document) error {
	p := x.in.plugins[d.Type]
	if p == nil || p.Shared == nil {
		return nil
	}
	piece, err := p.Shared(d.JSON)
	if err != nil || piece.Source == "" {
		return nil // told when the plugin is asked for the system's own piece
	}
	x.mu.Lock()
	again := x.shared[piece.Source]
	x.shared[piece.Source] = true
	x.mu.Unlock()
	if again {
		return nil
	}
	piece.At = x.in.now()
	piece.Records = append(piece.Records, graph.Record{Bucket: sharedBucket, Name: piece.Source, Value: []byte{1}})
	return x.in.commits.do(ctx, piece)
}
