package session

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/wire"
)

func TestQuietNetworkTakesOneDatagramEachWayPerMessage(t *testing.T) {
	w := newWorld(t, 1)
	w.node.Report(w.now, obs(1))
	w.node.Put(doc("os", 1), false)
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatal("not all was acknowledged in a minute")
	}
	want := []string{"kind 1", "1", "os=1"}
	if !slices.Equal(w.log, want) || w.nodeSent != 3 {
		t.Fatalf("durable %v in %d datagrams, want %v in 3", w.log, w.nodeSent, want)
	}
	w.run(time.Hour, nil)
	if w.nodeSent != 3 {
		t.Fatalf("%d datagrams in an hour with nothing to say", w.nodeSent-3)
	}
}

// Everything that a network and two mortal ends can do, at random, for many
// seeds: whatever was reported while the nanoprobe lives is durable exactly
// once and in order.
func TestReportsAreProcessedOnceAndInOrderWhateverHappens(t *testing.T) {
	for seed := uint64(1); seed <= 60; seed++ {
		w := newWorld(t, seed)
		w.loss, w.dup, w.lag = 0.4, 0.2, 100*time.Millisecond
		var want []string
		for i := range 30 {
			w.node.Report(w.now, obs(i))
			want = append(want, fmt.Sprint(i))
			w.run(time.Duration(w.rng.Int64N(int64(2*time.Second))), nil)
			switch w.rng.IntN(6) {
			case 0: // The CMA is killed and comes back at once,
				w.startCMA()
			case 1: // or after a while.
				w.deaf = true
				w.later(time.Duration(w.rng.Int64N(int64(20*time.Second))), w.startCMA)
			}
		}
		w.loss = 0.4
		if !w.run(time.Hour, w.node.Quiet) {
			t.Fatalf("not all was acknowledged in an hour (repeat with seed %d)", seed)
		}
		got := slices.DeleteFunc(slices.Clone(w.log), func(s string) bool { return strings.HasPrefix(s, "kind") })
		if !slices.Equal(got, want) {
			t.Fatalf("durable %v (repeat with seed %d)", got, seed)
		}
	}
}

func TestNanoprobeRestartsAtEveryStep(t *testing.T) {
	for step := range 40 {
		w := newWorld(t, uint64(step))
		w.node.Report(w.now, obs(1))
		w.node.Put(doc("os", 1), false)
		w.run(time.Duration(step)*10*time.Millisecond, nil)
		w.startNode() // What it had not said is lost with it, but
		w.node.Report(w.now, obs(2))
		w.node.Put(doc("os", 2), false)
		if !w.run(time.Minute, w.node.Quiet) {
			t.Fatalf("step %d: stuck after a restart: %v", step, w.log)
		}
		if n := len(w.log); n < 3 || w.log[n-2] != "2" || w.log[n-1] != "os=2" {
			t.Fatalf("step %d: durable %v", step, w.log)
		}
		if m := w.mark; m.Session != w.session || m.Seq != 3 {
			t.Fatalf("step %d: stored session %d, number %d", step, m.Session, m.Seq)
		}
	}
}

func TestCMARestartsAtEveryStep(t *testing.T) {
	for step := range 60 {
		w := newWorld(t, uint64(step))
		for i := range 3 {
			w.node.Report(w.now, obs(i))
			w.node.Put(doc(fmt.Sprint("type", i), 1), false)
			w.run(time.Duration(step)*3*time.Millisecond, nil)
			w.startCMA()
		}
		if !w.run(time.Hour, w.node.Quiet) {
			t.Fatalf("step %d: stuck after restarts: %v", step, w.log)
		}
		slices.Sort(w.log)
		if want := []string{"0", "1", "2", "kind 1", "type0=1", "type1=1", "type2=1"}; !slices.Equal(w.log, want) {
			t.Fatalf("step %d: durable %v", step, w.log)
		}
	}
}

