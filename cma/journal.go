package cma

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"assim/event"
	"assim/graph"
)

// Limits of the journal.
const (
	maxJournal   = 100_000 // events kept; older ones go as new ones come
	journalBlock = 256     // old events dropped at once, at least
)

// eventBucket holds the journal's records: what became durable together, named
// by the serial of the first.
const eventBucket = "events"

// Journal numbers events and tells who waits for them. The committer, which
// makes them durable, is the only one that adds to it.
type Journal struct {
	mu     sync.Mutex
	events []event.Event // all that are kept, oldest first, serials without gaps
	blocks []int         // how many of them are in each record
	next   uint64
	more   chan struct{} // closed and replaced when an event comes
}

// openJournal reads the kept events back.
func openJournal(ctx context.Context, store graph.Store) (*Journal, error) {
	j := &Journal{next: 1, more: make(chan struct{})}
	for r, err := range store.Records(ctx, eventBucket) {
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		var list []event.Event
		if err := json.Unmarshal(r.Value, &list); err != nil || len(list) == 0 {
			return nil, fmt.Errorf("journal: events from %s on: %w", r.Name, cmp.Or(err, errNoEvents))
		}
		j.events = append(j.events, list...)
		j.blocks = append(j.blocks, len(list))
		j.next = list[len(list)-1].Serial + 1
	}
	return j, nil
}

func serialName(n uint64) string { return fmt.Sprintf("%020d", n) }

var errNoEvents = errors.New("there are none")

// number gives events their serials and returns the record that keeps them.
func (j *Journal) number(events []event.Event) (graph.Record, error) {
	for i := range events {
		events[i].Serial = j.next + uint64(i)
	}
	text, err := json.Marshal(events)
	if err != nil {
		return graph.Record{}, fmt.Errorf("journal: %w", err)
	}
	return graph.Record{Bucket: eventBucket, Name: serialName(j.next), Value: text}, nil
}

// surplus returns the records that drop the oldest events when there are too
// many, and how many records those are.
func (j *Journal) surplus() (records []graph.Record, blocks int) {
	extra := len(j.events) - maxJournal
	if extra < journalBlock {
		return nil, 0
	}
	serial := j.next - uint64(len(j.events))
	for _, n := range j.blocks {
		if extra -= n; extra < 0 {
			break
		}
		records = append(records, graph.Record{Bucket: eventBucket, Name: serialName(serial)})
		serial += uint64(n)
		blocks++
	}
	return records, blocks
}

// publish adds events that are durable now, drops the oldest records and wakes
// who waits.
func (j *Journal) publish(events []event.Event, drop int) {
	if len(events) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	old := 0
	for _, n := range j.blocks[:drop] {
		old += n
	}
	j.blocks = append(j.blocks[drop:], len(events))
	j.events = append(j.events[old:], events...)
	j.next += uint64(len(events))
	close(j.more)
	j.more = make(chan struct{})
}

// Since returns events for api.Journal.
func (j *Journal) Since(since uint64, limit int) ([]event.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.events
	if since == 0 {
		list = list[max(0, len(list)-limit):]
	} else if n := len(list); n > 0 && since > list[0].Serial {
		list = list[min(uint64(n), since-list[0].Serial):]
	}
	list = list[:min(len(list), limit)]
	return append([]event.Event{}, list...), nil
}

// Next returns the serial to come, for api.Journal.
func (j *Journal) Next() (uint64, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next, j.more
}
