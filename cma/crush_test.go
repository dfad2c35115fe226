package cma

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/graphtest"
	"assim/wire"
)

func TestWhoAnnouncesInACrushIsAskedToWaitAndNewsOfSilenceAreNot(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		name    string
		backlog int
		lag     time.Duration
		taken   bool
		kind    wire.SignalKind
		least   time.Duration // 0: is not asked to wait
	}{
		{"a quiet day", 0, 0, true, wire.KindAnnounce, 0},
		{"a busy moment", crushFirst - 1, 0, true, wire.KindAnnounce, 0},
		{"a busy moment of a CMA that is slow", crushFrom, crushLag, true, wire.KindAnnounce, crushLeast + crushFrom*crushEach},
		{"a quiet day after it was slow", crushFrom - 1, crushLag, true, wire.KindAnnounce, 0},
		{"where answers take their time", crushFrom, 15 * time.Second, true, wire.KindAnnounce, crushLeast + 15*time.Second},
		{"where answers take for ever", 1_000_000, time.Hour, true, wire.KindAnnounce, crushLeast + crushLate},
		{"a crush", 10_000, 0, true, wire.KindAnnounce, crushLeast + 10_000*crushEach},
		{"a crush, dropped", 10_000, 0, false, wire.KindAnnounce, crushLeast + 10_000*crushEach},
		{"a crush greater than any patience", 1_000_000, 0, true, wire.KindAnnounce, crushLeast + crushMost},
		{"a document in a busy moment", crushFrom - 1, 0, true, wire.KindDocument, 0},
		{"a document in a moment that is too busy", crushFrom, 0, true, wire.KindDocument, crushLeast + crushFrom*crushEach},
		{"a document", 10_000, 0, true, wire.KindDocument, crushLeast + 10_000*crushEach},
		{"a report", 10_000, 0, false, wire.KindReport, 0},
		{"an echo", 10_000, 0, false, wire.KindEcho, 0},
		{"a goodbye", 10_000, 0, false, wire.KindStopping, 0},
	} {
		var x crush
		wait := x.wait(now, c.backlog, c.lag, c.taken, c.kind)
		if wait < c.least || (c.least == 0) != (wait == 0) || c.taken && wait > crushLeast+max(crushMost, min(c.lag, crushLate)) {
			t.Errorf("%s: asked to wait %v, want %v", c.name, wait, c.least)
		}
	}
}

func TestThoseDroppedInACrushComeBackOneAfterTheOther(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var x crush
	last := time.Duration(0)
	for i := range 1000 {
		wait := x.wait(now, 10_000, 0, false, wire.KindAnnounce)
		if i > 10 && wait < last+crushEach { // A turn is at least a millisecond away.
			t.Fatalf("number %d comes back after %v, the one before it after %v", i, wait, last)
		}
		last = wait
	}
}

func TestNobodyIsAskedToWaitForEver(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var x crush
	const most = crushLeast + crushMost + crushTurns
	for i := range 2_000_000 { // Announcements that come again and again, and none is taken.
		if wait := x.wait(now, 200_000, 0, false, wire.KindAnnounce); wait > most {
			t.Fatalf("number %d is asked to wait %v, want at most %v", i, wait, most)
		}
	}
	if wait := x.wait(now.Add(most), 200_000, 0, false, wire.KindAnnounce); wait > crushLeast+crushMost+time.Second {
		t.Errorf("when all turns are over the next one is asked to wait %v", wait)
	}
}

func TestAStopDoesNotWaitForAllThatIsQueued(t *testing.T) {
	store := &fickle{Store: graphtest.NewMem()}
	j, err := openJournal(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := newCommitter(store, j, &marks{next: 1}, log, newHealth(log, time.Now))
	var clock sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	c.now = func() time.Time { clock.Lock(); defer clock.Unlock(); return now }
	store.set(func([]graph.Change) error { // Each transaction takes 0.4 s.
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(400 * time.Millisecond)
		return nil
	})
	written, failed := 0, 0
	for range maxCommits {
		c.queue <- commit{changes: []graph.Change{say("x")}, done: func(err error) {
			switch {
			case err == nil:
				written++
			case errors.Is(err, errStopping):
				failed++
			default:
				t.Error(err)
			}
		}}
	}
	began := c.now()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.run(ctx)
	if written+failed != maxCommits {
		t.Errorf("%d of %d were answered", written+failed, maxCommits)
	}
	if written == 0 || failed == 0 {
		t.Errorf("%d were written and %d left, want some of each", written, failed)
	}
	if took := c.now().Sub(began); took > 2*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestAStoreThatTakesLongIsTold(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		want uint64
	}{{slowWrite - time.Millisecond, 0}, {slowWrite, 1}} {
		store := &fickle{Store: graphtest.NewMem()}
		j, err := openJournal(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1_800_000_000, 0)
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		w := newCommitter(store, j, &marks{next: 1}, log, newHealth(log, time.Now))
		w.now = func() time.Time { return now }
		store.set(func([]graph.Change) error { now = now.Add(c.took); return nil })
		w.write(t.Context(), []commit{{changes: []graph.Change{say("x")}, done: func(error) {}}})
		counters, _, _, _ := w.health.read()
		if counters["slow writes"] != c.want || strings.Contains(said.String(), "took="+c.took.String()) != (c.want > 0) {
			t.Errorf("a transaction of %v: counted %d times, want %d; the log says %q", c.took, counters["slow writes"], c.want, said.String())
		}
	}
}
