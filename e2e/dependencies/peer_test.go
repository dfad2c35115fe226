package dependencies

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// A peer is this test's own program under another name, so that each pair has
// two executables that the graph can tell apart.
const (
	roleVar = "ASSIM_PEER"     // server, lasting, short or brief
	addrVar = "ASSIM_PEER_AT"  // address and port
	netVar  = "ASSIM_PEER_NET" // tcp or udp
)

// How the short clients call.
const (
	shortEvery = 5 * time.Second
	shortLasts = 100 * time.Millisecond
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	err := map[string]func(network, at string) error{"server": serve, "lasting": last, "short": visit, "brief": once}[role](os.Getenv(netVar), os.Getenv(addrVar))
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serve(network, at string) error {
	if network == "udp" {
		c, err := net.ListenPacket(network, at)
		if err != nil {
			return err
		}
		b := make([]byte, 64)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return err
			}
			c.WriteTo(b[:n], from)
		}
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

// last keeps one connection and says something now and then. Who is not there
// yet is called again.
func last(network, at string) error {
	for {
		c, err := net.DialTimeout(network, at, 2*time.Second)
		for err == nil {
			if _, err = c.Write([]byte(".")); err == nil {
				time.Sleep(2 * time.Second)
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// visit calls for a moment, again and again.
func visit(network, at string) error {
	for {
		_ = once(network, at)
		time.Sleep(shortEvery)
	}
}

// once calls for a moment.
func once(network, at string) error {
	c, err := net.DialTimeout(network, at, 2*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.Write([]byte(".")); err == nil {
		time.Sleep(shortLasts)
	}
	return err
}
