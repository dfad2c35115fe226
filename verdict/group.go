package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"assim/event"
	"assim/wire"
)

const (
	// minPartition is from how many whole switches, silent together, one thing
	// above them is the better explanation than each of them.
	minPartition = 3
	// atOnce is how far apart the incidents of places may be opened that fell
	// silent together.
	atOnce = 5 * time.Second
	// samples is how many systems of a place are asked before it is believed
	// to be silent as a whole; fewer in a storm, where places confirm each other.
	samples = 2
	// sampleTries is how often each of them is asked.
	sampleTries = 3
	// probeFirst and probeLast bound the interval at which the rest of an
	// incident is asked for after some of it returned; probeIdle before that.
	probeFirst = time.Second
	probeLast  = time.Minute
	probeIdle  = time.Minute
	// maxControl is how many systems are asked whether it is the CMA that is cut off;
	// where there are fewer they are asked controlRounds times.
	maxControl    = 3
	controlRounds = 3
	// maxInquiry is how many are asked whether the CMA is cut off still: of a few, the
	// only one that is there must not be missed time and again.
	maxInquiry = 16
)

// place is where systems stand together: a switch, or a subnet for those that
// hear no switch.
type place struct {
	chassis string
	subnet  netip.Prefix
}

func (p place) key() string {
	if p.chassis != "" {
		return SwitchKey(p.chassis)
	}
	return p.subnet.String()
}

// called is what people call a place.
func (j *Judge) called(p place) string {
	if p.chassis != "" {
		return "switch " + j.m.Place(p.chassis)
	}
	return p.subnet.String()
}

func (p place) compare(q place) int {
	return cmp.Or(p.subnet.Addr().Compare(q.subnet.Addr()), cmp.Compare(p.subnet.Bits(), q.subnet.Bits()), cmp.Compare(p.chassis, q.chassis))
}

// group is what an incident about many systems needs beyond the incident.
type group struct {
	places  []place
	left    int       // systems that have not returned
	next    time.Time // when to look again
	backoff time.Duration
	settle  time.Time // when the rest become cases of their own; zero before any returned
}

// view is what is known of one place.
type view struct {
	place
	silent  []wire.ID // not heard, or known to be dead a moment ago
	dual    []wire.ID // lost their link to it, live by another
	unknown []wire.ID // nobody says anything
	alive   bool      // somebody who has no other way was heard after the silence began
	pinged  int       // of silent, by the CMA itself
	by      []wire.ID // who accuses
	since   time.Time
}

func (j *Judge) lookForCompany(now time.Time) {
	if j.groupDue.IsZero() {
		j.groupDue = now.Add(j.opt.Window)
	}
}

// findCommonCauses looks for places that are silent as a whole, asks where it
// is not sure, and opens one incident for all that broke together.
func (j *Judge) findCommonCauses(now time.Time, out *Out) {
	if j.isolated != nil {
		return
	}
	touched := j.touched()
	views, whole, pending := j.classify(now, touched, out)
	if len(whole) >= 2 {
		pending = j.askSiblings(now, whole, touched, out) || pending
	}
	subnets := j.wholeSubnets(whole)
	patience := j.opt.Answer
	if !pending && len(subnets) > 0 {
		if pending = j.explore(now, subnets, out); pending {
			patience = j.opt.Quick
		}
	}
	if !pending && len(whole) > 0 {
		pending = j.doubtMyself(now, whole, out)
	}
	if fresh := j.freshSwitches(now); !pending && len(whole) > 0 && len(whole)+len(fresh) >= 2 {
		pending = j.lookAround(now, whole, fresh, out)
	}
	if j.isolated != nil {
		return
	}
	if pending {
		j.groupDue = now.Add(patience + time.Millisecond)
		return
	}
	j.conclude(now, views, whole, subnets, out)
}

// touched returns the places of all unexplained suspects and lost links.
func (j *Judge) touched() []place {
	set := map[place]bool{}
	for _, s := range j.suspects {
		if s.in == nil && (s.status == Up || s.status == Unresponsive) && s.accused() {
			set[j.placeOf(s.id)] = true
		}
	}
	for _, l := range j.links {
		if l.in == nil && l.link.Switch != "" {
			set[place{l.link.Switch, l.link.Subnet}] = true
		}
	}
	list := slices.SortedFunc(maps.Keys(set), place.compare)
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(p place) bool { // a switch may carry several subnets
		again := seen[p.key()]
		seen[p.key()] = true
		return again
	})
}

