package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"assim/wire"
)

// Action says what the CMA has to do with a message.
type Action uint8

// The actions. In the order of how often they happen.
const (
	Ignore     Action = iota // nothing: being processed already, out of order, or stale
	Process                  // numbered and new: process, then Committed or Failed
	Glance                   // unnumbered (echo, pong): look at it; it proves no life by itself
	Repeat                   // numbered, processed before, but its answer may be lost and costs no write: answer again
	AnswerOnly               // only Reply is to be sent
)

// Verdict is what CMA.Receive decided.
type Verdict struct {
	Action   Action
	Reply    wire.Signal // to send at once if HasReply
	HasReply bool
	Started  bool // with Process: this message begins a new session
	// Fresh tells that the message was made a moment ago: its sender lives, and
	// is at the address it came from. Process is always fresh; of the unnumbered
	// only a pong that returns a token of PingToken is. Others may be recordings.
	Fresh bool
	Clone bool // two runs of one identity take turns: somebody copied it
	// Elsewhere tells, with Started, that another CMA of our identity acknowledged
	// what this sender said, after it had spoken to this run.
	Elsewhere bool
}

// Limits of the CMA end.
const (
	cloneTurns  = 3               // takeovers within cloneWindow that make a clone
	cloneWindow = 2 * time.Minute //
	maxTurns    = 4096            // identities watched for taking turns at a time
)

// CMA is the CMA's end for all nanoprobes. It is owned by one goroutine.
type CMA struct {
	cookie uint64
	secret [32]byte // of ping tokens
	seen   table
	next   map[wire.ID]wire.Session // sessions that begin with what is being processed now
	turns  map[wire.ID]turn
}

type turn struct {
	since time.Time
	count int
}

// NewCMA returns the CMA's end. cookie is random and not zero, new for every
// run.
func NewCMA(cookie uint64) *CMA {
	secret := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("assim ping tokens "), cookie))
	return &CMA{cookie: cookie, secret: secret, seen: table{index: map[wire.ID]int32{}}, next: map[wire.ID]wire.Session{}, turns: map[wire.ID]turn{}}
}

// Restore sets what an earlier run made durable of one nanoprobe.
func (c *CMA) Restore(m Mark) {
	if m.Session != 0 {
		c.seen.put(m.ID, seen{session: m.Session, done: m.Seq})
	}
}

// Expel ends the session of a nanoprobe that was put out: all it said so far is
// past. Should it be let in again it has to begin another, and recordings of
// the time before are worth nothing. The mark is to be made durable.
func (c *CMA) Expel(id wire.ID) (m Mark, ok bool) {
	last := max(c.seen.get(id).session, c.next[id])
	delete(c.next, id)
	delete(c.turns, id)
	if last == 0 {
		c.seen.drop(id)
		return Mark{}, false
	}
	c.seen.put(id, seen{session: last + 1})
	return Mark{ID: id, Session: last + 1}, true
}

// Session returns the newest durable session of a nanoprobe, 0 if none.
func (c *CMA) Session(id wire.ID) wire.Session { return c.seen.get(id).session }

// Receive decides what to do with a message whose seal was opened with the
// key of id. It does not look into the body.
func (c *CMA) Receive(now time.Time, id wire.ID, m *wire.Signal) Verdict {
	st := c.seen.get(id)
	switch {
	case m.Session == 0:
		return Verdict{}
	case m.Session < st.session:
		return c.old(now, id, m, st)
	case m.Session > st.session:
		return c.newer(id, m, st)
	}
	if m.Seq == 0 {
		return c.glance(now, id, m, st)
	}
	spoke := st.is(verified)
	if !spoke {
		if m.Cookie != c.cookie {
			return c.answer(m, st, wire.KindDemand)
		}
		st.state |= verified
		c.seen.put(id, st)
	}
	switch {
	case m.Seq <= st.done && m.Kind == wire.KindHashes:
		return Verdict{Action: Repeat}
	case m.Seq <= st.done:
		return c.answer(m, st, wire.KindAck)
	case m.Seq > st.done+1:
		return c.gap(id, m, st, spoke)
	case st.is(taken):
		return Verdict{}
	}
	st.state |= taken
	c.seen.put(id, st)
	return Verdict{Action: Process, Fresh: true}
}

// glance handles what is not numbered. It changes nothing durable, so it needs
// no cookie. An echo that carries a token wants it back.
func (c *CMA) glance(now time.Time, id wire.ID, m *wire.Signal, st seen) Verdict {
	v := Verdict{Action: Glance}
	token, err := wire.ParseToken(m.Body)
	switch {
	case m.Kind == wire.KindPong:
		v.Fresh = err == nil && c.returned(now, id, token)
	case m.Kind == wire.KindEcho && err == nil:
		v = c.answer(m, st, wire.KindAck)
		v.Action, v.Reply.Body = Glance, wire.AppendToken(nil, token)
	}
	return v
}

// pingLife is how long a pong proves anything, at least; at most twice that.
const pingLife = 5 * time.Second

