package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"assim/wire"
)

// The CMA asks a witness that has said nothing: what it has to say may have been
// lost, or the CMA was away.
func TestWhoIsAskedSaysAgainAtOnceWhatWasNotAcknowledged(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := NewNode(now, DefaultOptions, 5, rand.New(rand.NewPCG(1, 1)))
	n.Announce(wire.Announce{Name: "h"})
	now = now.Add(DefaultOptions.First)
	first, ok := n.Poll(now)
	if !ok || first.Kind != wire.KindAnnounce {
		t.Fatalf("it says %v first", first.Kind)
	}
	n.Receive(now, &wire.Signal{Session: 5, Seq: first.Seq, Kind: wire.KindAck, AckThrough: first.Seq})
	n.Report(now, []wire.Observation{{Kind: wire.ObsGoodbye, About: wire.ID{1}}})
	said := func() (reports int) {
		for m, ok := n.Poll(now); ok; m, ok = n.Poll(now) {
			if m.Kind == wire.KindReport {
				reports++
			}
		}
		return reports
	}
	for range 6 { // In vain, and less and less often.
		if said() != 1 {
			t.Fatal("it does not say what it has noticed")
		}
		now = n.Deadline()
	}
	said()
	ping := wire.Signal{Session: 5, Kind: wire.KindPing, Body: wire.AppendToken(nil, 7)}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{minRetry / 2, 0}, {minRetry, 1}, {minRetry / 2, 0}} {
		now = now.Add(c.after)
		if !n.Deadline().After(now) {
			t.Fatalf("it would have said it again by itself %v later", c.after)
		}
		n.Receive(now, &ping)
		if got := said(); got != c.want {
			t.Errorf("asked %v later it says it %d times, want %d", c.after, got, c.want)
		}
	}
}
