package verdict

import (
	"slices"
	"time"

	"assim/wire"
)

const (
	// maxBy bounds how many accusers or hearers of one system are remembered:
	// nobody has more than four neighbors, and a few may have come and gone.
	maxBy = 8
	// maxCompany bounds whom one nanoprobe accuses beyond its neighbors: a few
	// rings at once.
	maxCompany = 1 << 10
	// stale is the age from which an accusation proves nothing by itself: it
	// waited for the CMA or for a partition to heal.
	stale = 3 * time.Second
	// promptly is the age up to which it came as it should.
	promptly = time.Second
	// maxHeard bounds the memory of who spoke to the CMA lately.
	maxHeard = 1 << 14
	// heardFor is how long that memory is of use.
	heardFor = time.Minute
)

// pinged is how far the CMA's own question to a system has come.
type pinged uint8

const (
	notAsked pinged = iota
	asked
	silent
	answered
	refused
)

// suspect is a system in trouble.
type suspect struct {
	id      wire.ID
	since   time.Time // its last sign of life
	first   time.Time // when it was accused first
	by      []wire.ID // who does not hear it
	hearers []wire.ID // who says that it does
	refusal []wire.ID // who got "port unreachable" from its host
	goodbye []wire.ID // who was told goodbye; the system itself if it told the CMA
	swept   bool      // accused in company: not named before the company is judged
	polls   int       // how often a death that only one saw was checked
	missing bool      // was known to be in trouble: no accuser needed
	old     bool      // accused by claims too old to be believed as they are
	delayed bool      // accused by claims that were on their way for long: so may others be
	ping    pinged
	askedAt time.Time
	quick   bool // the ping is one of many
	agreed  bool // believed to be silent
	shown   bool // news of its silence is out
	status  Status
	in      *Incident
	doubt   wire.ID // the lone accuser whose word an answer refuted
	doubtAt time.Time
}

// Heard takes one observation.
func (j *Judge) Heard(now time.Time, c Claim, out *Out) {
	j.spoke(now, c.By, out)
	if j.isolated != nil && c.By == j.opt.Local {
		j.isolated.drop(c)
		return // it only tells that the CMA's host hears nobody
	}
	switch c.Kind {
	case wire.ObsUnresponsive, wire.ObsDead, wire.ObsSwept, wire.ObsUnreachable, wire.ObsGoodbye:
		j.accuse(now, c, out)
	case wire.ObsPathBroken, wire.ObsDeaf:
		j.pathBroken(now, c, out)
	case wire.ObsLinkDown:
		j.linkDown(now, c, out)
	case wire.ObsLinkUp:
		j.linkUp(now, c, out)
	case wire.ObsAlive:
		j.withdraw(now, c, out)
	}
}

// accuse notes that c.By gets no sign of life from c.About.
func (j *Judge) accuse(now time.Time, c Claim, out *Out) {
	if c.About.IsZero() || c.About == c.By || c.At.Before(j.heard[c.About]) {
		return // it spoke to the CMA after that
	}
	if c.Kind != wire.ObsUnreachable && j.theirs(c.About) {
		return
	}
	s := j.suspect(now, c.About)
	if s.status != Up && s.status != Unresponsive {
		return
	}
	s.since = latest(s.since, latest(c.Since, j.heard[c.About]))
	if s.ping == answered {
		s.ping = notAsked // that answer is from before
	}
	s.old = s.old || now.Sub(c.At) > stale
	s.delayed = s.delayed || now.Sub(c.At) > promptly
	s.hearers = without(s.hearers, c.By)
	j.unlink(c.About, c.By)
	switch c.Kind {
	case wire.ObsUnreachable:
		s.refusal = with(s.refusal, c.By)
	case wire.ObsGoodbye:
		s.goodbye = with(s.goodbye, c.By)
	default:
		// What a sweep or the CMA's own host says is judged in company first.
		reserved := c.Kind == wire.ObsSwept || c.By == j.opt.Local
		s.swept = reserved && (s.swept || len(s.by) == 0)
		s.by = with(s.by, c.By)
	}
	if (c.Company || c.Kind == wire.ObsSwept) && len(j.company[c.By]) < maxCompany {
		j.company[c.By] = append(j.company[c.By], companion{c.About, c.Beyond, c.Ring})
	}
	j.look(now, s, out)
	j.lookForCompany(now)
}

