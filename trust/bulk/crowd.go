package bulk

import (
	"net"
	"net/netip"
	"sync"
)

// crowd counts the connections of each address, so that one host cannot take
// all there are before it has proven anything.
type crowd struct {
	mu    sync.Mutex
	count map[netip.Prefix]int
}

// enter counts a connection in, unless its host has too many. What has no
// address, a Unix socket, counts as one host without a limit.
func (c *crowd) enter(a net.Addr) (host netip.Prefix, ok bool) {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return host, true
	}
	bits := 64
	if at.Addr().Unmap().Is4() {
		bits = 32
	}
	host, err = at.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return host, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[host] >= maxConnsPerHost {
		return host, false
	}
	if c.count == nil {
		c.count = map[netip.Prefix]int{}
	}
	c.count[host]++
	return host, true
}

func (c *crowd) leave(host netip.Prefix) {
	if !host.IsValid() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[host]--; c.count[host] <= 0 {
		delete(c.count, host)
	}
}
