package verdict

import (
	"bytes"
	"slices"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/wire"
)

// maxPaths bounds how many broken paths are followed at a time.
const maxPaths = 1 << 12

// contestPause is how often it is looked whether a path is broken still whose ends
// share an address with somebody.
const contestPause = 10 * time.Second

// pair is two systems, the smaller id first.
type pair [2]wire.ID

func pairOf(a, b wire.ID) pair {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}

// path is a pair one of which does not hear the other while somebody else does.
type path struct {
	a, b  wire.ID // a does not hear b
	first time.Time
	since time.Time
	deaf  bool // a hears b, and gets no answers
	told  bool // b complains of a, too
	both  bool // and not of the same: each does not hear the other
	in    *Incident
}

// pathBroken notes that c.By does not hear c.About while another witness does, or
// that it hears it without answers.
func (j *Judge) pathBroken(now time.Time, c Claim, out *Out) {
	if c.About.IsZero() || c.About == c.By || j.theirs(c.About) {
		return
	}
	if s := j.suspects[c.About]; s != nil && slices.Contains(s.by, c.By) {
		s.by = without(s.by, c.By) // it thought worse of it before
		j.calm(now, s, c.By, out)
	}
	k := pairOf(c.By, c.About)
	if p := j.paths[k]; p != nil || len(j.paths) >= maxPaths {
		if p != nil && p.a == c.About {
			// One hears and gets no answers, the other does not hear: that is the same.
			p.told, p.both = true, p.both || p.deaf == (c.Kind == wire.ObsDeaf)
			j.pathDue = agenda.Sooner(j.pathDue, now.Add(2*j.opt.Window))
		}
		return
	}
	j.paths[k] = &path{a: c.By, b: c.About, first: now, since: c.Since, deaf: c.Kind == wire.ObsDeaf}
	j.pathDue = agenda.Sooner(j.pathDue, now.Add(2*j.opt.Window))
}

// ear is who of the two does not hear the other; zero: neither does.
func (p *path) ear() wire.ID {
	switch {
	case p.both:
		return wire.ID{}
	case p.deaf:
		return p.b
	}
	return p.a
}

// calm ends a suspicion that its last accuser took back.
func (j *Judge) calm(now time.Time, s *suspect, by wire.ID, out *Out) {
	if len(s.by) == 0 && s.in == nil && s.ping != silent && s.status <= Unresponsive {
		j.revive(now, s, "only the path to "+j.m.Name(by)+" is broken", out)
	}
}

// findBrokenPaths opens one incident for each set of broken paths with a
// common cause: two switches, one system, or just the pair.
func (j *Judge) findBrokenPaths(now time.Time, out *Out) {
	var fresh []*path
	for _, p := range j.sortedPaths() {
		switch {
		case p.in != nil:
		case j.suspects[p.a] != nil && j.suspects[p.a].accused() || j.suspects[p.b] != nil && j.suspects[p.b].accused():
			delete(j.paths, pairOf(p.a, p.b)) // more is wrong with it than a path
		case j.lost(p.a) || j.lost(p.b):
			delete(j.paths, pairOf(p.a, p.b)) // the lost link is the path that is broken
		case j.mayBeLost(now, p.a) || j.mayBeLost(now, p.b):
			j.pathDue = agenda.Sooner(j.pathDue, now.Add(2*j.opt.Window))
		case p.deaf && !p.told && j.awaitOthers(now, p):
		case j.awaitDoubt(p.ear()):
			j.pathDue = agenda.Sooner(j.pathDue, now.Add(j.opt.Window))
		case j.contested(p.a) || j.contested(p.b):
			j.pathDue = agenda.Sooner(j.pathDue, now.Add(contestPause)) // The address is the fault, and told of.
		case j.settling(now, p.since, p.a, p.b):
			j.pathDue = agenda.Sooner(j.pathDue, now.Add(2*j.opt.Window))
		default:
			fresh = append(fresh, p)
		}
	}
	for len(fresh) > 0 {
		set, about, name := j.commonPath(fresh)
		kind, text := event.PathBroken, "path broken "+name
		if deaf, ok := j.deafOne(set); ok {
			kind, about, name = event.SystemDeaf, deaf.String(), j.m.Name(deaf)
			text = "system " + name + " deaf: it speaks, and hears none of its neighbors"
		}
		in := j.blankIncident(now, kind)
		in.About, in.Name, in.Since = about, name, set[0].since
		for _, p := range set {
			p.in = in
			in.Witnesses = with(in.Witnesses, p.a)
			in.Systems = with(with(in.Systems, p.a), p.b)
			in.say(j.m.Name(p.a) + p.finding() + j.m.Name(p.b))
		}
		in.Confidence = confidence(1+len(set), 0)
		fresh = slices.DeleteFunc(fresh, func(p *path) bool { return p.in != nil })
		j.publish(now, in, text, out)
	}
}

// lost says whether a system lost a link for certain.
func (j *Judge) lost(id wire.ID) bool {
	return slices.ContainsFunc(j.linksOf(id), func(l *downLink) bool { return l.in != nil || j.witnessed(l) })
}

// mayBeLost says whether the only one to miss a link of a system, who may have lost
// its own, could still be joined by another.
func (j *Judge) mayBeLost(now time.Time, id wire.ID) bool {
	return slices.ContainsFunc(j.linksOf(id), func(l *downLink) bool { return now.Before(l.first.Add(persist)) })
}

