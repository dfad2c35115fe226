package verdict

import (
	"time"

	"assim/event"
	"assim/wire"
)

// rivalFor is how long after its last trace a second CMA counts as gone: traces
// come when somebody has to do with both.
const rivalFor = 10 * time.Minute

// rival is a second CMA that gives orders to systems of this one.
type rival struct {
	in   *Incident
	seen time.Time
}

// Rival tells that some systems run orders that this CMA did not give, or that
// somebody else acknowledged what they said after they had spoken to it: another
// one was started with its identity, from a copy of its disk perhaps. Nobody is
// accused for it; people have to stop one of the two.
func (j *Judge) Rival(now time.Time, who []wire.ID, out *Out) {
	j.rival.seen = now
	if in := j.rival.in; in != nil {
		before := len(in.Witnesses)
		for _, id := range who {
			if len(in.Witnesses) < maxEvidence {
				in.Witnesses = with(in.Witnesses, id)
			}
		}
		if len(in.Witnesses) > before {
			out.Incidents = append(out.Incidents, in.clone())
		}
		return
	}
	in := j.blankIncident(now, event.TwoCMAs)
	in.About, in.Name, in.Since, in.Confidence = "cma", "the CMA", now, confidence(len(who), 0)
	for _, id := range who {
		in.Witnesses = with(in.Witnesses, id)
	}
	in.say(j.list(in.Witnesses) + " run orders that this CMA did not give, or went on with another one")
	j.rival.in = in
	j.publish(now, in, "another CMA with the identity of this one is at work: "+j.list(in.Witnesses)+" had to do with it; stop one of the two", out)
}

// theirs says whether a system goes by the orders of the other CMA, as far as we
// know. Whom those leave out it owes no answer, so its silence is no fault.
func (j *Judge) theirs(id wire.ID) bool { return j.rival.in != nil && !j.m.Ours(id) }

// rivalEnds is when a second CMA counts as gone; zero = there is none.
func (j *Judge) rivalEnds() time.Time {
	if j.rival.in == nil {
		return time.Time{}
	}
	return j.rival.seen.Add(rivalFor)
}

// forgetRival closes the incident of a second CMA that left no trace for long.
func (j *Judge) forgetRival(now time.Time, out *Out) {
	if in := j.rival.in; in != nil && due(now, j.rivalEnds()) {
		j.rival.in = nil
		j.close(now, in, "no trace of another CMA for "+rivalFor.String(), out)
	}
}
