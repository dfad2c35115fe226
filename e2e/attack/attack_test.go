package attack

import (
	"flag"
	"slices"
	"testing"
	"time"

	"assim/api"
	"assim/netio"
	"assim/wire"
)

var reports = flag.Int("reports", 400, "numbered reports during which the CMA is killed five times; the full proof takes 20000")

// silence is how long we wait to conclude that nothing is answered.
const silence = 500 * time.Millisecond

func TestNothingUnprovenIsAnswered(t *testing.T) {
	s := startCMA(t)
	victim, evil := s.join("victim"), s.join("evil")
	victim.quiet()
	evil.quiet()
	first := victim.sent[0] // its announce
	flipped := slices.Clone(first)
	flipped[40] ^= 1
	otherKey := *victim.id
	otherKey.NodeKey = evil.id.NodeKey
	forged := (&actor{id: &otherKey}).seal(&wire.Signal{Session: 1 << 62, Seq: 1, Kind: wire.KindAnnounce, Body: wire.AppendAnnounce(nil, &wire.Announce{Name: "fake"})})
	stranger := *victim.id
	stranger.ID = wire.ID{66}
	ofStranger := (&actor{id: &stranger}).seal(&wire.Signal{Session: 1, Seq: 1, Kind: wire.KindAnnounce})
	hello := wire.AppendHello(nil, &wire.Hello{Token: wire.TokenID{1}, Pub: wire.PubKey{1}}, make([]byte, 32))
	tick := wire.AppendTick(nil, &wire.Tick{Kind: wire.Ping, Edge: 1}, wire.EdgeKey{}, wire.Up)
	attacker := socket(t)
	for name, b := range map[string][]byte{
		"empty": {}, "one byte": {0x11}, "cut short": first[:len(first)-1], "cut to its header": first[:32],
		"with a bit flipped": flipped, "for another, by a member's key": forged, "of a stranger": ofStranger,
		"of the CMA, reflected": victim.heard[0], "with a tail": append(slices.Clone(first), 0),
		"hello without permission": hello, "hello without a token": wire.AppendHello(nil, &wire.Hello{Pub: wire.PubKey{1}}, nil),
		"tick nobody asked for": tick, "of another version": append([]byte{0x12}, first[1:]...), "as long as it gets": make([]byte, 1500),
	} {
		if err := attacker.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
			t.Fatal(err)
		}
		if answer := listenFor(t, attacker, silence/5); answer != nil {
			t.Errorf("%s: answered by %d bytes", name, len(answer))
		}
	}
	if answer := listenFor(t, attacker, silence); answer != nil {
		t.Errorf("late answer of %d bytes", len(answer))
	}
	for _, e := range s.events() {
		if e == "joined fake" || e == "started fake" {
			t.Errorf("event %q", e)
		}
	}
}

func TestReplayedMessagesChangeNothing(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	a := s.join("web01")
	a.quiet()
	a.session.Stop(wire.Stopping{Reason: "reboot"})
	a.quiet()
	recorded := slices.Clone(a.sent)
	a.begin(wire.Announce{Name: "web01"})
	a.quiet()
	before := len(s.events())
	attacker := socket(t)
	for _, when := range []string{"to the same run", "to the next run"} {
		for _, b := range recorded { // Among them a goodbye: fake death.
			if err := attacker.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
				t.Fatal(err)
			}
			if answer := listenFor(t, attacker, silence/5); len(answer) > len(b)+64 {
				t.Errorf("%s: a recording of %d bytes is answered by %d", when, len(b), len(answer))
			}
		}
		if got := s.events(); when == "to the same run" && len(got) != before {
			t.Errorf("%s: news %v", when, got[before:])
		}
		if slices.Contains(s.events()[before:], "shut down web01") {
			t.Errorf("%s: a recorded goodbye is believed", when)
		}
		s.killAndRestart()
	}
	a.session.Report(time.Now(), martian())
	a.quiet() // It is still itself.
}