func TestRecordedMessagesPlayedIntoARestartedCMAChangeNothing(t *testing.T) {
	w := newWorld(t, 1)
	for i := range 5 {
		w.node.Report(w.now, obs(i))
		w.run(time.Minute, w.node.Quiet)
	}
	tape := slices.Clone(w.tape)
	before := slices.Clone(w.log)
	w.startCMA() // with its records
	for _, item := range tape {
		if v := w.cma.Receive(w.now, testID, &item.m); v.Action == Process {
			t.Errorf("number %d of kind %d is processed again", item.m.Seq, item.m.Kind)
		}
	}
	w.mark = Mark{}
	w.startCMA() // from an old backup: everything of the nanoprobe is forgotten
	for _, item := range tape {
		v := w.cma.Receive(w.now, testID, &item.m)
		if v.Action == Process && item.m.Kind != wire.KindAnnounce {
			t.Errorf("a report is played into a CMA that forgot: number %d", item.m.Seq)
		}
		if v.Action == Process {
			w.cma.Committed(testID, item.m.Session, item.m.Seq)
		}
	}
	if !slices.Equal(w.log, before) {
		t.Errorf("durable %v", w.log)
	}
}

func TestNanoprobeSurvivesACMAThatForgotEverything(t *testing.T) {
	w := newWorld(t, 1)
	w.node.Report(w.now, obs(1))
	w.run(time.Minute, w.node.Quiet)
	w.mark = Mark{}
	w.startCMA()
	w.node.Report(w.now, obs(2))
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatalf("stuck: %v", w.log)
	}
	if want := []string{"kind 1", "1", "kind 1", "2"}; !slices.Equal(w.log, want) {
		t.Fatalf("durable %v, want %v", w.log, want)
	}
	if w.count(NewSession) != 1 {
		t.Fatalf("%d new sessions, want 1", w.count(NewSession))
	}
}

func TestLostSessionNumberIsCaughtUp(t *testing.T) {
	w := newWorld(t, 1)
	w.session = 1000
	w.startNode()
	w.run(time.Minute, w.node.Quiet)
	w.session = 3 // The disk was restored from a backup.
	w.startNode()
	if !w.run(time.Minute, w.node.Quiet) || w.session <= 1001 {
		t.Fatalf("session is %d: %v", w.session, w.log)
	}
}

func TestReplayedAnswersDoNotSettleAnything(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	ack := wire.Signal{Session: w.session, Seq: 1, AckThrough: 1, Cookie: 5, Kind: wire.KindAck}
	w.node.Report(w.now, obs(1))
	w.loss = 1
	w.pump()
	for name, m := range map[string]wire.Signal{
		"an earlier answer":                      ack,
		"one of another run's session":           {Session: w.session + 1, Seq: 2, AckThrough: 2, Kind: wire.KindAck},
		"an acknowledgment of what was not sent": {Session: w.session, Seq: 2, AckThrough: 9, Kind: wire.KindAck},
		"an old demand to begin anew":            {Session: w.session, Seq: 1, Kind: wire.KindSessionOld, Body: wire.AppendSessionOld(nil, wire.SessionOld{Last: 1 << 60})},
	} {
		if w.node.Receive(w.now, &m) && m.Kind != wire.KindAck {
			t.Errorf("%s passes for fresh", name)
		}
		if w.node.Quiet() || w.node.Session() != w.session {
			t.Errorf("%s settles something", name)
		}
	}
	if w.node.cookie == 5 {
		t.Error("the cookie of an old answer is adopted")
	}
}

func TestNewestDocumentPerTypeWins(t *testing.T) {
	w := newWorld(t, 1)
	w.deaf = true
	for v := byte(1); v <= 50; v++ {
		w.node.Put(doc("connections", v), false)
		w.run(time.Second, nil)
	}
	w.startCMA()
	if !w.run(time.Hour, w.node.Quiet) || w.docs["connections"] != (wire.Hash{50}) {
		t.Fatalf("the CMA has %v", w.docs)
	}
	if len(w.log) != 2 {
		t.Fatalf("durable %v: old versions were sent", w.log)
	}
}

