package nanoprobe

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"assim/session"
	"assim/trust"
	"assim/wire"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func keyed(epoch uint16, old wire.NodeKey) *Nanoprobe {
	n := New(Config{}, slog.New(slog.DiscardHandler))
	n.identity = &trust.Identity{Epoch: epoch, NodeKey: wire.NodeKey{1}, Old: old}
	n.session = session.NewNode(noon, session.DefaultOptions, 1, rand.New(rand.NewPCG(1, 2)))
	n.rekeyed()
	return n
}

func TestOnlyKeysThatItHasOpenSignals(t *testing.T) {
	for _, c := range []struct {
		own, asked uint16
		old        wire.NodeKey
		opens      bool
	}{
		{1, 1, wire.NodeKey{}, true}, {1, 0, wire.NodeKey{}, false}, {1, 2, wire.NodeKey{}, false},
		{2, 1, wire.NodeKey{9}, true}, {2, 1, wire.NodeKey{}, false}, {2, 0, wire.NodeKey{9}, false}, {2, 3, wire.NodeKey{9}, false},
	} {
		if _, ok := keyed(c.own, c.old).opens(c.asked); ok != c.opens {
			t.Errorf("of epoch %d, former key %v: a signal of epoch %d opens: %v", c.own, c.old != wire.NodeKey{}, c.asked, ok)
		}
	}
}

// Who pretends to have a newer key costs a nanoprobe one question in minutes, and
// no contact if the CMA answers that.
func TestACallWithANewerKeyCostsAQuestionAndNoMore(t *testing.T) {
	n := keyed(3, wire.NodeKey{})
	for _, e := range []wire.Envelope{{FromCMA: true, Epoch: 3}, {FromCMA: true, Epoch: 2}, {Epoch: 4}} {
		if n.doubt(noon, &e); !n.doubtAt.IsZero() {
			t.Errorf("%+v makes it doubt", e)
		}
	}
	newer := wire.Envelope{FromCMA: true, Epoch: 4}
	n.doubt(noon, &newer)
	first := n.doubtAt
	if wait := first.Sub(noon); wait < doubtTime || wait > doubtTime+doubtSpread {
		t.Errorf("it waits %v for the answer", wait)
	}
	n.answered(noon.Add(time.Second))
	if !n.doubtAt.IsZero() {
		t.Error("the CMA answered, and it doubts yet")
	}
	for s := range int(rescueEvery / time.Second) {
		if n.doubt(noon.Add(time.Duration(s)*time.Second), &newer); !n.doubtAt.IsZero() {
			t.Fatalf("it asks again after %d s", s)
		}
	}
	if n.doubt(noon.Add(rescueEvery), &newer); n.doubtAt.IsZero() {
		t.Error("it never doubts again")
	}
}