func (j *Judge) placeOf(id wire.ID) place {
	var buf [4]Link
	if links := j.m.Links(buf[:0], id); len(links) > 0 {
		return place{links[0].Switch, links[0].Subnet}
	}
	return place{}
}

func (s *suspect) accused() bool { return len(s.by) > 0 || s.ping == silent }

// classify views places and asks two of those systems about which nobody says
// anything, where that would decide.
func (j *Judge) classify(now time.Time, places []place, out *Out) (views, whole []view, pending bool) {
	var maybe []view
	for _, p := range places {
		v := j.view(now, p)
		views = append(views, v)
		switch {
		case v.alive || len(v.silent)+len(v.dual)+len(v.unknown) < 2:
		case len(v.unknown) == 0:
			whole = append(whole, v)
		case len(v.silent)+len(v.dual) > 0:
			maybe = append(maybe, v)
		}
	}
	need := samples
	if len(whole)+len(maybe) >= minPartition {
		need = 1
	}
	for _, v := range maybe {
		if v.pinged >= min(need, v.pinged+len(v.unknown)) {
			whole = append(whole, v)
			continue
		}
		pending = j.sample(now, v, need-v.pinged, sampleTries, out) || pending
	}
	slices.SortFunc(whole, func(a, b view) int { return a.compare(b.place) })
	return views, whole, pending
}

// view collects what is known of one place.
func (j *Judge) view(now time.Time, p place) view {
	v := view{place: p}
	members := j.members(p)
	rest := members[:0:0]
	var latestSign time.Time
	for _, id := range members {
		s := j.suspects[id]
		switch {
		case s == nil:
			rest = append(rest, id)
		case s.status == Shut || s.status == Stopped || s.status == Unknown:
		case s.status == Dead && now.Sub(s.in.Opened) > j.opt.Merge:
		case !j.isHome(id, p):
			rest = append(rest, id) // what is wrong with it is wrong elsewhere
		case s.status == Dead || s.accused():
			v.add(s)
			latestSign = latest(latestSign, s.since)
		default:
			rest = append(rest, id)
		}
	}
	for _, l := range j.lostLinksTo(p.chassis) {
		if j.suspects[l.id] != nil && !slices.Contains(rest, l.id) || slices.Contains(v.dual, l.id) {
			continue
		}
		v.dual = append(v.dual, l.id)
		if len(v.silent) == 0 {
			latestSign = latest(latestSign, l.since)
		}
	}
	if latestSign.IsZero() {
		latestSign = now.Add(-together) // nothing is wrong here yet: what was heard before says little
	}
	for _, id := range rest {
		switch s := j.suspects[id]; {
		case slices.Contains(v.dual, id):
		case j.hasOtherWay(id, p.chassis):
			// Its life says nothing about this switch.
		case j.heard[id].After(latestSign) || s != nil && len(s.hearers) > 0:
			v.alive = true
		default:
			v.unknown = append(v.unknown, id)
		}
	}
	return v
}

func (v *view) add(s *suspect) {
	v.silent = append(v.silent, s.id)
	v.pinged += one(s.ping == silent)
	for _, by := range s.by {
		v.by = with(v.by, by)
	}
	if v.since.IsZero() || !s.since.IsZero() && s.since.Before(v.since) {
		v.since = s.since
	}
}

func (j *Judge) members(p place) []wire.ID {
	if p.chassis != "" {
		return j.m.Behind(nil, p.chassis)
	}
	if !p.subnet.IsValid() {
		return nil
	}
	return j.m.Bare(nil, p.subnet)
}

// isHome says whether the rings of a system run through this place.
func (j *Judge) isHome(id wire.ID, p place) bool {
	at := j.placeOf(id)
	return at.key() == p.key()
}

// hasOtherWay says whether a system has a link that does not end on this switch.
func (j *Judge) hasOtherWay(id wire.ID, chassis string) bool {
	if chassis == "" {
		return false
	}
	var buf [4]Link
	for _, l := range j.m.Links(buf[:0], id) {
		if l.Switch != chassis {
			return true
		}
	}
	return false
}

