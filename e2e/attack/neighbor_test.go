package attack

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"assim/event"
	"assim/member"
	"assim/netio"
	"assim/session"
	"assim/wire"
)

// probe is a real nanoprobe process beside a real cma.
type probe struct {
	t   *testing.T
	dir string
	log string
	cmd *exec.Cmd
	uid int // whom it runs as
	// within is a command that runs it, for another view of the machine.
	within []string
}

// startProbe starts one; without flags it joins by the local socket.
func (s *server) startProbe(flags ...string) *probe {
	s.t.Helper()
	p := &probe{t: s.t, dir: s.t.TempDir()}
	p.start(append([]string{"-run", s.dir}, flags...)...)
	return p
}

func (p *probe) start(flags ...string) {
	p.t.Helper()
	p.log = filepath.Join(p.dir, "log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	line := append(slices.Clone(p.within), filepath.Join(built, "nanoprobe"), "-data", p.dir, "-port", "0")
	line = append(line, flags...)
	p.cmd = exec.Command(line[0], line[1:]...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)}}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.stop)
}

func (p *probe) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// kept is what a nanoprobe keeps of who it is.
type kept struct {
	ID   string   `json:"id"`
	Weak bool     `json:"weak"`
	Pins []string `json:"pins"`
}

func (p *probe) identity() (k kept) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "identity.json"))
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return k
}

// id waits until it has joined.
func (p *probe) id() wire.ID {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if id, err := wire.ParseID(p.identity().ID); err == nil {
			return id
		}
	}
	text, _ := os.ReadFile(p.log)
	p.t.Fatalf("the nanoprobe does not join:\n%s", text)
	return wire.ID{}
}

// neighbor is an actor that also does its duty in the rings, with the shipped
// core, until we want it to lie.
type neighbor struct {
	*actor
	ring  *member.Member
	out   member.Out
	want  wire.Desired
	mute  bool      // it says nothing any more
	about wire.ID   // whom it is of interest to
	ticks [][]byte  // it sent there, newest last
	last  wire.Tick // that was heard from there
	heard []byte    // the same as it came
	next  time.Time
}

func (s *server) neighbor(name string) *neighbor {
	a := s.join(name)
	rng := rand.New(rand.NewPCG(uint64(a.id.ID[0]), 2))
	return &neighbor{actor: a, ring: member.New(a.id.ID, a.session.Session(), &member.Config{Start: time.Now()}, rng)}
}

// together lets neighbors live until done.
func together(t *testing.T, done func() bool, all ...*neighbor) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, n := range all {
			n.step()
		}
		if done() {
			return
		}
	}
	t.Fatal("it does not come about")
}

func (n *neighbor) step() {
	now := time.Now()
	for p := n.read(); p.Data != nil; p = n.read() {
		n.packet(now, p)
	}
	if n.mute {
		return
	}
	if d := n.ring.Deadline(); !d.IsZero() && !now.Before(d) {
		n.ring.Tick(now, &n.out)
	}
	for i := range n.out.Sends {
		s := &n.out.Sends[i]
		b := wire.AppendTick(nil, &s.Tick, *s.Key, s.Dir)
		if e, ok := wire.TickEdge(b); ok && e == wire.EdgeOf(n.id.ID, n.about) {
			n.ticks = append(n.ticks, b)
		}
		_ = n.udp.Write(netio.Packet{Data: b, Peer: s.Addr})
	}
	if len(n.out.Reports) > 0 {
		n.session.Report(now, n.out.Reports)
	}
	n.out.Reset()
	for m, ok := n.session.Poll(now); ok; m, ok = n.session.Poll(now) {
		_ = n.udp.Write(netio.Packet{Data: n.seal(&m), Peer: n.cma.at})
	}
}

// read returns what has come within a moment.
func (n *neighbor) read() netio.Packet {
	n.t.Helper()
	if err := n.udp.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
		n.t.Fatal(err)
	}
	one := make([]netio.Packet, 1)
	if count, err := n.udp.Read(one); err != nil || count == 0 {
		return netio.Packet{}
	}
	one[0].Data = append([]byte{}, one[0].Data...)
	return one[0]
}

func (n *neighbor) packet(now time.Time, p netio.Packet) {
	if wire.PlaneOf(p.Data) == wire.PlaneTick {
		edge, _ := wire.TickEdge(p.Data)
		if peer, ok := n.ring.Peer(edge); ok && peer.Key != nil {
			if tick, err := wire.OpenTick(p.Data, *peer.Key, peer.Dir); err == nil {
				n.ring.Heard(now, p.Peer, &tick, &n.out)
				if edge == wire.EdgeOf(n.id.ID, n.about) {
					n.last, n.heard = tick, p.Data
				}
			}
		}
		return
	}
	m, err := wire.OpenSignal(p.Data, wire.NewSealer(n.id.NodeKey), true)
	if err != nil {
		return
	}
	if n.session.Receive(now, &m) {
		n.ring.Voice(now)
	}
	for _, e := range n.session.Events() {
		if e.Kind != session.NewDesired {
			continue
		}
		d, err := wire.ParseDesired(e.Data)
		if err != nil {
			n.t.Errorf("desired state: %v", err)
			continue
		}
		if d.Gen = e.Gen; !n.ring.Complete(&d) {
			continue // A whole one follows.
		}
		n.want = d
		n.ring.SetDesired(now, &d, &n.out)
		n.session.Applied(e.Gen)
	}
}

