package embedded

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"assim/graph"
)

// Limits of one disk write. What comes in while one is under way shares the
// next, so a lone change never waits for company.
const (
	maxGroup     = 100                  // changes that share one disk write
	maxGroupTime = 5 * time.Millisecond // and for how long they are gathered
)

// request is something for the writer to do in a transaction of its own or,
// for changes, one shared with others.
type request struct {
	ctx     context.Context
	changes []*prepared
	job     func(w *writer) error // instead of changes; alone in its transaction
	res     graph.Result
	err     error
	done    chan struct{}
}

// prepared is a Change in the form that the writer works with. All that needs
// no database is done before it is queued, by whoever calls Apply.
type prepared struct {
	graph.Change
	at   time.Time
	said graph.Said
	hash []byte // of said
	doc  *preparedDoc
}

type preparedDoc struct {
	hash  []byte
	raw   []byte
	known bool // JSON is nil: the content must be stored already
	gone  bool // Hash is empty: there is none any more
}

var packer, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedDefault)) // options are constants and valid

// Apply makes changes true in one transaction.
func (s *Store) Apply(ctx context.Context, changes ...graph.Change) (graph.Result, error) {
	r := &request{ctx: ctx, changes: make([]*prepared, len(changes))}
	for i, c := range changes {
		p, err := prepare(c)
		if err != nil {
			return graph.Result{}, err
		}
		r.changes[i] = p
	}
	err := s.submit(r)
	return r.res, err
}

// submit hands r to the writer and waits for its answer. Once the writer has
// begun, a context that ends does not interrupt it.
func (s *Store) submit(r *request) error {
	if s.readOnly {
		return fmt.Errorf("graph store %s: %w", s.path, ErrReadOnly)
	}
	r.done = make(chan struct{})
	if err := r.ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return graph.ErrClosed
	}
	select {
	case s.queue <- r:
		s.mu.RUnlock()
	case <-r.ctx.Done():
		s.mu.RUnlock()
		return r.ctx.Err()
	}
	<-r.done
	return r.err
}

func prepare(c graph.Change) (*prepared, error) {
	said, err := graph.Say(c)
	if err != nil {
		return nil, err
	}
	p := &prepared{Change: c, said: said, at: c.At.UTC(), hash: hashSaid(said)}
	if c.At.IsZero() {
		p.at = time.Now().UTC()
	}
	if c.Document != nil {
		if p.doc, err = prepareDoc(c.Document); err != nil {
			return nil, fmt.Errorf("graph: change of %q: document %s: %w", c.Source, c.Document.Type, err)
		}
	}
	for _, r := range c.Records {
		if r.Bucket == "" || len(r.Bucket) > graph.MaxName || len(r.Name) > graph.MaxID || len(r.Value) > graph.MaxValue {
			return nil, fmt.Errorf("graph: change of %q: record %.40q/%.40q: a bucket has 1 to %d bytes, a name up to %d, a value up to %d",
				c.Source, r.Bucket, r.Name, graph.MaxName, graph.MaxID, graph.MaxValue)
		}
	}
	return p, nil
}

func prepareDoc(d *graph.Document) (*preparedDoc, error) {
	if d.Hash == "" {
		return &preparedDoc{gone: true}, nil
	}
	hash, err := hex.DecodeString(d.Hash)
	if err != nil || len(hash) != sha256.Size {
		return nil, fmt.Errorf("hash %.80q is not a SHA-256 in hexadecimal", d.Hash)
	}
	if d.JSON == nil {
		return &preparedDoc{hash: hash, known: true}, nil
	}
	if sum := sha256.Sum256(d.JSON); !bytes.Equal(sum[:], hash) {
		return nil, fmt.Errorf("is not what its hash %q says", d.Hash)
	}
	return &preparedDoc{hash: hash, raw: d.JSON}, nil
}

// hashSaid is the fingerprint by which an unchanged source is recognized.
func hashSaid(s graph.Said) []byte {
	b := make([]byte, 0, 4096)
	for _, n := range s.Nodes {
		b = graph.AppendKey(append(b, 'n'), n.Key)
		for _, l := range n.Labels {
			b = append(append(b, ':'), l...)
		}
		b = graph.AppendProps(append(b, 0), n.Props)
	}
	for _, r := range s.Rels {
		b = graph.AppendKey(append(b, 'r'), r.From)
		b = graph.AppendKey(b, graph.Key{Label: r.Type, ID: r.ID})
		b = graph.AppendKey(b, r.To)
		b = graph.AppendProps(b, r.Props)
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}

// writer is the one goroutine that writes.
type writer struct {
	s     *Store
	c     *conn
	clock int64 // nanoseconds; the time of the newest change

	nextNode, nextRel, nextSeq, nextSource int64
	nextDoc, nextSlot                      int64
	usage                                  map[usageKey]int64 // not yet written
	touched                                []elem             // by the change at hand
	fresh                                  batches            // rows of the change at hand, not yet written
	indexedTo                              int64              // log entries up to here are in the word index
	lastWord                               int64              // the newest node in the word index
	lame                                   error              // set when commits would no longer be durable
}

func newWriter(s *Store) (*writer, error) {
	c, err := dial(s.path, s.opt.CacheMB<<10, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
		"PRAGMA wal_autocheckpoint = 16000", "PRAGMA journal_size_limit = 67108864", "PRAGMA temp_store = MEMORY")
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, c: c, fresh: newBatches()}
	if err := w.start(); err != nil {
		c.close()
		return nil, err
	}
	return w, nil
}

