package verdict

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"assim/event"
	"assim/wire"
)

// town is a Map for tests: subnets of switches of systems, written as
//
//	net1 sw1 a b c
//	net1 sw2 d e f+sw1      f has a second link, to sw1
//	net2 -   g h            no switch is heard here
type town struct {
	names    []string
	links    map[wire.ID][]Link
	switches map[netip.Prefix][]string
	subnets  []netip.Prefix
	behind   map[string][]wire.ID
	gone     map[wire.ID]bool // were taken out of the rings
	unruled  map[wire.ID]bool // do not run their rings
	foreign  map[wire.ID]bool // go by the orders of another CMA
	shared   map[wire.ID]bool // another one claims their first address
}

func idOf(name string) wire.ID {
	var id wire.ID
	copy(id[:], name)
	return id
}

func nameOf(id wire.ID) string { return strings.TrimRight(string(id[:]), "\x00") }

func build(t *testing.T, text string) *town {
	t.Helper()
	w := &town{links: map[wire.ID][]Link{}, switches: map[netip.Prefix][]string{}, behind: map[string][]wire.ID{}, gone: map[wire.ID]bool{}, unruled: map[wire.ID]bool{}, foreign: map[wire.ID]bool{}, shared: map[wire.ID]bool{}}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		f := strings.Fields(line)
		n, err := strconv.Atoi(strings.TrimPrefix(f[0], "net"))
		if err != nil {
			t.Fatalf("town: %q does not begin with netN", line)
		}
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n), 0}), 24)
		if !slices.Contains(w.subnets, subnet) {
			w.subnets = append(w.subnets, subnet)
		}
		chassis := f[1]
		if chassis == "-" {
			chassis = ""
		} else {
			w.switches[subnet] = append(w.switches[subnet], chassis)
		}
		for _, word := range f[2:] {
			w.settle(word, chassis, subnet, byte(n))
		}
	}
	return w
}

func (w *town) settle(word, chassis string, subnet netip.Prefix, net byte) {
	name, second, dual := strings.Cut(word, "+")
	id := idOf(name)
	host := byte(len(w.names) + 1)
	w.names = append(w.names, name)
	w.links[id] = []Link{{Name: "eth0", Addr: netip.AddrFrom4([4]byte{10, 0, net, host}), Switch: chassis, Port: fmt.Sprint(host), Subnet: subnet}}
	key := chassis
	if chassis == "" {
		key = subnet.String()
	}
	w.behind[key] = append(w.behind[key], id)
	if dual {
		w.links[id] = append(w.links[id], Link{Name: "eth1", Addr: netip.AddrFrom4([4]byte{10, 9, net, host}), Switch: second, Port: fmt.Sprint(host), Subnet: subnet})
		w.behind[second] = append(w.behind[second], id)
	}
}

func (w *town) Name(id wire.ID) string                   { return nameOf(id) }
func (w *town) Place(chassis string) string              { return chassis }
func (w *town) Links(dst []Link, id wire.ID) []Link      { return append(dst, w.links[id]...) }
func (w *town) Behind(dst []wire.ID, c string) []wire.ID { return append(dst, w.behind[c]...) }
func (w *town) Runs(id wire.ID) (time.Time, bool)        { return time.Time{}, !w.unruled[id] }
func (w *town) Ours(id wire.ID) bool                     { return !w.foreign[id] }
func (w *town) Dead(wire.ID) time.Duration               { return 7 * time.Second }
func (w *town) Contested(dst []netip.Addr, id wire.ID) []netip.Addr {
	if w.shared[id] {
		dst = append(dst, w.links[id][0].Addr)
	}
	return dst
}
func (w *town) Switches(dst []string, s netip.Prefix) []string { return append(dst, w.switches[s]...) }
func (w *town) Bare(dst []wire.ID, s netip.Prefix) []wire.ID {
	return append(dst, w.behind[s.String()]...)
}

// Witnesses are the two next to it at its place; that is all a test needs.
func (w *town) Witnesses(dst []wire.ID, id wire.ID) []wire.ID {
	l := w.links[id][0]
	list := w.behind[l.Switch]
	if l.Switch == "" {
		list = w.behind[l.Subnet.String()]
	}
	i := slices.Index(list, id)
	for _, n := range []wire.ID{list[(i+len(list)-1)%len(list)], list[(i+1)%len(list)]} {
		if !w.gone[n] && !w.gone[id] {
			dst = append(dst, n)
		}
	}
	return dst
}

