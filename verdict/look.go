package verdict

import (
	"slices"
	"time"

	"assim/agenda"
	"assim/event"
	"assim/wire"
)

const (
	// minRun is from how many neighbors on a switch, dying together and alone,
	// a shared cause (a chassis, a power strip) is the better explanation.
	minRun = 4
	// pollFirst and pollLast bound how often a doubtful death is checked.
	pollFirst = 2 * time.Second
	pollLast  = 5 * time.Minute
	// together is how far apart the last signs of life of systems may lie that
	// broke at one stroke: they are known to about one interval each.
	together = 3 * time.Second
)

// look judges one system by what is known now, and has itself called again
// when more could be.
func (j *Judge) look(now time.Time, s *suspect, out *Out) {
	if s.ping == asked && !now.Before(s.askedAt.Add(j.patience(s))) {
		s.ping = silent
	}
	switch {
	case !s.doubt.IsZero() && len(s.by) == 0:
		j.lookAtDoubt(now, s, out)
	case s.status == Dead && (len(s.by) < 2 || j.uninformed(s) || j.contested(s.id)):
		j.poll(now, s, out)
	case s.status > Unresponsive:
		if s.swept && s.ping == silent {
			j.lookForCompany(now)
		}
	case len(s.goodbye) > 0:
		j.lookAtGoodbye(now, s, out)
	case len(s.refusal) > 0 || s.ping == refused:
		j.lookAtRefusal(now, s, out)
	default:
		j.lookAtSilence(now, s, out)
	}
}

// poll asks a system again whose death rests on one accuser and our own ping, or
// which may not know its neighbors, less and less often: if it lives, nobody else
// would ever say so.
func (j *Judge) poll(now time.Time, s *suspect, out *Out) {
	pause := min(pollFirst<<s.polls, pollLast)
	if s.ping == asked {
		return
	}
	if now.Before(s.askedAt.Add(pause)) {
		j.agenda.Add(s.askedAt.Add(pause), s.id)
		return
	}
	s.polls = min(s.polls+1, 8)
	j.ask(now, s, 1, out)
}

func (j *Judge) lookAtDoubt(now time.Time, s *suspect, out *Out) {
	if settle := s.doubtAt.Add(persist); now.Before(settle) {
		out.Pings = append(out.Pings, Ping{s.doubt, 1}) // It may have taken it back, and that was lost.
		j.agenda.Add(agenda.Sooner(now.Add(persist/3), settle), s.id)
		return
	}
	if j.settling(now, s.doubtAt, s.id, s.doubt) {
		j.agenda.Add(now.Add(persist), s.id)
		return
	}
	j.settleDoubt(now, s, out)
	delete(j.suspects, s.id)
}

// lookAtGoodbye believes the system itself, two witnesses, or one witness whom
// the CMA's own ping does not refute.
func (j *Judge) lookAtGoodbye(now time.Time, s *suspect, out *Out) {
	if !slices.Contains(s.goodbye, s.id) && len(s.goodbye) < 2 && s.ping < silent {
		j.askIn(now, s, 1, out)
		return
	}
	j.setStatus(now, s, Shut, out)
	s.shown = true
	out.Events = append(out.Events, event.Event{At: now, Kind: event.ShutDown, System: s.id.String(), Name: j.m.Name(s.id),
		Witnesses: j.names(s.goodbye), Text: "system " + j.m.Name(s.id) + " shut down in an orderly way"})
}

// lookAtRefusal tells a nanoprobe that is gone from a host that is.
func (j *Judge) lookAtRefusal(now time.Time, s *suspect, out *Out) {
	if until := s.first.Add(j.opt.Agree + j.opt.Answer); s.delayed && now.Before(until) {
		j.askIn(now, s, 1, out) // It may have said goodbye to one whose word is on its way.
		j.agenda.Add(until, s.id)
		return
	}
	if len(s.refusal) < 2 && s.ping < silent {
		j.askIn(now, s, 1, out)
		return
	}
	in := j.newIncident(now, event.NanoprobeStopped, s)
	for _, by := range s.refusal {
		in.say(j.m.Name(by) + " was told that nobody listens there")
	}
	if s.ping == refused {
		in.say("so was the CMA")
	}
	in.Confidence = confidence(len(s.refusal)+one(s.ping == refused), len(s.hearers))
	j.setStatus(now, s, Stopped, out)
	j.publish(now, in, "nanoprobe of "+in.Name+" stopped, the system is alive", out)
}

