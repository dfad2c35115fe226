package verdict

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/event"
	"assim/wire"
)

// linkKey names one attachment: by its place among the system's links, or by
// what the reporter called it when the map does not know it.
type linkKey struct {
	id   wire.ID
	name string
}

// downLink is a network that one system lost.
type downLink struct {
	link  Link
	first time.Time
	hold  time.Time // not news before: old evidence may be taken back at once
	by    []wire.ID
	in    *Incident
}

// maxDown and maxPaths bound how many lost links and broken paths are followed
// at a time: nobody could read more, and anybody could make them up.
const (
	maxDown  = 1 << 12
	maxPaths = 1 << 12
)

// linkHold is how long an old report of a lost link waits for a report of its
// return that was sent after it and may have been lost on the way.
const linkHold = 10 * time.Second

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
	in    *Incident
}

// linkDown notes a lost network: c.About's, or c.By's own.
func (j *Judge) linkDown(now time.Time, c Claim, out *Out) {
	id := c.About
	if id.IsZero() {
		id = c.By
	}
	if c.About.IsZero() && j.onlyWay(id, c.Link) {
		return // Who tells of its only cable tells of the past: by that cable it was told.
	}
	k, link := j.resolve(id, c.Link)
	l := j.links[k]
	if l == nil && len(j.links) >= maxDown {
		return
	}
	if l == nil {
		l = &downLink{link: link, first: now}
		if now.Sub(c.At) > stale {
			l.hold = now.Add(linkHold)
		}
		j.links[k] = l
	}
	l.by = with(l.by, c.By)
	j.lookForCompany(now)
}

func (j *Judge) linkUp(now time.Time, c Claim, out *Out) {
	id := c.About
	if id.IsZero() {
		id = c.By
	}
	for _, k := range j.lostBy(id, c.Link) {
		l := j.links[k]
		delete(j.links, k)
		if l.in != nil && l.in.Kind == event.LinkDown {
			j.close(now, l.in, "link "+l.in.Name+" is back", out)
		}
	}
}

// onlyWay reports whether all attachments of a system are by one interface.
func (j *Judge) onlyWay(id wire.ID, name string) bool {
	var buf [8]Link
	links := j.m.Links(buf[:0], id)
	return len(links) > 0 && !slices.ContainsFunc(links, func(l Link) bool { return l.Name != name })
}

// lostBy returns the lost links of a system that a reporter may mean by an
// interface or an address. The addresses of an interface come and go with its
// carrier, so the one it was lost by may not be the one it is called by now.
func (j *Judge) lostBy(id wire.ID, name string) []linkKey {
	now, _ := j.resolve(id, name)
	var keys []linkKey
	for k, l := range j.links {
		if k.id == id && (k == now || k.name == name || l.link.Name != "" && l.link.Name == name) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b linkKey) int { return strings.Compare(a.name, b.name) })
	return keys
}

// resolve finds the attachment that a reporter calls by interface or address.
func (j *Judge) resolve(id wire.ID, name string) (linkKey, Link) {
	var buf [8]Link
	for _, l := range j.m.Links(buf[:0], id) {
		if name == l.Name || l.Addr.IsValid() && name == l.Addr.String() {
			return linkKey{id, l.Addr.String()}, l
		}
	}
	return linkKey{id, name}, Link{Name: name}
}

// lostLinkTo returns the lost link of a system to a switch; nil if there is none.
func (j *Judge) lostLinkTo(id wire.ID, chassis string) *downLink {
	if chassis == "" || len(j.links) == 0 {
		return nil
	}
	var buf [4]Link
	for _, l := range j.m.Links(buf[:0], id) {
		if l.Switch != chassis {
			continue
		}
		if d := j.links[linkKey{id, l.Addr.String()}]; d != nil {
			return d
		}
	}
	return nil
}

// absorbLinks makes lost links to a silent switch part of its incident.
func (j *Judge) absorbLinks(now time.Time, v view, in *Incident, out *Out) {
	for _, k := range j.sortedLinks() {
		l := j.links[k]
		if v.chassis == "" || l.link.Switch != v.chassis {
			continue
		}
		if l.in != nil && l.in.Kind == event.LinkDown {
			j.supersede(now, l.in, in, out)
		}
		l.in = in
		in.say(j.m.Name(k.id) + " lost its link to it")
	}
}

