package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
	"github.com/neo4j/neo4j-go-driver/v6/neo4j/config"
	"github.com/neo4j/neo4j-go-driver/v6/neo4j/notifications"

	"assim/graph"
)

// Options say how to reach a server. The zero value means no authentication
// and the server's default database.
type Options struct {
	User, Password string
	Database       string

	// Retention is how long earlier versions are kept; 0 keeps them for ever.
	Retention time.Duration
}

const (
	format      = 2 // of what the store keeps; Open refuses others
	connectTime = 20 * time.Second
	indexTime   = 300 // seconds to wait for indexes at start
	maxKnown    = 2_000_000
	maxTotals   = 1000
	pieceNodes  = 2500 // that are written together, with their relationships and who says them
	maxTries    = 6    // of an Apply whose errors may pass
	firstPause  = 50 * time.Millisecond
)

// Store is a graph.Store on a server that speaks Bolt.
type Store struct {
	uri    string
	opt    Options
	driver neo4j.Driver
	piece  int // pieceNodes; tests have fewer

	mu     sync.Mutex // one writer
	count  counters
	known  map[string]string // source or document → hash of what it is known to say
	pruned int64             // the store's time when it last was
	late   int64             // the latest time that was told and not sent
	closed bool

	// gate keeps readers out while a commit takes effect; serial is the newest
	// commit that took effect.
	gate    sync.RWMutex
	serial  int64
	totals  totals
	horizon int64 // the time before which history is pruned
	ended   bool  // closed, for readers
}

// counters are what the store's AssimMeta says.
type counters struct {
	serial, clock, node, rel, source int64
}

// Open connects to the server at uri ("bolt://host:7687", "neo4j://...", or
// with "+s" for TLS), checks that it is one the store can work with and creates
// constraints and indexes that are missing.
func Open(ctx context.Context, uri string, opt Options) (*Store, error) {
	auth := neo4j.NoAuth()
	if opt.User != "" {
		auth = neo4j.BasicAuth(opt.User, opt.Password, "")
	}
	driver, err := neo4j.NewDriver(uri, auth, func(c *config.Config) {
		c.SocketConnectTimeout = connectTime
		c.MaxTransactionRetryTime = connectTime
		c.NotificationsMinSeverity = notifications.DisabledLevel // what it thinks of our statements
	})
	if err != nil {
		return nil, fmt.Errorf("graph: the store's address %q is not understood: %w; write bolt://HOST:7687 or neo4j://HOST:7687, with +s for TLS", uri, err)
	}
	s := &Store{uri: uri, opt: opt, driver: driver, piece: pieceNodes, known: map[string]string{}}
	if err := s.start(ctx); err != nil {
		_ = driver.Close(ctx)
		return nil, s.explain(err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := s.driver.VerifyConnectivity(ask); err != nil {
		return err
	}
	if err := s.checkVersion(ask); err != nil {
		return err
	}
	if err := s.checkFormat(ctx); err != nil {
		return err
	}
	if err := s.createIndexes(ctx); err != nil {
		return err
	}
	// Writing waits for the lock: what a process that was killed had sent is done or undone before we look.
	found, err := s.rows(ctx, "MERGE (m:AssimMeta {name: 'meta'}) ON CREATE SET m.format = $format, m.serial = 0, m.clock = 0, m.node = 0, m.rel = 0, m.source = 0 "+touch+returnCounters, map[string]any{"format": format})
	if err != nil {
		return err
	}
	s.count = readCounters(found[0])
	s.serial, s.horizon = s.count.serial, number(found[0][6])
	return s.recall(ctx)
}

// checkFormat refuses a graph that another version of this program keeps in
// another way, before anything is written.
func (s *Store) checkFormat(ctx context.Context) error {
	found, err := s.rows(ctx, "MATCH (m:AssimMeta {name: 'meta'}) RETURN m.format", nil)
	if err != nil || len(found) == 0 {
		return err
	}
	if f := number(found[0][0]); f != format {
		return fmt.Errorf("its graph is of format %d and this program keeps format %d: with the program that wrote it, copy it into a file (assim store copy bolt://... FILE); then empty the database, copy it back with this program (assim store copy FILE bolt://...) and start the CMA", f, format)
	}
	return nil
}

// recall loads what the server is known to have, as much as may be kept, so
// that what is unchanged is not sent after a restart either.
func (s *Store) recall(ctx context.Context) error {
	clear(s.known)
	for prefix, cypher := range map[string]string{
		"s": "MATCH (s:AssimSource) WHERE s.hash <> '' RETURN s.name, s.hash LIMIT $limit",
		"d": "MATCH (d:AssimDocRef) WHERE d.to = $open RETURN d.ref, d.hash LIMIT $limit",
	} {
		rows, err := s.rows(ctx, cypher, map[string]any{"limit": int64(maxKnown / 2), "open": open})
		if err != nil {
			return err
		}
		for _, row := range rows {
			s.known[prefix+text(row[0])] = text(row[1])
		}
	}
	return nil
}

// samePlan begins a statement that is planned once. The server would plan it
// again whenever the graph has grown, which while much comes in took more than a
// quarter of its time; but these look up by an index, whatever the size is.
const samePlan = "CYPHER replan=skip "

// touch locks AssimMeta until the transaction ends.
const touch = "SET m.touched = coalesce(m.touched, 0) + 1 "

const returnCounters = "RETURN m.format, m.serial, m.clock, m.node, m.rel, m.source, m.horizon"

func readCounters(row []any) counters {
	return counters{serial: number(row[1]), clock: number(row[2]), node: number(row[3]), rel: number(row[4]), source: number(row[5])}
}

// Close ends the connections; everything acknowledged is on the server.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return nil
	}
	s.closed, s.ended = true, true
	return s.driver.Close(context.Background())
}

