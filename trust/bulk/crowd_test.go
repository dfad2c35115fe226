package bulk

import (
	"net"
	"testing"
)

func TestOneHostCannotTakeAllConnections(t *testing.T) {
	var c crowd
	at := func(s string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	host, ok := c.enter(at("[2001:db8::1]:1"))
	for range maxConnsPerHost - 1 {
		_, ok = c.enter(at("[2001:db8::2]:2")) // the same network
	}
	if !ok {
		t.Fatal("shut out below the limit")
	}
	if _, ok = c.enter(at("[2001:db8::3]:1")); ok {
		t.Error("more than the limit are let in")
	}
	if _, ok = c.enter(at("192.0.2.1:1")); !ok {
		t.Error("another host is shut out")
	}
	c.leave(host)
	if _, ok = c.enter(at("[2001:db8::3]:1")); !ok {
		t.Error("whoever left still counts")
	}
	for range 2 * maxConnsPerHost {
		host, ok := c.enter(&net.UnixAddr{})
		if !ok {
			t.Fatal("the local socket has a limit")
		}
		c.leave(host)
	}
}