func (w *town) Beside(dst []netip.Prefix, s netip.Prefix, n int) []netip.Prefix {
	at, step := slices.Index(w.subnets, s), 1
	if n < 0 {
		n, step = -n, -1
	}
	for ; n > 0; n-- {
		if at += step; at >= 0 && at < len(w.subnets) {
			dst = append(dst, w.subnets[at])
		}
	}
	return dst
}

func (w *town) Sample(dst []wire.ID, n int) []wire.ID {
	for i := range min(n, len(w.names)) {
		dst = append(dst, idOf(w.names[i*len(w.names)/n]))
	}
	return dst
}

// story drives a Judge through a script and writes down the news.
//
//	2.1 b loses a            b reports a unresponsive (last heard at 0)
//	2.1 b alsoloses c        ... and c beyond it
//	2.1 b sweeps a c         ... and c in one sweep;  b hears d
//	2.1 b refused a          port unreachable;  b goodbye a;  b path a;  b deaf a
//	2.1 b takesback a        b hears a again
//	2.1 b link eth1          its own;  b link a 10.0.1.1   another's;  linkup
//	2.1 cma refused a        to its ping;  cma link down|up
//	2.1 a speaks             something authenticated;  a restarts;  a stops
//	2.1 a moves              to another ring
//	2.1 a shares             its first address with another one;  sharesnot
//	2.1 a rival b            both run orders of another CMA;  a foreign: goes by them
//	0   answering c d        these answer pings from now on (the others do not)
//	0   mute c
type story struct {
	t       *testing.T
	j       *Judge
	town    *town
	out     Out
	start   time.Time
	now     time.Time
	replies map[wire.ID]bool
	pongs   []pong
	asked   []string
	news    []string
	last    map[string]Incident
}

type pong struct {
	at time.Time
	id wire.ID
}

func play(t *testing.T, w *town, opt Options, script string) *story {
	t.Helper()
	start := time.Unix(1_700_000_000, 0)
	s := &story{t: t, j: New(w, opt), town: w, start: start, now: start, replies: map[wire.ID]bool{}, last: map[string]Incident{}}
	for line := range strings.Lines(strings.TrimSpace(script)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		at, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			t.Fatalf("story: %q does not begin with a time", line)
		}
		s.runTo(start.Add(time.Duration(at * float64(time.Second))))
		s.step(f[1], f[2:])
		s.drain()
	}
	return s
}

func (s *story) runTo(at time.Time) {
	for {
		next := s.j.Deadline()
		if len(s.pongs) > 0 && (next.IsZero() || s.pongs[0].at.Before(next)) {
			next = s.pongs[0].at
		}
		if next.IsZero() || next.After(at) {
			break
		}
		s.now = latest(s.now, next)
		for len(s.pongs) > 0 && !s.pongs[0].at.After(s.now) {
			id := s.pongs[0].id
			s.pongs = s.pongs[1:]
			s.j.Alive(s.now, id, false, &s.out)
		}
		before := s.j.Deadline()
		s.j.Tick(s.now, &s.out)
		if len(s.out.Events)+len(s.out.Pings) == 0 && s.j.Deadline().Equal(before) && due(s.now, before) {
			s.t.Fatalf("the judge wants to be called at %v again and again", before)
		}
		s.drain()
	}
	s.now = at
}