func TestPatchOnAVersionTheCMALacksIsReplacedUnderTheSameNumber(t *testing.T) {
	w := newWorld(t, 1)
	d := doc("packages", 2)
	d.Encoding, d.Base = wire.Patch, wire.Hash{1}
	w.node.Put(d, false)
	w.node.Report(w.now, obs(7))
	if w.run(10*time.Second, func() bool { return w.count(Wanted) > 0 }); w.count(Wanted) == 0 {
		t.Fatal("the whole document is not wanted")
	}
	w.node.Put(doc("packages", 2), false)
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatalf("stuck: %v", w.log)
	}
	if want := []string{"kind 1", "7", "packages=2"}; !slices.Equal(w.log, want) {
		t.Fatalf("durable %v, want %v", w.log, want)
	}
}

func TestHashesAreAnsweredByWhatTheCMALacksEvenWhenAnswersAreLost(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		w.loss = 0.4
		w.docs["os"] = wire.Hash{1}
		w.node.Hashes([]wire.DocRef{{Type: "os", Hash: wire.Hash{1}}, {Type: "arp", Hash: wire.Hash{2}}})
		w.run(time.Hour, w.node.Quiet)
		var wanted []string
		for _, e := range w.events {
			if e.Kind == Wanted {
				wanted = append(wanted, e.Ref.Type)
			}
		}
		if !slices.Equal(slices.Compact(wanted), []string{"arp"}) {
			t.Fatalf("wanted %v (seed %d)", wanted, seed)
		}
	}
}

func TestBusyCMAIsNotAskedAgainBeforeTheTimeItGave(t *testing.T) {
	w := newWorld(t, 1)
	w.hold, w.commits = 10*time.Second, 20*time.Second
	w.run(9*time.Second, nil)
	if w.nodeSent > 1 {
		t.Fatalf("%d announcements within the 10 s the CMA asked for", w.nodeSent)
	}
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatal("stuck")
	}
}

func TestSilentCMAIsAskedEverMoreSeldom(t *testing.T) {
	w := newWorld(t, 1)
	w.deaf = true
	w.run(time.Hour, nil)
	if w.nodeSent < 60 || w.nodeSent > 100 {
		t.Fatalf("%d datagrams into an hour of silence", w.nodeSent)
	}
}

func TestOutboxStaysBoundedWhileTheCMAIsAway(t *testing.T) {
	w := newWorld(t, 1)
	w.deaf = true
	for i := range 10_000 {
		w.node.Report(w.now, []wire.Observation{{Kind: wire.ObsDead, About: wire.ID{byte(i), byte(i >> 8), byte(i >> 16)}}})
		if i%100 == 0 {
			w.node.Put(doc(fmt.Sprint(i), 1), false)
			w.pump()
		}
	}
	if r, d := len(w.node.out.reports), len(w.node.out.docs); r > maxReports || d > maxDocs {
		t.Fatalf("%d observations and %d documents wait", r, d)
	}
	if w.count(Overflow) == 0 {
		t.Fatal("what was dropped is not told")
	}
}

func TestNewestObservationAboutAThingSurvivesTheMerge(t *testing.T) {
	w := newWorld(t, 1)
	w.deaf = true
	for i := range 300 {
		kind := wire.ObsDead
		if i == 299 {
			kind = wire.ObsAlive
		}
		w.node.Report(w.now, []wire.Observation{{Kind: kind, About: wire.ID{byte(i % 3)}}})
	}
	if n := len(w.node.out.reports); n > maxReports {
		t.Fatalf("%d observations wait", n)
	}
	last := w.node.out.reports[len(w.node.out.reports)-1]
	if last.obs.Kind != wire.ObsAlive || w.count(Overflow) > 0 {
		t.Fatalf("the last observation is %v; lost %d", last.obs.Kind, w.count(Overflow))
	}
}