// Hears takes the word of a nanoprobe that c.About answered it, in a sweep for
// instance: it refutes nobody, but it counts.
func (j *Judge) Hears(now time.Time, by, about wire.ID, out *Out) {
	j.spoke(now, by, out)
	if s := j.suspects[about]; s != nil && !slices.Contains(s.by, by) {
		s.hearers = with(s.hearers, by)
		j.look(now, s, out)
		return
	}
	j.note(now, about)
}

// withdraw takes accusations of c.By back.
func (j *Judge) withdraw(now time.Time, c Claim, out *Out) {
	j.mendPath(now, c.By, c.About, out)
	j.withdrawCompany(now, c, out)
	s := j.suspects[c.About]
	if s == nil {
		return
	}
	s.by, s.refusal = without(s.by, c.By), without(s.refusal, c.By)
	s.hearers = with(s.hearers, c.By)
	if s.doubt == c.By {
		s.doubt = wire.ID{}
	}
	if s.status == Up || s.status == Unresponsive {
		if len(s.by) == 0 && len(s.refusal) == 0 {
			j.revive(now, s, "heard again by "+j.m.Name(c.By), out)
		}
		return
	}
	j.ask(now, s, 2, out) // one voice does not raise the dead: the CMA asks itself
}

// companion is a system that was found silent beyond another, in a ring.
type companion struct {
	id, beyond wire.ID
	ring       uint64
}

// withdrawCompany drops what a nanoprobe said of others than its neighbors in a
// ring: now that somebody nearer lives, it no longer looks at them, and whoever is
// nearest to them says it anew if it is still true. What it said of another ring,
// or of a ring whose deputy is silent still, stands.
func (j *Judge) withdrawCompany(now time.Time, alive Claim, out *Out) {
	by := alive.By
	keep := j.company[by][:0:0]
	for _, found := range j.company[by] {
		if found.ring != alive.Ring && found.beyond != alive.About {
			keep = append(keep, found)
			continue
		}
		s := j.suspects[found.id]
		if s == nil || s.in != nil || s.status > Unresponsive {
			continue
		}
		s.by = without(s.by, by)
		if len(s.by) == 0 && len(s.refusal) == 0 && s.ping != silent {
			j.revive(now, s, "nobody accuses it any more", out)
		} else {
			s.agreed = s.agreed && s.ping == silent
		}
	}
	if len(keep) == 0 {
		delete(j.company, by)
		return
	}
	j.company[by] = keep
}

// Alive tells that the CMA itself got something authenticated from id.
// restarted: it is a new start of the nanoprobe.
func (j *Judge) Alive(now time.Time, id wire.ID, restarted bool, out *Out) {
	j.spoke(now, id, out)
	s := j.suspects[id]
	if s == nil {
		return
	}
	if g := j.groupOf(s); g != nil {
		j.returned(now, s, g, restarted, out)
		return
	}
	if !restarted && s.status == Shut && slices.Contains(s.goodbye, id) {
		return // Its own word was its last: this was on its way already.
	}
	if !s.doubt.IsZero() && s.status == Up && len(s.by)+len(s.refusal)+len(s.goodbye) == 0 {
		return // It was cleared before, and its accuser is watched.
	}
	if s.status == Up || s.status == Unresponsive {
		j.refute(now, s)
	}
	if s.doubt.IsZero() {
		j.revive(now, s, "it answers the CMA", out)
		return
	}
	j.reviveButDoubt(now, s, out)
}

