package cma

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"assim/event"
	"assim/graph"
)

// Limits of the journal.
const (
	maxJournal   = 100_000 // events kept; older ones go as new ones come
	journalBlock = 256     // old events dropped at once
)

// eventBucket holds the journal's records, named by serial.
const eventBucket = "event"

// Journal numbers events and tells who waits for them. The committer, which
// makes them durable, is the only one that adds to it.
type Journal struct {
	mu     sync.Mutex
	events []event.Event // all that are kept, oldest first, serials without gaps
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
		var e event.Event
		if err := json.Unmarshal(r.Value, &e); err != nil {
			return nil, fmt.Errorf("journal: event %s: %w", r.Name, err)
		}
		j.events = append(j.events, e)
		j.next = e.Serial + 1
	}
	return j, nil
}

func serialName(n uint64) string { return fmt.Sprintf("%020d", n) }

// number gives events their serials, after the taken ones of the same batch,
// and returns the records that keep them.
func (j *Journal) number(events []event.Event, taken int) ([]graph.Record, error) {
	var records []graph.Record
	for i := range events {
		events[i].Serial = j.next + uint64(taken+i)
		text, err := json.Marshal(events[i])
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		records = append(records, graph.Record{Bucket: eventBucket, Name: serialName(events[i].Serial), Value: text})
	}
	return records, nil
}

// surplus returns the records that drop the oldest events when there are too many.
func (j *Journal) surplus() []graph.Record {
	if len(j.events) < maxJournal+journalBlock {
		return nil
	}
	var records []graph.Record
	for _, old := range j.events[:journalBlock] {
		records = append(records, graph.Record{Bucket: eventBucket, Name: serialName(old.Serial)})
	}
	return records
}

// publish adds events that are durable now, drops the oldest and wakes who waits.
func (j *Journal) publish(events []event.Event, drop int) {
	if len(events) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events[drop:], events...)
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
