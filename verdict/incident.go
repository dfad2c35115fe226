package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/event"
	"assim/wire"
)

const (
	// maxEvidence bounds the sentences of one incident; it is read by people.
	maxEvidence = 32
	// maxNamed bounds the names spelled out in one sentence.
	maxNamed = 3
)

// SwitchKey is the graph's key of a switch.
func SwitchKey(chassis string) string { return "sw-" + chassis }

// confidence weighs how many independent voices say so against those who
// object: one voice 0.6, two 0.9, three 0.97, more 0.99; every objection costs
// 0.2.
func confidence(voices, objections int) float64 {
	table := [...]float64{0.3, 0.6, 0.9, 0.97, 0.99}
	return max(0.3, table[min(voices, len(table)-1)]-0.2*float64(objections))
}

// newIncident makes an incident about one system.
func (j *Judge) newIncident(now time.Time, kind event.Kind, s *suspect) *Incident {
	in := j.blankIncident(now, kind)
	in.About, in.Name, in.Since = s.id.String(), j.m.Name(s.id), s.since
	in.Systems = []wire.ID{s.id}
	in.Witnesses = slices.Clone(s.by)
	for _, w := range s.refusal {
		in.Witnesses = with(in.Witnesses, w)
	}
	s.in = in
	return in
}

// blankIncident makes an open incident about nothing yet.
func (j *Judge) blankIncident(now time.Time, kind event.Kind) *Incident {
	j.serial++
	in := &Incident{ID: fmt.Sprintf("%s/%d-%d", strings.ReplaceAll(string(kind), " ", "-"), now.Unix(), j.serial),
		Kind: kind, Opened: now}
	j.open = append(j.open, in)
	return in
}

// restored reopens the incident of a system in trouble after a restart. Those
// that suffered together are one again.
func (j *Judge) restored(now time.Time, s *suspect) *Incident {
	kind := map[Status]event.Kind{Dead: event.SystemDead, Stopped: event.NanoprobeStopped, Unknown: event.SwitchUnreachable}[s.status]
	if s.status != Unknown {
		return j.newIncident(now, kind, s)
	}
	p := j.placeOf(s.id)
	for _, in := range j.open {
		if in.Kind == kind && in.About == p.key() {
			in.Systems = append(in.Systems, s.id)
			j.groups[in.ID].left++
			return in
		}
	}
	in := j.newIncident(now, kind, s)
	in.About, in.Name = p.key(), j.called(p)
	j.groups[in.ID] = &group{places: []place{p}, left: 1, next: now.Add(probeFirst), backoff: probeFirst}
	return in
}

// say adds a sentence of evidence.
func (in *Incident) say(text string) {
	if len(in.Evidence) < maxEvidence {
		in.Evidence = append(in.Evidence, text)
	}
}

// accusations adds what speaks against one system.
func (j *Judge) accusations(in *Incident, s *suspect) {
	for _, by := range s.by {
		in.Witnesses = with(in.Witnesses, by)
		in.say(fmt.Sprintf("%s hears nothing from %s since %s", j.m.Name(by), j.m.Name(s.id), clock(s.since)))
	}
	if s.ping == silent {
		in.say(j.m.Name(s.id) + " does not answer the CMA")
	}
	for _, h := range s.hearers {
		in.say(j.m.Name(h) + " says that it hears " + j.m.Name(s.id))
	}
}

// publish opens an incident for the public.
func (j *Judge) publish(now time.Time, in *Incident, text string, out *Out) {
	if in.Cause == "" {
		in.Cause = text
	}
	out.Incidents = append(out.Incidents, in.clone())
	out.Events = append(out.Events, event.Event{At: now, Kind: in.Kind, System: in.About, Name: in.Name,
		Witnesses: j.names(in.Witnesses), Affected: j.names(in.Systems), Incident: in.ID,
		Detail: map[string]string{"confidence": fmt.Sprintf("%.2f", in.Confidence), "since": in.Since.UTC().Format(time.RFC3339Nano)},
		Text:   text})
}

// leave takes a system out of an incident, and closes it after the last.
func (j *Judge) leave(now time.Time, in *Incident, id wire.ID, out *Out) {
	in.Systems = without(in.Systems, id)
	if len(in.Systems) == 0 {
		j.close(now, in, "", out)
		return
	}
	out.Incidents = append(out.Incidents, in.clone())
}

// close ends an incident. The news of a lone system is its "alive again"; a
// larger or a superseded incident says so itself.
func (j *Judge) close(now time.Time, in *Incident, text string, out *Out) {
	i := slices.Index(j.open, in)
	if i < 0 {
		return
	}
	j.open = slices.Delete(j.open, i, i+1)
	delete(j.groups, in.ID)
	in.Closed = now
	out.Incidents = append(out.Incidents, in.clone())
	if text == "" {
		return
	}
	e := event.Event{At: now, Kind: event.Resolved, System: in.About, Name: in.Name, Incident: in.ID, Text: text,
		Detail: map[string]string{"kind": string(in.Kind)}}
	if in.Superseded != "" {
		e.Detail["superseded_by"] = in.Superseded
	}
	out.Events = append(out.Events, e)
}

// supersede ends an incident because another one explains it.
func (j *Judge) supersede(now time.Time, in, by *Incident, out *Out) {
	in.Superseded = by.ID
	what := string(in.Kind) + " of " + in.Name
	if in.Kind == event.PathBroken {
		what = string(in.Kind) + " " + in.Name // "between" or "around" somebody
	}
	j.close(now, in, what+" was part of "+by.Name, out)
}

func (j *Judge) whoHearsNothing(s *suspect) string {
	who := j.list(s.by)
	if s.ping == silent {
		if who != "" {
			who += " and "
		}
		who += "the CMA"
	}
	if len(s.by)+one(s.ping == silent) == 1 {
		return who + " hears nothing since " + clock(s.since)
	}
	return who + " hear nothing since " + clock(s.since)
}

// list spells a few names out and counts the rest.
func (j *Judge) list(ids []wire.ID) string {
	names := j.names(ids)
	if len(names) > maxNamed {
		names = append(names[:maxNamed-1], plural(len(names)-maxNamed+1, "other"))
	}
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func (j *Judge) names(ids []wire.ID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = j.m.Name(id)
	}
	return names
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// clock is a time in a sentence. Who reads it may be elsewhere: assim shows it as
// people there read it.
func clock(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2006-01-02T15:04:05.0Z07:00")
}
