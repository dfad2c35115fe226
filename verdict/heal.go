package verdict

import (
	"fmt"
	"slices"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/wire"
)

func (j *Judge) groupOf(s *suspect) *group {
	if s.in == nil {
		return nil
	}
	return j.groups[s.in.ID]
}

// returned takes one system of a group back. If it has been running all the
// time, everybody at its place is reachable again; if it has just started, the
// others may take longer. Who does not hear another of them will not say so again:
// those are asked, and are cases of their own.
func (j *Judge) returned(now time.Time, s *suspect, g *group, restarted bool, out *Out) {
	in := s.in
	var accused []*suspect
	at := j.placeIn(g, s.id)
	if restarted || j.hasOtherWay(s.id, at.chassis) {
		j.takeBack(now, s, g, out)
	} else {
		for _, id := range j.members(at) {
			if o := j.suspects[id]; o != nil && o.in == in {
				j.takeBack(now, o, g, out)
				if o != s && !o.swept {
					accused = append(accused, o)
				}
			}
		}
		if j.suspects[s.id] == s {
			j.takeBack(now, s, g, out)
		}
	}
	switch {
	case g.left == 0:
		in.Systems = nil
		j.close(now, in, in.Name+" reachable again, all systems returned", out)
	case g.settle.IsZero():
		g.settle = now.Add(j.opt.Settle)
		g.backoff = probeFirst
		g.next = now.Add(probeFirst)
	}
	for _, o := range accused {
		j.reopen(now, o, at, out)
	}
}

// reopen makes a case of its own of a system that was part of a group, if somebody
// at its own place has said that it does not hear it, and has not taken that back.
// Those elsewhere missed it because of the place. Most take it back at once; the rest
// are asked.
func (j *Judge) reopen(now time.Time, was *suspect, at place, out *Out) {
	members := j.members(at)
	by := slices.DeleteFunc(slices.Clone(was.by), func(id wire.ID) bool { return !slices.Contains(members, id) })
	if len(by) == 0 {
		return
	}
	s := j.suspect(now, was.id)
	s.by, s.since, s.old = by, was.since, true
	j.look(now, s, out)
}

// placeIn is the place of a group at which a system stands.
func (j *Judge) placeIn(g *group, id wire.ID) place {
	var buf [4]Link
	for _, l := range j.m.Links(buf[:0], id) {
		at := place{l.Switch, l.Subnet}
		for _, p := range g.places {
			if p.key() == at.key() {
				return p
			}
		}
	}
	return place{}
}

func (j *Judge) takeBack(now time.Time, s *suspect, g *group, out *Out) {
	delete(j.suspects, s.id)
	j.setStatus(now, s, Up, out)
	s.in = nil
	g.left--
}

// revisit asks for the systems that have not returned, and in the end makes
// each of them a case of its own.
func (j *Judge) revisit(now time.Time, in *Incident, g *group, out *Out) {
	in.Systems = slices.DeleteFunc(in.Systems, func(id wire.ID) bool { s := j.suspects[id]; return s == nil || s.in != in })
	if due(now, g.settle) {
		j.giveUp(now, in, out)
		return
	}
	places := g.places
	g.next = now.Add(probeIdle)
	if g.settle.IsZero() {
		places = places[:min(1, len(places))]
	} else {
		g.next = agenda.Sooner(now.Add(g.backoff), g.settle)
		g.backoff = min(2*g.backoff, probeLast)
	}
	for _, p := range places {
		for _, id := range j.members(p) {
			if s := j.suspects[id]; s != nil && s.in == in {
				j.ask(now, s, 1, out)
				break
			}
		}
	}
}

// giveUp closes a group that has mostly returned; the rest are asked once more
// and judged one by one.
func (j *Judge) giveUp(now time.Time, in *Incident, out *Out) {
	rest := in.Systems
	j.close(now, in, fmt.Sprintf("%s reachable again, %s did not return", in.Name, plural(len(rest), "system")), out)
	for _, id := range rest {
		s := j.suspects[id]
		s.in, s.by, s.hearers, s.agreed, s.ping = nil, nil, nil, false, notAsked
		s.first, s.missing = now, true
		j.setStatus(now, s, Unresponsive, out)
		j.ask(now, s, 2, out)
	}
}

