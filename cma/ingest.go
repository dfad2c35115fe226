package cma

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"assim/discovery"
	"assim/event"
	"assim/graph"
	"assim/graph/oui"
	"assim/wire"
	"assim/wire/pack"
)

// asideBucket keeps the reasons why documents could not be turned into graph,
// named by system, type and instance. The documents are stored like any other.
const asideBucket = "aside"

// aside is what is recorded of a document that is set aside.
type aside struct {
	System, Type, Instance, Hash string
	At                           time.Time
	Reason                       string
}

// ingest is the way of a document from the inbox into the store.
type ingest struct {
	store   graph.Store
	commits *committer
	plugins map[string]*discovery.Plugin
	health  *health
	now     func() time.Time
	// stored is called when a document is durable, before it is acknowledged.
	stored func(from wire.ID, typ string)
	asides asides
}

// handle works on one parcel. A panic is that parcel's failure, not the CMA's
// end: it is told with its place and the parcel comes again.
func (in *ingest) handle(ctx context.Context, p parcel) (r receipt) {
	defer func() {
		if why := recover(); why != nil {
			r = receipt{err: fmt.Errorf("panic: %v", why)}
			in.health.failed("working on a document of "+p.from.String(), fmt.Errorf("panic: %v\n%s", why, debug.Stack()))
		}
	}()
	if p.task != nil {
		return receipt{err: p.task(ctx)}
	}
	if p.kind == wire.KindHashes {
		return in.hashes(ctx, p)
	}
	d, err := wire.ParseDocument(p.body)
	if err != nil {
		return in.unreadable(ctx, p, err)
	}
	r = receipt{ref: d.DocRef}
	text, base, err := in.unpack(ctx, p.from, &d)
	switch {
	case errors.Is(err, pack.ErrBase):
		r.stale = true
		r.want = []wire.DocRef{{Type: d.Type, Instance: d.Instance, Hash: base}}
		return r
	case err != nil:
		return in.unreadable(ctx, p, fmt.Errorf("%s: %w", d.Type, err))
	case !json.Valid(text):
		return in.unreadable(ctx, p, fmt.Errorf("%s: %w", d.Type, errNotJSON))
	}
	in.health.count("documents")
	in.health.count("documents: " + d.Type)
	r.err = in.write(ctx, p, &d, text)
	return r
}

var errNotJSON = errors.New("it is not JSON")

// unreadable lets the number of a parcel go that will not get better.
func (in *ingest) unreadable(ctx context.Context, p parcel, why error) receipt {
	in.health.malformed("malformed documents", p.from, why)
	return receipt{err: in.mark(ctx, p)}
}

// unpack returns the JSON of a document, and the hash of the version that is
// here already.
func (in *ingest) unpack(ctx context.Context, from wire.ID, d *wire.Document) (text []byte, have wire.Hash, err error) {
	if d.Encoding == wire.Gone {
		return []byte("null"), have, nil
	}
	var failed error
	text, err = pack.Unpack(d, func(wire.Hash) []byte {
		base, err := in.newest(ctx, systemKey(from), d.Type, d.Instance)
		if failed = err; base != nil {
			have = pack.HashOf(base)
		}
		return base
	})
	if failed != nil {
		return nil, have, failed
	}
	return text, have, err
}

// before returns what people call a system, and whether another version of a
// document of it is stored: a first look is no news.
func (in *ingest) before(ctx context.Context, system graph.Key, d *wire.Document) (name string, had bool, err error) {
	view, err := in.store.View(ctx, time.Time{})
	if err != nil {
		return "", false, err
	}
	defer view.Close()
	name = system.ID
	if v, err := view.Find(system); err == nil && text(v.Props["name"]) != "" {
		name = text(v.Props["name"])
	}
	for old, err := range view.Documents(system, d.Type) {
		if err != nil {
			return name, false, err
		}
		if old.Instance == d.Instance {
			return name, old.Hash != hex.EncodeToString(d.Hash[:]), nil
		}
	}
	return name, false, nil
}

