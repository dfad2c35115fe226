package member

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sort"
	"strings"
	"testing"
	"time"

	"assim/wire"
)

// lab is a small network of members on one virtual clock: everything in it
// follows from one seed.
type lab struct {
	t       testing.TB
	cfg     *Config
	rnd     *rand.Rand
	now     time.Time
	order   int
	queue   events
	systems []*system
	byAddr  map[netip.AddrPort]*system
	out     Out
	loss    float64
	twice   float64       // how many arrive twice, the second one late
	tardy   time.Duration // how late timers are, at most
	latency time.Duration
	drop    func(from, to *system, addr netip.AddrPort) bool // nil = nothing
	packets int
	news    []news
	cma     func(s *system) bool // can s reach the CMA? nil = yes
	session wire.Session
}

type system struct {
	n       int
	id      wire.ID
	m       *Member
	addr    netip.AddrPort
	alt     []netip.AddrPort
	alarm   time.Time
	dead    bool // powered off
	stopped bool // host lives, process does not
	paused  bool
	inbox   []event // what waits in its socket while it is paused
	desired *wire.Desired
	sent    int
}

type news struct {
	at   time.Time
	from int
	o    wire.Observation
}

type event struct {
	at    time.Time
	order int
	to    *system
	from  netip.AddrPort
	dest  netip.AddrPort
	tick  *wire.Tick // nil = alarm, or do
	do    func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].order < q[j].order
	}
	return q[i].at.Before(q[j].at)
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func idOf(n int) wire.ID {
	var id wire.ID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func addrOf(n, net int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(net), byte(n >> 8), byte(n)}), wire.Port)
}