func (s *story) step(who string, f []string) {
	if who == "answering" || who == "mute" {
		for _, n := range f {
			s.replies[idOf(n)] = who == "answering"
		}
		return
	}
	if who == "until" || len(f) == 0 {
		return
	}
	by, rest := idOf(who), f[1:]
	claim := func(k wire.ObservationKind, about string) {
		s.j.Heard(s.now, Claim{By: by, Kind: k, About: idOf(about), At: s.now, Since: s.now.Add(-2 * time.Second)}, &s.out)
	}
	switch f[0] {
	case "loses":
		claim(wire.ObsUnresponsive, rest[0])
	case "lost": // long ago
		at := s.now.Add(-time.Minute)
		s.j.Heard(s.now, Claim{By: by, Kind: wire.ObsUnresponsive, About: idOf(rest[0]), At: at, Since: at.Add(-2 * time.Second)}, &s.out)
	case "refusedlong", "goodbyelong": // ago: the CMA was away
		kind := map[string]wire.ObservationKind{"refusedlong": wire.ObsUnreachable, "goodbyelong": wire.ObsGoodbye}[f[0]]
		at := s.now.Add(-2 * time.Second)
		s.j.Heard(s.now, Claim{By: by, Kind: kind, About: idOf(rest[0]), At: at, Since: at.Add(-2 * time.Second)}, &s.out)
	case "alsoloses": // beyond its neighbor
		s.j.Heard(s.now, Claim{By: by, Kind: wire.ObsUnresponsive, About: idOf(rest[0]), At: s.now, Since: s.now.Add(-2 * time.Second), Company: true}, &s.out)
	case "sweeps":
		for _, n := range rest {
			claim(wire.ObsSwept, n)
		}
	case "hears":
		for _, n := range rest {
			s.j.Hears(s.now, by, idOf(n), &s.out)
		}
	case "refused":
		if who == "cma" {
			s.j.Refused(s.now, idOf(rest[0]), &s.out)
			return
		}
		claim(wire.ObsUnreachable, rest[0])
	case "goodbye":
		claim(wire.ObsGoodbye, rest[0])
	case "path":
		claim(wire.ObsPathBroken, rest[0])
	case "deaf":
		claim(wire.ObsDeaf, rest[0])
	case "takesback":
		claim(wire.ObsAlive, rest[0])
	case "link", "linkup":
		s.link(who, f[0] == "linkup", rest)
	case "speaks":
		s.j.Alive(s.now, by, false, &s.out)
	case "restarts":
		s.j.Alive(s.now, by, true, &s.out)
	case "moves": // to another ring
		s.town.gone[by] = true
	case "unruled", "runs": // its rings
		s.town.unruled[by] = f[0] == "unruled"
	case "rival": // another CMA: it gave orders to these two
		s.j.Rival(s.now, []wire.ID{by, idOf(rest[0])}, &s.out)
	case "foreign": // it goes by the other one's
		s.town.foreign[by] = true
	case "shares", "sharesnot": // its address with another one
		s.town.shared[by] = f[0] == "shares"
	case "stops":
		s.j.Stopping(s.now, by, &s.out)
	default:
		s.t.Fatalf("story: nobody knows how to %q", f[0])
	}
}

func (s *story) link(who string, up bool, f []string) {
	if who == "cma" {
		s.j.OwnLink(s.now, f[0] == "up", &s.out)
		return
	}
	c := Claim{By: idOf(who), Kind: wire.ObsLinkDown, At: s.now, Link: f[len(f)-1]}
	if up {
		c.Kind = wire.ObsLinkUp
	}
	if len(f) == 2 {
		c.About = idOf(f[0])
	}
	s.j.Heard(s.now, c, &s.out)
}

func (s *story) drain() {
	for _, p := range s.out.Pings {
		s.asked = append(s.asked, nameOf(p.To))
		if s.replies[p.To] {
			s.pongs = append(s.pongs, pong{s.now.Add(time.Millisecond), p.To})
		}
	}
	for _, in := range s.out.Incidents {
		s.last[in.ID] = in
	}
	for _, e := range s.out.Events {
		line := fmt.Sprintf("%.1f %s %s", s.now.Sub(s.start).Seconds(), e.Kind, e.Name)
		if len(e.Witnesses) > 0 && e.Kind != event.ShutDown {
			line += " by " + strings.Join(e.Witnesses, " ")
		}
		if len(e.Affected) > 1 {
			line += " of " + strings.Join(e.Affected, " ")
		}
		s.news = append(s.news, line)
	}
	s.out.Reset()
}

func (s *story) want(news string) {
	s.t.Helper()
	got := strings.Join(s.news, "\n")
	want := strings.TrimSpace(strings.ReplaceAll(news, "\t", ""))
	if got != want {
		s.t.Errorf("news:\n%s\nwant:\n%s\npinged: %v", got, want, s.asked)
	}
}
