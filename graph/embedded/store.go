package embedded

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"assim/graph"
)

// Options say how a store behaves. The zero Options are right for most.
type Options struct {
	// Readers bounds how many moments can be looked at at once; more wait.
	// Each costs up to 12 MB. Default 8.
	Readers int
	// CacheMB is how much of the file the writer keeps at hand, in megabytes.
	// More makes large installations write faster. Default 160.
	CacheMB int
	// MaxMB bounds the size of the file in megabytes; beyond it Apply says
	// graph.ErrFull. Default: as much as the file system has.
	MaxMB int
	// Retention is how long earlier versions are kept. More answers older
	// questions and takes more disk. Default: for ever.
	Retention time.Duration
	upkeep    time.Duration // how often what is older is looked for; default upkeepInterval
	// Labels says which properties are indexed. Default graph.Labels; a site
	// may add its own, the index is built when the store opens.
	Labels []graph.LabelDoc
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = 8
	}
	if o.CacheMB <= 0 {
		o.CacheMB = 160
	}
	if o.Labels == nil {
		o.Labels = graph.Labels
	}
	return o
}

const readerCacheKiB = 12 << 10 // page cache of one reading connection

// Store is the embedded graph.Store.
type Store struct {
	path     string
	opt      Options
	lock     *os.File // nil when readOnly
	readOnly bool
	names    names
	index    indexes

	queue    chan *request
	done     chan struct{} // closed when the writer has ended
	closing  chan struct{}
	once     sync.Once
	closeErr error

	pool   chan *conn   // idle readers; nil stands for one not yet dialed
	mu     sync.RWMutex // guards closed against requests under way
	closed bool
}

var (
	_ graph.Store    = (*Store)(nil)
	_ graph.Differ   = (*Store)(nil)
	_ graph.Exporter = (*Store)(nil)
)

// Open opens the store in the file at path, creating it when there is none,
// and recovers what a crash left. Its directory must exist. ErrInUse says that
// another process has it, ErrFormat that it is not ours.
func Open(path string, opt Options) (*Store, error) {
	s, err := open(path, opt.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("graph store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, opt Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	held, err := lock(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, opt: opt, lock: held,
		queue:   make(chan *request, maxGroup),
		done:    make(chan struct{}),
		closing: make(chan struct{}),
		pool:    make(chan *conn, opt.Readers),
	}
	for range opt.Readers {
		s.pool <- nil
	}
	w, err := newWriter(s)
	if err != nil {
		held.Close()
		return nil, err
	}
	go func() {
		defer close(s.done)
		w.run()
	}()
	return s, nil
}

// Path returns where the store is.
func (s *Store) Path() string { return s.path }

// Close waits for what was begun, leaves one tidy file behind and lets go of
// it. Readers still open end with it.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
		<-s.done
		s.closeIdle()
		if s.lock != nil {
			s.closeErr = s.lock.Close()
		}
	})
	return s.closeErr
}

func (s *Store) closeIdle() {
	for {
		select {
		case c := <-s.pool:
			if c != nil {
				_ = c.close() // it only read
			}
		default:
			return
		}
	}
}

// acquire returns a reading connection, waiting for one if all are taken.
func (s *Store) acquire(ctx context.Context) (*conn, error) {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return nil, graph.ErrClosed
	}
	select {
	case c := <-s.pool:
		if c != nil {
			return c, nil
		}
		c, err := dial(s.path, readerCacheKiB, "PRAGMA query_only = 1")
		if err != nil {
			s.pool <- nil
		}
		return c, err
	case <-s.closing:
		return nil, graph.ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("graph: all %d readers are in use: %w", s.opt.Readers, ctx.Err())
	}
}

// release takes a connection back.
func (s *Store) release(c *conn) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		_ = c.close() // it only read
		return
	}
	s.pool <- c
}

// Record returns one record's value.
func (s *Store) Record(ctx context.Context, bucket, name string) ([]byte, error) {
	c, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release(c)
	var value []byte
	found, err := c.one(func(r *rows) { value = r.blob(0) }, "SELECT value FROM record WHERE bucket=?1 AND name=?2", bucket, name)
	if err == nil && !found {
		err = fmt.Errorf("graph: record %s/%s: %w", bucket, name, graph.ErrNotFound)
	}
	if value == nil && err == nil {
		value = []byte{}
	}
	return value, err
}

// Records walks a bucket in order of name.
func (s *Store) Records(ctx context.Context, bucket string) iter.Seq2[graph.Record, error] {
	return func(yield func(graph.Record, error) bool) {
		c, err := s.acquire(ctx)
		if err != nil {
			yield(graph.Record{}, err)
			return
		}
		defer s.release(c)
		err = c.each(func(r *rows) error {
			value := r.blob(1)
			if value == nil {
				value = []byte{}
			}
			if !yield(graph.Record{Bucket: bucket, Name: r.text(0), Value: value}, nil) {
				return errStop
			}
			return nil
		}, "SELECT name, value FROM record WHERE bucket=?1 ORDER BY name", bucket)
		if err != nil && !errors.Is(err, errStop) {
			yield(graph.Record{}, err)
		}
	}
}

// errStop says that whoever walks has seen enough.
var errStop = errors.New("stop")