// newest returns the stored JSON of one document, nil if there is none.
func (in *ingest) newest(ctx context.Context, system graph.Key, typ, instance string) ([]byte, error) {
	view, err := in.store.View(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	for d, err := range view.Documents(system, typ) {
		if err != nil {
			return nil, err
		}
		if d.Instance == instance {
			return d.JSON, nil
		}
	}
	return nil, nil
}

// hashes compares what a system has with what is stored, and wants the rest.
func (in *ingest) hashes(ctx context.Context, p parcel) receipt {
	refs, err := wire.ParseRefs(p.body)
	if err != nil {
		return in.unreadable(ctx, p, err)
	}
	have, err := in.stock(ctx, systemKey(p.from))
	if err != nil {
		return receipt{err: err}
	}
	var want []wire.DocRef
	for _, r := range refs {
		name := docName{r.Type, r.Instance}
		if have[name] != r.Hash {
			want = append(want, wire.DocRef{Type: r.Type, Instance: r.Instance, Hash: have[name]})
		}
	}
	return receipt{err: in.mark(ctx, p), want: want}
}

type docName struct{ typ, instance string }

// stock lists the hashes of a system's stored documents.
func (in *ingest) stock(ctx context.Context, system graph.Key) (map[docName]wire.Hash, error) {
	view, err := in.store.View(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	have := map[docName]wire.Hash{}
	for d, err := range view.Documents(system, "") {
		if err != nil {
			return nil, err
		}
		var h wire.Hash
		if _, err := hex.Decode(h[:], []byte(d.Hash)); err != nil {
			return nil, fmt.Errorf("stored hash of %s: %w", d.Type, err)
		}
		have[docName{d.Type, d.Instance}] = h
	}
	return have, nil
}

// mark makes the number of a parcel durable that has no other consequence.
func (in *ingest) mark(ctx context.Context, p parcel) error {
	if p.seq == 0 {
		return nil
	}
	return in.commits.wait(ctx, commit{marks: p.marks()})
}

// write makes one document durable. What the store refuses as graph is set
// aside like what a plugin refuses: else it would come again for ever, and hold
// up everything its system says after it.
func (in *ingest) write(ctx context.Context, p parcel, d *wire.Document, doc []byte) error {
	change, reason := in.change(systemKey(p.from), d.Type, doc)
	err := in.shared(ctx, d.Type, doc)
	if err == nil {
		err = in.commit(ctx, p, d, doc, change, reason)
	}
	if refused(ctx, err) {
		err = in.commit(ctx, p, d, doc, graph.Change{Keep: true}, err)
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", d.Type, p.from, err)
	}
	in.stored(p.from, d.Type)
	return nil
}

// refused reports whether an error is the store's opinion of a change, which
// will not get better, and not its state, which may.
func refused(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, graph.ErrFull) && !errors.Is(err, graph.ErrClosed)
}

// commit writes the JSON of a document, what it means as graph, and the number
// it came with, in one transaction. With a reason it is noted as set aside.
func (in *ingest) commit(ctx context.Context, p parcel, d *wire.Document, doc []byte, change graph.Change, reason error) error {
	system, now := systemKey(p.from), in.now()
	sum := pack.HashOf(doc)
	hash := hex.EncodeToString(sum[:])
	change.At = now
	change.Source = system.ID + "/" + d.Type
	if d.Instance != "" {
		change.Source += "/" + d.Instance
	}
	if json.Valid(doc) {
		change.Document = &graph.Document{System: system, Type: d.Type, Instance: d.Instance, Hash: hash, JSON: doc, At: now}
	}
	name, had, err := in.before(ctx, system, d)
	if err != nil {
		return err
	}
	record := graph.Record{Bucket: asideBucket, Name: system.ID + "/" + d.Type + "/" + d.Instance}
	var news []event.Event
	if reason == nil {
		in.asides.remove(system.ID, record.Name)
	} else {
		known, full, err := in.asides.add(ctx, in.store, system.ID, record.Name)
		switch {
		case err != nil:
			return err
		case full:
			return in.unreadable(ctx, p, fmt.Errorf("%s: %d other documents are set aside: %w", d.Type, maxAside, reason)).err
		case !known:
			news = append(news, troubled(now, system.ID, name, d.Type, reason))
		}
		if record.Value, err = json.Marshal(aside{system.ID, d.Type, d.Instance, hash, now, reason.Error()}); err != nil {
			return err
		}
	}
	if had {
		news = append(news, event.Event{
			At: now, Kind: event.Discovered, System: system.ID, Name: name,
			Detail: map[string]string{"type": d.Type, "instance": d.Instance, "hash": hash},
			Text:   fmt.Sprintf("%s of %s changed", d.Type, name),
		})
	}
	change.Records = append(change.Records, record)
	return in.commits.wait(ctx, commit{changes: []graph.Change{change}, marks: p.marks(), events: news})
}

// troubled is the news that a document is set aside.
func troubled(now time.Time, system, name, typ string, reason error) event.Event {
	return event.Event{
		At: now, Kind: event.Troubled, System: system, Name: name, Detail: map[string]string{"type": typ, "reason": reason.Error()},
		Text: fmt.Sprintf("a %s document of %s is set aside: %v", typ, name, reason),
	}
}

// sharedBucket names the content whose piece of graph is there already.
const sharedBucket = "shared"

// shared makes the piece of graph durable that belongs to a document's content,
// once for all systems that have the same. What the plugin cannot make of it is
// said when it is asked for the system's own piece.
func (in *ingest) shared(ctx context.Context, typ string, text []byte) error {
	p := in.plugins[typ]
	if p == nil || p.Shared == nil {
		return nil
	}
	piece, err := p.Shared(text)
	if err != nil || piece.Source == "" {
		return nil
	}
	if _, err := in.store.Record(ctx, sharedBucket, piece.Source); !errors.Is(err, graph.ErrNotFound) {
		return err
	}
	piece.At = in.now()
	piece.Records = append(piece.Records, graph.Record{Bucket: sharedBucket, Name: piece.Source, Value: []byte{1}})
	return in.commits.do(ctx, piece)
}

// change asks the plugin what a document means. An error is the reason to set
// it aside; the change then leaves alone what the graph has.
func (in *ingest) change(system graph.Key, typ string, text []byte) (c graph.Change, reason error) {
	defer func() {
		if r := recover(); r != nil {
			c, reason = graph.Change{Keep: true}, fmt.Errorf("the %s plugin panicked: %v", typ, r)
		}
	}()
	p := in.plugins[typ]
	switch {
	case !json.Valid(text):
		return graph.Change{Keep: true}, errNotJSON
	case p == nil || p.Graph == nil, string(text) == "null":
		// A site's own script, or a document that is gone: it says nothing as graph.
		return graph.Change{}, nil
	}
	c, err := p.Graph(system, text)
	if err != nil {
		return graph.Change{Keep: true}, err
	}
	oui.Name(&c)
	return c, nil
}
