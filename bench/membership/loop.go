package main

import (
	"container/heap"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// loop serves some of our systems: their datagrams and their alarms. A few serve
// all of them, as one program would that holds so many; each system has a socket,
// a core and alarms of its own.
type loop struct {
	c      *ours
	poll   int
	clock  *clock
	alone  bool      // whoever sends to its systems is one of them
	woke   time.Time // when it last had something to do
	nodes  []*node
	alarms alarms
	ready  [256]unix.EpollEvent
	buf    [2048]byte

	hasOrders atomic.Bool // somebody of nodes has one
}

const (
	// perLoop is how many systems one loop serves before another processor helps:
	// to wake up costs more than to serve ten alarms.
	perLoop = 2000
	// quantum is how long an alarm or a datagram may wait for others, as in a
	// network card that holds its interrupts back: it is part of every figure.
	quantum = 5 * time.Millisecond
	// onTime is how late an alarm may be without a look for datagrams that came
	// meanwhile: they have just been read.
	onTime = 10 * time.Millisecond
	// longestRest is how long a loop may rest when nothing is due.
	longestRest = time.Second
)

// startLoops begins to serve all systems.
func (c *ours) startLoops() error {
	loops := make([]*loop, min(1+len(c.nodes)/perLoop, runtime.NumCPU()))
	for i := range loops {
		poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return err
		}
		clock, err := newClock()
		if err != nil {
			return err
		}
		loops[i] = &loop{c: c, poll: poll, clock: clock, alone: len(loops) == 1}
	}
	for i, x := range c.nodes {
		l := loops[i%len(loops)]
		if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, x.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(l.nodes))}); err != nil {
			return err
		}
		x.place, x.loop = int32(len(l.nodes)), l
		l.nodes = append(l.nodes, x)
	}
	for _, l := range loops {
		c.all.Go(l.run)
	}
	return nil
}

func (l *loop) run() {
	defer unix.Close(l.poll)
	defer l.clock.file.Close()
	for _, x := range l.nodes {
		x.flush()
		l.arm(x)
	}
	for !l.c.done.Load() {
		l.rest()
		l.hear()
		l.ring()
		for l.alone && l.hear() { // what they sent one another is there already
		}
		if l.hasOrders.Swap(false) {
			l.obey()
		}
	}
}

// rest waits for a quantum. Who hears its own systems only has nothing to do
// before the next alarm.
func (l *loop) rest() {
	until := l.woke.Add(quantum)
	if l.alone {
		next := l.woke.Add(longestRest)
		if len(l.alarms) > 0 && l.alarms[0].at.Before(next) {
			next = l.alarms[0].at
		}
		if next.After(until) {
			until = next
		}
	}
	l.clock.rest(time.Until(until))
	l.woke = time.Now()
}

// hear takes in a datagram of each who has one, and says whether anybody had.
func (l *loop) hear() bool {
	n := pollNow(l.poll, l.ready[:])
	for i := range n {
		x := l.nodes[l.ready[i].Fd]
		if !x.sleeps(l) {
			l.read(x)
			x.flush()
			l.arm(x)
		}
	}
	return n > 0
}

// obey lets those take their orders who have some.
func (l *loop) obey() {
	for _, x := range l.nodes {
		x.obey()
		x.flush()
		l.arm(x)
	}
}

// ring serves the alarms that are due.
func (l *loop) ring() {
	for len(l.alarms) > 0 {
		now := time.Now()
		a := l.alarms[0]
		if a.at.After(now) {
			return
		}
		heap.Pop(&l.alarms)
		x := a.x
		if !a.at.Equal(x.armed) {
			continue // it was armed anew for earlier
		}
		x.armed = time.Time{}
		if x.sleeps(l) {
			continue
		}
		if d := x.m.Deadline(); !d.IsZero() && now.Sub(d) > onTime {
			for l.read(x) {
			}
		}
		x.m.Tick(time.Now(), &x.out)
		x.flush()
		l.arm(x)
	}
}

// arm sets the alarm of a system, unless an earlier one is set.
func (l *loop) arm(x *node) {
	d := x.m.Deadline()
	if d.IsZero() {
		d = time.Now().Add(time.Second)
	}
	l.alarm(x, d)
}

func (l *loop) alarm(x *node, at time.Time) {
	if x.armed.IsZero() || at.Before(x.armed) {
		x.armed = at
		heap.Push(&l.alarms, alarm{at, x})
	}
}

// sleeps says whether a system is starved. Its socket is not looked at until it
// runs again.
func (x *node) sleeps(l *loop) bool {
	until := time.Unix(0, x.starved.Load())
	asleep := time.Now().Before(until)
	if asleep != x.asleep {
		x.asleep = asleep
		e := unix.EpollEvent{Fd: x.place}
		if !asleep {
			e.Events = unix.EPOLLIN
		}
		_ = unix.EpollCtl(l.poll, unix.EPOLL_CTL_MOD, x.fd, &e)
	}
	if asleep {
		x.armed = time.Time{}
		l.alarm(x, until)
	}
	return asleep
}

// read takes one datagram in, if one waits.
func (l *loop) read(x *node) bool {
	n, from := receiveNow(x.fd, l.buf[:])
	if n < 0 {
		return false
	}
	x.heard(l.buf[:n], from)
	return true
}

// alarms is a heap, earliest first.
type alarms []alarm

type alarm struct {
	at time.Time
	x  *node
}

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(v any)        { *a = append(*a, v.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
