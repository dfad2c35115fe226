package discovery

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits of the schedule.
const (
	// debounce is how long a type waits after a trigger for more of the same:
	// one "systemctl restart networking" is a hundred netlink messages.
	debounce = 300 * time.Millisecond
	// patience is how long a type waits in all when triggers keep coming.
	patience = time.Second
	// maxRunning is how many types may collect at once: two, so that one that
	// hangs on a slow command does not hold up all others.
	maxRunning = 2
	// maxLeisurely is how many of those looks may be under way that nobody waits
	// for: two, for the same reason. They take their time, and no room from those
	// that cannot wait.
	maxLeisurely = 2
	// dutyCycle bounds the cost of a type: after a look that took 1 s of CPU the
	// next one starts no earlier than 10 s after it started, whatever triggers.
	dutyCycle = 10
	// maxStretch bounds that rest.
	maxStretch = time.Hour
	// jitterPart of an interval is random: a thousand systems that were switched
	// on together do not look together for ever.
	jitterPart = 8
)

// Off as an interval means that a type does not run at all.
const Off time.Duration = -1

// Schedule decides which discovery types collect when: each at its interval,
// and soon after its triggers, within its budget. It is pure; the nanoprobe
// runs what Tick returns and reports the end of each with Done.
type Schedule struct {
	rand    *rand.Rand
	entries []*entry // in the order given
	running int      // without the leisurely ones
	leisure int      // leisurely looks under way
}

// entry is one type and where it stands.
type entry struct {
	typ     Type
	every   time.Duration
	running bool
	slow    bool      // it runs leisurely
	urgent  bool      // somebody asked for the next look
	woke    bool      // the look under way was triggered
	again   bool      // triggered while running: look once more
	due     time.Time // next look by its interval; zero = none
	asked   time.Time // first trigger since the last look; zero = none
	woken   time.Time // look because of triggers; zero = none
	rest    time.Time // not before this: budget
	started time.Time
	state   Status
	haste   haste
	told    told
}

// Status is where one type stands, for people.
type Status struct {
	Name    string
	Every   time.Duration // interval in force; 0 = on triggers only, Off = not at all
	Running bool
	Last    time.Time     // when the last look began; zero = never
	Cost    time.Duration // CPU time of the last look
	Resting time.Time     // held back until then by its budget; zero = it is not
	Next    time.Time     // zero = on triggers only
	Looks   int           // since the start
	Error   string        // of the last look
	Failing time.Time     // since when no look succeeded; zero = the last one did
}

// NewSchedule makes a schedule in which every type is due at now: a nanoprobe
// begins by looking at everything.
func NewSchedule(now time.Time, types []Type, r *rand.Rand) *Schedule {
	s := &Schedule{rand: r}
	for _, t := range types {
		s.entries = append(s.entries, &entry{typ: t, every: t.Every, due: now, state: Status{Name: t.Name}})
	}
	return s
}

// Set changes the interval of a type, as the CMA wants it: Off switches the
// type off, 0 leaves it to its triggers. It reports whether there is such a type.
func (s *Schedule) Set(now time.Time, name string, every time.Duration) bool {
	e := s.find(name)
	if e == nil {
		return false
	}
	if e.every == every {
		return true
	}
	wasOff := e.every == Off
	e.every = every
	switch {
	case every == Off:
		e.due, e.again = time.Time{}, false
		e.asked, e.woken = time.Time{}, time.Time{}
	case wasOff && e.state.Looks == 0:
		e.due = now
	default:
		e.due = s.next(e, now)
	}
	return true
}

// Happened says that a trigger fired. Types that look for it become due.
func (s *Schedule) Happened(now time.Time, t Trigger) {
	for _, e := range s.entries {
		if slices.Contains(e.typ.On, t) {
			e.wake(now)
		}
	}
}

// FileChanged says that a file changed, named as in io/fs. Types that look at it,
// or at a directory it lies in, become due.
func (s *Schedule) FileChanged(now time.Time, name string) {
	name = path.Clean(strings.TrimPrefix(name, "/"))
	for _, e := range s.entries {
		for _, f := range e.typ.Files {
			f = path.Clean(strings.TrimPrefix(f, "/"))
			if name == f || strings.HasPrefix(name, f+"/") {
				e.wake(now)
				break
			}
		}
	}
}

// Ask makes a type due now, because a person or the CMA asks. It reports whether
// there is such a type and it is not switched off.
func (s *Schedule) Ask(now time.Time, name string) bool {
	e := s.find(name)
	if e == nil || e.every == Off {
		return false
	}
	e.urgent = true
	if e.running {
		e.again = true
		return true
	}
	e.due, e.rest = now, time.Time{}
	return true
}

