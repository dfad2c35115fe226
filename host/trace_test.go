package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
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
	// One thread in the namespace does it all, a step at a time.
	var at, refused netip.AddrPort
	step, did := make(chan struct{}), make(chan struct{})
	go within(t, here, func() {
		defer close(did)
		for _, do := range []func() error{
			func() error { return listen(t, &at) },
			func() error {
				refused = netip.AddrPortFrom(at.Addr(), 1)
				return errors.Join(dial(at), refuse(refused))
			},
		} {
			if err := do(); err != nil {
				t.Error(err)
			}
			did <- struct{}{}
			<-step
		}
	})
	<-did
	w.await(t, "listener", trigger(discovery.Sockets))
	step <- struct{}{}
	<-did
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
	if later := w.brief.sockets(time.Now().Add(briefTime + time.Second)); len(later) != 0 {
		t.Errorf("long after there is still %v", later)
	}
	step <- struct{}{}
	<-did
}

func TestAnAcceptedConnectionIsNoEvent(t *testing.T) {
	tr, err := openTrace(New("/"), nil)
	if err != nil {
		t.Skipf("the kernel's trace cannot be read here: %v", err)
	}
	defer tr.end()
	var at netip.AddrPort
	if err := errors.Join(listen(t, &at), dial(at)); err != nil {
		t.Fatal(err)
	}
	// The server's side was made before the client knew that it is connected.
	var ours []traced
	for len(ours) < 2 {
		ours = append(ours, slices.DeleteFunc(tr.read(), func(e traced) bool { return e.local != at && e.remote != at })...)
	}
	for _, e := range ours {
		if e.local == at && e.to != tcpListen {
			t.Errorf("from state %d to %d of the server's side", e.from, e.to)
		}
	}
	if last := ours[len(ours)-1]; last.remote != at || last.pid != os.Getpid() {
		t.Errorf("the last is %+v, want the client's", last)
	}
}

// listen opens a listener that ends with the test, and says where.
func listen(t *testing.T, at *netip.AddrPort) error {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.Cleanup(func() { server.Close() })
	*at = server.Addr().(*net.TCPAddr).AddrPort()
	return nil
}

// dial makes a connection of a moment.
func dial(at netip.AddrPort) error {
	c, err := net.Dial("tcp4", at.String())
	if err != nil {
		return err
	}
	return c.Close()
}

func refuse(at netip.AddrPort) error {
	if dial(at) == nil {
		return errors.New("nobody listens, and somebody answered")
	}
	return nil
}

func TestAProcessOfAMomentIsMetAndToldAsItWas(t *testing.T) {
	here, _ := namespaces(t)
	w := watchIn(t, here)
	w.until(t, func(i int) { ip(t, "-n", here, "link", "set", "eth0", "mtu", []string{"1400", "1500"}[i%2]) }, trigger(discovery.Links))
	for _, lack := range w.Cannot() {
		if strings.HasPrefix(lack, "Connections shorter") {
			t.Skipf("the kernel's trace cannot be read here, processes of a moment are not tried: %s", lack)
		}
	}
	var at netip.AddrPort
	listening, done := make(chan struct{}), make(chan struct{})
	go within(t, here, func() {
		err := listen(t, &at)
		if close(listening); err != nil {
			t.Error(err)
		}
		<-done
	})
	<-listening
	defer close(done)
	// 100 ms, as long as a check or a cron job lives at the least.
	call := exec.Command("ip", "netns", "exec", here, "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d; read -t 0.1 <&3; true", at.Addr(), at.Port()))
	if out, err := call.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var was *discovery.Ended
	for deadline := time.Now().Add(10 * time.Second); was == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the process was not met")
		}
		for _, s := range w.brief.sockets(time.Now()) {
			if s.Remote == at {
				was = s.Ended
			}
		}
	}
	if was.PID != call.Process.Pid || filepath.Base(was.Exe) != "bash" || !strings.Contains(was.Cmdline, "/dev/tcp/") || !strings.HasPrefix(was.Status, "Uid:\t0") ||
		!strings.Contains(was.Stat, "(bash)") || was.Cgroup == "" || was.Pidns == "" || was.Netns == "" {
		t.Errorf("it was told as %+v", was)
	}
}

func TestTheFormatOfAnEventIsReadOrRefused(t *testing.T) {
	id, fields, err := parseFormat(format)
	if err != nil || id != 2287 || fields["dport"] != 26 || fields["daddr_v6"] != 56 || fields["protocol"] != 30 {
		t.Errorf("id %d, fields %v, %v", id, fields, err)
	}
	for _, bad := range []string{"", "ID: x", strings.ReplaceAll(format, "dport", "other"), strings.ReplaceAll(format, "size:16", "size:8"), strings.ReplaceAll(format, "ID: 2287", "")} {
		if _, _, err := parseFormat(bad); err == nil {
			t.Errorf("%.40q was taken for the format", bad)
		}
	}
}

func TestProcessorsThatAreOnAreListed(t *testing.T) {
	for text, want := range map[string][]int{"0\n": {0}, "0-2,5": {0, 1, 2, 5}, "x": nil, "": nil, "3-1": nil} {
		if got := cpuList(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := cpuList("0-999999999"); len(got) != maxCPUs {
		t.Errorf("%d processors", len(got))
	}
}

// format is that of Linux 6.18.
const format = `name: inet_sock_set_state
ID: 2287
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:const void * skaddr;	offset:8;	size:8;	signed:0;
	field:int oldstate;	offset:16;	size:4;	signed:1;
	field:int newstate;	offset:20;	size:4;	signed:1;
	field:__u16 sport;	offset:24;	size:2;	signed:0;
	field:__u16 dport;	offset:26;	size:2;	signed:0;
	field:__u16 family;	offset:28;	size:2;	signed:0;
	field:__u16 protocol;	offset:30;	size:2;	signed:0;
	field:__u8 saddr[4];	offset:32;	size:4;	signed:0;
	field:__u8 daddr[4];	offset:36;	size:4;	signed:0;
	field:__u8 saddr_v6[16];	offset:40;	size:16;	signed:0;
	field:__u8 daddr_v6[16];	offset:56;	size:16;	signed:0;
`

func FuzzTrace(f *testing.F) {
	f.Add(format, make([]byte, 100))
	f.Fuzz(func(_ *testing.T, format string, record []byte) {
		if _, fields, err := parseFormat(format); err == nil {
			(&tracer{fields: fields}).parse(record)
		}
	})
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
			parseSocket(m.data, &discovery.Socket{})
			parseTranslation(m.data)
			_ = netlinkError(m.data)
		}
		w := &fileWatch{dirs: map[int32]string{}}
		w.read(b)
	})
}
