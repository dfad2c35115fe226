package verdict

import (
	"bytes"
	"fmt"
	"net/netip"
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
	id    wire.ID
	link  Link
	first time.Time
	since time.Time // who spoke after that did so without it
	by    []wire.ID
	sure  bool // somebody else hears nothing at all
	in    *Incident
}

// maxDown bounds how many lost links are followed at a time: nobody could read
// more, and anybody could make them up.
const maxDown = 1 << 12

// linkDown notes a lost network: c.About's, or c.By's own. A neighbor that tells
// it of another one hears that one by another way.
func (j *Judge) linkDown(now time.Time, c Claim, out *Out) {
	id := c.About
	if id.IsZero() {
		id = c.By
	}
	l := j.missed(now, id, c)
	if s := j.suspects[id]; s != nil && c.By != id {
		s.by, s.hearers = without(s.by, c.By), with(s.hearers, c.By)
		if l != nil {
			l.sure = len(s.by) > 0
		}
		if s.in == nil && s.status <= Unresponsive {
			j.revive(now, s, j.m.Name(c.By)+" hears it by another path", out)
		}
	}
}

// missed notes who misses a link; nil: there are too many already, or it is no
// link that is missed.
func (j *Judge) missed(now time.Time, id wire.ID, c Claim) *downLink {
	k, link := j.resolve(id, c.Link)
	l := j.links[k]
	if l == nil && len(j.links) >= maxDown || c.By != id && j.contestedAt(id, link.Addr) {
		return nil
	}
	if l == nil {
		l = &downLink{id: id, link: link, first: now, since: now.Add(-j.opt.Window), sure: j.pathTo(id)}
		if id == c.By {
			l.since = c.At // Its own kernel knows at once.
		}
		j.links[k] = l
	}
	l.by = with(l.by, c.By)
	j.lookForCompany(now)
	return l
}

// livesElsewhere reports whether a neighbor of a system hears it by another path
// than the one it lost. That others and the CMA have no such path proves
// nothing.
func (j *Judge) livesElsewhere(s *suspect) bool {
	for _, l := range j.linksOf(s.id) {
		for _, by := range l.by {
			if by != s.id && !slices.Contains(s.by, by) && !j.unheard(by) {
				return true
			}
		}
	}
	return false
}

// linksOf returns the lost links of a system, those that the map knows.
func (j *Judge) linksOf(id wire.ID) (list []*downLink) {
	if len(j.links) == 0 {
		return nil
	}
	var buf [8]Link
	for _, l := range j.m.Links(buf[:0], id) {
		if d := j.links[linkKey{id, l.Addr.String()}]; d != nil {
			list = append(list, d)
		}
	}
	return list
}

// unlink notes that a neighbor which heard a system by another path no longer
// does.
func (j *Judge) unlink(id, by wire.ID) {
	for _, l := range j.linksOf(id) {
		l.by = without(l.by, by)
	}
}

// buryLinks makes the lost links of a dead system part of its death.
func (j *Judge) buryLinks(now time.Time, id wire.ID, in *Incident, out *Out) {
	for _, l := range j.linksOf(id) {
		if l.in != nil && l.in.Kind == event.LinkDown {
			j.supersede(now, l.in, in, out)
		}
		l.in = in
	}
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

// contestedAt says whether another system says that it has this address, too: then
// somebody else may have been asked there, and no link is broken.
func (j *Judge) contestedAt(id wire.ID, addr netip.Addr) bool {
	var buf [4]netip.Addr
	return slices.Contains(j.m.Contested(buf[:0], id), addr)
}

// contested says whether a system shares an address with another one.
func (j *Judge) contested(id wire.ID) bool {
	var buf [4]netip.Addr
	return len(j.m.Contested(buf[:0], id)) > 0
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

// lostLinksTo returns the lost links to a switch. Where a link went is known from
// the time that it was lost: the system itself may have said since that it hears
// no switch there.
func (j *Judge) lostLinksTo(chassis string) (list []*downLink) {
	if chassis == "" || len(j.links) == 0 {
		return nil
	}
	for _, k := range j.sortedLinks() {
		if l := j.links[k]; l.link.Switch == chassis {
			list = append(list, l)
		}
	}
	return list
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
		if j.contestedAt(k.id, l.link.Addr) && !slices.Contains(l.by, k.id) {
			delete(j.links, k)
			continue
		}
		if in, _ := j.openAt(place{l.link.Switch, l.link.Subnet}); in != nil && l.link.Switch != "" {
			l.in = in // late news of what is known
			continue
		}
		if s := j.suspects[k.id]; s != nil && s.agreed {
			delete(j.links, k) // the whole system is silent: this says nothing more
			continue
		}
		if !j.witnessed(l) {
			continue
		}
		in := j.blankIncident(now, event.LinkDown)
		in.About, in.Name, in.Since = k.id.String(), j.m.Name(k.id)+" "+l.label(k), l.first
		in.Systems, in.Witnesses = []wire.ID{k.id}, slices.Clone(l.by)
		in.Confidence = confidence(len(l.by)+one(slices.Contains(l.by, k.id)), 0)
		in.say(j.list(l.by) + " lost it; another path answers")
		l.in = in
		j.publish(now, in, fmt.Sprintf("link down: %s%s; the system lives by another path", in.Name, j.port(l)), out)
	}
}

// witnessed says whether those who miss a link prove that it is lost. One neighbor
// may have lost a few answers, or the link of its own by which it would hear: the
// system's own kernel or another neighbor would know.
func (j *Judge) witnessed(l *downLink) bool {
	if slices.Contains(l.by, l.id) || len(l.by) >= 2 {
		return true
	}
	return l.sure && slices.ContainsFunc(l.by, func(by wire.ID) bool { return len(j.linksOf(by)) == 0 })
}

func (l *downLink) label(k linkKey) string {
	if l.link.Name != "" {
		return l.link.Name
	}
	return k.name
}

// port says where the other end of a lost link is.
func (j *Judge) port(l *downLink) string {
	if l.link.Switch == "" {
		return ""
	}
	return " on port " + l.link.Port + " of switch " + j.m.Place(l.link.Switch)
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
