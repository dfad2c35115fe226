package verdict

import (
	"net/netip"
	"slices"
	"time"

	"assim/wire"
)

// sample asks n systems of a place, spread over it. A place is sampled once in
// a while only; it says whether an answer is awaited.
func (j *Judge) sample(now time.Time, v view, n, tries int, out *Out) bool {
	if at, ok := j.probed[v.key()]; ok && now.Sub(at) < 2*j.opt.Answer {
		return now.Sub(at) < j.opt.Answer
	}
	j.probed[v.key()] = now
	n = min(n, len(v.unknown))
	for i := range n {
		j.probe(now, v.unknown[i*len(v.unknown)/n], tries, out)
	}
	return n > 0
}

// probe asks a system that nobody accuses.
func (j *Judge) probe(now time.Time, id wire.ID, tries int, out *Out) {
	s := j.suspect(now, id)
	if !s.accused() && s.ping != asked {
		s.swept = true
		s.since = now
		s.ping = notAsked
		j.ask(now, s, tries, out)
	}
}

// askSiblings asks one system behind each switch of the same subnets of which
// nothing is known.
func (j *Judge) askSiblings(now time.Time, whole []view, touched []place, out *Out) (pending bool) {
	for _, subnet := range subnetsOf(whole) {
		pending = j.askSubnet(now, subnet, touched, out) || pending
	}
	return pending
}

func (j *Judge) askSubnet(now time.Time, subnet netip.Prefix, known []place, out *Out) (pending bool) {
	if _, ok := j.probed[subnet.String()]; ok {
		return false
	}
	j.probed[subnet.String()] = now
	for _, chassis := range j.m.Switches(nil, subnet) {
		p := place{chassis, subnet}
		if !slices.ContainsFunc(known, func(q place) bool { return q.key() == p.key() }) {
			pending = j.askPlace(now, p, out) || pending
		}
	}
	return j.askPlace(now, place{"", subnet}, out) || pending
}

func (j *Judge) askPlace(now time.Time, p place, out *Out) bool {
	v := j.view(now, p)
	if v.alive || len(v.unknown) == 0 {
		return false
	}
	return j.sample(now, v, 1, 1, out)
}

// explore asks further and further from both ends of every run of silent
// subnets, twice as far each time, until somebody answers.
func (j *Judge) explore(now time.Time, subnets []netip.Prefix, out *Out) (pending bool) {
	silent := make(map[netip.Prefix]bool, len(subnets))
	for _, s := range subnets {
		silent[s] = true
	}
	for _, s := range subnets {
		for _, dir := range []int{-1, 1} {
			next := j.m.Beside(nil, s, dir)
			if len(next) == 0 || silent[next[0]] {
				continue
			}
			for _, far := range j.m.Beside(nil, s, dir*(1+j.asked(s, -dir, silent))) {
				j.reached[far] = true
				pending = j.askSubnet(now, far, nil, out) || pending
			}
		}
	}
	return pending
}

// asked counts how many silent subnets in a row, from s on, were found by asking.
func (j *Judge) asked(s netip.Prefix, dir int, silent map[netip.Prefix]bool) int {
	n := 0
	for silent[s] {
		if !j.reached[s] {
			break
		}
		n++
		next := j.m.Beside(nil, s, dir)
		if len(next) == 0 {
			break
		}
		s = next[0]
	}
	return n
}

// doubtMyself asks a few systems from all over the place when nobody but the
// CMA's own nanoprobe has spoken since the silence began. Whoever is silent
// already is no help: those who are not are asked. Where there are hardly any,
// they are asked again: one may be busy.
func (j *Judge) doubtMyself(now time.Time, whole []view, out *Out) bool {
	if j.othersSpoke(now, whole) {
		j.control = time.Time{}
		return false
	}
	if j.control.IsZero() {
		j.control, j.controls = now, j.controls[:0]
		for _, id := range j.m.Sample(nil, 16*maxControl) {
			if len(j.controls) < maxControl && id != j.opt.Local && !j.within(whole, id) {
				j.probe(now, id, 2, out)
				j.controls = append(j.controls, id)
			}
		}
		return true
	}
	patience := j.opt.Answer
	if n := len(j.controls); n > 0 && n < maxControl {
		patience *= controlRounds
	}
	if now.Sub(j.control) < patience {
		for _, id := range j.controls {
			if s := j.suspects[id]; s != nil && s.ping == silent {
				j.ask(now, s, 2, out)
			}
		}
		return true
	}
	j.control = time.Time{}
	why := "nobody answers it, wherever asked"
	if len(j.controls) == 0 {
		why = "all are silent, and nobody is left to ask"
	}
	j.isolate(now, why, out)
	return false
}

// othersSpoke reports whether somebody else than the CMA's own nanoprobe reached
// the CMA since the silence began: all who accuse did.
func (j *Judge) othersSpoke(now time.Time, whole []view) bool {
	since := now
	for _, v := range whole {
		if v.since.Before(since) {
			since = v.since
		}
		if slices.ContainsFunc(v.by, func(id wire.ID) bool { return id != j.opt.Local }) {
			return true
		}
	}
	return j.outside.After(since)
}

// within reports whether a system is at home at one of the places.
func (j *Judge) within(places []view, id wire.ID) bool {
	at := j.placeOf(id)
	return slices.ContainsFunc(places, func(v view) bool { return v.key() == at.key() })
}

// lookAround finds out whether anybody is heard beyond the one place that all
// reporters stand at, those of what was found silent a moment ago among them. If
// not, it is that place which is cut off.
func (j *Judge) lookAround(now time.Time, whole []view, fresh []*Incident, out *Out) (pending bool) {
	if !j.aroundAt.IsZero() {
		j.alone = !slices.ContainsFunc(j.around, func(id wire.ID) bool { return !j.heard[id].Before(j.aroundAt) })
		return now.Sub(j.aroundAt) < j.opt.Answer
	}
	var by []wire.ID
	for _, v := range whole {
		by = append(by, v.by...)
	}
	for _, in := range fresh {
		by = append(by, in.Witnesses...)
	}
	here, ok := j.commonPlace(by)
	if !ok {
		return false
	}
	j.around = j.around[:0]
	for _, id := range j.m.Sample(nil, 4*maxControl) {
		at := j.placeOf(id)
		if at.key() != here.key() && !j.within(whole, id) && j.Status(id) != Unknown && len(j.around) < maxControl {
			j.around = append(j.around, id)
			j.probe(now, id, sampleTries, out)
		}
	}
	j.aroundAt = now
	j.alone = len(j.around) == 0
	return !j.alone
}

// commonPlace is where all of them stand, if that is one place.
func (j *Judge) commonPlace(ids []wire.ID) (here place, ok bool) {
	for i, id := range ids {
		at := j.placeOf(id)
		if i > 0 && at.key() != here.key() {
			return here, false
		}
		here = at
	}
	return here, len(ids) > 0
}