func TestTwoRunsOfOneIdentityAreAClone(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	twin := NewNode(w.now, DefaultOptions, w.session+1, rand.New(rand.NewPCG(9, 9)))
	twin.Announce(wire.Announce{Name: "web01"})
	clone, sent := 0, 0
	for i := range 120 {
		w.now = w.now.Add(time.Second)
		for _, n := range []*Node{w.node, twin} {
			if n.Quiet() {
				n.Report(w.now, obs(i))
			}
			for m, ok := n.Poll(w.now); ok; m, ok = n.Poll(w.now) {
				sent++
				v := w.cma.Receive(w.now, testID, &m)
				if v.Clone {
					clone++
				}
				if v.HasReply {
					n.Receive(w.now, &v.Reply)
				}
				if v.Action == Process {
					ack := w.cma.Committed(testID, m.Session, m.Seq)
					n.Receive(w.now, &ack)
				}
			}
		}
	}
	if clone == 0 {
		t.Fatal("not noticed")
	}
	if sent > 1000 {
		t.Fatalf("the clones drove each other to %d datagrams in two minutes", sent)
	}
}

func TestRestartAloneIsNotAClone(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(t, seed)
		w.loss, w.dup, w.lag = 0.2, 0.5, 300*time.Millisecond
		for range 3 {
			w.run(time.Minute, nil)
			w.startNode()
		}
		for _, item := range w.tape {
			if v := w.cma.Receive(w.now, testID, &item.m); v.Clone && item.m.Session == w.session {
				t.Fatal("the living session is called a clone")
			}
		}
	}
}

func TestBulkIsDialedInItsSlotAndKeepsWhatFailed(t *testing.T) {
	w := newWorld(t, 1)
	big := doc("packages", 1)
	big.Data = make([]byte, 5000)
	w.node.Put(big, false)
	secret := doc("users", 1)
	w.node.Put(secret, true)
	if w.run(30*time.Second, func() bool { return w.count(OpenBulk) == 1 }); w.count(OpenBulk) != 1 {
		t.Fatal("no slot was given")
	}
	d, ok := w.node.BulkNext()
	if !ok || d.Type != "packages" {
		t.Fatalf("first is %v", d.DocRef)
	}
	w.node.BulkDone(w.now, true)
	if w.run(time.Minute, func() bool { return w.count(OpenBulk) == 2 }); w.count(OpenBulk) != 2 {
		t.Fatal("not dialed again after a failure")
	}
	for d, ok := w.node.BulkNext(); ok; d, ok = w.node.BulkNext() {
		w.node.BulkAck(wire.DocumentAck{DocRef: d.DocRef, Stored: true})
	}
	w.node.BulkDone(w.now, false)
	w.news()
	if !w.node.Quiet() || w.count(Acked) != 2 {
		t.Fatalf("quiet %v, %d acknowledged", w.node.Quiet(), w.count(Acked))
	}
	sent := w.nodeSent
	w.run(time.Hour, nil)
	if w.nodeSent != sent {
		t.Fatalf("%d datagrams after all was done", w.nodeSent-sent)
	}
}

func TestDesiredStateIsPutTogetherFromPartsInAnyOrder(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	data := make([]byte, 10*wire.MaxPart+5)
	for i := range data {
		data[i] = byte(i * 31)
	}
	parts := Split(4, data)
	w.rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	deliver := func(p wire.DesiredPart) {
		m, ok := w.cma.Unasked(testID, wire.KindDesired, wire.AppendDesiredPart(nil, &p))
		if !ok || w.node.Receive(w.now, &m) {
			t.Fatal("an unasked part passes for a proof of who sent it, or there is no session")
		}
	}
	for _, p := range Split(3, []byte("older")) {
		deliver(p)
	}
	for _, p := range append(parts, parts[0]) {
		deliver(p)
	}
	w.news()
	last := w.events[len(w.events)-1]
	if last.Kind != NewDesired || last.Gen != 4 || string(last.Data) != string(data) {
		t.Fatalf("got kind %d, generation %d, %d bytes", last.Kind, last.Gen, len(last.Data))
	}
	w.node.Applied(4)
	sent := w.nodeSent
	w.pump()
	if echo := w.tape[len(w.tape)-1].m; w.nodeSent != sent+1 || echo.Applied != 4 {
		t.Fatalf("the generation is not echoed: %+v", echo)
	}
	deliver(parts[0]) // The echo was lost.
	w.pump()
	if w.nodeSent != sent+2 {
		t.Fatal("the generation is not echoed again")
	}
}