func (j *Judge) lookAtSilence(now time.Time, s *suspect, out *Out) {
	if !s.agreed && !j.agree(now, s) {
		if !s.swept && len(s.by)+len(s.hearers) > 0 {
			j.askIn(now, s, 3, out)
		}
		return
	}
	s.agreed = true
	if !s.swept && !s.shown {
		j.show(now, s, out)
	}
	deadline := latest(s.since.Add(j.m.Dead(s.id)), s.first.Add(j.opt.Window))
	if s.swept {
		return // the company decides
	}
	if now.Before(deadline) {
		j.agenda.Add(j.askAgain(now, s, deadline, out), s.id)
		return
	}
	if !j.groupDue.IsZero() && now.Before(s.first.Add(j.opt.Window+2*j.opt.Answer)) {
		j.agenda.Add(latest(j.groupDue, now).Add(time.Millisecond), s.id)
		return
	}
	if s.ping != silent && (j.dissent(s) || j.odd(s)) {
		j.ask(now, s, 3, out)
		return
	}
	if !j.joinPlace(now, s, out) {
		j.declareDead(now, s, out)
	}
}

// askAgain pings once more before a system is called dead that one witness
// accuses and another does not: that the first pings were lost on a bad day must
// not be enough. Whom its witnesses may do wrong is asked at that time, too, so
// that it need not be after the deadline. It returns when to look again.
func (j *Judge) askAgain(now time.Time, s *suspect, deadline time.Time, out *Out) time.Time {
	if !(s.ping == silent && j.dissent(s)) && !(s.ping != silent && j.odd(s)) {
		return deadline
	}
	at := deadline.Add(-j.opt.Answer)
	if now.Before(at) {
		return at
	}
	if s.askedAt.Add(2 * j.opt.Answer).Before(at) {
		j.ask(now, s, 3, out)
	}
	return deadline
}

// agree says whether a system is believed to be silent: two say so whom we
// trust and nobody objects, or one does and the CMA's own ping fails, too. The
// CMA alone proves nothing: its pings may be lost. A system that lost a link may
// have no neighbors but by that one, so the CMA asks it by the others first.
func (j *Judge) agree(now time.Time, s *suspect) bool {
	if j.livesElsewhere(s) {
		return false
	}
	if s.ping == silent {
		return len(s.by) > 0 || s.missing
	}
	if s.old || len(s.hearers) > 0 || len(j.linksOf(s.id)) > 0 {
		return false
	}
	trusted := 0
	for _, by := range s.by {
		if !j.mistrusted(now, by) && !j.unheard(by) {
			trusted++
		}
	}
	return trusted >= 2
}

// unheard says whether a reporter is itself believed to be silent: then it is
// more likely the one that hears badly.
func (j *Judge) unheard(id wire.ID) bool {
	s := j.suspects[id]
	return s != nil && s.agreed
}

// dissent says whether a witness of s that could speak does not accuse it.
func (j *Judge) dissent(s *suspect) bool {
	var buf [8]wire.ID
	for _, w := range j.m.Witnesses(buf[:0], s.id) {
		if !slices.Contains(s.by, w) && j.suspects[w] == nil {
			return true
		}
	}
	return false
}

// odd says whether the silence of s to its witnesses may be no fault of its own, so
// that the CMA has to ask it.
func (j *Judge) odd(s *suspect) bool {
	return j.outdated(s) || j.uninformed(s) || j.pathAt(s.id) || j.contested(s.id)
}

// outdated says whether fewer than two of those who accuse s are its neighbors by
// plan. The others may not have been told yet that they are none any more, while
// s was: then it rightly says nothing to them.
func (j *Judge) outdated(s *suspect) bool {
	var buf [8]wire.ID
	near := 0
	for _, w := range j.m.Witnesses(buf[:0], s.id) {
		near += one(slices.Contains(s.by, w))
	}
	return near < 2
}

// uninformed says whether s does not run its newest order: it may not know those
// who accuse it, and rightly says nothing to them.
func (j *Judge) uninformed(s *suspect) bool {
	_, ok := j.m.Runs(s.id)
	return !ok
}

// askIn pings once the lone accusation had its time to be joined by another.
func (j *Judge) askIn(now time.Time, s *suspect, tries int, out *Out) {
	if s.ping != notAsked {
		return
	}
	at := s.first.Add(j.opt.Agree)
	if now.Before(at) {
		j.agenda.Add(at, s.id)
		return
	}
	j.ask(now, s, tries, out)
	if s.delayed {
		j.prompt(s, out)
	}
}

