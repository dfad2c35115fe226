package verdict

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"assim/event"
	"assim/wire"
)

// When the accused answers, its accuser is in doubt.
const (
	// mistrust is how long a refuted reporter is not believed alone or by two.
	mistrust = 10 * time.Minute
	// persist is how long a refuted accusation may stand before its author is
	// called wrong: time enough to take it back.
	persist = 2 * time.Second
	// unruled is how long it may stand, or a path be called broken, while one of the
	// two does not run its rings yet: an order may be lost some times.
	unruled = 30 * time.Second
	// ruled is how long somebody runs its rings before its neighbors must know.
	ruled = 3 * time.Second
	// strays is on how many occasions within mistrust somebody may stand by refuted
	// accusations of systems that it does not watch until it is called wrong. An
	// honest one may have asked beyond a silent neighbor when that came back, and
	// says no more of it: once, not again and again.
	strays = 3
	// occasion is how far apart two of them are at least: one bad moment is one.
	occasion = 3 * persist
	// maxStrays bounds the memory of those who did so less often.
	maxStrays = 1 << 12
)

// refute notes who accused a system that answers. Its author has a moment to
// take the accusation back before the news says that it is wrong.
// Saying it again and again gains none.
func (j *Judge) refute(now time.Time, s *suspect) {
	was := s.doubt
	s.doubt = wire.ID{}
	if len(s.by) == 1 && !s.old && !j.mistrusted(now, s.by[0]) && j.suspects[s.by[0]] == nil && s.ping != notAsked && len(j.linksOf(s.id)) == 0 {
		s.doubt = s.by[0]
	}
	if s.doubt != was {
		s.doubtAt = now
	}
}

// reviveButDoubt clears the system and keeps an eye on its accuser.
func (j *Judge) reviveButDoubt(now time.Time, s *suspect, out *Out) {
	doubt, at := s.doubt, s.doubtAt
	j.revive(now, s, "it answers the CMA", out)
	kept := j.suspect(now, s.id)
	kept.doubt, kept.doubtAt = doubt, at
	j.look(now, kept, out)
}

// settleDoubt flags a reporter that stands by a refuted accusation. If it is
// honest, the path between the two is broken; that is all it can prove.
func (j *Judge) settleDoubt(now time.Time, s *suspect, out *Out) {
	liar := s.doubt
	deaf := j.hearsNobody(liar)
	s.doubt = wire.ID{}
	if !j.watches(liar, s.id) {
		j.strayed(now, liar, s.id, out)
		return
	}
	if j.contested(liar) || j.contested(s.id) || j.knownDeaf(s.id) {
		return // It is right, and why is known: it asked somebody else, or one who does not hear.
	}
	if deaf {
		j.liars[liar] = now.Add(mistrust) // It will be told what it is: deaf.
	} else {
		j.flag(now, liar, s.id, "nobody else accuses it", out)
	}
	j.pathBroken(now, Claim{By: liar, About: s.id, Since: s.doubtAt}, out)
}

// flag tells that an accusation was refuted; its author is not trusted for a while.
func (j *Judge) flag(now time.Time, liar, about wire.ID, why string, out *Out) {
	j.liars[liar] = now.Add(mistrust)
	out.Events = append(out.Events, event.Event{At: now, Kind: event.Liar, System: liar.String(), Name: j.m.Name(liar),
		Affected: []string{j.m.Name(about)},
		Text:     "report of " + j.m.Name(liar) + " refuted: " + j.m.Name(about) + " answers the CMA, and " + why})
}

// stray counts refuted accusations of systems that somebody does not watch.
type stray struct {
	times       int
	since, last time.Time
}

// strayed takes in that somebody stood by the accusation of a healthy system that
// is no neighbor of it, or not any more. That one does not look again, and has
// nothing to take back; so it is a liar only if it goes on.
func (j *Judge) strayed(now time.Time, by, about wire.ID, out *Out) {
	st := j.stray[by]
	if now.Sub(st.since) > mistrust {
		st = stray{since: now}
	}
	if now.Sub(st.last) < occasion {
		return
	}
	if st.times, st.last = st.times+1, now; st.times < strays {
		j.rememberStray(now, by, st)
		return
	}
	delete(j.stray, by)
	j.flag(now, by, about, fmt.Sprintf("%s does not watch it: such reports came %d times in %v", j.m.Name(by), strays, now.Sub(st.since).Round(time.Second)), out)
}

func (j *Judge) rememberStray(now time.Time, by wire.ID, st stray) {
	if len(j.stray) >= maxStrays {
		maps.DeleteFunc(j.stray, func(_ wire.ID, old stray) bool { return now.Sub(old.since) > mistrust })
	}
	if _, known := j.stray[by]; known || len(j.stray) < maxStrays {
		j.stray[by] = st
	}
}

// settling says whether one of two systems was told its rings so lately, or not
// at all yet, that they may well not have heard of each other; since is when that
// was found to be so.
func (j *Judge) settling(now, since time.Time, a, b wire.ID) bool {
	if !now.Before(since.Add(unruled)) {
		return false
	}
	for _, id := range []wire.ID{a, b} {
		if at, ok := j.m.Runs(id); !ok || now.Before(at.Add(ruled)) {
			return true
		}
	}
	return false
}

// watches says whether two systems are neighbors by plan.
func (j *Judge) watches(by, about wire.ID) bool {
	var buf [8]wire.ID
	return slices.Contains(j.m.Witnesses(buf[:0], about), by)
}

func (j *Judge) mistrusted(now time.Time, id wire.ID) bool {
	until, ok := j.liars[id]
	if ok && now.After(until) {
		delete(j.liars, id)
		return false
	}
	return ok
}