// deafOne is the one system that hears none of the others, if that is what the
// paths have in common: they say so of it, or it does of all its neighbors.
func (j *Judge) deafOne(set []*path) (deaf wire.ID, ok bool) {
	deaf = set[0].ear()
	if len(set) < 2 || deaf.IsZero() || slices.ContainsFunc(set, func(p *path) bool { return p.ear() != deaf }) {
		return deaf, false
	}
	own := slices.ContainsFunc(set, func(p *path) bool { return !p.deaf })
	return deaf, !own || j.hearsNobody(deaf)
}

// hearsNobody says whether a system complains of all its neighbors, two at least,
// which answer others.
func (j *Judge) hearsNobody(id wire.ID) bool {
	var buf [8]wire.ID
	near := j.m.Witnesses(buf[:0], id)
	return len(near) >= 2 && !slices.ContainsFunc(near, func(w wire.ID) bool {
		p, s := j.paths[pairOf(id, w)], j.suspects[w]
		return (p == nil || p.ear() != id) && (s == nil || s.doubt != id)
	})
}

// awaitOthers says whether it is too early to tell a deaf system from a broken
// path: a neighbor takes old echoes for answers for a while, and so each of them
// finds out at its own time. If it is the path, the other end complains soon.
func (j *Judge) awaitOthers(now time.Time, p *path) bool {
	until := p.first.Add(2 * j.m.Dead(p.b))
	for _, o := range j.paths {
		if o != p && o.ear() == p.ear() {
			return false
		}
	}
	if now.Before(until) {
		j.pathDue = agenda.Sooner(j.pathDue, until)
		return true
	}
	return false
}

// awaitDoubt says whether one who does not hear somebody may turn out to hear none of
// its neighbors: what it says of the others is in doubt, and about to be settled.
func (j *Judge) awaitDoubt(id wire.ID) bool {
	var buf [8]wire.ID
	return !id.IsZero() && j.hearsNobody(id) && slices.ContainsFunc(j.m.Witnesses(buf[:0], id), func(w wire.ID) bool {
		return j.paths[pairOf(id, w)] == nil
	})
}

// pathTo reports whether somebody does not hear a system.
func (j *Judge) pathTo(id wire.ID) bool {
	for _, p := range j.paths {
		if p.b == id {
			return true
		}
	}
	return false
}

// pathAt reports whether a path at a system was found broken: it may be deaf, and
// think that its neighbors are lost.
func (j *Judge) pathAt(id wire.ID) bool {
	for _, p := range j.paths {
		if p.in != nil && (p.a == id || p.b == id) {
			return true
		}
	}
	return false
}

// knownDeaf reports whether it is told that a system does not hear somebody.
func (j *Judge) knownDeaf(id wire.ID) bool {
	for _, p := range j.paths {
		if p.in != nil && p.ear() == id {
			return true
		}
	}
	return false
}

// finding says what a found of b.
func (p *path) finding() string {
	if p.deaf {
		return " hears, and gets no answer from, "
	}
	return " does not hear, as another witness does, "
}

// commonPath picks the largest set of paths that one thing explains.
func (j *Judge) commonPath(list []*path) (set []*path, about, name string) {
	first := list[0]
	set, about = list[:1], first.b.String()
	name = "between " + j.m.Name(first.a) + " and " + j.m.Name(first.b)
	sa, sb := j.chassis(first.a), j.chassis(first.b)
	if between := filter(list, func(p *path) bool { return j.crosses(p, sa, sb) }); sa != sb && sa != "" && sb != "" && len(between) > len(set) {
		set, about, name = between, SwitchKey(sa), "between switch "+j.m.Place(sa)+" and switch "+j.m.Place(sb)
	}
	for _, end := range []wire.ID{first.b, first.a} {
		if at := filter(list, func(p *path) bool { return p.a == end || p.b == end }); len(at) > len(set) {
			set, about, name = at, end.String(), "around "+j.m.Name(end)
		}
	}
	return set, about, name
}

func (j *Judge) crosses(p *path, sa, sb string) bool {
	a, b := j.chassis(p.a), j.chassis(p.b)
	return a == sa && b == sb || a == sb && b == sa
}

func filter(list []*path, keep func(*path) bool) []*path {
	var out []*path
	for _, p := range list {
		if keep(p) {
			out = append(out, p)
		}
	}
	return out
}

// mendPath notes that a hears b again.
func (j *Judge) mendPath(now time.Time, a, b wire.ID, out *Out) {
	k := pairOf(a, b)
	p := j.paths[k]
	if p == nil {
		return
	}
	delete(j.paths, k)
	if p.in == nil || j.leadsOn(p.in) {
		return
	}
	text := "path " + p.in.Name + " is whole again"
	if p.in.Kind == event.SystemDeaf {
		text = p.in.Name + " hears again"
	}
	j.close(now, p.in, text, out)
}

// buryPaths makes the broken paths to a dead system part of its death.
func (j *Judge) buryPaths(now time.Time, id wire.ID, in *Incident, out *Out) {
	for _, p := range j.sortedPaths() {
		if p.a != id && p.b != id {
			continue
		}
		delete(j.paths, pairOf(p.a, p.b))
		if p.in != nil && !j.leadsOn(p.in) {
			j.supersede(now, p.in, in, out)
		}
	}
}

// leadsOn says whether an incident has broken paths left.
func (j *Judge) leadsOn(in *Incident) bool {
	for _, p := range j.paths {
		if p.in == in {
			return true
		}
	}
	return false
}

func (j *Judge) sortedPaths() []*path {
	list := make([]*path, 0, len(j.paths))
	for _, p := range j.paths {
		list = append(list, p)
	}
	slices.SortFunc(list, func(x, y *path) int {
		if c := slices.Compare(x.a[:], y.a[:]); c != 0 {
			return c
		}
		return slices.Compare(x.b[:], y.b[:])
	})
	return list
}
