package nanoprobe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The pace of looks that nobody waits for.
const (
	// share of a processor that the whole nanoprobe uses at most while one is under
	// way: one part in so many. What cannot rest comes on top, to 2 % in all; and to
	// find who holds a new socket, on a full box, is 150 ms in one piece.
	share = 75
	// slice is for how long it works before it rests. Shorter wakes the machine up
	// more often, longer is felt by others.
	slice = 2 * time.Millisecond
	// maxRest is how long it rests in all. After that it goes on as fast as it can:
	// on a machine where everything else of the nanoprobe needs its share it would
	// never end.
	maxRest = 90 * time.Second
)

// pace makes one look slow. Its step is called by that look before everything
// that it asks of the host.
//
//	work 2 ms │ rest 148 ms │ work 2 ms │ rest 148 ms │ ...
type pace struct {
	now   func() time.Time
	used  func() time.Duration // CPU time of this process
	sleep func(time.Duration)  // until the look is wanted, at most
	idle  func(time.Time)      // called before it rests; nil: nothing

	since  time.Time     // until then everything is rested for
	before time.Duration // CPU time used until then
	seen   time.Time     // when CPU time was asked for last
	rested time.Duration

	wanted chan struct{}
	once   sync.Once
}

// newPace is for the look that follows another one, nil for the first. What that
// one owes when it ends is still to be rested. Two at a time count what both use,
// each for itself.
func newPace(ctx context.Context, last *pace) *pace {
	p := &pace{now: time.Now, used: processTime, wanted: make(chan struct{})}
	p.sleep = func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.wanted:
		case <-ctx.Done():
		}
	}
	p.begin()
	p.follow(last)
	return p
}

// follow takes over what the look before owes. What it did not use is no reason to
// use more now.
func (p *pace) follow(last *pace) {
	if last != nil && (p.before-last.before)*share > p.since.Sub(last.since) {
		p.since, p.before = last.since, last.before
	}
}

// begin forgets what was before.
func (p *pace) begin() {
	p.since, p.before = p.now(), p.used()
	p.seen = p.since
}

// hurry ends all rests. It is for the loop.
func (p *pace) hurry() { p.once.Do(func() { close(p.wanted) }) }

// step rests when enough was done. What garbage collection and the rest of the
// nanoprobe use counts as well, also while it rests: then it rests on, or two looks
// would do what cannot be divided one right after the other.
func (p *pace) step() {
	now := p.now()
	if now.Sub(p.seen) < slice {
		return
	}
	for p.rest(now) {
		now = p.now()
	}
	p.seen = now
}

// rest rests for what is owed, and reports whether it did.
func (p *pace) rest(now time.Time) bool {
	used := p.used() - p.before
	owed := used*share - now.Sub(p.since)
	switch {
	case owed < -slice*share:
		p.begin() // it waited for something, which is no reason to use more now
		return false
	case owed < slice*(share-1) || p.rested >= maxRest:
		return false
	}
	select {
	case <-p.wanted:
		return false
	default:
	}
	if p.idle != nil {
		p.idle(now)
	}
	rest := min(owed, maxRest-p.rested)
	p.sleep(rest)
	p.rested += rest
	p.since, p.before = p.since.Add(used*share), p.before+used
	return true
}

func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
