package heartbeat

import (
	"math/rand/v2"
	"time"

	"assim/wire"
)

// echoIntervals is how many intervals back an echo may reach. More tolerates
// longer one-way loss; fewer leaves a recording less time to be of use.
const echoIntervals = 10

// Self is what all edges of one nanoprobe share: its session, one count of
// sequence numbers for all of them, and which of these are young enough to
// prove something when they are echoed.
type Self struct {
	Session wire.Session
	seq     uint32        // newest sent
	floor   uint32        // echoes up to here are too old
	mark    uint32        // the next floor
	turn    time.Duration // when mark becomes floor
}

// Next returns the sequence number for one more tick.
func (s *Self) Next() uint32 {
	s.seq++
	return s.seq
}

// Age lets old sequence numbers expire; call it about once per interval.
func (s *Self) Age(now, interval time.Duration) {
	if now < s.turn {
		return
	}
	s.floor, s.mark = s.mark, s.seq
	s.turn = now + echoIntervals/2*interval
}

// Proves says whether t can only have been made a moment ago.
func (s *Self) Proves(t *wire.Tick) bool {
	return t.EchoSession == s.Session && t.EchoSeq-s.floor-1 < s.seq-s.floor
}

// Jitter spreads an interval by a tenth to both sides, so that a million
// heartbeats started together do not stay together.
func Jitter(interval time.Duration, r *rand.Rand) time.Duration {
	if interval <= 0 {
		return 0
	}
	return interval*9/10 + time.Duration(r.Int64N(int64(interval/5)+1))
}