// wholeSubnets returns the subnets in which every place is silent.
func (j *Judge) wholeSubnets(whole []view) []netip.Prefix {
	silent := map[string]bool{}
	for _, v := range whole {
		silent[v.key()] = true
	}
	var list []netip.Prefix
	for _, subnet := range subnetsOf(whole) {
		places := 0
		all := true
		for _, chassis := range j.m.Switches(nil, subnet) {
			p := place{chassis, subnet}
			all = all && (silent[p.key()] || j.explained(p))
			places++
		}
		bare := place{"", subnet}
		if len(j.members(bare)) > 0 {
			all = all && (silent[bare.key()] || j.explained(bare))
			places++
		}
		if all && (places >= 2 || silent[bare.key()]) {
			list = append(list, subnet)
		}
	}
	return list
}

// explained says whether every system of a place is in trouble already.
func (j *Judge) explained(p place) bool {
	for _, id := range j.members(p) {
		if s := j.suspects[id]; s == nil || s.in == nil && s.status != Shut {
			return false
		}
	}
	return true
}

func subnetsOf(views []view) []netip.Prefix {
	var list []netip.Prefix
	for _, v := range views {
		if len(list) == 0 || list[len(list)-1] != v.subnet {
			list = append(list, v.subnet)
		}
	}
	return list
}

// conclude opens what the views add up to; the systems of places that are not
// silent as a whole are judged one by one.
func (j *Judge) conclude(now time.Time, views, whole []view, subnets []netip.Prefix, out *Out) {
	j.addStranded(whole)
	whole = j.joinOpen(now, whole, out)
	fresh := j.freshSwitches(now)
	alone := j.alone && len(whole) > 0 && len(whole)+len(fresh) >= 2
	j.alone, j.aroundAt = false, time.Time{}
	if alone || len(subnets) > 0 || len(whole) > 0 && len(whole)+len(fresh) >= minPartition {
		j.openPartition(now, whole, fresh, subnets, out)
	} else {
		for _, v := range whole {
			j.openPlace(now, v, out)
		}
	}
	clear(j.probed)
	clear(j.reached)
	for _, v := range views {
		for _, id := range v.silent {
			s := j.suspects[id]
			switch {
			case s == nil || s.in != nil || !s.swept:
			case len(s.by) == 0:
				delete(j.suspects, id) // only our own ping was lost
			default:
				s.swept = false
				j.look(now, s, out)
			}
		}
	}
	j.settleLinks(now, out)
}

// addStranded adds the systems with two links both of which end at silent
// places to the one they are at home at.
func (j *Judge) addStranded(whole []view) {
	silent := map[string]bool{}
	for _, v := range whole {
		silent[v.key()] = true
	}
	if len(silent) < 2 {
		return
	}
	for i := range whole {
		v := &whole[i]
		for _, id := range j.members(v.place) {
			if j.suspects[id] == nil && j.hasOtherWay(id, v.chassis) && j.isHome(id, v.place) && j.stranded(id, silent) {
				v.unknown = append(v.unknown, id)
			}
		}
	}
}

func (j *Judge) stranded(id wire.ID, silent map[string]bool) bool {
	var buf [4]Link
	for _, l := range j.m.Links(buf[:0], id) {
		if at := (place{l.Switch, l.Subnet}); !silent[at.key()] {
			return false
		}
	}
	return true
}

// freshSwitches returns the incidents about one place that are young enough
// to be part of something bigger.
func (j *Judge) freshSwitches(now time.Time) []*Incident {
	var list []*Incident
	for _, in := range j.open {
		if in.Kind == event.SwitchUnreachable && now.Sub(in.Opened) <= atOnce {
			list = append(list, in)
		}
	}
	return list
}

// joinOpen adds to the open incidents what is only more of the same, and
// returns the rest.
func (j *Judge) joinOpen(now time.Time, whole []view, out *Out) []view {
	return slices.DeleteFunc(whole, func(v view) bool {
		in, g := j.openAt(v.place)
		if in == nil {
			return false
		}
		before := len(in.Systems)
		j.take(now, in, v, out)
		g.left += len(in.Systems) - before
		out.Incidents = append(out.Incidents, in.clone())
		return true
	})
}

// openPlace opens the incident of one silent switch.
func (j *Judge) openPlace(now time.Time, v view, out *Out) {
	in := j.blankIncident(now, event.SwitchUnreachable)
	in.About, in.Name = v.key(), "switch "+j.m.Place(v.chassis)
	j.take(now, in, v, out)
	text := fmt.Sprintf("switch %s unreachable: the state of the %s behind it is unknown", j.m.Place(v.chassis), plural(len(in.Systems), "system"))
	if len(v.dual) > 0 {
		text += fmt.Sprintf("; %s lost a link and live by another", plural(len(v.dual), "system"))
	}
	j.openGroup(now, in, []place{v.place}, text, out)
}