// prompt asks the witnesses of s that have said nothing lately: what they have to
// say may wait in their outboxes, for it was lost or the CMA was away, and whoever is
// asked sends it at once.
func (j *Judge) prompt(s *suspect, out *Out) {
	var buf [8]wire.ID
	for _, w := range j.m.Witnesses(buf[:0], s.id) {
		if j.suspects[w] == nil && j.heard[w].Before(s.first.Add(-j.opt.Window)) && !slices.Contains(slices.Concat(s.by, s.hearers, s.refusal, s.goodbye), w) {
			out.Pings = append(out.Pings, Ping{w, 1})
		}
	}
}

// show makes the silence of a system known.
func (j *Judge) show(now time.Time, s *suspect, out *Out) {
	s.shown = true
	j.setStatus(now, s, Unresponsive, out)
	out.Events = append(out.Events, event.Event{At: now, Kind: event.Unresponsive, System: s.id.String(), Name: j.m.Name(s.id),
		Witnesses: j.names(s.by), Text: "system " + j.m.Name(s.id) + " is unresponsive"})
}

// declareDead opens the incident of a dead system, or of a run of them.
func (j *Judge) declareDead(now time.Time, s *suspect, out *Out) {
	run, chassis := j.run(s)
	in := j.newIncident(now, event.SystemDead, s)
	if len(run) < minRun {
		run = []*suspect{s}
	} else {
		in.About, in.Name = SwitchKey(chassis), plural(len(run), "neighbor")+" on switch "+j.m.Place(chassis)
	}
	in.Systems = in.Systems[:0]
	confirmed := 0
	for _, r := range run {
		r.in = in
		in.Systems = append(in.Systems, r.id)
		j.accusations(in, r)
		j.buryLinks(now, r.id, in, out)
		j.buryPaths(now, r.id, in, out)
		confirmed = max(confirmed, len(r.by)+one(r.ping == silent))
		j.setStatus(now, r, Dead, out)
		r.shown = true
		j.agenda.Add(now, r.id)
	}
	in.Confidence = confidence(confirmed, len(s.hearers))
	text := "system " + in.Name + " dead: " + j.whoHearsNothing(s)
	if len(run) >= minRun {
		in.Cause = "they are next to each other and broke at one stroke: a chassis or a power strip"
		text = plural(len(run), "system") + " in a row on switch " + j.m.Place(chassis) + " dead together: a chassis or a power strip"
	}
	j.publish(now, in, text, out)
}

// run returns the silent systems around s in the order of its switch's ports
// that went at the same time, if hardly anybody else on that switch did.
func (j *Judge) run(s *suspect) ([]*suspect, string) {
	chassis := j.chassis(s.id)
	if chassis == "" {
		return nil, ""
	}
	behind := j.m.Behind(nil, chassis)
	at := slices.Index(behind, s.id)
	if at < 0 {
		return nil, ""
	}
	lo, hi := at, at+1
	for lo > 0 && j.sameStroke(s, behind[lo-1]) {
		lo--
	}
	for hi < len(behind) && j.sameStroke(s, behind[hi]) {
		hi++
	}
	others := 0
	for i, id := range behind {
		if (i < lo || i >= hi) && j.sameStroke(s, id) {
			others++
		}
	}
	if others*4 > hi-lo {
		return nil, "" // scattered deaths: no common place, no common cause
	}
	list := make([]*suspect, 0, hi-lo)
	for _, id := range behind[lo:hi] {
		list = append(list, j.suspects[id])
	}
	return list, chassis
}

func (j *Judge) sameStroke(s *suspect, id wire.ID) bool {
	o := j.suspects[id]
	return o != nil && o.agreed && o.in == nil && o.since.Sub(s.since).Abs() <= together
}

// chassis is the switch a system's rings use; empty if unknown.
func (j *Judge) chassis(id wire.ID) string {
	var buf [4]Link
	if links := j.m.Links(buf[:0], id); len(links) > 0 {
		return links[0].Switch
	}
	return ""
}

// revive ends the trouble of one system.
func (j *Judge) revive(now time.Time, s *suspect, why string, out *Out) {
	delete(j.suspects, s.id)
	in := s.in
	if s.status == Up && !s.shown {
		return
	}
	j.setStatus(now, s, Up, out)
	e := event.Event{At: now, Kind: event.AliveAgain, System: s.id.String(), Name: j.m.Name(s.id),
		Text: "system " + j.m.Name(s.id) + " alive again: " + why}
	if in != nil {
		e.Incident = in.ID
	}
	out.Events = append(out.Events, e)
	if in != nil {
		j.leave(now, in, s.id, out)
	}
}

func (j *Judge) setStatus(now time.Time, s *suspect, st Status, out *Out) {
	if s.status == st {
		return
	}
	s.status = st
	out.Changes = append(out.Changes, Change{s.id, st, s.since})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
