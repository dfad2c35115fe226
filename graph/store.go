package graph

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Errors that every store returns, wrapped with what and where.
var (
	ErrNotFound = errors.New("not found")
	ErrClosed   = errors.New("store is closed")
	ErrFull     = errors.New("no space left for the store")
	ErrTooOld   = errors.New("history does not reach back that far")
)

// Store is a graph that survives: everything Apply returned nil for is there
// after a crash. All methods are safe for concurrent use.
type Store interface {
	// Apply makes all changes true in one transaction, in order, and returns
	// when that is durable. Concurrent calls may be grouped into one disk
	// write. An unchanged document or source costs a read, not a write; the
	// Result says so.
	Apply(ctx context.Context, changes ...Change) (Result, error)

	// View returns a Reader of one consistent moment: now when at is zero,
	// otherwise the graph as it was at that time. Close it.
	// The store's time never runs backwards: a Change counts from its At or,
	// when that is earlier, from the latest At before it.
	View(ctx context.Context, at time.Time) (Reader, error)

	// Record returns one record's value or ErrNotFound; Records walks a bucket
	// in order of name.
	Record(ctx context.Context, bucket, name string) ([]byte, error)
	Records(ctx context.Context, bucket string) iter.Seq2[Record, error]

	Close() error
}

// Result says what an Apply did.
type Result struct {
	Nodes, Rels int // created or changed
	Removed     int // nodes and relationships that ceased
	Unchanged   int // changes that altered nothing but records
}

// NodeID is a node's handle within one Reader. It is meaningless elsewhere.
type NodeID int64

// RelID is a relationship's handle within one Reader.
type RelID int64

// Dir is the direction to expand a relationship in.
type Dir uint8

// The directions, seen from the node at hand.
const (
	Out  Dir        = 1 << iota // (n)-->(m)
	In                          // (n)<--(m)
	Both = Out | In             // a self-loop is seen once
)

// Vertex is a node as a Reader sees it: the union of what all sources say.
type Vertex struct {
	ID     NodeID
	Key    Key
	Labels []string // all of them, Key.Label first if it is not empty
	Props  Props    // shared: do not modify
	Meta   Meta
}

// Edge is a relationship as a Reader sees it.
type Edge struct {
	ID       RelID
	Type     string
	From, To NodeID
	Props    Props // shared: do not modify
	Meta     Meta
}

// Meta is what the store knows of a node or relationship beyond its properties.
// Queries reach it as first_seen(x), last_changed(x); sources(x) is asked of
// the Reader by NodeSources and RelSources, because a subnet may have a hundred
// thousand of them.
type Meta struct {
	FirstSeen   time.Time // since when it exists without interruption
	LastChanged time.Time // since when it has these labels and properties
}

// Reader reads the graph of one moment. It is for one goroutine. A store has few
// of them and keeps the moment for as long as it is open, so close it soon: never
// hold one while waiting for a person or the network.
type Reader interface {
	// Node returns one node, or ErrNotFound.
	Node(id NodeID) (Vertex, error)
	// Find returns the node of that key, or ErrNotFound.
	Find(k Key) (Vertex, error)
	// Nodes walks all nodes that carry label (primary or additional); all nodes
	// when label is empty.
	Nodes(label string) iter.Seq2[Vertex, error]
	// NodesWith walks nodes that carry label and whose property prop equals
	// value (Cypher equality: 1 = 1.0). Indexed reports beforehand whether that
	// is a look-up or a scan.
	NodesWith(label, prop string, value any) iter.Seq2[Vertex, error]
	Indexed(label, prop string) bool
	// Expand walks the relationships of one node, of the given types (all when
	// none is given). Its cost follows what it returns.
	Expand(id NodeID, dir Dir, types ...string) iter.Seq2[Edge, error]
	// Rels walks all relationships of a type; all when it is empty.
	Rels(typ string) iter.Seq2[Edge, error]
	// Rel returns one relationship, or ErrNotFound.
	Rel(id RelID) (Edge, error)

	// Count estimates how many nodes carry label, RelCount how many
	// relationships have that type ("" = all). For planning; need not be exact.
	Count(label string) int64
	RelCount(typ string) int64

	// Names in use now, for completion and for CALL db.labels() and the like.
	Labels() []string
	RelTypes() []string
	PropNames() []string

	// Documents walks the stored documents of a system (zero Key = of all
	// systems) of one type ("" = all types) that were the newest at this
	// moment.
	Documents(system Key, typ string) iter.Seq2[Document, error]
	// Search walks nodes whose text properties contain all words, best first.
	Search(words string, limit int) iter.Seq2[Vertex, error]

	At() time.Time // the moment shown; zero means now
	Close() error
}
