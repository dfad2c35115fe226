package cma

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"assim/event"
	"assim/graph"
	"assim/graph/graphtest"
)

// fickle is a store that fails when told to.
type fickle struct {
	graph.Store
	mu   sync.Mutex
	fail func(changes []graph.Change) error
}

func (f *fickle) Apply(ctx context.Context, changes ...graph.Change) (graph.Result, error) {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(changes); err != nil {
			return graph.Result{}, err
		}
	}
	return f.Store.Apply(ctx, changes...)
}

func (f *fickle) set(fail func([]graph.Change) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// writing returns a committer that runs until the test ends.
func writing(t *testing.T) (*committer, *fickle, *Journal) {
	t.Helper()
	store := &fickle{Store: graphtest.NewMem()}
	j, err := openJournal(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := newCommitter(store, j, &marks{next: 1}, log, newHealth(log, time.Now))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return c, store, j
}

func say(name string) graph.Change {
	return graph.Change{Source: "test/" + name, At: time.Now(), Nodes: []graph.Node{{Key: graph.Key{Label: "System", ID: name}}}}
}

func TestEventsAreNumberedInTheOrderInWhichTheyBecameDurable(t *testing.T) {
	c, store, j := writing(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if err := c.do(t.Context(), say(fmt.Sprint(i)), event.Event{Kind: event.Joined}, event.Event{Kind: event.Started}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := j.Since(1, 1000)
	if err != nil || len(list) != 100 {
		t.Fatalf("%d events, %v; want 100", len(list), err)
	}
	for i, e := range list {
		if e.Serial != uint64(i+1) {
			t.Fatalf("event %d has serial %d", i, e.Serial)
		}
	}
	again, err := openJournal(t.Context(), store)
	if err != nil || len(again.events) != 100 || again.next != 101 {
		t.Errorf("read back: %d events, next %d, %v", len(again.events), again.next, err)
	}
}

func TestABadChangeFailsAlone(t *testing.T) {
	c, store, j := writing(t)
	bad := errors.New("it is bad")
	store.set(func(changes []graph.Change) error {
		for _, x := range changes {
			if x.Source == "test/bad" {
				return bad
			}
		}
		return nil
	})
	var all sync.WaitGroup
	for _, name := range []string{"a", "bad", "b", "c"} {
		all.Go(func() {
			err := c.do(t.Context(), say(name), event.Event{Kind: event.Joined, Name: name})
			if isBad := name == "bad"; isBad != errors.Is(err, bad) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	list, err := j.Since(1, 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d events, %v; want those of the three good ones", len(list), err)
	}
	for i, e := range list {
		if e.Name == "bad" || e.Serial != uint64(i+1) {
			t.Errorf("event %d is %d of %s", i, e.Serial, e.Name)
		}
	}
}

func TestAFullDiskAcknowledgesNothingAndGoesOnWhenThereIsRoom(t *testing.T) {
	c, store, _ := writing(t)
	full := make(chan struct{})
	var once sync.Once
	store.set(func([]graph.Change) error { once.Do(func() { close(full) }); return graph.ErrFull })
	result := make(chan error, 1)
	go func() { result <- c.do(context.Background(), say("x")) }()
	<-full
	select {
	case err := <-result:
		t.Fatalf("answered %v while the disk is full", err)
	default:
	}
	store.set(nil)
	if err := <-result; err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, _, last, _ := c.health.read(); last == "" {
		t.Error("the status does not tell of the full disk")
	}
}

func TestAStopDoesNotWaitForAFullDisk(t *testing.T) {
	c, store, _ := writing(t)
	store.set(func([]graph.Change) error { return graph.ErrFull })
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- c.do(ctx, say("x")) }()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsQueuedAtAStopIsStillWritten(t *testing.T) {
	store := graphtest.NewMem()
	j, err := openJournal(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := newCommitter(store, j, &marks{next: 1}, log, newHealth(log, time.Now))
	var left sync.WaitGroup
	for i := range 20 {
		left.Add(1)
		c.queue <- commit{changes: []graph.Change{say(fmt.Sprint(i))}, done: func(err error) {
			if err != nil {
				t.Error(err)
			}
			left.Done()
		}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.run(ctx)
	left.Wait()
	view, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	n := 0
	for _, err := range view.Nodes("System") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 20 {
		t.Errorf("%d of 20 were written", n)
	}
}

func TestTheJournalIsBoundedInTheStoreToo(t *testing.T) {
	store := graphtest.NewMem()
	j, err := openJournal(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(maxJournal + journalBlock) {
		j.events, j.blocks = append(j.events, event.Event{Serial: i + 1}), append(j.blocks, 1)
	}
	j.next = uint64(len(j.events)) + 1
	log := slog.New(slog.DiscardHandler)
	c := newCommitter(store, j, &marks{next: 1}, log, newHealth(log, time.Now))
	done := make(chan error, 1)
	c.write(t.Context(), []commit{{changes: []graph.Change{say("x")}, events: []event.Event{{Kind: event.Joined}}, done: func(err error) { done <- err }}})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(j.events) != maxJournal+1 || j.events[0].Serial != journalBlock+1 {
		t.Errorf("%d events, the oldest is %d", len(j.events), j.events[0].Serial)
	}
	if list, _ := j.Since(journalBlock+5, 2); len(list) != 2 || list[0].Serial != journalBlock+5 {
		t.Errorf("since %d: %v", journalBlock+5, list)
	}
}
