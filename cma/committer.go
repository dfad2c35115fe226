package cma

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"assim/event"
	"assim/graph"
	"assim/session"
)

// Limits of the committer.
const (
	maxCommits = 4096            // waiting to be written
	maxBatch   = 1024            // written in one transaction
	maxWeight  = 4096            // the same, by what it weighs: see commit.weight
	fullRetry  = 2 * time.Second // between attempts while there is no space
	lastWrites = time.Second     // for what is queued at a stop; what is left was not acknowledged
	slowWrite  = 5 * time.Second // for one transaction is worth a line in the log: everybody waits meanwhile
)

var errStopping = errors.New("the CMA stops")

// commit is what becomes durable as a whole, with its events.
type commit struct {
	changes []graph.Change
	marks   []session.Mark
	events  []event.Event
	done    func(error) // called once, from the committer; must not block
}

// weight is how many changes it is as good as. A mark is 32 bytes.
func (c *commit) weight() int { return len(c.changes) + len(c.events) + len(c.marks)/8 }

// committer is the one writer: it gathers what waits into one transaction, and
// publishes events in the order in which they became durable.
type committer struct {
	store   graph.Store
	journal *Journal
	marks   *marks
	log     *slog.Logger
	queue   chan commit
	health  *health
	now     func() time.Time
}

func newCommitter(store graph.Store, j *Journal, m *marks, log *slog.Logger, h *health) *committer {
	return &committer{store: store, journal: j, marks: m, log: log, queue: make(chan commit, maxCommits), health: h, now: time.Now}
}

// do writes one change and returns when it is durable. When ctx ends first,
// whether it became durable is not known: it must not be acknowledged.
func (c *committer) do(ctx context.Context, change graph.Change, events ...event.Event) error {
	return c.wait(ctx, commit{changes: []graph.Change{change}, events: events})
}

// wait is do for anything.
func (c *committer) wait(ctx context.Context, what commit) error {
	result := make(chan error, 1)
	what.done = func(err error) { result <- err }
	select {
	case c.queue <- what:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// behind says that the queue is nearly full: whoever can wait should.
func (c *committer) behind() bool { return len(c.queue) > maxCommits*3/4 }

// run writes until ctx ends; what is queued then is still written, as far as
// it can be in a moment.
func (c *committer) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case first := <-c.queue:
			c.write(ctx, c.gather(first))
			c.fold()
		case <-ctx.Done():
		}
	}
	c.finish(ctx)
}

// finish writes what is queued, for a limited time, and fails the rest.
func (c *committer) finish(ctx context.Context) {
	end := c.now().Add(lastWrites)
	for {
		select {
		case first := <-c.queue:
			if c.now().Before(end) {
				c.write(ctx, c.gather(first))
			} else {
				first.done(errStopping)
			}
		default:
			return
		}
	}
}

// gather takes what else waits already, so that one disk write serves all.
func (c *committer) gather(first commit) []commit {
	batch, weight := []commit{first}, first.weight()
	for len(batch) < maxBatch && weight < maxWeight {
		select {
		case next := <-c.queue:
			batch = append(batch, next)
			weight += next.weight()
		default:
			return batch
		}
	}
	return batch
}

// write makes a batch durable. When that fails, each is tried alone, so that a
// bad one fails alone.
func (c *committer) write(ctx context.Context, batch []commit) {
	err := c.apply(batch)
	for errors.Is(err, graph.ErrFull) && ctx.Err() == nil {
		c.health.failed("the store has no space left; nothing is acknowledged until there is: make room on its disk", err)
		select {
		case <-ctx.Done():
		case <-time.After(fullRetry):
			err = c.apply(batch)
		}
	}
	if err == nil || len(batch) == 1 {
		for _, m := range batch {
			m.done(err)
		}
		return
	}
	for _, m := range batch {
		c.write(ctx, []commit{m})
	}
}

func (c *committer) apply(batch []commit) error {
	changes := make([]graph.Change, 0, len(batch)+1)
	var news []event.Event
	var said []session.Mark
	for i := range batch {
		news = append(news, batch[i].events...)
		said = append(said, batch[i].marks...)
		changes = append(changes, batch[i].changes...)
	}
	own := graph.Change{Source: "cma/journal", Keep: true}
	drop := 0
	if len(news) > 0 {
		record, err := c.journal.number(news)
		if err != nil {
			return err
		}
		own.Records, drop = c.journal.surplus()
		own.Records = append(own.Records, record)
	}
	if len(said) > 0 {
		own.Records = append(own.Records, c.marks.piece(said))
	}
	if len(own.Records) > 0 {
		changes = append(changes, own)
	}
	began := c.now()
	// Not ctx: what has begun is finished, so that a stop loses nothing.
	if _, err := c.store.Apply(context.Background(), changes...); err != nil {
		return err
	}
	if took := c.now().Sub(began); took >= slowWrite {
		c.health.count("slow writes")
		c.log.Warn("the store was slow, and all who wait for an acknowledgment waited: is its disk busy with something else?", "took", took, "changes", len(changes))
	}
	c.journal.publish(news, drop)
	if len(said) > 0 {
		c.marks.added(said)
	}
	return nil
}

// fold makes the log of the marks short again. What fails is tried again with
// the next transaction: the log is only longer meanwhile.
func (c *committer) fold() {
	if !c.marks.full() {
		return
	}
	if err := c.marks.fold(context.Background(), c.store); err != nil {
		c.health.failed("folding the log of what is processed", err)
	}
}
