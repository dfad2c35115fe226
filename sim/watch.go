package sim

import (
	"fmt"
	"slices"
	"time"

	"assim/event"
	"assim/member"
	"assim/verdict"
)

const (
	// answerWithin is how long the news of a fault may take.
	answerWithin = 20 * time.Second
	// watchedWithin is how long a living system may have fewer than two living
	// watchers.
	watchedWithin = 12 * time.Second
	// watchedUpTo is up to which size of estate the watchers of everybody are
	// counted every second.
	watchedUpTo = 2000
	// mendedFor is how long a system must have been well before its death is
	// called a false one: what was noticed before it was mended may still come.
	mendedFor = 3 * time.Second
)

// fault is what was done, with the one incident that should come of it.
type fault struct {
	at      time.Duration
	until   time.Duration // when it was undone; 0 = not
	kind    event.Kind
	about   string // key; empty: any that names the systems
	systems []int32
	words   string

	named    time.Duration // first news that named it or one of its systems
	answered time.Duration // its incident
	id       string
}

// watch compares the news with the faults and checks the invariants.
type watch struct {
	right, wrong, doubled int
	falseDeaths           int
	broken                []string // sentences
	lonely                map[int32]time.Duration
	mended                map[int32]time.Duration
	byKey                 map[string]*fault // latest fault by key of system
	unexplained           map[string]event.Event
	neighbors             []member.Neighbor
	count                 []uint8
}

func newWatch() *watch {
	return &watch{lonely: map[int32]time.Duration{}, mended: map[int32]time.Duration{}, byKey: map[string]*fault{}, unexplained: map[string]event.Event{}}
}

// expect notes a fault and what should be said of it.
func (s *Sim) expect(kind event.Kind, about string, systems []int32, words string) *fault {
	f := &fault{at: s.at(), kind: kind, about: about, systems: systems, words: words}
	s.faults = append(s.faults, f)
	for _, sys := range systems {
		s.watch.byKey[s.e.id(sys).String()] = f
	}
	if about != "" {
		s.watch.byKey[about] = f
	}
	return f
}

// opens says whether an event is the news of a fault.
func opens(e *event.Event) bool {
	switch e.Kind {
	case event.SystemDead, event.NanoprobeStopped, event.ShutDown, event.LinkDown, event.PathBroken, event.SystemDeaf,
		event.SwitchUnreachable, event.Partition, event.CMAIsolated, event.TwoCMAs:
		return true
	}
	return false
}

// hear judges one piece of news.
func (w *watch) hear(s *Sim, e *event.Event) {
	if f := w.byKey[e.System]; f != nil && f.named == 0 && e.Kind != event.Joined && e.Kind != event.Started {
		f.named = s.at()
	}
	if e.Kind == event.Resolved && e.Detail["superseded_by"] != "" {
		if _, ok := w.unexplained[e.Incident]; ok {
			w.wrong-- // something bigger explains it
			delete(w.unexplained, e.Incident)
		}
	}
	if !opens(e) {
		return
	}
	if e.Kind == event.SystemDead {
		w.falseDeath(s, e)
	}
	f := w.match(s, e)
	switch {
	case f == nil:
		w.wrong++
		w.unexplained[e.Incident] = *e
	case f.answered != 0:
		w.doubled++
		w.wrong++
		w.unexplained[e.Incident] = *e
	default:
		f.answered, f.id = s.at(), e.Incident
		if f.named == 0 {
			f.named = f.answered
		}
		w.right++
	}
}

// match finds the fault that an incident is about: the one of that kind, about
// that thing or about exactly those systems.
func (w *watch) match(s *Sim, e *event.Event) *fault {
	var again *fault
	for _, f := range slices.Backward(s.faults) {
		if f.kind != e.Kind || s.at() > f.at+answerWithin && f.answered == 0 {
			continue
		}
		if f.about != e.System && !s.sameSystems(f, e) {
			continue
		}
		if f.answered == 0 {
			return f
		}
		if again == nil && f.until == 0 {
			again = f
		}
	}
	return again
}

