package cma

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"encoding/binary"

	"assim/authority"
	"assim/graph"
	"assim/netio"
	"assim/session"
	"assim/trust"
	"assim/wire"
)

// refuseEvery bounds how often an outcast is told that it is one.
const refuseEvery = time.Second

// crush decides who is asked to wait while more arrives than the CMA can take,
// as when a site gets its power back. The receiver owns it.
type crush struct{ slots session.Slots }

// Limits of a crush.
const (
	crushFrom  = 1000                   // messages not yet durable: beyond, their senders are asked for patience
	crushFirst = 10_000                 // the same for announcements: who says one waits for seconds anyway
	crushLag   = time.Second            // that the last answer took; if it was more, they are asked as everybody is
	crushEach  = 200 * time.Microsecond // that one of them takes, or less
	crushLeast = time.Second            // of patience: an answer comes earlier if it can
	crushMost  = 8 * time.Second        // of patience more, however much waits: an answer may be lost
	crushLate  = 20 * time.Second       // the same, where answers are known to take as long as that
	crushTurns = time.Minute            // within which those who were dropped get their turns: who comes after them gets the last
)

// wait is how long the sender of a message shall wait before it repeats it; 0 =
// it need not be told. Each whose message was dropped gets a turn of its own.
// News of others' silence never waits.
func (c *crush) wait(now time.Time, backlog int, lag time.Duration, taken bool, kind wire.SignalKind) time.Duration {
	from := crushFrom
	switch kind {
	case wire.KindAnnounce:
		if lag < crushLag {
			from = crushFirst
		}
	case wire.KindDocument, wire.KindHashes:
	default:
		return 0
	}
	if backlog < from {
		return 0
	}
	wait := crushLeast + max(min(time.Duration(backlog)*crushEach, crushMost), min(lag, crushLate))
	if !taken {
		c.slots.Every, c.slots.Most = crushEach, crushTurns
		wait += c.slots.Give(now)
	}
	return wait
}

// doorman answers strangers. Receivers share it.
type doorman struct {
	mu sync.Mutex
	*trust.Doorman
	refused time.Time // when an outcast was last told so
}

// receive reads datagrams until the socket is closed, opens the seals and
// hands what is authentic to the brain.
func (c *CMA) receive(ctx context.Context) {
	batch := make([]netio.Packet, netio.Batch)
	var lost []netio.Unreachable
	for ctx.Err() == nil {
		n, err := c.udp.Read(batch)
		if err != nil {
			if ctx.Err() == nil {
				c.health.failed("receiving datagrams", err)
			}
			return
		}
		for i := range batch[:n] {
			c.datagram(&batch[i])
		}
		c.writing.flush(c.udp)
		if n > 0 {
			continue
		}
		if lost, err = c.udp.Unreachables(lost[:0]); err == nil {
			c.unreachable(ctx, lost)
		}
	}
}

// datagram takes one datagram in. Whoever cannot prove anything is counted,
// and nothing else.
func (c *CMA) datagram(p *netio.Packet) {
	switch wire.PlaneOf(p.Data) {
	case wire.PlaneSignal:
		c.signal(p)
	case wire.PlaneHello:
		c.door.mu.Lock()
		reply := c.door.Hello(c.now(), p.Data, p.Peer, p.Multicast())
		c.door.mu.Unlock()
		if reply == nil {
			c.health.count("strangers ignored")
			return
		}
		c.health.count("strangers answered")
		c.send(reply, p)
	default:
		c.health.count("foreign datagrams")
	}
}

func (c *CMA) signal(p *netio.Packet) {
	e, err := wire.SignalEnvelope(p.Data)
	if err != nil || e.FromCMA {
		c.health.count("malformed datagrams")
		return
	}
	standing := c.registry.Standing(e.ID)
	if standing == trust.Stranger {
		c.health.count("signals of strangers")
		return
	}
	key, ok := c.keys.NodeKey(e.ID, e.Epoch)
	if !ok {
		c.health.count("signals of an old epoch")
		return
	}
	m, err := wire.OpenSignal(p.Data, wire.NewSealer(key), false)
	if err != nil {
		c.health.count("forged signals")
		return
	}
	if standing == trust.Outcast {
		c.outcast(e, &m, p)
		return
	}
	c.health.count("signals")
	now := c.now()
	l := letter{id: e.ID, from: p.Peer, to: replyFrom(p), epoch: e.Epoch, at: now, sig: m}
	taken := c.brain.deliver(l)
	if !taken {
		c.health.count("signals dropped: the brain is behind") // they are sent again
	}
	if wait := c.crush.wait(now, c.brain.backlog(), time.Duration(c.brain.lag.Load()), taken, m.Kind); wait > 0 {
		c.health.count("nanoprobes asked to wait")
		c.transmit(l.route(), l.id, c.brain.sess.Hold(&m, wait))
	}
}

