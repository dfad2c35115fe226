package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"assim/member"
	"assim/ring"
	"assim/wire"
)

// rackSize is how many systems hear one switch.
const rackSize = 48

// ours are N members of our rings, each with a socket and a goroutine of its own.
type ours struct {
	nodes []*node
	where map[wire.ID]int
	plan  *ring.Plan
	news  newsLog
	net   wires
	done  atomic.Bool
	all   sync.WaitGroup
}

type node struct {
	c    *ours
	i    int
	m    *member.Member
	conn *net.UDPConn
	raw  syscall.RawConn
	out  member.Out
	buf  []byte
	dead atomic.Bool
}

func idOf(i int) wire.ID {
	var id wire.ID
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	copy(id[:], sum[:])
	return id
}

// keyOf stands for what the CMA derives from its master key.
func keyOf(e wire.Edge) (k [16]byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("edge"), uint64(e)))
	copy(k[:], sum[:])
	return k
}

func newOurs(n int) (*ours, error) {
	c := &ours{where: map[wire.ID]int{}, plan: ring.NewPlan(ring.Limits{})}
	start := time.Now()
	cfg := &member.Config{Start: start}
	for i := range n {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			c.stop()
			return nil, err
		}
		raw, err := conn.SyscallConn()
		if err != nil {
			c.stop()
			return nil, err
		}
		x := &node{c: c, i: i, conn: conn, raw: raw, buf: make([]byte, 0, wire.LongTickSize)}
		x.m = member.New(idOf(i), wire.Session(start.UnixNano()), cfg, rand.New(rand.NewPCG(uint64(i), 1)))
		c.nodes, c.where[idOf(i)] = append(c.nodes, x), i
		c.plan.Join(ring.Seat{
			ID: idOf(i), Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(),
			Switch: fmt.Sprintf("sw%d", i/rackSize), Port: fmt.Sprint(i % rackSize),
			Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / rackSize / 10), 0, 0}), 16),
		})
	}
	for _, x := range c.nodes {
		x.m.SetDesired(start, c.desired(x), &x.out)
		c.all.Go(x.run)
	}
	return c, nil
}

// desired is what the CMA would tell a system.
func (c *ours) desired(x *node) *wire.Desired {
	d := &wire.Desired{Gen: 1, Timing: wire.DefaultTiming, Rings: c.plan.Views(idOf(x.i))}
	for v := range d.Rings {
		view := &d.Rings[v]
		view.SweepKey = keyOf(wire.SweepEdge(view.Ring))
		for i := range view.Members {
			view.Keys = append(view.Keys, keyOf(wire.EdgeOf(idOf(x.i), view.Members[i].ID)))
		}
	}
	return d
}

// run is the loop of one system: all datagrams that wait, then time.
func (x *node) run() {
	var b [2048]byte
	for !x.c.done.Load() {
		d := x.m.Deadline()
		if d.IsZero() {
			d = time.Now().Add(time.Second)
		}
		_ = x.conn.SetReadDeadline(d)
		n, from, err := x.conn.ReadFromUDPAddrPort(b[:])
		switch {
		case err == nil:
			x.heard(b[:n], from)
		case errors.Is(err, os.ErrDeadlineExceeded):
			x.drain(b[:])
			x.m.Tick(time.Now(), &x.out)
		default:
			return
		}
		x.flush()
	}
}

// drain reads what waits in the socket.
func (x *node) drain(b []byte) {
	_ = x.conn.SetReadDeadline(time.Time{})
	_ = x.raw.Read(func(fd uintptr) bool {
		for {
			n, sa, err := syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			if a, ok := sa.(*syscall.SockaddrInet4); ok {
				x.heard(b[:n], netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
			}
		}
	})
}

func (x *node) heard(b []byte, from netip.AddrPort) {
	if x.dead.Load() || x.c.net.loses() {
		return
	}
	e, ok := wire.TickEdge(b)
	if !ok {
		return
	}
	p, ok := x.m.Peer(e)
	if !ok {
		x.m.Stranger(time.Now(), from, &x.out)
		return
	}
	if t, err := wire.OpenTick(b, *p.Key, p.Dir); err == nil {
		x.m.Heard(time.Now(), from, &t, &x.out)
	}
}

func (x *node) flush() {
	defer x.out.Reset()
	if x.dead.Load() {
		return
	}
	for i := range x.out.Sends {
		s := &x.out.Sends[i]
		x.buf = wire.AppendTick(x.buf[:0], &s.Tick, *s.Key, s.Dir)
		x.c.net.sent(len(x.buf))
		_, _ = x.conn.WriteToUDPAddrPort(x.buf, s.Addr) // a full buffer is a lost datagram
	}
	if len(x.out.Reports) > 0 {
		x.report()
	}
	if x.out.AskCMA {
		x.m.Voice(time.Now()) // the CMA is in this process and well
	}
}

// report resolves what one system reports into names.
func (x *node) report() {
	now := time.Now()
	var all []news
	x.c.news.mu.Lock() // the plan is not for many goroutines at once
	for i := range x.out.Reports {
		o := &x.out.Reports[i]
		var ids []wire.ID
		switch o.Kind {
		case wire.ObsUnresponsive, wire.ObsAlive, wire.ObsUnreachable:
			ids = x.c.plan.Run(nil, idOf(x.i), o)
		case wire.ObsSwept:
			ids, _, _ = x.c.plan.Swept(nil, nil, o)
		}
		for _, id := range ids {
			all = append(all, news{now, x.i, x.c.where[id], o.Kind != wire.ObsAlive})
		}
	}
	x.c.news.mu.Unlock()
	x.c.news.add(true, all...)
}

func (c *ours) kill(i int)    { c.nodes[i].dead.Store(true) }
func (c *ours) log() *newsLog { return &c.news }
func (c *ours) wires() *wires { return &c.net }

func (c *ours) stop() {
	c.done.Store(true)
	for _, x := range c.nodes {
		x.conn.Close()
	}
	c.all.Wait()
}