// Refused tells that the host of id answered the CMA's ping with "port
// unreachable".
func (j *Judge) Refused(now time.Time, id wire.ID, out *Out) {
	s := j.suspects[id]
	if s == nil || s.status != Up && s.status != Unresponsive {
		return
	}
	s.ping = refused
	j.look(now, s, out)
}

// Stopping takes a system's own goodbye.
func (j *Judge) Stopping(now time.Time, id wire.ID, out *Out) {
	j.spoke(now, id, out)
	s := j.suspect(now, id)
	if s.status != Up && s.status != Unresponsive {
		return
	}
	s.since = now
	s.goodbye = with(s.goodbye, id)
	j.look(now, s, out)
}

// OwnLink tells that the CMA has lost its own network, or has it back.
func (j *Judge) OwnLink(now time.Time, up bool, out *Out) {
	if up == j.carrier {
		return
	}
	j.carrier = up
	if !up {
		j.isolate(now, "the CMA's own network has no carrier", out)
	} else if j.isolated != nil {
		j.rejoin(now, "its carrier is back", out)
	}
}

// Forget drops everything about a system that was taken out for good.
func (j *Judge) Forget(now time.Time, id wire.ID, out *Out) {
	if s := j.suspects[id]; s != nil {
		j.revive(now, s, "taken out for good", out)
	}
	delete(j.heard, id)
	for _, p := range j.sortedPaths() {
		if p.a == id || p.b == id {
			j.mendPath(now, p.a, p.b, out)
		}
	}
}

// Restore puts a system in trouble back as it was stored before the CMA
// restarted. Its incident is opened anew, without news; whether it still
// stands is asked.
func (j *Judge) Restore(now time.Time, id wire.ID, st Status, since time.Time, out *Out) {
	if st == Up {
		return
	}
	s := j.suspect(now, id)
	s.since, s.status, s.shown, s.old, s.missing = since, st, true, true, true
	if st != Unresponsive && st != Shut {
		s.in = j.restored(now, s)
	}
	if st != Shut {
		j.ask(now, s, 2, out)
	}
}

// suspect returns the system's state of trouble, new if it had none.
func (j *Judge) suspect(now time.Time, id wire.ID) *suspect {
	s := j.suspects[id]
	if s == nil {
		s = &suspect{id: id, first: now}
		j.suspects[id] = s
	}
	return s
}

// spoke notes that id reached the CMA, whatever it said.
func (j *Judge) spoke(now time.Time, id wire.ID, out *Out) {
	if id.IsZero() {
		return
	}
	if id != j.opt.Local {
		j.outside = now
		if j.isolated != nil && j.carrier {
			j.rejoin(now, j.m.Name(id)+" is heard", out)
		}
	}
	j.note(now, id)
}

// note remembers when id was last known to live. Forgetting it early only
// costs a ping.
func (j *Judge) note(now time.Time, id wire.ID) {
	if len(j.heard) >= maxHeard {
		for k, at := range j.heard {
			if now.Sub(at) > heardFor {
				delete(j.heard, k)
			}
		}
		if len(j.heard) >= maxHeard {
			clear(j.heard)
		}
	}
	j.heard[id] = now
}

// ask has the CMA ping a system.
func (j *Judge) ask(now time.Time, s *suspect, tries int, out *Out) {
	if s.ping == asked {
		return
	}
	s.ping, s.askedAt, s.quick = asked, now, tries == 1 && s.swept
	out.Pings = append(out.Pings, Ping{s.id, tries})
	j.agenda.Add(now.Add(j.patience(s)), s.id)
}

// patience is how long an answer of s is awaited.
func (j *Judge) patience(s *suspect) time.Duration {
	if s.quick {
		return j.opt.Quick
	}
	return j.opt.Answer
}

// with appends id unless it is there or the list is full.
func with(list []wire.ID, id wire.ID) []wire.ID {
	if len(list) >= maxBy || slices.Contains(list, id) {
		return list
	}
	return append(list, id)
}

func without(list []wire.ID, id wire.ID) []wire.ID {
	if i := slices.Index(list, id); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
