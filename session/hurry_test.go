package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"assim/wire"
)

func TestAfterALongSilenceHurrySendsAtOnceAndBacksOffFromTheStart(t *testing.T) {
	now := time.Unix(1, 0)
	n := NewNode(now, Options{Retry: time.Second, RetryMax: time.Minute}, 1, rand.New(rand.NewPCG(1, 1)))
	n.Announce(wire.Announce{Name: "h"})
	for range 8 {
		now = n.Deadline()
		if _, ok := n.Poll(now); !ok {
			t.Fatal("nothing was sent at the deadline")
		}
	}
	if wait := n.Deadline().Sub(now); wait < 30*time.Second {
		t.Fatalf("after eight tries in vain it waits %s only", wait)
	}
	now = now.Add(time.Second)
	n.Hurry(now)
	if _, ok := n.Poll(now); !ok {
		t.Error("it was not sent at once")
	}
	if wait := n.Deadline().Sub(now); wait > 4*time.Second {
		t.Errorf("then it waits %s", wait)
	}
}

// News and last words do not wait until a long pause between two tries is over.
func TestNewsAndLastWordsDoNotWaitForALongPause(t *testing.T) {
	for name, say := range map[string]func(*Node, time.Time){
		"news": func(n *Node, now time.Time) {
			n.Report(now, []wire.Observation{{Kind: wire.ObsUnresponsive, About: wire.ID{1}}})
		},
		"last words": func(n *Node, _ time.Time) { n.Stop(wire.Stopping{}) },
	} {
		now := time.Unix(1, 0)
		n := NewNode(now, Options{Retry: time.Second, RetryMax: time.Minute}, 1, rand.New(rand.NewPCG(1, 1)))
		n.Announce(wire.Announce{Name: "h"})
		for range 8 {
			now = n.Deadline()
			n.Poll(now)
		}
		now = now.Add(time.Second)
		if _, ok := n.Poll(now); ok {
			t.Fatalf("%s: it is sent before its time", name)
		}
		say(n, now)
		if _, ok := n.Poll(now); !ok {
			t.Errorf("%s: what is in flight is not sent again at once", name)
		}
	}
}

// Who comes back after an absence hears of deaths soon, of documents when they come.
func TestNewsWaitsShorterForTheCMAToComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		say           func(*Node, time.Time)
		least, utmost time.Duration
	}{
		"a report": {func(n *Node, now time.Time) {
			n.Report(now, []wire.Observation{{Kind: wire.ObsUnresponsive, About: wire.ID{1}}})
		}, 7 * time.Second, 13 * time.Second},
		"hashes": {func(n *Node, _ time.Time) { n.Hashes([]wire.DocRef{{Type: "os"}}) }, 45 * time.Second, 75 * time.Second},
		"a report behind hashes": {func(n *Node, now time.Time) {
			n.Hashes([]wire.DocRef{{Type: "os"}})
			n.Poll(now)
			n.Report(now, []wire.Observation{{Kind: wire.ObsUnresponsive, About: wire.ID{1}}})
		}, 7 * time.Second, 13 * time.Second},
	} {
		now := time.Unix(1, 0)
		n := NewNode(now, DefaultOptions, 1, rand.New(rand.NewPCG(1, 1)))
		n.Announce(wire.Announce{Name: "h"})
		now = n.Deadline()
		n.Poll(now)
		n.Receive(now, &wire.Signal{Kind: wire.KindAck, Session: n.Session(), Seq: 1, AckThrough: 1})
		c.say(n, now)
		longest := time.Duration(0)
		for range 20 {
			if _, ok := n.Poll(now); !ok {
				t.Fatalf("%s: nothing was sent at the deadline", name)
			}
			longest = max(longest, n.Deadline().Sub(now))
			now = n.Deadline()
		}
		if longest < c.least || longest > c.utmost {
			t.Errorf("%s: the longest wait between two tries is %s, want %s to %s", name, longest, c.least, c.utmost)
		}
	}
}

