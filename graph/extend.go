package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// What a store can do beyond Store and Reader. Callers use the functions; the
// interfaces are for those who write a store. Both engines of this project and
// the reference in graphtest have all of them, but for Foreseer.

// Sourcer is a Reader that knows who says so.
type Sourcer interface {
	// NodeSources returns who says a node, in order of name, at most limit of
	// them. Of the past only what is said is kept, not by whom: empty.
	NodeSources(id NodeID, limit int) ([]string, error)
	RelSources(id RelID, limit int) ([]string, error)
}

// NodeSources returns the names of the sources that say a node.
func NodeSources(r Reader, id NodeID, limit int) ([]string, error) {
	if s, ok := r.(Sourcer); ok {
		return s.NodeSources(id, limit)
	}
	return nil, nil
}

// RelSources returns the names of the sources that say a relationship.
func RelSources(r Reader, id RelID, limit int) ([]string, error) {
	if s, ok := r.(Sourcer); ok {
		return s.RelSources(id, limit)
	}
	return nil, nil
}

// Hop is one step along relationships, as Expand takes it.
type Hop struct {
	Dir   Dir
	Types []string
}

// Foreseer is a Reader whose data are far away: when it knows what is asked next,
// one way there and back serves for all of it.
type Foreseer interface {
	// NodesBefore is NodesWith, after which whoever asks will Expand what it found
	// by the first of hops, what that leads to by the second, and so on.
	NodesBefore(hops []Hop, label, prop string, value any) iter.Seq2[Vertex, error]
}

// NodesBefore is r.NodesWith, and says what will be asked next.
func NodesBefore(r Reader, hops []Hop, label, prop string, value any) iter.Seq2[Vertex, error] {
	if f, ok := r.(Foreseer); ok && len(hops) > 0 {
		return f.NodesBefore(hops, label, prop, value)
	}
	return r.NodesWith(label, prop, value)
}

// DiffKind says what happened to an element between two times.
type DiffKind uint8

// The three things that can happen.
const (
	Added DiffKind = iota + 1
	Removed
	Changed
)

// String returns "added", "removed" or "changed".
func (k DiffKind) String() string {
	switch k {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Changed:
		return "changed"
	}
	return fmt.Sprintf("DiffKind(%d)", uint8(k))
}

// Difference is one node or relationship that is not now what it was then.
// Rel.Type is empty when it is about a node.
type Difference struct {
	Kind                 DiffKind
	Node                 Key
	Rel                  RelKey
	OldLabels, NewLabels []string // additional labels of a node
	Old, New             Props    // all properties at both times; nil where it did not exist
	At                   time.Time
}

// Differ is a Store that can tell two times apart.
type Differ interface {
	// Diff walks what differs between two times, nodes first, in order of key;
	// zero "to" means now. At is when it last changed in between. What came and
	// went in between is not told.
	Diff(ctx context.Context, from, to time.Time) iter.Seq2[Difference, error]
}

// ErrNoDiff means that a store keeps no history to compare.
var ErrNoDiff = errors.New("this store cannot compare two times")

// Diff walks the differences of s between two times.
func Diff(ctx context.Context, s Store, from, to time.Time) iter.Seq2[Difference, error] {
	if d, ok := s.(Differ); ok {
		return d.Diff(ctx, from, to)
	}
	return func(yield func(Difference, error) bool) { yield(Difference{}, ErrNoDiff) }
}

// Exporter is a Store that can say again all it was told.
type Exporter interface {
	// Export walks Changes of one moment that make an empty store equal to this
	// one: what every source says, the documents with their history, and the
	// records. Every Change has Keep set.
	Export(ctx context.Context) iter.Seq2[Change, error]
}

// maxCopyGroup is how many exported changes Copy applies at once: large enough
// to share disk writes, small enough to stay modest in memory.
const maxCopyGroup = 200

// Copy writes everything src holds into dst and returns the number of changes.
// History of nodes and relationships stays behind. Compare Hash afterwards.
func Copy(ctx context.Context, dst, src Store) (int, error) {
	from, ok := src.(Exporter)
	if !ok {
		return 0, errors.New("graph: the store to copy from cannot export")
	}
	var group []Change
	copied := 0
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		_, err := dst.Apply(ctx, group...)
		copied += len(group)
		group = group[:0]
		return err
	}
	for c, err := range from.Export(ctx) {
		if err != nil {
			return copied, fmt.Errorf("graph: copy, reading: %w", err)
		}
		group = append(group, c)
		if len(group) == maxCopyGroup {
			if err := flush(); err != nil {
				return copied, fmt.Errorf("graph: copy, writing: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return copied, fmt.Errorf("graph: copy, writing: %w", err)
	}
	return copied, nil
}