// PingToken returns the token for a KindPing. Nothing is kept: it is derived
// from the moment, and nobody else can make it.
func (c *CMA) PingToken(now time.Time, id wire.ID) uint64 {
	var msg [24]byte
	copy(msg[:], id[:])
	binary.BigEndian.PutUint64(msg[16:], uint64(now.UnixNano()/int64(pingLife)))
	mac := hmac.New(sha256.New, c.secret[:])
	mac.Write(msg[:])
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

func (c *CMA) returned(now time.Time, id wire.ID, token uint64) bool {
	return token == c.PingToken(now, id) || token == c.PingToken(now.Add(-pingLife), id)
}

// newer handles a session that is greater than the durable one: only its first
// message, an Announce, can begin it.
func (c *CMA) newer(id wire.ID, m *wire.Signal, st seen) Verdict {
	if m.Kind != wire.KindAnnounce || m.Seq != 1 {
		if m.Seq == 0 {
			return Verdict{}
		}
		return c.gap(id, m, st, st.is(verified))
	}
	if st.is(taken) {
		// One at a time; the Announce is sent again.
		return Verdict{}
	}
	st.state |= taken | begins
	if m.Cookie == c.cookie {
		st.state |= verified
	}
	v := Verdict{Action: Process, Started: true, Fresh: true}
	// It has our cookie, as no recording of what another CMA was told can have; or
	// it had ours, and has another one's since.
	v.Elsewhere = st.is(strange) && m.Cookie == c.cookie ||
		st.is(verified) && m.Cookie != 0 && m.Cookie != c.cookie
	st.state &^= strange
	c.seen.put(id, st)
	c.next[id] = m.Session
	return v
}

// gap answers what follows something that this CMA does not know, and another
// one must have acknowledged: an earlier run, of which a backup is what we have,
// or, if its sender spoke to this run before, one beside us. What is missing
// comes in a session that begins anew.
func (c *CMA) gap(id wire.ID, m *wire.Signal, st seen, spoke bool) Verdict {
	if spoke && !st.is(strange) {
		st.state |= strange
		c.seen.put(id, st)
	}
	v := c.answer(m, st, wire.KindSessionOld)
	v.Reply.AckThrough = 0
	v.Reply.Body = wire.AppendSessionOld(nil, wire.SessionOld{Last: m.Session})
	return v
}

// old answers an older session. That is a straggler from before a restart, a
// nanoprobe that lost its state, or a clone: clones take turns.
func (c *CMA) old(now time.Time, id wire.ID, m *wire.Signal, st seen) Verdict {
	if m.Seq == 0 {
		return Verdict{}
	}
	v := c.answer(m, st, wire.KindSessionOld)
	v.Reply.AckThrough = 0
	v.Reply.Body = wire.AppendSessionOld(nil, wire.SessionOld{Last: st.session})
	v.Clone = c.takesTurns(now, id)
	return v
}

func (c *CMA) takesTurns(now time.Time, id wire.ID) bool {
	t := c.turns[id]
	if now.Sub(t.since) > cloneWindow {
		t = turn{since: now}
	}
	t.count++
	if len(c.turns) >= maxTurns {
		c.forgetTurns(now)
	}
	if len(c.turns) < maxTurns || t.count > 1 {
		c.turns[id] = t
	}
	return t.count >= cloneTurns
}

func (c *CMA) forgetTurns(now time.Time) {
	for id, t := range c.turns {
		if now.Sub(t.since) > cloneWindow {
			delete(c.turns, id)
		}
	}
}

// Committed records that message seq of that session is durable, and returns
// the acknowledgment to send.
func (c *CMA) Committed(id wire.ID, s wire.Session, seq uint32) wire.Signal {
	st := c.seen.get(id)
	switch {
	case st.is(begins) && c.next[id] == s && seq == 1:
		delete(c.next, id)
		st.session, st.done, st.state = s, 1, st.state&verified
	case st.is(taken) && st.session == s && seq == st.done+1:
		st.done, st.state = seq, st.state&^taken
	}
	c.seen.put(id, st)
	return wire.Signal{Session: s, Seq: seq, AckThrough: seq, Cookie: c.cookie, Kind: wire.KindAck}
}

// Failed records that message seq could not be made durable, or that another
// version of it is wanted. It will come again.
func (c *CMA) Failed(id wire.ID, s wire.Session, seq uint32) {
	st := c.seen.get(id)
	switch {
	case st.is(begins) && c.next[id] == s:
		delete(c.next, id)
		st.state &^= taken | begins
	case st.is(taken) && !st.is(begins) && st.session == s && seq == st.done+1:
		st.state &^= taken
	default:
		return
	}
	if st.session == 0 {
		c.seen.drop(id)
		return
	}
	c.seen.put(id, st)
}

// Answer returns a signal of any kind that answers message seq of the session
// without acknowledging it: KindHold, KindWant, KindRefused. seq 0: unasked,
// as KindDesired and KindPing are.
func (c *CMA) Answer(id wire.ID, s wire.Session, seq uint32, kind wire.SignalKind, body []byte) wire.Signal {
	m := wire.Signal{Session: s, Seq: seq, Cookie: c.cookie, Kind: kind, Body: body}
	if st := c.seen.get(id); st.session == s {
		m.AckThrough = st.done
	}
	return m
}

// Hold returns the signal that lets a nanoprobe wait before it says m again,
// taken in or not. It may be called by others than the owner of c: it looks at
// nothing that changes.
func (c *CMA) Hold(m *wire.Signal, wait time.Duration) wire.Signal {
	return wire.Signal{Session: m.Session, Seq: m.Seq, Cookie: c.cookie, Kind: wire.KindHold, Slot: wait}
}

// Unasked returns a signal to a nanoprobe in its newest session; ok is false
// when it has none.
func (c *CMA) Unasked(id wire.ID, kind wire.SignalKind, body []byte) (m wire.Signal, ok bool) {
	s := c.Session(id)
	return c.Answer(id, s, 0, kind, body), s != 0
}

func (c *CMA) answer(m *wire.Signal, st seen, kind wire.SignalKind) Verdict {
	return Verdict{
		Action:   AnswerOnly,
		HasReply: true,
		Reply: wire.Signal{
			Session: m.Session, Seq: m.Seq, AckThrough: st.done, Cookie: c.cookie, Kind: kind,
		},
	}
}