// Last words are said some times in the second that there is for them.
func TestLastWordsAreRepeatedSoon(t *testing.T) {
	now := time.Unix(1, 0)
	n := NewNode(now, DefaultOptions, 1, rand.New(rand.NewPCG(1, 1)))
	n.Announce(wire.Announce{Name: "h"})
	n.Stop(wire.Stopping{})
	sent := 0
	for end := now.Add(time.Second); !now.After(end); now = n.Deadline() {
		if _, ok := n.Poll(now); ok {
			sent++
		}
	}
	if sent < 4 {
		t.Errorf("said %d times within a second, want 4", sent)
	}
}

// Who is stopped before its first announcement was due says both at once, and
// knows when the CMA has taken the stop in.
func TestLastWordsDoNotWaitForTheFirstAnnouncement(t *testing.T) {
	now := time.Unix(1, 0)
	n := NewNode(now, Options{Retry: time.Second, RetryMax: time.Minute, First: time.Hour}, 1, rand.New(rand.NewPCG(1, 1)))
	n.Announce(wire.Announce{Name: "h"})
	n.Hashes([]wire.DocRef{{Type: "os"}})
	if _, ok := n.Poll(now); ok {
		t.Fatal("it is announced before its time")
	}
	n.Stop(wire.Stopping{})
	for seq, want := range []wire.SignalKind{wire.KindAnnounce, wire.KindStopping} {
		m, ok := n.Poll(now)
		if !ok || m.Kind != want {
			t.Fatalf("sent %v of kind %v, want %v", ok, m.Kind, want)
		}
		if n.Stopped() {
			t.Fatal("it is taken for told before it was acknowledged")
		}
		n.Receive(now, &wire.Signal{Kind: wire.KindAck, Session: n.Session(), AckThrough: uint32(seq + 1)})
	}
	if !n.Stopped() || n.Quiet() {
		t.Errorf("stopped %v, all said %v; want only the stop said", n.Stopped(), n.Quiet())
	}
	n.Applied(7)
	n.Ask()
	if m, ok := n.Poll(now.Add(time.Hour)); ok || !n.Deadline().IsZero() {
		t.Errorf("after its last words it says %v of kind %v, and wakes at %s", ok, m.Kind, n.Deadline())
	}
}

func TestTheAnswerToTheFirstAnnouncementIsWaitedForWithPatience(t *testing.T) {
	opt := Options{Retry: time.Second, RetryMax: time.Minute, Patience: 3 * time.Second}
	for seed := range uint64(50) {
		now := time.Unix(1_800_000_000, 0)
		n := NewNode(now, opt, 1, rand.New(rand.NewPCG(seed, 1)))
		n.Announce(wire.Announce{Name: "web"})
		var waits []time.Duration
		for range 4 {
			now = n.Deadline()
			m, ok := n.Poll(now)
			if !ok || m.Kind != wire.KindAnnounce {
				t.Fatalf("said %d (%v), want the announcement (seed %d)", m.Kind, ok, seed)
			}
			waits = append(waits, n.Deadline().Sub(now))
		}
		for i, want := range []time.Duration{3 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if waits[i] < want*3/4 || waits[i] > want*5/4 {
				t.Errorf("the answer to copy %d is waited for %v, want about %v (seed %d)", i+1, waits[i], want, seed)
			}
		}
		n.Receive(now, &wire.Signal{Session: 1, Seq: 1, AckThrough: 1, Cookie: 1, Kind: wire.KindAck})
		n.Report(now, []wire.Observation{{Kind: wire.ObsLinkDown, Link: "eth0"}})
		m, ok := n.Poll(now)
		if wait := n.Deadline().Sub(now); !ok || m.Kind != wire.KindReport || wait > 5*time.Second/4 {
			t.Errorf("the answer to a report is waited for %v (seed %d)", wait, seed)
		}
	}
}