// Record returns one record's value.
func (s *Store) Record(ctx context.Context, bucket, name string) ([]byte, error) {
	rows, err := s.read(ctx, "MATCH (r:AssimRecord {bucket: $bucket, name: $name}) RETURN r.value", map[string]any{"bucket": bucket, "name": name})
	if err != nil {
		return nil, fmt.Errorf("graph: record %s/%s: %w", bucket, name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("graph: record %s/%s: %w", bucket, name, graph.ErrNotFound)
	}
	return bytesOf(rows[0][0]), nil
}

// Records walks a bucket in order of name.
func (s *Store) Records(ctx context.Context, bucket string) iter.Seq2[graph.Record, error] {
	return func(yield func(graph.Record, error) bool) {
		rows, err := s.read(ctx, "MATCH (r:AssimRecord {bucket: $bucket}) RETURN r.name, r.value", map[string]any{"bucket": bucket})
		if err != nil {
			yield(graph.Record{}, fmt.Errorf("graph: records of %s: %w", bucket, err))
			return
		}
		sortRows(rows)
		for _, row := range rows {
			if !yield(graph.Record{Bucket: bucket, Name: text(row[0]), Value: bytesOf(row[1])}, nil) {
				return
			}
		}
	}
}

// read runs one query while no commit takes effect.
func (s *Store) read(ctx context.Context, cypher string, params map[string]any) ([][]any, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.ended {
		return nil, graph.ErrClosed
	}
	rows, err := s.rows(ctx, cypher, params)
	return rows, s.explain(err)
}

// rows runs one query in a transaction of its own. It is repeated when it
// fails in a way that may pass: every such query only reads, or does the same
// when it is done twice.
func (s *Store) rows(ctx context.Context, cypher string, params map[string]any) (rows [][]any, err error) {
	err = retry(ctx, func() error {
		session := s.session(ctx)
		defer session.Close(ctx)
		rows, err = collect(ctx, autocommit{session}, cypher, params)
		return err
	})
	return rows, err
}

// autocommit runs a query without a transaction around it: one round trip.
type autocommit struct{ neo4j.Session }

func (a autocommit) Run(ctx context.Context, cypher string, params map[string]any) (neo4j.Result, error) {
	return a.Session.Run(ctx, cypher, params)
}

func (s *Store) session(ctx context.Context) neo4j.Session {
	return s.driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: s.opt.Database, BookmarkManager: s.driver.ExecuteQueryBookmarkManager()})
}

// runner is a transaction of either kind.
type runner interface {
	Run(ctx context.Context, cypher string, params map[string]any) (neo4j.Result, error)
}

func collect(ctx context.Context, tx runner, cypher string, params map[string]any) ([][]any, error) {
	res, err := tx.Run(ctx, cypher, params)
	if err != nil {
		return nil, err
	}
	var out [][]any
	for res.Next(ctx) {
		out = append(out, res.Record().Values)
	}
	return out, res.Err()
}

// retry repeats what fails in a way that may pass.
func retry(ctx context.Context, f func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := f()
		var lost *neo4j.ConnectivityError
		if err == nil || try == maxTries || !(neo4j.IsRetryable(err) || errors.As(err, &lost)) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
		pause *= 2
	}
}

// attempt runs f in one transaction that writes, and again when it fails in a
// way that may pass. A commit whose answer was lost is also tried again: what
// it wrote is then found to be there.
func (s *Store) attempt(ctx context.Context, f func(tx neo4j.ExplicitTransaction) (counters, error)) error {
	return s.explain(retry(ctx, func() error { return s.once(ctx, f) }))
}

func (s *Store) once(ctx context.Context, f func(tx neo4j.ExplicitTransaction) (counters, error)) error {
	session := s.session(ctx)
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		return err
	}
	defer tx.Close(ctx)
	// Writing to the one AssimMeta locks it: from here on nobody else writes.
	found, err := collect(ctx, tx, samePlan+"MATCH (m:AssimMeta {name: 'meta'}) "+touch+returnCounters, nil)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("its AssimMeta is gone: somebody emptied the database; restart the server to begin anew")
	}
	if now := readCounters(found[0]); now != s.count {
		s.count = now // somebody else wrote, or a commit's answer was lost
		clear(s.known)
	}
	after, err := f(tx)
	if err != nil {
		return err
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	s.count, s.serial = after, after.serial
	return nil
}
