package host

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/discovery"
)

func TestAConnectionOfAMomentIsMetAfterItIsGoneAndARefusedOneIsNot(t *testing.T) {
	here, _ := namespaces(t)
	w := watchIn(t, here)
	w.until(t, func(i int) { ip(t, "-n", here, "link", "set", "eth0", "mtu", []string{"1400", "1500"}[i%2]) }, trigger(discovery.Links))
	for _, lack := range w.Cannot() {
		if strings.HasPrefix(lack, "Connections shorter") {
			t.Skipf("the kernel's trace cannot be read here, short connections are not tried: %s", lack)
		}
	}
	var server net.Listener
	var at, refused netip.AddrPort
	within(t, here, func() {
		var err error
		if server, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
			t.Error(err)
			return
		}
		at = server.Addr().(*net.TCPAddr).AddrPort()
	})
	if server == nil {
		t.FailNow()
	}
	w.await(t, "listener", trigger(discovery.Sockets))
	refused = netip.AddrPortFrom(at.Addr(), 1)
	// The client's thread lives on, as in most programs: who is gone when the
	// trace is read, a moment later, can not be told any more.
	done, gone := make(chan struct{}), make(chan struct{})
	defer func() { close(done); <-gone }()
	go within(t, here, func() {
		defer close(gone)
		defer func() { <-done }()
		if c, err := net.Dial("tcp4", refused.String()); err == nil {
			c.Close()
			t.Error("nobody listens, and somebody answered")
		}
		c, err := net.Dial("tcp4", at.String())
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	})
	has := func(remote netip.AddrPort) bool {
		return slices.ContainsFunc(w.brief.sockets(time.Now()), func(s discovery.Socket) bool {
			return s.Remote == remote && slices.Equal(s.PIDs, []int{os.Getpid()})
		})
	}
	for deadline := time.Now().Add(10 * time.Second); !has(at); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection was not met")
		}
	}
	if has(refused) {
		t.Error("a refused connection was taken for one")
	}
	server.Close()
	w.await(t, "listener gone", trigger(discovery.Sockets))
	if later := w.brief.sockets(time.Now().Add(briefTime + time.Second)); len(later) != 0 {
		t.Errorf("long after there is still %v", later)
	}
}

func TestATraceLineIsReadWhateverTheProcessIsCalled(t *testing.T) {
	const tail = " family=AF_INET protocol=IPPROTO_TCP sport=0 dport=443 saddr=10.0.0.1 daddr=10.0.0.2 saddrv6=:: daddrv6=::ffff:10.0.0.2 oldstate=TCP_CLOSE newstate=TCP_SYN_SENT"
	for line, want := range map[string]int{
		"            curl-4711    [001] .....  12.3: inet_sock_set_state:" + tail:    4711,
		"     a-b [0] x: y-12      [000] ..s1.  12.3: inet_sock_set_state:" + tail:   12,
		"  x: inet_sock_set_state: -7 [000] ..s1.  1.2: inet_sock_set_state:" + tail: 7,
		"CPU:0 [LOST 17 EVENTS]": -1,
		"":                       -1,
		"curl-x [001] ..... 12.3: inet_sock_set_state:" + tail:                                 -1,
		"curl-1 [001] ..... 12.3: inet_sock_set_state: family=AF_INET protocol=IPPROTO_SCTP x": -1,
	} {
		e, ok := parseTrace(line)
		if !ok {
			e.thread = -1
		}
		if e.thread != want || ok && e.remote != netip.MustParseAddrPort("10.0.0.2:443") {
			t.Errorf("%q is %+v, want thread %d", line, e, want)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add("curl-4711 [001] ..... 12.3: inet_sock_set_state: family=AF_INET6 protocol=IPPROTO_TCP sport=0 dport=443 daddrv6=2001:db8::1 oldstate=TCP_CLOSE newstate=TCP_SYN_SENT")
	f.Fuzz(func(_ *testing.T, line string) { parseTrace(line) })
}

func FuzzNetlink(f *testing.F) {
	f.Add([]byte{32, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 16, 1, 0, 0, 0, 0, 0, 9, 0, 3, 0, 'e', 't', 'h', '0', 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		names := map[uint32]string{1: "lo"}
		for m := range messages(b) {
			parseLink(m.data)
			parseAddr(m.data, names)
			parseRoute(m.data, names)
			parseNeighbor(m.data)
			parseSocket(m.data)
			_ = netlinkError(m.data)
		}
		w := &fileWatch{dirs: map[int32]string{}}
		w.read(b)
	})
}