func TestAskedCMAProvesThatItHearsAndARecordingDoesNot(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	before := w.fresh
	w.node.Ask()
	w.run(time.Minute, nil)
	if w.fresh != before+1 {
		t.Fatalf("%d fresh answers, want 1", w.fresh-before)
	}
	echo := w.tape[len(w.tape)-1].m
	recorded := w.cma.Receive(w.now, testID, &echo).Reply
	w.node.Ask()
	w.pump()
	if w.node.Receive(w.now, &recorded) {
		t.Fatal("a recorded answer passes for fresh")
	}
}

func TestOnlyAFreshPongProvesLife(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	pong := func(token uint64) bool {
		m := wire.Signal{Session: w.session, Kind: wire.KindPong, Body: wire.AppendToken(nil, token)}
		return w.cma.Receive(w.now, testID, &m).Fresh
	}
	token := w.cma.PingToken(w.now, testID)
	if !pong(token) {
		t.Error("a pong at once proves nothing")
	}
	if pong(0) || pong(token+1) || pong(w.cma.PingToken(w.now, wire.ID{9})) {
		t.Error("a made-up pong proves life")
	}
	w.now = w.now.Add(10 * time.Second)
	if pong(token) {
		t.Error("a pong recorded 10 s ago proves life")
	}
	echo := wire.Signal{Session: w.session, Kind: wire.KindEcho}
	if w.cma.Receive(w.now, testID, &echo).Fresh {
		t.Error("an echo, which may be a recording, proves life")
	}
}

func TestRefusedNanoprobeBacksOffAndKeepsItsWord(t *testing.T) {
	w := newWorld(t, 1)
	w.run(time.Minute, w.node.Quiet)
	w.node.Report(w.now, obs(1))
	w.loss = 1
	w.pump()
	w.loss = 0
	no := w.cma.Answer(testID, w.session, 2, wire.KindRefused, wire.AppendRefused(nil, &wire.Refused{Code: wire.CodeRevoked, RetryAfter: time.Hour}))
	w.node.Receive(w.now, &no)
	sent := w.nodeSent
	w.run(40*time.Minute, nil)
	if w.nodeSent != sent {
		t.Fatalf("%d datagrams after a refusal for an hour", w.nodeSent-sent)
	}
	if !w.run(time.Hour, w.node.Quiet) || w.log[len(w.log)-1] != "1" {
		t.Fatalf("the report is lost: %v", w.log)
	}
}

func TestMemoryOfTheCMAPerNanoprobeIsAtMost100Bytes(t *testing.T) {
	const n = 100_000
	var c *CMA
	grow := func() uint64 { return allocated(func() { c = fill(n) }) }
	if per := grow() / n; per > 100 {
		t.Fatalf("%d bytes per nanoprobe", per)
	} else {
		t.Logf("%d bytes per nanoprobe", per)
	}
	if len(c.seen.index) != n {
		t.Fatal("not all are known")
	}
}

