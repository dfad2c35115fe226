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