// hears reports whether a neighbor's heartbeats are heard.
func (n *neighbor) hears(id wire.ID) bool {
	for _, x := range n.ring.Neighbors(nil, time.Now()) {
		if x.ID == id && x.State == "alive" {
			return true
		}
	}
	return false
}

// entry is what a member knows of another: where it is, and their key.
func (n *neighbor) entry(id wire.ID) (at *wire.Member, key [16]byte, ring *wire.RingView) {
	n.t.Helper()
	for r := range n.want.Rings {
		v := &n.want.Rings[r]
		for i := range v.Members {
			if v.Members[i].ID == id && !v.Sweep {
				return &v.Members[i], v.Keys[i], v
			}
		}
	}
	n.t.Fatalf("%s shares no ring with %s", n.id.ID, id)
	return nil, key, nil
}

// told are the events about one system since a serial.
func (s *server) told(since uint64, id wire.ID) (all []event.Event) {
	s.t.Helper()
	got, err := s.client().Events(s.t.Context(), since, 10_000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range got.Events {
		if e.System == id.String() && e.Kind != event.Discovered {
			all = append(all, e)
		}
	}
	return all
}

// besides waits until two actors and a real nanoprobe watch each other, and
// returns first the one that watches the real one.
func besides(t *testing.T, real wire.ID, a, b *neighbor) (near, other *neighbor) {
	t.Helper()
	a.about, b.about = real, real
	together(t, func() bool { return (a.hears(real) || b.hears(real)) && a.hears(b.id.ID) && b.hears(a.id.ID) }, a, b)
	if a.hears(real) {
		return a, b
	}
	return b, a
}

// every reports true once per interval.
func (n *neighbor) every(d time.Duration) bool {
	if time.Now().Before(n.next) {
		return false
	}
	n.next = time.Now().Add(d)
	return true
}

// Whoever does not have the key of an edge can neither keep a silent system
// alive nor say goodbye for a living one, be it a stranger, another member, or
// somebody who recorded the real ones.
func TestForgedHeartbeatsKeepNobodyAliveAndSayNoGoodbye(t *testing.T) {
	s := startCMA(t, "-profile", "fast")
	real := s.startProbe().id()
	victim, evil := s.neighbor("one"), s.neighbor("two")
	victim, evil = besides(t, real, victim, evil)

	at, victimKey, _ := victim.entry(real)
	_, evilKey, _ := evil.entry(victim.id.ID)
	dir := wire.DirOf(victim.id.ID, real)
	stranger := socket(t)
	number := uint32(0)
	forge := func(kind wire.TickKind) {
		number++
		// All is right but the key: whoever listens to the wire can do that much.
		last := victim.ticks[len(victim.ticks)-1]
		tick, err := wire.OpenTick(last, victimKey, dir)
		if err != nil {
			t.Fatal(err)
		}
		tick.Kind, tick.Seq = kind, tick.Seq+number
		for _, key := range [][16]byte{{}, evilKey, [16]byte(evil.id.NodeKey[:16])} {
			b := wire.AppendTick(nil, &tick, key, dir)
			for _, from := range []*netio.UDP{stranger, evil.udp} {
				_ = from.Write(netio.Packet{Data: b, Peer: at.Addr})
			}
		}
		// Its own heartbeat, thrown back.
		_ = victim.udp.Write(netio.Packet{Data: victim.heard, Peer: at.Addr})
		// A recording, from where it really came from.
		_ = victim.udp.Write(netio.Packet{Data: victim.ticks[len(victim.ticks)/2], Peer: at.Addr})
	}
	got, err := s.client().Events(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	since := got.Next
	end := time.Now().Add(3 * time.Second)
	together(t, func() bool {
		if victim.every(50 * time.Millisecond) {
			forge(wire.Goodbye)
		}
		return time.Now().After(end)
	}, victim, evil)
	for _, e := range s.told(since, victim.id.ID) {
		t.Errorf("a forged goodbye is believed: %s", e.Text)
	}

	victim.mute = true
	together(t, func() bool {
		if !victim.every(50 * time.Millisecond) {
			return false
		}
		forge(wire.Heartbeat)
		for _, e := range s.told(since, victim.id.ID) {
			if e.Kind == event.SystemDead {
				return true
			}
		}
		return false
	}, victim, evil)
}

func TestALoneAccuserOfAHealthyNeighborIsFlaggedAndNotBelieved(t *testing.T) {
	s := startCMA(t, "-profile", "fast")
	real := s.startProbe().id()
	evil, honest := s.neighbor("one"), s.neighbor("two")
	evil, honest = besides(t, real, evil, honest)
	_, _, ring := evil.entry(real)
	lie := []wire.Observation{{Kind: wire.ObsUnresponsive, About: real, Ring: ring.Ring, Version: ring.Version, Silent: 5 * time.Second}}
	together(t, func() bool {
		if !evil.every(300 * time.Millisecond) {
			return false
		}
		evil.session.Report(time.Now(), lie)
		for _, e := range s.told(1, evil.id.ID) {
			if e.Kind == event.Liar {
				return true
			}
		}
		return false
	}, honest, evil)
	for _, e := range s.told(1, real) {
		if e.Kind == event.SystemDead || e.Kind == event.NanoprobeStopped {
			t.Errorf("the accused is %s: %s", e.Kind, e.Text)
		}
	}
}