func newLab(t testing.TB, seed uint64, n int) *lab {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &lab{
		t: t, cfg: &Config{Start: start}, now: start.Add(time.Second), rnd: rand.New(rand.NewPCG(seed, 1)),
		byAddr: map[netip.AddrPort]*system{}, latency: 300 * time.Microsecond, session: 1,
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	for i := range n {
		s := &system{n: i, id: idOf(i), addr: addrOf(i, 0)}
		l.systems = append(l.systems, s)
		l.byAddr[s.addr] = s
		l.start(s)
	}
	return l
}

// start makes a new member for a system: a start of its nanoprobe.
func (l *lab) start(s *system) {
	l.session++
	s.m, s.alarm, s.dead, s.stopped, s.inbox = New(s.id, l.session, l.cfg, l.rnd), time.Time{}, false, false, nil
	if s.desired != nil {
		l.out.Reset()
		s.m.SetDesired(l.now, s.desired, &l.out)
		l.flush(s)
	}
}

// ring seats systems in one ring; views share the roster.
// twoAddresses gives every system another one beside the first, of its second cable.
func (l *lab) twoAddresses() {
	for _, s := range l.systems {
		alt := addrOf(s.n, 1)
		s.alt = []netip.AddrPort{alt}
		l.byAddr[alt] = s
	}
}

func (l *lab) ring(id uint64, level uint8, systems ...*system) {
	members := make([]wire.Member, len(systems))
	for i, s := range systems {
		members[i] = wire.Member{ID: s.id, Addr: s.addr, Alt: s.alt}
	}
	for i, s := range systems {
		l.add(s, wire.RingView{Ring: id, Level: level, Version: 1, Size: uint16(len(members)), Self: uint16(i), Members: members})
	}
}

func (l *lab) add(s *system, v wire.RingView) {
	d := &wire.Desired{Gen: 1, Timing: wire.DefaultTiming}
	if s.desired != nil {
		c := *s.desired
		d = &c
		d.Gen++
	}
	d.Rings = append(append([]wire.RingView{}, d.Rings...), v)
	l.desire(s, d)
}

func (l *lab) desire(s *system, d *wire.Desired) {
	s.desired = d
	l.out.Reset()
	s.m.SetDesired(l.now, d, &l.out)
	l.flush(s)
}

// flush transmits and records what a member wants.
func (l *lab) flush(s *system) {
	for _, x := range l.out.Sends {
		l.packets++
		s.sent++
		l.transmit(s, x)
	}
	for _, o := range l.out.Reports {
		l.news = append(l.news, news{l.now, s.n, o})
	}
	if l.out.AskCMA && (l.cma == nil || l.cma(s)) {
		l.after(2*l.latency, func() {
			if !s.dead && !s.paused {
				l.out.Reset()
				s.m.Voice(l.now)
				l.flush(s)
			}
		})
	}
	if d := s.m.Deadline(); !d.IsZero() && (s.alarm.IsZero() || d.Before(s.alarm)) {
		l.alarm(s, d)
	}
	l.out.Reset()
}

func (l *lab) alarm(s *system, at time.Time) {
	if at.Before(l.now) {
		at = l.now
	}
	if l.tardy > 0 {
		at = at.Add(time.Duration(l.rnd.Int64N(int64(l.tardy))))
	}
	s.alarm = at
	l.push(event{at: at, to: s})
}

func (l *lab) push(e event) {
	l.order++
	e.order = l.order
	heap.Push(&l.queue, e)
}

func (l *lab) after(d time.Duration, do func()) { l.push(event{at: l.now.Add(d), do: do}) }

func (l *lab) transmit(s *system, x Send) {
	to := l.byAddr[x.Addr]
	if to == nil {
		l.t.Fatalf("a tick to nobody: %v", x.Addr)
	}
	if x.To != (wire.ID{}) && to.id != x.To {
		l.t.Fatalf("a tick for %v goes to %v", x.To, to.id)
	}
	if l.rnd.Float64() < l.loss || l.drop != nil && l.drop(s, to, x.Addr) {
		return
	}
	t := x.Tick
	from := s.addr
	if i := addressIndex(&wire.Member{Addr: to.addr, Alt: to.alt}, x.Addr); i > 0 && i <= len(s.alt) {
		from = s.alt[i-1] // answers leave by the network they arrived on
	}
	if l.rnd.Float64() < l.twice {
		l.push(event{at: l.now.Add(time.Duration(l.rnd.Int64N(int64(2 * time.Second)))), to: to, from: from, dest: x.Addr, tick: &t})
	}
	l.push(event{at: l.now.Add(l.latency + time.Duration(l.rnd.Int64N(int64(l.latency)))), to: to, from: from, dest: x.Addr, tick: &t})
}

func (l *lab) deliver(e event) {
	s := e.to
	switch {
	case s.dead:
	case s.stopped:
		if from := l.byAddr[e.from]; !from.dead && !from.stopped {
			l.after(l.latency, func() {
				l.out.Reset()
				if id, ok := from.m.ByAddr(e.dest); ok {
					from.m.Unreachable(l.now, id, &l.out)
				}
				l.flush(from)
			})
		}
	case s.paused:
		s.inbox = append(s.inbox, e)
	default:
		l.out.Reset()
		if _, ok := s.m.Peer(e.tick.Edge); ok {
			s.m.Heard(l.now, e.from, e.tick, &l.out)
		} else {
			s.m.Stranger(l.now, e.from, &l.out)
		}
		l.flush(s)
	}
}

// run lets virtual time pass.
func (l *lab) run(d time.Duration) {
	end := l.now.Add(d)
	for len(l.queue) > 0 && !l.queue[0].at.After(end) {
		e := heap.Pop(&l.queue).(event)
		l.now = e.at
		switch {
		case e.do != nil:
			e.do()
		case e.tick != nil:
			l.deliver(e)
		case e.to.dead || e.to.stopped || e.to.paused || !e.at.Equal(e.to.alarm):
		default:
			e.to.alarm = time.Time{}
			l.out.Reset()
			e.to.m.Tick(l.now, &l.out)
			l.flush(e.to)
		}
	}
	l.now = end
}

// pause keeps a system from running; what arrives waits in its socket.
func (l *lab) pause(s *system, d time.Duration) {
	s.paused = true
	l.after(d, func() {
		s.paused = false
		waiting := s.inbox
		s.inbox = nil
		for _, e := range waiting {
			l.deliver(e)
		}
		s.alarm = time.Time{}
		l.out.Reset()
		s.m.Tick(l.now, &l.out)
		l.flush(s)
	})
}

// kind names.
var obsNames = map[wire.ObservationKind]string{
	wire.ObsUnresponsive: "unresponsive", wire.ObsDead: "dead", wire.ObsAlive: "alive", wire.ObsUnreachable: "unreachable",
	wire.ObsGoodbye: "goodbye", wire.ObsPathBroken: "path broken", wire.ObsLinkDown: "link down", wire.ObsLinkUp: "link up",
	wire.ObsMartian: "martian", wire.ObsSwept: "swept", wire.ObsDeaf: "deaf",
}

// story is the news in words, without times, sorted: "2: 3 dead".
func (l *lab) story() string {
	var lines []string
	for _, n := range l.news {
		s := fmt.Sprintf("%d: %s", n.from, obsNames[n.o.Kind])
		if n.o.About != (wire.ID{}) {
			s = fmt.Sprintf("%d: %d %s", n.from, binary.BigEndian.Uint64(n.o.About[8:]), obsNames[n.o.Kind])
		}
		if n.o.Run != 0 && n.o.Run != 1 && n.o.Run != -1 {
			s += fmt.Sprintf(" run %d", n.o.Run)
		}
		if n.o.Link != "" {
			s += " " + n.o.Link
		}
		lines = append(lines, s)
	}
	sort.Strings(lines)
	return strings.Join(lines, ", ")
}

func (l *lab) tell(want string) {
	l.t.Helper()
	if got := l.story(); got != want {
		l.t.Errorf("news are\n  %s\nwant\n  %s", got, want)
	}
	l.news = nil
}

// neighbors are whom s heartbeats with and hears, sorted.
func (l *lab) neighbors(s *system) string {
	var ns []int
	for _, n := range s.m.Neighbors(nil, l.now) {
		if n.State == "alive" {
			ns = append(ns, int(binary.BigEndian.Uint64(n.ID[8:])))
		}
	}
	sort.Ints(ns)
	return strings.Trim(fmt.Sprint(ns), "[]")
}
