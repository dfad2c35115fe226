package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// peers are N members of hashicorp/memberlist with its LAN defaults.
type peers struct {
	members []*memberlist.Memberlist
	holes   []*hole
	news    newsLog
	net     wires
}

// hole is a transport that can become a black hole.
type hole struct {
	*memberlist.NetTransport
	net     *wires
	dead    atomic.Bool
	starved atomic.Int64 // neither receives nor sends until then, in nanoseconds since 1970
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
}

var errHole = errors.New("this system is a black hole")

func newPeers(n int) (*peers, error) {
	c := &peers{}
	quiet := log.New(io.Discard, "", 0)
	for i := range n {
		t, err := listen(quiet)
		if err != nil {
			c.stop()
			return nil, err
		}
		h := &hole{NetTransport: t, net: &c.net, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{})}
		go h.pass()
		cfg := memberlist.DefaultLANConfig()
		cfg.Name, cfg.BindAddr, cfg.BindPort = strconv.Itoa(i), "127.0.0.1", t.GetAutoBindPort()
		cfg.AdvertisePort = cfg.BindPort
		cfg.Transport, cfg.Logger = h, quiet
		cfg.Events = &listener{c: c, by: i}
		m, err := memberlist.Create(cfg)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.members, c.holes = append(c.members, m), append(c.holes, h)
		if i > 0 {
			if _, err := m.Join([]string{c.members[0].LocalNode().FullAddress().Addr, c.members[i/2].LocalNode().FullAddress().Addr}); err != nil {
				c.stop()
				return nil, err
			}
		}
	}
	return c, c.settle(n)
}

// listen finds a port that is free for both datagrams and streams.
func listen(quiet *log.Logger) (t *memberlist.NetTransport, err error) {
	for range 20 {
		if t, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: quiet}); err == nil {
			return t, nil
		}
	}
	return nil, err
}

const settleFor = 3 * time.Minute

// settle waits until everybody knows everybody: whoever was not told at once
// learns it when two exchange all they know, every 30 seconds.
func (c *peers) settle(n int) error {
	for start := time.Now(); time.Since(start) < settleFor; {
		known := 0
		for _, m := range c.members {
			if m.NumMembers() == n {
				known++
			}
		}
		if known == n {
			c.news.take()
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	few := n
	for _, m := range c.members {
		few = min(few, m.NumMembers())
	}
	return fmt.Errorf("memberlist: somebody knows only %d of %d after %v: try again with less load on this machine", few, n, settleFor)
}

// pass hands over what arrives, unless it is lost.
func (h *hole) pass() {
	for {
		select {
		case p := <-h.NetTransport.PacketCh():
			h.sleep()
			if h.dead.Load() || h.net.loses() {
				continue
			}
			select {
			case h.packets <- p:
			case <-h.done:
				return
			}
		case s := <-h.NetTransport.StreamCh():
			if h.dead.Load() {
				continue // nobody answers, and nobody hangs up
			}
			select {
			case h.streams <- s:
			case <-h.done:
				return
			}
		case <-h.done:
			return
		}
	}
}

func (h *hole) PacketCh() <-chan *memberlist.Packet { return h.packets }
func (h *hole) StreamCh() <-chan net.Conn           { return h.streams }

func (h *hole) WriteTo(b []byte, addr string) (time.Time, error) {
	return h.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (h *hole) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if h.dead.Load() {
		return time.Now(), nil
	}
	h.sleep()
	h.net.sent(len(b))
	return h.NetTransport.WriteToAddress(b, a)
}

func (h *hole) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	if h.dead.Load() {
		return nil, errHole
	}
	h.sleep()
	return h.NetTransport.DialAddressTimeout(a, d)
}

// sleep holds whoever sends or receives for a starved member. Its timers run: no
// program can stop those of a library in it.
func (h *hole) sleep() {
	if d := time.Until(time.Unix(0, h.starved.Load())); d > 0 {
		time.Sleep(d)
	}
}

// listener writes down what one member declares.
type listener struct {
	c  *peers
	by int
}

func (l *listener) NotifyJoin(n *memberlist.Node)   { l.note(n, false) }
func (l *listener) NotifyLeave(n *memberlist.Node)  { l.note(n, true) }
func (l *listener) NotifyUpdate(n *memberlist.Node) {}

func (l *listener) note(n *memberlist.Node, lost bool) {
	about, err := strconv.Atoi(n.Name)
	if err != nil || about == l.by || l.by < len(l.c.holes) && l.c.holes[l.by].dead.Load() {
		return // the dead may think what they like
	}
	l.c.news.add(news{time.Now(), l.by, about, lost})
}

func (c *peers) kill(i int)                    { c.holes[i].dead.Store(true) }
func (c *peers) starve(i int, until time.Time) { c.holes[i].starved.Store(until.UnixNano()) }

// mustKnow: every member that lives has its own list of all.
func (c *peers) mustKnow(dead int) int { return len(c.members) - dead }

// patience: what a member declares is the death.
func (c *peers) patience() time.Duration { return 0 }

func (c *peers) log() *newsLog { return &c.news }
func (c *peers) wires() *wires { return &c.net }

func (c *peers) stop() {
	for i, m := range c.members {
		_ = m.Shutdown()
		close(c.holes[i].done)
	}
}