// Tick returns the types that are to collect now; each is running until Done.
func (s *Schedule) Tick(now time.Time) []Type {
	var start []Type
	for _, e := range s.byDue() {
		if when := e.when(); when.IsZero() || when.After(now) || !s.room(e) {
			continue
		}
		if e.slow = e.leisurely(); e.slow {
			s.leisure++
		} else {
			s.running++
		}
		e.running, e.started, e.urgent, e.woke = true, now, false, !e.woken.IsZero()
		e.due, e.asked, e.woken = time.Time{}, time.Time{}, time.Time{}
		e.state.Last = now
		start = append(start, e.typ)
	}
	return start
}

// Leisurely reports whether a type collects just now, and nobody waits for it: it
// is not the first look, not asked for, and nothing happened that it would tell, or
// so much that to tell it all at once costs too much.
func (s *Schedule) Leisurely(name string) bool {
	e := s.find(name)
	return e != nil && e.running && e.slow && !e.urgent && !(e.again && !e.haste.spent)
}

// Done says that a look ended: what it cost in CPU time, and its error or nil.
func (s *Schedule) Done(now time.Time, name string, cost time.Duration, err error) {
	e := s.find(name)
	if e == nil || !e.running {
		return
	}
	if e.slow {
		s.leisure--
	} else {
		s.running--
	}
	e.running, e.slow = false, false
	e.state.Looks++
	e.state.Cost = cost
	e.fails(now, err)
	if e.woke && e.state.Looks > 1 {
		e.haste.spend(now, cost)
	}
	e.rest = e.started.Add(min(cost*dutyCycle, maxStretch))
	e.due = s.next(e, e.started)
	if e.again {
		e.again = false
		e.wake(now)
	}
}

// Deadline is when Tick is worth calling next; zero = only after something
// happened.
func (s *Schedule) Deadline() time.Time {
	var first time.Time
	for _, e := range s.entries {
		if when := e.when(); !when.IsZero() && (first.IsZero() || when.Before(first)) && s.room(e) {
			first = when
		}
	}
	return first
}

// Status tells where every type stands, in the order of the list.
func (s *Schedule) Status(now time.Time) []Status {
	all := make([]Status, 0, len(s.entries))
	for _, e := range s.entries {
		st := e.state
		st.Every, st.Running, st.Next = e.every, e.running, e.when()
		if e.rest.After(now) {
			st.Resting = e.rest
		}
		all = append(all, st)
	}
	return all
}

func (s *Schedule) find(name string) *entry {
	for _, e := range s.entries {
		if e.typ.Name == name {
			return e
		}
	}
	return nil
}

// room says whether one more look of the kind that e's next one is may begin.
func (s *Schedule) room(e *entry) bool {
	if e.leisurely() {
		return s.leisure < maxLeisurely
	}
	return s.running < maxRunning
}

// leisurely says whether nobody waits for e's next look.
func (e *entry) leisurely() bool {
	return e.state.Looks > 0 && !e.urgent && (e.woken.IsZero() || e.haste.spent)
}

// byDue returns the entries with the one that waited longest first.
func (s *Schedule) byDue() []*entry {
	order := slices.Clone(s.entries)
	SortStable(order, func(a, b *entry) int { return a.when().Compare(b.when()) })
	return order
}

// next is one interval after from, give or take its jitter.
func (s *Schedule) next(e *entry, from time.Time) time.Time {
	if e.every <= 0 {
		return time.Time{}
	}
	jitter := int64(e.every) / jitterPart
	if jitter > 0 {
		jitter = s.rand.Int64N(2*jitter) - jitter
	}
	return from.Add(e.every + time.Duration(jitter))
}

// wake makes e due soon: when its triggers have been quiet for a moment, or its
// patience is at its end.
func (e *entry) wake(now time.Time) {
	switch {
	case e.every == Off:
		return
	case e.running:
		e.again = true
		return
	case e.asked.IsZero():
		e.asked = now
	}
	e.woken = now.Add(debounce)
	if latest := e.asked.Add(patience); e.woken.After(latest) {
		e.woken = latest
	}
}

// when is the earliest moment e may start; zero = not before a trigger.
func (e *entry) when() time.Time {
	if e.running || e.every == Off {
		return time.Time{}
	}
	when := e.wants()
	if !when.IsZero() && e.rest.After(when) {
		return e.rest
	}
	return when
}

// wants is when e would look if looks cost nothing; zero = not before a trigger.
func (e *entry) wants() time.Time {
	if e.due.IsZero() || !e.woken.IsZero() && e.woken.Before(e.due) {
		return e.woken
	}
	return e.due
}