// openPartition opens one incident for everything that fell silent together.
func (j *Judge) openPartition(now time.Time, whole []view, fresh []*Incident, subnets []netip.Prefix, out *Out) {
	in := j.blankIncident(now, event.Partition)
	places := make([]place, 0, len(whole))
	for _, v := range whole {
		j.take(now, in, v, out)
		places = append(places, v.place)
	}
	for _, old := range fresh {
		places = append(places, j.groups[old.ID].places...)
		for _, id := range old.Systems {
			if s := j.suspects[id]; s != nil && s.in == old {
				s.in = in
				in.Systems = append(in.Systems, id)
			}
		}
		j.supersede(now, old, in, out)
	}
	in.About, in.Name = j.partName(whole, len(places), subnets)
	slices.SortFunc(places, place.compare)
	in.Cause = "all of it fell silent together, so what connects it is the suspect"
	j.openGroup(now, in, places, fmt.Sprintf("partition: %s unreachable, the state of %s in %s is unknown",
		in.Name, plural(len(in.Systems), "system"), plural(len(places), "place")), out)
}

func (j *Judge) partName(whole []view, places int, subnets []netip.Prefix) (about, name string) {
	switch {
	case len(subnets) == 1 && len(subnetsOf(whole)) == 1:
		return subnets[0].String(), "subnet " + subnets[0].String()
	case len(subnets) > 0:
		return subnets[0].String(), fmt.Sprintf("%s around %s", plural(len(subnetsOf(whole)), "subnet"), subnets[0])
	default:
		return whole[0].subnet.String(), fmt.Sprintf("%s around %s", plural(places, "place"), j.called(whole[0].place))
	}
}

// take makes the systems of a silent place part of an incident. What was
// opened about them a moment ago is superseded.
func (j *Judge) take(now time.Time, in *Incident, v view, out *Out) {
	if in.Since.IsZero() || v.since.Before(in.Since) {
		in.Since = v.since
	}
	for _, by := range v.by {
		in.Witnesses = with(in.Witnesses, by)
	}
	in.say(fmt.Sprintf("%s: %d of %d systems silent to others, %d of them to the CMA, nobody heard",
		j.called(v.place), len(v.silent), len(v.silent)+len(v.unknown), v.pinged))
	in.Confidence = max(in.Confidence, confidence(len(v.by)+v.pinged, 0))
	for _, id := range slices.Concat(v.silent, v.unknown) {
		s := j.suspect(now, id)
		if s.in != nil {
			j.supersede(now, s.in, in, out)
		}
		s.in, s.swept, s.shown = in, false, true
		if s.since.IsZero() {
			s.since = v.since
		}
		in.Systems = append(in.Systems, id)
		j.setStatus(now, s, Unknown, out)
	}
	j.absorbLinks(now, v, in, out)
}

// joinPlace makes a system that fell silent with its place, and was found out
// later than the others, part of what happened to them: it has another cable, say,
// and nobody knew whether it lives by that.
func (j *Judge) joinPlace(now time.Time, s *suspect, out *Out) bool {
	in, g := j.openAt(j.placeOf(s.id))
	if in == nil || !g.settle.IsZero() || s.since.Sub(in.Since).Abs() > together {
		return false
	}
	j.accusations(in, s)
	s.in, s.shown = in, true
	in.Systems = append(in.Systems, s.id)
	g.left++
	j.buryLinks(now, s.id, in, out)
	j.buryPaths(now, s.id, in, out)
	j.setStatus(now, s, Unknown, out)
	out.Incidents = append(out.Incidents, in.clone())
	return true
}

// openAt returns the open incident about a place, if there is one.
func (j *Judge) openAt(p place) (*Incident, *group) {
	for _, in := range j.open {
		if g := j.groups[in.ID]; g != nil && slices.ContainsFunc(g.places, func(q place) bool { return q.key() == p.key() }) {
			return in, g
		}
	}
	return nil, nil
}

func (j *Judge) openGroup(now time.Time, in *Incident, places []place, text string, out *Out) {
	j.groups[in.ID] = &group{places: places, left: len(in.Systems), next: now.Add(probeIdle), backoff: probeFirst}
	j.publish(now, in, text, out)
}