func martian() []wire.Observation {
	return []wire.Observation{{Kind: wire.ObsMartian, Link: "192.0.2.1:1984"}}
}

func TestRevokedMemberIsRefusedWithItsNextPacket(t *testing.T) {
	s := startCMA(t)
	c := s.client()
	token, err := c.CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	a := s.joinBy(token.Join)
	a.quiet()
	if err := c.RevokeToken(t.Context(), api.ToJoin, token.ID, true); err != nil {
		t.Fatal(err)
	}
	a.session.Report(time.Now(), martian())
	refused := func() bool {
		for _, b := range a.heard {
			m, err := wire.OpenSignal(b, wire.NewSealer(a.id.NodeKey), true)
			if err == nil && m.Kind == wire.KindRefused {
				return true
			}
		}
		return false
	}
	if !a.live(refused) {
		t.Error("not refused")
	}
	if a.session.Quiet() || !a.id.Enrolled() {
		t.Error("its report is taken, or it forgot who it is")
	}
}

// Killed five times by kill -9 while members report: every report is durable
// once, which the CMA's own count per member shows.
func TestKilledCMALosesNoReport(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	const members = 4
	each := *reports / members
	var all []*actor
	for i := range members {
		all = append(all, s.join(string(rune('a'+i))))
	}
	for round := range 6 {
		done := make(chan struct{}, members)
		for _, a := range all {
			go func() {
				defer func() { done <- struct{}{} }()
				for range each / 6 {
					a.session.Report(time.Now(), martian())
					if !a.live(a.session.Quiet) {
						t.Error("a report is not acknowledged")
						return
					}
				}
			}()
		}
		if round < 5 {
			<-time.After(200 * time.Millisecond) // in the midst of them
			s.killAndRestart()
		}
		for range members {
			<-done
		}
	}
	s.kill()
	for _, a := range all {
		sent := lastNumber(a)
		if got := s.durable(a.id.ID); got != sent {
			t.Errorf("%s: %d of %d messages are durable", a.id.ID, got, sent)
		}
	}
}

func lastNumber(a *actor) (last uint32) {
	key := wire.NewSealer(a.id.NodeKey)
	for _, b := range a.sent {
		if m, err := wire.OpenSignal(b, key, false); err == nil && m.Session == a.session.Session() {
			last = max(last, m.Seq)
		}
	}
	return last
}

func TestTwoRunsOfOneIdentityAreToldToPeople(t *testing.T) {
	s := startCMA(t)
	a := s.join("web01")
	a.quiet()
	twin := &actor{t: t, cma: s, id: a.id, udp: socket(t)} // the copied identity file
	twin.begin(wire.Announce{Name: "web01"})
	told := func() bool {
		return slices.ContainsFunc(s.events(), func(e string) bool { return e == "clone web01" })
	}
	for end := time.Now().Add(patience); !told(); {
		if time.Now().After(end) {
			t.Fatalf("not told: %v", s.events())
		}
		for _, x := range []*actor{a, twin} {
			x.session.Report(time.Now(), martian())
			turn := time.Now().Add(silence)
			x.live(func() bool { return x.session.Quiet() || time.Now().After(turn) })
		}
	}
}

func TestLeakedJoinStringTakesNobodyOver(t *testing.T) {
	s := startCMA(t)
	token, err := s.client().CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	victim := s.joinBy(token.Join)
	victim.quiet()
	thief := s.joinBy(token.Join) // of the same name, on another machine
	thief.quiet()
	if thief.id.ID == victim.id.ID {
		t.Fatal("the thief is the victim now")
	}
	forged := *victim.id
	forged.NodeKey = thief.id.NodeKey
	b := (&actor{id: &forged}).seal(&wire.Signal{Session: 1 << 62, Seq: 1, Kind: wire.KindAnnounce})
	attacker := socket(t)
	if err := attacker.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
		t.Fatal(err)
	}
	if answer := listenFor(t, attacker, silence); answer != nil {
		t.Fatal("the thief is answered in the victim's name")
	}
	victim.session.Report(time.Now(), martian())
	victim.quiet()
}