// settleLinks opens an incident for every lost link that nothing bigger
// explains.
func (j *Judge) settleLinks(now time.Time, out *Out) {
	for _, k := range j.sortedLinks() {
		l := j.links[k]
		if l.in != nil {
			continue
		}
		if in, _ := j.openAt(place{l.link.Switch, l.link.Subnet}); in != nil && l.link.Switch != "" {
			l.in = in // late news of what is known
			continue
		}
		if now.Before(l.hold) {
			j.groupDue = sooner(j.groupDue, l.hold)
			continue
		}
		if s := j.suspects[k.id]; s != nil && s.agreed {
			delete(j.links, k) // the whole system is silent: this says nothing more
			continue
		}
		if len(l.by) < 2 && !slices.Contains(l.by, k.id) {
			continue // one neighbor may have lost a few answers; its own kernel or another neighbor would know
		}
		in := j.blankIncident(now, event.LinkDown)
		in.About, in.Name, in.Since = k.id.String(), j.m.Name(k.id)+" "+l.label(k), l.first
		in.Systems, in.Witnesses = []wire.ID{k.id}, slices.Clone(l.by)
		in.Confidence = confidence(len(l.by)+one(slices.Contains(l.by, k.id)), 0)
		in.say(j.list(l.by) + " lost it; another path answers")
		l.in = in
		j.publish(now, in, fmt.Sprintf("link down: %s%s; the system lives by another path", in.Name, l.where()), out)
	}
}

func (l *downLink) label(k linkKey) string {
	if l.link.Name != "" {
		return l.link.Name
	}
	return k.name
}

func (l *downLink) where() string {
	if l.link.Switch == "" {
		return ""
	}
	return " on port " + l.link.Port + " of switch " + l.link.Switch
}

func (j *Judge) sortedLinks() []linkKey {
	keys := make([]linkKey, 0, len(j.links))
	for k := range j.links {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b linkKey) int {
		if c := slices.Compare(a.id[:], b.id[:]); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a.name), []byte(b.name))
	})
	return keys
}

// pathBroken notes that c.By does not hear c.About while another witness does.
func (j *Judge) pathBroken(now time.Time, c Claim, out *Out) {
	if c.About.IsZero() || c.About == c.By {
		return
	}
	if s := j.suspects[c.About]; s != nil && slices.Contains(s.by, c.By) {
		s.by = without(s.by, c.By) // it thought worse of it before
		j.calm(now, s, c.By, out)
	}
	k := pairOf(c.By, c.About)
	if j.paths[k] != nil || len(j.paths) >= maxPaths {
		return
	}
	j.paths[k] = &path{a: c.By, b: c.About, first: now, since: c.Since}
	if j.pathDue.IsZero() {
		j.pathDue = now.Add(2 * j.opt.Window)
	}
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
		default:
			fresh = append(fresh, p)
		}
	}
	for len(fresh) > 0 {
		set, about, name := j.commonPath(fresh)
		in := j.blankIncident(now, event.PathBroken)
		in.About, in.Name, in.Since = about, name, set[0].since
		for _, p := range set {
			p.in = in
			in.Witnesses = with(in.Witnesses, p.a)
			in.Systems = with(with(in.Systems, p.a), p.b)
			in.say(j.m.Name(p.a) + " does not hear " + j.m.Name(p.b) + ", another witness does")
		}
		in.Confidence = confidence(1+len(set), 0)
		fresh = slices.DeleteFunc(fresh, func(p *path) bool { return p.in != nil })
		j.publish(now, in, "path broken "+name, out)
	}
}

// commonPath picks the largest set of paths that one thing explains.
func (j *Judge) commonPath(list []*path) (set []*path, about, name string) {
	first := list[0]
	set, about = list[:1], first.b.String()
	name = "between " + j.m.Name(first.a) + " and " + j.m.Name(first.b)
	sa, sb := j.chassis(first.a), j.chassis(first.b)
	if between := filter(list, func(p *path) bool { return j.crosses(p, sa, sb) }); sa != sb && sa != "" && sb != "" && len(between) > len(set) {
		set, about, name = between, SwitchKey(sa), "between switch "+sa+" and switch "+sb
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
	if p.in == nil {
		return
	}
	for _, o := range j.paths {
		if o.in == p.in {
			return
		}
	}
	j.close(now, p.in, "path "+p.in.Name+" is whole again", out)
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