// isolation is what a Judge remembers while the CMA is cut off.
type isolation struct {
	in      *Incident
	dropped []Claim   // of silence: nothing is concluded from them until it is over
	next    time.Time // when somebody is asked whether it is over; zero: a carrier will tell
	backoff time.Duration
}

// maxDropped is how many claims of silence are looked at when it turns out that
// the CMA is heard. Others speak of the rest.
const maxDropped = 256

// drop keeps a claim for later, and forgets those that it takes back.
func (i *isolation) drop(c Claim) {
	switch c.Kind {
	case wire.ObsAlive:
		i.dropped = slices.DeleteFunc(i.dropped, func(d Claim) bool { return d.By == c.By && d.About == c.About })
	case wire.ObsUnresponsive, wire.ObsDead, wire.ObsSwept:
		if len(i.dropped) < maxDropped {
			i.dropped = append(i.dropped, c)
		}
	}
}

// isolate says that it is the CMA that is cut off, and drops what it believed
// of others because of that.
func (j *Judge) isolate(now time.Time, why string, out *Out) {
	if j.isolated != nil {
		return
	}
	in := j.blankIncident(now, event.CMAIsolated)
	j.isolated = &isolation{in: in, backoff: probeFirst}
	if j.carrier {
		j.isolated.next = now.Add(probeFirst)
	}
	for _, s := range j.sortedSuspects() {
		if s.in == nil && (s.status == Up || s.status == Unresponsive) {
			for _, by := range s.by {
				c := Claim{By: by, Kind: wire.ObsUnresponsive, About: s.id, At: now, Since: s.since}
				if s.swept {
					c.Kind = wire.ObsSwept
				}
				j.isolated.drop(c)
			}
			delete(j.suspects, s.id)
			j.setStatus(now, s, Up, out)
		}
	}
	clear(j.probed)
	j.groupDue = time.Time{}
	in.About, in.Name, in.Since, in.Confidence = "cma", "the CMA", now, confidence(2, 0)
	in.say(why)
	j.publish(now, in, "the CMA is cut off: "+why+"; the state of everybody is unknown", out)
}

// inquire asks whether the CMA is cut off still. Systems that are well have
// nothing to say, so that it would not learn of it.
func (j *Judge) inquire(now time.Time, out *Out) {
	if j.isolated == nil || !due(now, j.isolated.next) {
		return
	}
	for _, id := range j.m.Sample(nil, maxInquiry) {
		if id != j.opt.Local {
			out.Pings = append(out.Pings, Ping{id, 1})
		}
	}
	j.isolated.next = now.Add(j.isolated.backoff)
	j.isolated.backoff = min(2*j.isolated.backoff, probeLast)
}

// rejoin says that the CMA is heard again, and looks at what it dropped: who was
// silent is asked.
func (j *Judge) rejoin(now time.Time, why string, out *Out) {
	over := j.isolated
	j.isolated = nil
	j.close(now, over.in, "the CMA is back on the network: "+why, out)
	for _, c := range over.dropped {
		j.accuse(now, c, out)
		if s := j.suspects[c.About]; s != nil {
			s.old = true
			j.ask(now, s, 2, out)
		}
	}
	if !j.groupDue.IsZero() {
		j.groupDue = now.Add(j.opt.Answer + time.Millisecond) // not before they had time to answer
	}
}

// sortedSuspects walks the suspects in an order that does not change from run
// to run.
func (j *Judge) sortedSuspects() []*suspect {
	list := make([]*suspect, 0, len(j.suspects))
	for _, s := range j.suspects {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *suspect) int { return slices.Compare(a.id[:], b.id[:]) })
	return list
}
