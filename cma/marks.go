package cma

import (
	"context"
	"encoding/binary"
	"fmt"

	"assim/graph"
	"assim/session"
	"assim/wire"
)

// Buckets of the marks.
const (
	logBucket  = "marks-log" // session.Marks of one transaction, by serial
	pageBucket = "marks"     // the folded ones, by the first digits of their ids
)

// Limits of the marks' log. Beyond one of them it is folded into the pages.
const (
	maxPieces = 1024    // transactions
	maxLogged = 1 << 16 // marks
)

// marks keeps in the store up to which number everybody's messages are
// processed. What one transaction has to say of that is one piece of a log,
// however many nanoprobes it is about:
//
//	log:    ... │ 1041: a b c │ 1042: d │ 1043: a e f g │
//	pages:  00 │ 01 │ ...   a mark of each nanoprobe, folded now and then
//
// So a thousand announcements cost one small record and not a thousand. The
// committer owns it.
type marks struct {
	next   uint64 // serial of the next piece
	pieces int
	logged int
}

// openMarks continues the log that is in the store.
func openMarks(ctx context.Context, store graph.Store) (*marks, error) {
	m := &marks{next: 1}
	err := m.read(ctx, store, func(session.Mark) { m.logged++ })
	return m, err
}

// read hands out the log's marks and notes where it ends.
func (m *marks) read(ctx context.Context, store graph.Store, each func(session.Mark)) error {
	m.pieces = 0
	for r, err := range store.Records(ctx, logBucket) {
		if err != nil {
			return fmt.Errorf("marks: %w", err)
		}
		if err := session.ParseMarks(r.Value, each); err != nil {
			return fmt.Errorf("marks: piece %s: %w", r.Name, err)
		}
		var n uint64
		if _, err := fmt.Sscanf(r.Name, "%d", &n); err != nil {
			return fmt.Errorf("marks: piece %q has no number", r.Name)
		}
		m.pieces++
		m.next = max(m.next, n+1)
	}
	return nil
}

// Marks returns what is durable of everybody's sessions.
func Marks(ctx context.Context, store graph.Store) (map[wire.ID]session.Mark, error) {
	all := map[wire.ID]session.Mark{}
	grow := func(m session.Mark) {
		known := all[m.ID]
		known.ID = m.ID
		known.Grow(m)
		all[m.ID] = known
	}
	for r, err := range store.Records(ctx, pageBucket) {
		if err != nil {
			return nil, fmt.Errorf("marks: %w", err)
		}
		if err := session.ParseMarks(r.Value, grow); err != nil {
			return nil, fmt.Errorf("marks: page %s: %w", r.Name, err)
		}
	}
	return all, (&marks{}).read(ctx, store, grow)
}

// piece returns the record that adds marks to the log; added tells that it is
// durable.
func (m *marks) piece(list []session.Mark) graph.Record {
	b := make([]byte, 0, len(list)*session.MarkSize)
	for _, x := range list {
		b = session.AppendMark(b, x)
	}
	return graph.Record{Bucket: logBucket, Name: serialName(m.next), Value: b}
}

func (m *marks) added(list []session.Mark) {
	m.next++
	m.pieces++
	m.logged += len(list)
}

func (m *marks) full() bool { return m.pieces >= maxPieces || m.logged >= maxLogged }

// fold moves the log into the pages, in one transaction.
func (m *marks) fold(ctx context.Context, store graph.Store) error {
	pages := map[string]map[wire.ID]session.Mark{}
	grow := func(x session.Mark) {
		page := pages[pageOf(x.ID)]
		if page == nil {
			page = map[wire.ID]session.Mark{}
			pages[pageOf(x.ID)] = page
		}
		known := page[x.ID]
		known.ID = x.ID
		known.Grow(x)
		page[x.ID] = known
	}
	change := graph.Change{Source: "cma/marks", Keep: true}
	for r, err := range store.Records(ctx, logBucket) {
		if err == nil {
			err = session.ParseMarks(r.Value, grow)
		}
		if err != nil {
			return fmt.Errorf("marks: %w", err)
		}
		change.Records = append(change.Records, graph.Record{Bucket: logBucket, Name: r.Name})
	}
	for r, err := range store.Records(ctx, pageBucket) {
		if err == nil && pages[r.Name] != nil {
			err = session.ParseMarks(r.Value, grow)
		}
		if err != nil {
			return fmt.Errorf("marks: %w", err)
		}
	}
	for name, page := range pages {
		b := make([]byte, 0, len(page)*session.MarkSize)
		for _, x := range page {
			b = session.AppendMark(b, x)
		}
		change.Records = append(change.Records, graph.Record{Bucket: pageBucket, Name: name, Value: b})
	}
	if _, err := store.Apply(ctx, change); err != nil {
		return fmt.Errorf("marks: %w", err)
	}
	m.pieces, m.logged = 0, 0
	return nil
}

// pageOf names one of 4096 pages: what is folded touches few of them, and they
// stay short in an estate of a million.
func pageOf(id wire.ID) string { return fmt.Sprintf("%03x", binary.BigEndian.Uint16(id[:])>>4) }