// sameSystems says whether the news affects all systems of a fault.
func (s *Sim) sameSystems(f *fault, e *event.Event) bool {
	if f.about != "" || len(f.systems) == 0 {
		return false
	}
	named := make(map[string]bool, len(e.Affected))
	for _, n := range e.Affected {
		named[n] = true
	}
	for _, sys := range f.systems {
		if !named[s.e.names[sys]] {
			return false
		}
	}
	return true
}

func (w *watch) falseDeath(s *Sim, e *event.Event) {
	for _, name := range e.Affected {
		sys, ok := s.e.byName[name]
		if ok && s.healthy(sys) && s.at() > w.mended[sys]+mendedFor {
			w.falseDeaths++
			w.breaks(s, "%s is healthy and was declared dead", name)
		}
	}
}

func (w *watch) breaks(s *Sim, format string, args ...any) {
	const enough = 20
	if len(w.broken) < enough {
		w.broken = append(w.broken, fmt.Sprintf("%.3fs: ", s.at().Seconds())+fmt.Sprintf(format, args...))
	}
}

// check looks at the invariants that hold at all times.
func (w *watch) check(s *Sim) {
	if len(s.agents) > watchedUpTo {
		return
	}
	w.count = append(w.count[:0], make([]uint8, len(s.agents))...)
	now := s.instant(s.q)
	for i := range s.agents {
		if s.agents[i].state != running {
			continue
		}
		w.neighbors = s.agents[i].m.Neighbors(w.neighbors[:0], s.agents[i].clock(now))
		for _, n := range w.neighbors {
			if to := numberOf(n.ID); n.State == "alive" || n.State == "late" {
				if int(to) < len(w.count) {
					w.count[to]++
				}
			}
		}
	}
	for i := range s.agents {
		sys := int32(i)
		if !s.healthy(sys) || !s.cma.up || w.count[i] >= 2 || s.company(sys) < 2 || s.estranged(sys) {
			delete(w.lonely, sys)
			continue
		}
		since, ok := w.lonely[sys]
		if !ok {
			w.lonely[sys] = s.at()
		} else if s.at()-since > watchedWithin {
			w.breaks(s, "%s has %d living watchers since %.1fs", s.e.names[i], w.count[i], since.Seconds())
			w.lonely[sys] = s.at()
		}
	}
}

// company is how many others share a ring with a system and could watch it.
func (s *Sim) company(sys int32) int {
	r, ok := s.cma.a.Record(s.e.id(sys))
	if !ok || r.Home == 0 {
		return 0
	}
	info, _ := s.cma.a.Plan().Ring(r.Home)
	n := 0
	for _, id := range info.Members {
		if o := numberOf(id); o != sys && s.healthy(o) && s.at() > s.watch.mended[o]+watchedWithin {
			n++
		}
	}
	return n
}

// finish counts what never came, and what stayed open.
func (w *watch) finish(s *Sim) {
	for _, f := range s.faults {
		if f.answered == 0 {
			w.breaks(s, "no news of this: at %.3fs %s", f.at.Seconds(), f.words)
		}
	}
	if w.wrong > 0 {
		w.breaks(s, "%d incidents that nothing explains", w.wrong)
		for _, e := range sortedEvents(w.unexplained) {
			w.breaks(s, "  %s", e.Text)
		}
	}
	for _, in := range s.cma.a.Incidents() {
		if f := w.faultOf(s, in.ID); f != nil && f.until > 0 && s.at() > f.until+time.Minute {
			w.breaks(s, "still open a minute after its end: %s", in.Cause)
		}
	}
}

func (w *watch) faultOf(s *Sim, incident string) *fault {
	for _, f := range s.faults {
		if f.id == incident {
			return f
		}
	}
	return nil
}

func sortedEvents(m map[string]event.Event) []event.Event {
	list := make([]event.Event, 0, len(m))
	for _, e := range m {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b event.Event) int { return a.At.Compare(b.At) })
	return list
}

// switchKey is how the news call a switch.
func (s *Sim) switchKey(box int32) string { return verdict.SwitchKey(s.e.boxes[box].name) }