func (w *writer) start() error {
	if err := migrate(w.c, migrations); err != nil {
		return err
	}
	if w.s.opt.MaxMB > 0 {
		size, err := w.c.integer("PRAGMA page_size")
		if err != nil {
			return err
		}
		if _, err := w.c.integer(fmt.Sprintf("PRAGMA max_page_count = %d", int64(w.s.opt.MaxMB)<<20/size)); err != nil {
			return err
		}
	}
	if err := w.reload(); err != nil {
		return err
	}
	return w.defineIndexes()
}

// reload reads what the writer keeps in memory, at the start and after a
// transaction was rolled back.
func (w *writer) reload() error {
	w.usage = map[usageKey]int64{}
	w.touched = nil
	w.fresh.forget()
	if err := w.s.names.load(w.c); err != nil {
		return err
	}
	for _, n := range []struct {
		to  *int64
		sql string
	}{
		{&w.nextNode, "SELECT 1 + max((SELECT ifnull(max(id), 0) FROM node), (SELECT ifnull(max(id), 0) FROM oldnode), (SELECT ifnull(max(value), 0) FROM meta WHERE name = 'node'))"},
		{&w.nextRel, "SELECT 1 + max((SELECT ifnull(max(id), 0) FROM rel), (SELECT ifnull(max(id), 0) FROM oldrel), (SELECT ifnull(max(value), 0) FROM meta WHERE name = 'rel'))"},
		{&w.nextSource, "SELECT 1 + ifnull(max(id), 0) FROM source"},
		{&w.nextSlot, "SELECT 1 + ifnull(max(slot), 0) FROM docref"},
		{&w.nextDoc, "SELECT 1 + ifnull(max(id), 0) FROM doc"},
		{&w.lastWord, "SELECT ifnull(max(id), 0) FROM words_docsize"},
		{&w.nextSeq, "SELECT 1 + max((SELECT ifnull(max(seq), 0) FROM log), (SELECT ifnull(max(value), 0) FROM meta WHERE name = 'words'))"},
		{&w.clock, "SELECT max(ifnull((SELECT max(at) FROM log), 0), ifnull((SELECT value FROM meta WHERE name = 'clock'), 0))"},
		{&w.indexedTo, "SELECT value FROM meta WHERE name = 'words'"},
	} {
		v, err := w.c.integer(n.sql)
		if err != nil {
			return err
		}
		*n.to = v
	}
	return nil
}

// run serves requests until the store closes, then leaves one tidy file.
func (w *writer) run() {
	upkeep := time.NewTicker(cmp.Or(w.s.opt.upkeep, upkeepInterval))
	defer upkeep.Stop()
	quiet := time.NewTimer(wordsDelay)
	defer quiet.Stop()
	for {
		select {
		case r := <-w.s.queue:
			w.serve(r)
		case <-quiet.C:
			w.indexWords()
		case <-upkeep.C:
			w.upkeep()
		case <-w.s.closing:
			w.finish()
			return
		}
		if w.indexedTo < w.nextSeq-1 {
			quiet.Reset(wordsDelay)
		}
	}
}

// finish serves what is queued and closes the connection.
func (w *writer) finish() {
	for {
		select {
		case r := <-w.s.queue:
			w.serve(r)
			continue
		default:
		}
		break
	}
	_, _ = w.c.integer("PRAGMA busy_timeout = 0")         // a reader still open must not hold us up
	_, _ = w.c.integer("PRAGMA wal_checkpoint(TRUNCATE)") // what stays in the log is read from there
	_ = w.c.close()                                       // everything acknowledged is on disk
}

// serve does r and, when r is changes, whatever else is waiting with it.
func (w *writer) serve(r *request) {
	if r.job != nil {
		r.err = w.alone(r)
		close(r.done)
		return
	}
	group, job := w.gather(r)
	if err := w.together(group); err != nil && len(group) > 1 {
		// One of them failed all: each gets its own transaction and answer.
		for _, r := range group {
			r.res, r.err = graph.Result{}, w.together([]*request{r})
		}
	} else {
		for _, r := range group {
			r.err = err
		}
	}
	for _, r := range group {
		close(r.done)
	}
	if job != nil {
		w.serve(job)
	}
	if w.nextSeq-w.indexedTo > maxWordsBehind {
		w.indexWords()
	}
}

// gather takes what waits behind r, up to the limits. It returns a job it came
// upon, which cannot share.
func (w *writer) gather(r *request) (group []*request, job *request) {
	group = []*request{r}
	n := len(r.changes)
	for n < maxGroup {
		select {
		case next := <-w.s.queue:
			if next.job != nil {
				return group, next
			}
			group = append(group, next)
			n += len(next.changes)
		default:
			return group, nil
		}
	}
	return group, nil
}

// together applies all requests of a group in one transaction.
func (w *writer) together(group []*request) error {
	return w.transaction(func() error {
		for _, r := range group {
			r.res = graph.Result{}
			for _, p := range r.changes {
				if err := w.apply(p, &r.res); err != nil {
					return fmt.Errorf("graph: change of %q: %w", p.Source, err)
				}
			}
		}
		return w.writeUsage()
	})
}

func (w *writer) alone(r *request) error {
	return w.transaction(func() error {
		if err := r.job(w); err != nil {
			return err
		}
		return w.writeUsage()
	})
}

// transaction runs f; all of it happens or nothing.
func (w *writer) transaction(f func() error) error {
	if w.lame != nil {
		return fmt.Errorf("the store must be opened again, it could not return to durable commits: %w", w.lame)
	}
	if err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		if err = w.c.exec("COMMIT"); err == nil {
			return nil
		}
	}
	if undo := w.c.exec("ROLLBACK"); undo != nil && !errors.Is(err, graph.ErrFull) {
		err = errors.Join(err, undo)
	}
	return errors.Join(err, w.reload())
}