func TestFloodFromOnePlaceDoesNotShutOutAnother(t *testing.T) {
	l := NewLimiter(Rate{10, 20}, Rate{1000, 1000})
	now := start
	passed := 0
	for i := range 100_000 {
		now = now.Add(10 * time.Microsecond)
		if l.Allow(now, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})) {
			passed++
		}
	}
	if passed > 31 {
		t.Errorf("%d of a flood in one second passed, want at most 20 + 10 and one", passed)
	}
	if !l.Allow(now, netip.MustParseAddr("10.0.1.1")) {
		t.Error("another network is shut out")
	}
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	l := NewLimiter(Rate{10, 20}, Rate{1e9, 1e9})
	for i := range 200_000 {
		l.Allow(start, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).Next())
		l.Allow(start, netip.AddrFrom16([16]byte{32, 1, byte(i >> 16), byte(i >> 8), byte(i), 9}))
	}
	if len(l.buckets) > maxPrefixes {
		t.Fatalf("%d buckets", len(l.buckets))
	}
	if !l.Allow(start.Add(time.Hour), netip.MustParseAddr("192.0.2.1")) {
		t.Fatal("a newcomer is shut out after the flood")
	}
}

func TestSlotsAreGivenAtTheRateOfTheStore(t *testing.T) {
	s := Slots{Every: 10 * time.Millisecond}
	var last time.Duration
	for range 1000 {
		last = s.Give(start)
	}
	if last != 9990*time.Millisecond {
		t.Fatalf("the thousandth waits %v, want 9.99 s", last)
	}
	if d := s.Give(start.Add(time.Minute)); d > 10*time.Millisecond {
		t.Fatalf("after the storm one waits %v", d)
	}
}

func FuzzNodeReceive(f *testing.F) {
	want, _ := wire.AppendRefs(nil, []wire.DocRef{{Type: "os"}})
	f.Add(byte(wire.KindWant), uint32(2), uint32(0), want)
	f.Add(byte(wire.KindDesired), uint32(0), uint32(0), wire.AppendDesiredPart(nil, &wire.DesiredPart{Gen: 1, Parts: 2}))
	f.Add(byte(wire.KindSessionOld), uint32(1), uint32(0), wire.AppendSessionOld(nil, wire.SessionOld{Last: 5}))
	f.Add(byte(wire.KindRefused), uint32(2), uint32(1), wire.AppendRefused(nil, &wire.Refused{Code: 1}))
	f.Fuzz(func(t *testing.T, kind byte, seq, ack uint32, body []byte) {
		n := NewNode(start, DefaultOptions, 7, rand.New(rand.NewPCG(1, 1)))
		n.Announce(wire.Announce{Name: "a"})
		n.Put(doc("os", 1), false)
		now := start
		for range 20 {
			m := wire.Signal{Session: n.Session(), Seq: seq, AckThrough: ack, Kind: wire.SignalKind(kind), Body: body}
			n.Receive(now, &m)
			for range 50 {
				if _, ok := n.Poll(now); !ok {
					break
				}
			}
			n.Events()
			now = now.Add(time.Second)
		}
		if _, ok := n.Poll(now); ok {
			if _, ok := n.Poll(now); ok && n.tries > 1000 {
				t.Fatal("sends without end")
			}
		}
	})
}

func TestWhatAnExpelledNanoprobeSaidBeforeIsPast(t *testing.T) {
	w := newWorld(t, 3)
	w.node.Report(w.now, obs(1))
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatal("not acknowledged")
	}
	before := w.node.Session()
	if m, ok := w.cma.Expel(testID); !ok || m.ID != testID || m.Session <= before || m.Seq != 0 {
		t.Fatalf("stored is %+v, %v", m, ok)
	}
	again := wire.Signal{Session: before, Seq: 1, Kind: wire.KindAnnounce}
	if v := w.cma.Receive(w.now, testID, &again); v.Action == Process || v.Fresh {
		t.Error("its recorded announce is believed")
	}
	w.node.Report(w.now, obs(2)) // It was let in again: it introduces itself anew.
	if !w.run(time.Minute, w.node.Quiet) || w.node.Session() <= before {
		t.Errorf("session is %d after %d", w.node.Session(), before)
	}
	if got := w.log[len(w.log)-2:]; !slices.Equal(got, []string{"kind 1", "2"}) {
		t.Errorf("durable is %v", w.log)
	}
	if _, ok := w.cma.Expel(wire.ID{99}); ok {
		t.Error("who never spoke has something to store")
	}
}
