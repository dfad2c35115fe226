package heartbeat

import (
	"testing"
	"time"

	"assim/wire"
)

// Who speaks and answers nothing is deaf; who then falls silent is mute.
func TestANeighborThatSpeaksAndAnswersNothingIsDeafUntilItFallsSilent(t *testing.T) {
	me, timing := Self{Session: 7}, wire.DefaultTiming
	var n Neighbor
	n.Watch(0)
	me.Next()
	if got := n.Heard(time.Second, &me, &wire.Tick{Kind: wire.Heartbeat, Session: 3, Seq: 1, EchoSession: 7, EchoSeq: 1}); got != Back {
		t.Fatalf("its first proof of life is %v", got)
	}
	for i := range 3 {
		if n.Speaks() {
			t.Errorf("after %d ticks that answer nothing it is taken for deaf", i)
		}
		n.Heard(time.Duration(2+i)*time.Second, &me, &wire.Tick{Kind: wire.Ping, Session: 3, Seq: uint32(2 + i)})
	}
	if !n.Speaks() {
		t.Fatal("after 3 ticks that answer nothing it is not taken for deaf")
	}
	n.Conclude(5*time.Second, Deaf, &me, &timing)
	n.Heard(9*time.Second, &me, &wire.Tick{Kind: wire.Ping, Session: 3, Seq: 9})
	if n.Mute(15*time.Second, &timing) {
		t.Error("six seconds after it spoke it is mute")
	}
	if !n.Mute(16*time.Second, &timing) {
		t.Error("seven seconds after it spoke it is not mute")
	}
	me.Next()
	if got := n.Heard(17*time.Second, &me, &wire.Tick{Kind: wire.Pong, Session: 3, Seq: 10, EchoSession: 7, EchoSeq: 2}); got != Back || n.Speaks() {
		t.Errorf("an answer is %v, and deaf %v", got, n.Speaks())
	}
}

// One tick in five may be lost, both ways; who has not heard the last three
// heartbeats and still speaks hears nothing.
func TestATickThatEchoesTheSameThroughThreeHeartbeatsProvesNothing(t *testing.T) {
	me, timing := Self{Session: 7}, wire.DefaultTiming
	var n Neighbor
	n.Watch(0)
	seq := uint32(0)
	says := func(now time.Duration, echo uint32) News {
		seq++
		return n.Heard(now, &me, &wire.Tick{Kind: wire.Heartbeat, Session: 3, Seq: seq, EchoSession: 7, EchoSeq: echo})
	}
	first := me.Next()
	n.Sent()
	if got := says(time.Second, first); got != Back {
		t.Fatalf("its first proof of life is %v", got)
	}
	for i := range freshTicks {
		at := time.Duration(i+1) * time.Second
		if got := says(at, first); got != Proof {
			t.Errorf("after %d heartbeats that it does not echo its tick is %v", i, got)
		}
		me.Next()
		n.Sent()
	}
	if n.Speaks() {
		t.Error("it is taken for deaf while all it said proved something")
	}
	last := time.Duration(freshTicks) * time.Second
	if got := says(last+time.Second, first); got != Unproven {
		t.Errorf("after %d heartbeats that it does not echo its tick is %v", freshTicks, got)
	}
	if !n.Speaks() {
		t.Error("it speaks without an echo of the last heartbeats, and is not taken for deaf")
	}
	if silent := n.Silent(last + time.Second); silent != time.Second {
		t.Errorf("its silence is %v, want that since its last proof", silent)
	}
	if got := says(last+time.Second, first+1); got != Proof {
		t.Errorf("the echo of one that it had not echoed is %v", got)
	}
	if got := says(last+time.Second, first); got != Proof || n.Tick(last+time.Second, &timing) {
		t.Errorf("a tick that was overtaken is %v", got)
	}
}
