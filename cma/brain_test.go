package cma

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"assim/authority"
	"assim/session"
	"assim/trust"
	"assim/wire"
)

// thinking returns a brain that runs until the test ends, and what it sends.
func thinking(t *testing.T) (*brain, chan wire.Signal) {
	t.Helper()
	commits, _, _ := writing(t)
	keys, _, err := trust.LoadCMAKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan wire.Signal, 1000)
	b := &brain{
		now: time.Now, commits: commits, inbox: newInbox(), health: newHealth(slog.New(slog.DiscardHandler), time.Now),
		auth: authority.New(authority.Config{}, rand.New(rand.NewPCG(1, 1))), sess: session.NewCMA(1),
		mail: make(chan letter, maxMail), quick: make(chan letter, maxQuick), results: make(chan func(), maxMail), asks: make(chan func()), ended: make(chan struct{}),
		known:    func(wire.ID, [16]byte) bool { return true },
		sweepKey: func(uint64) [16]byte { return [16]byte{1} },
		transmit: func(_ session.Route, _ wire.ID, m wire.Signal) {
			m.Body = append([]byte(nil), m.Body...)
			sent <- m
		},
		sent: func() {},
	}
	b.turn.keys = keys
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return b, sent
}

// announces says that a nanoprobe begins a session, running a generation.
func (b *brain) announces(s wire.Session, gen uint32) {
	at := netip.MustParseAddrPort("10.0.0.1:1984")
	b.mail <- letter{id: id(1), from: at, epoch: 1, sig: wire.Signal{Session: s, Seq: 1, Kind: wire.KindAnnounce, Applied: gen,
		Body: wire.AppendAnnounce(nil, &wire.Announce{Name: "web", Addrs: []netip.AddrPort{at}})}}
}

func told(t *testing.T, m wire.Signal) wire.DesiredPart {
	t.Helper()
	p, err := wire.ParseDesiredPart(m.Body)
	if m.Kind != wire.KindDesired || err != nil {
		t.Fatalf("got kind %d (%v), want a desired state", m.Kind, err)
	}
	return p
}

func TestAnAnnounceIsAnsweredByOneSignal(t *testing.T) {
	b, sent := thinking(t)
	b.announces(1, 0)
	m := <-sent
	gen := told(t, m).Gen
	if m.Seq != 1 || m.AckThrough != 1 {
		t.Errorf("the order acknowledges %d, as an answer to %d", m.AckThrough, m.Seq)
	}

	// Its process lives on and knows its order: it begins another session only.
	b.announces(2, gen)
	if m := <-sent; m.Kind != wire.KindAck || m.AckThrough != 1 || m.Session != 2 {
		t.Errorf("got kind %d, want an acknowledgment and nothing else", m.Kind)
	}

	// It has started anew, and nothing has changed: it is told the same again.
	b.announces(3, 0)
	m = <-sent
	if again := told(t, m).Gen; again != gen || m.AckThrough != 1 || m.Session != 3 {
		t.Errorf("generation %d of session %d, want %d again", again, m.Session, gen)
	}
	events, err := b.commits.journal.Since(1, 100)
	if err != nil || len(events) != 2 {
		t.Errorf("%d events, %v; want that it joined and that it started", len(events), err)
	}
	if len(sent) > 0 {
		t.Errorf("%d more signals", len(sent))
	}
}

func TestAnEchoDoesNotWaitBehindAnnouncementsAndNeitherStopsTheOther(t *testing.T) {
	b := &brain{mail: make(chan letter, 100), quick: make(chan letter, 100)}
	b.commits, _, _ = writing(t)
	for i := range 200 {
		kind := wire.KindAnnounce
		if i >= 100 {
			kind = []wire.SignalKind{wire.KindEcho, wire.KindPong}[i%2]
		}
		if !b.deliver(letter{sig: wire.Signal{Kind: kind, Seq: uint32(i)}}) {
			t.Fatalf("there is no room for number %d", i)
		}
	}
	if b.deliver(letter{sig: wire.Signal{Kind: wire.KindReport}}) {
		t.Error("a report has not kept its turn behind the announcements")
	}
	for i := range 200 {
		l, ok := b.waiting(i%2 == 0)
		echo := l.sig.Kind != wire.KindAnnounce
		if !ok || echo != (i%2 == 0) {
			t.Fatalf("number %d that is taken in is of kind %d (%v)", i, l.sig.Kind, ok)
		}
	}
	if _, ok := b.waiting(true); ok {
		t.Error("something waits that nobody sent")
	}
}

func TestTheBrainKnowsHowLateItsAnswersAre(t *testing.T) {
	b, sent := thinking(t)
	at := netip.MustParseAddrPort("10.0.0.1:1984")
	for i, late := range []time.Duration{time.Hour, 0} {
		b.mail <- letter{id: id(1), from: at, epoch: 1, at: time.Now().Add(-late), sig: wire.Signal{Session: wire.Session(i + 1), Seq: 1, Kind: wire.KindAnnounce,
			Body: wire.AppendAnnounce(nil, &wire.Announce{Name: "web", Addrs: []netip.AddrPort{at}})}}
		for m := range sent {
			if m.Session == wire.Session(i+1) && m.AckThrough == 1 {
				break
			}
		}
		if got := time.Duration(b.lag.Load()); got < late || late == 0 && got >= time.Hour {
			t.Errorf("an announcement that was opened %v ago is answered after %v", late, got)
		}
	}
}