// outcast tells somebody who was put out that it was.
func (c *CMA) outcast(e wire.Envelope, m *wire.Signal, p *netio.Packet) {
	c.health.count("signals of outcasts")
	c.door.mu.Lock()
	now := c.now()
	quiet := now.Sub(c.door.refused) < refuseEvery
	if !quiet {
		c.door.refused = now
	}
	c.door.mu.Unlock()
	if quiet {
		return
	}
	refusal := wire.Refused{Code: wire.CodeRevoked, Text: "this system was put out", RetryAfter: time.Hour}
	c.transmit(session.Route{To: p.Peer, From: replyFrom(p), Epoch: e.Epoch}, e.ID, wire.Signal{Session: m.Session, Seq: m.Seq, Kind: wire.KindRefused, Body: wire.AppendRefused(nil, &refusal)})
}

// replyFrom is the address to answer from: the one that was spoken to, unless
// that is a group.
func replyFrom(p *netio.Packet) netip.Addr {
	if p.Multicast() {
		return netip.Addr{}
	}
	return p.Local
}

// unreachable tells the brain whose port nobody listens on.
func (c *CMA) unreachable(ctx context.Context, lost []netio.Unreachable) {
	for _, u := range lost {
		if !u.Port {
			continue
		}
		_ = c.brain.ask(ctx, func() { c.brain.auth.Refused(c.now(), u.Peer, &c.brain.out) }) // only while stopping
	}
}

// transmit seals a signal and sends it. A datagram that is lost here might as
// well have been lost on the way: what matters is sent again.
func (c *CMA) transmit(r session.Route, id wire.ID, m wire.Signal) {
	present := c.keys.Epoch()
	key, ok := c.keys.NodeKey(id, r.Epoch)
	if !ok { // Which key it has is not known: the one before, if that is good yet, and the present one.
		if _, ok := c.keys.NodeKey(id, present-1); ok {
			c.transmit(session.Route{To: r.To, From: r.From, Epoch: present - 1}, id, m)
		}
		r.Epoch = present
		key, _ = c.keys.NodeKey(id, present)
	}
	if r.Epoch != present {
		m.Flags |= wire.FlagRekey
	}
	if c.renewals.wants(id) {
		m.Flags |= wire.FlagRenew
	}
	e := wire.Envelope{FromCMA: true, Epoch: r.Epoch, ID: id, Nonce: trust.Nonce()}
	c.writing.add(c.udp, r.To, r.From, func(dst []byte) []byte {
		return wire.AppendSignal(dst, wire.NewSealer(key), e, &m)
	})
}

func (c *CMA) send(b []byte, answering *netio.Packet) {
	c.writing.add(c.udp, answering.Peer, replyFrom(answering), func(dst []byte) []byte { return append(dst, b...) })
}

// writer gathers datagrams so that many leave with one system call. The brain
// and the receiver share it; each lets go what is gathered before it waits.
type writer struct {
	mu   sync.Mutex
	out  netio.Outgoing
	list []netio.Packet
	lost func(n int) // told of what the kernel did not take
}

// add gathers one datagram, made by fill.
func (w *writer) add(udp *netio.UDP, to netip.AddrPort, from netip.Addr, fill func(dst []byte) []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.list)
	if cap(w.list) == 0 {
		w.list = make([]netio.Packet, 0, netio.Batch)
	}
	w.list = w.list[:n+1]
	w.list[n] = netio.Packet{Data: fill(w.list[n].Data[:0]), Peer: to, Local: from}
	if n+1 == netio.Batch {
		w.write(udp)
	}
}

// flush sends what is gathered.
func (w *writer) flush(udp *netio.UDP) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(udp)
}

func (w *writer) write(udp *netio.UDP) {
	if len(w.list) == 0 {
		return
	}
	if lost := len(w.list) - udp.WriteBatch(&w.out, w.list); lost > 0 {
		w.lost(lost)
	}
	w.list = w.list[:0]
}

// readSeats reads where everybody sat when an earlier run stopped.
func readSeats(ctx context.Context, store graph.Store) (seats []authority.Record, versions map[uint64]uint32, err error) {
	for r, err := range store.Records(ctx, seatBucket) {
		if err != nil {
			return nil, nil, fmt.Errorf("cma: %w", err)
		}
		var seat authority.Record
		if err := json.Unmarshal(r.Value, &seat); err != nil {
			return nil, nil, fmt.Errorf("cma: stored seat of %s: %w", r.Name, err)
		}
		seats = append(seats, seat)
	}
	versions = map[uint64]uint32{}
	for r, err := range store.Records(ctx, ringBucket) {
		if err != nil {
			return nil, nil, fmt.Errorf("cma: %w", err)
		}
		id, err := strconv.ParseUint(r.Name, 16, 64)
		if err != nil || len(r.Value) != 4 {
			return nil, nil, fmt.Errorf("cma: stored version of ring %q is malformed", r.Name)
		}
		versions[id] = binary.BigEndian.Uint32(r.Value)
	}
	return seats, versions, nil
}
