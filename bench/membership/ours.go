package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"assim/member"
	"assim/ring"
	"assim/wire"
)

// rackSize is how many systems hear one switch.
const rackSize = 48

// ours are N members of our rings, each with a socket of its own.
type ours struct {
	nodes []*node
	where map[wire.ID]int
	plan  *ring.Plan
	news  newsLog
	net   wires
	done  atomic.Bool
	// accused is by whom each is held for lost; news.mu guards it and plan.
	accused [][]int
	all     sync.WaitGroup
}

type node struct {
	c       *ours
	i       int
	m       *member.Member
	fd      int
	out     member.Out
	buf     []byte
	dead    atomic.Bool
	starved atomic.Int64 // does not run until then, in nanoseconds since 1970
	armed   time.Time    // its next alarm in the heap
	place   int32        // in its loop
	loop    *loop
	gen     uint32                       // of its newest order; news.mu guards it
	order   atomic.Pointer[wire.Desired] // that it has not taken yet
	asleep  bool                         // its socket is not looked at
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
	c := &ours{where: map[wire.ID]int{}, accused: make([][]int, n), plan: ring.NewPlan(ring.Limits{})}
	start := time.Now()
	cfg := &member.Config{Start: start}
	for i := range n {
		fd, at, err := bind()
		if err != nil {
			c.stop()
			return nil, err
		}
		x := &node{c: c, i: i, fd: fd, buf: make([]byte, 0, wire.LongTickSize)}
		x.m = member.New(idOf(i), wire.Session(start.UnixNano()), cfg, rand.New(rand.NewPCG(uint64(i), 1)))
		c.nodes, c.where[idOf(i)] = append(c.nodes, x), i
		c.plan.Join(ring.Seat{
			ID: idOf(i), Addr: at,
			Switch: fmt.Sprintf("sw%d", i/rackSize), Port: fmt.Sprint(i % rackSize),
			Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / rackSize / 10), 0, 0}), 16),
		})
	}
	for _, x := range c.nodes {
		x.m.SetDesired(start, c.desired(x), &x.out)
	}
	return c, c.startLoops()
}

// bind opens a socket on the loopback.
func bind() (fd int, at netip.AddrPort, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, at, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		unix.Close(fd)
		return -1, at, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return -1, at, err
	}
	return fd, addrOf(sa), nil
}

func addrOf(sa unix.Sockaddr) netip.AddrPort {
	if a, ok := sa.(*unix.SockaddrInet4); ok {
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// desired is what the CMA would tell a system.
func (c *ours) desired(x *node) *wire.Desired {
	x.gen++
	d := &wire.Desired{Gen: x.gen, Timing: wire.DefaultTiming, Rings: c.plan.Views(idOf(x.i))}
	for v := range d.Rings {
		view := &d.Rings[v]
		view.SweepKey = keyOf(wire.SweepEdge(view.Ring))
		for i := range view.Members {
			view.Keys = append(view.Keys, keyOf(wire.EdgeOf(idOf(x.i), view.Members[i].ID)))
		}
	}
	return d
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
		sendNow(x.fd, x.buf, s.Addr)
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
	orders := x.c.follow(all)
	x.c.news.mu.Unlock()
	x.c.news.add(all...)
	x.c.news.told(orders)
}

// follow is the centre, which believes two that say the same: those beside the
// lost learn of it by an order, as from the CMA. It returns how many orders that
// took.
func (c *ours) follow(all []news) (orders int) {
	for _, x := range all {
		by := &c.accused[x.about]
		switch {
		case !x.lost:
			*by = nil
		case !slices.Contains(*by, x.by):
			*by = append(*by, x.by)
		}
		c.plan.SetLost(idOf(x.about), len(*by) >= 2)
	}
	for _, id := range c.plan.Urgent(nil) {
		x := c.nodes[c.where[id]]
		if c.plan.Lost(id) {
			continue
		}
		x.order.Store(c.desired(x))
		x.loop.hasOrders.Store(true)
		orders++
	}
	return orders
}

// obey takes the newest order, if there is one.
func (x *node) obey() {
	if d := x.order.Swap(nil); d != nil && !x.dead.Load() {
		x.m.SetDesired(time.Now(), d, &x.out)
	}
}

func (c *ours) kill(i int)    { c.nodes[i].dead.Store(true) }
func (c *ours) log() *newsLog { return &c.news }
func (c *ours) wires() *wires { return &c.net }

func (c *ours) starve(i int, until time.Time) { c.nodes[i].starved.Store(until.UnixNano()) }

// mustKnow: its two witnesses tell the CMA, and nobody else needs to know.
func (c *ours) mustKnow(int) int { return 2 }

// patience is how long somebody must be silent to be dead.
func (c *ours) patience() time.Duration { return wire.DefaultTiming.Dead }

func (c *ours) stop() {
	c.done.Store(true)
	c.all.Wait()
	for _, x := range c.nodes {
		unix.Close(x.fd)
	}
}
