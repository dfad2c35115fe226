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

// journal numbers events, keeps them in the store and tells who waits.
type journal struct {
	store graph.Store

	mu     sync.Mutex
	events []event.Event // all that are kept, oldest first, serials without gaps
	next   uint64
	more   chan struct{} // closed and replaced when an event comes
}

// openJournal reads the kept events back.
func openJournal(ctx context.Context, store graph.Store) (*journal, error) {
	j := &journal{store: store, next: 1, more: make(chan struct{})}
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

// Add makes events durable together with change, then tells who waits. Nothing
// has happened when it returns an error.
func (j *journal) Add(ctx context.Context, change graph.Change, events ...event.Event) error {
	if len(events) == 0 {
		_, err := j.store.Apply(ctx, change)
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range events {
		events[i].Serial = j.next + uint64(i)
		text, err := json.Marshal(events[i])
		if err != nil {
			return err
		}
		change.Records = append(change.Records, graph.Record{Bucket: eventBucket, Name: serialName(events[i].Serial), Value: text})
	}
	drop := 0
	if len(j.events) >= maxJournal+journalBlock {
		drop = journalBlock
	}
	for _, old := range j.events[:drop] {
		change.Records = append(change.Records, graph.Record{Bucket: eventBucket, Name: serialName(old.Serial)})
	}
	if _, err := j.store.Apply(ctx, change); err != nil {
		return err
	}
	j.events = append(j.events[drop:], events...)
	j.next += uint64(len(events))
	close(j.more)
	j.more = make(chan struct{})
	return nil
}

// Since returns events for api.Journal.
func (j *journal) Since(since uint64, limit int) ([]event.Event, error) {
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
func (j *journal) Next() (uint64, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next, j.more
}
