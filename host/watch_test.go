package host

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// namespaces makes two network namespaces with a cable between them, eth0 to
// eth0, and removes them afterwards.
func namespaces(t *testing.T) (here, there string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root; the watch is not tried on a cable")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("iproute2 is not installed; the watch is not tried on a cable")
	}
	here, there = "fhosta"+suffix(t), "fhostb"+suffix(t)
	for _, ns := range []string{here, there} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("namespaces cannot be made here: %s", out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	ip(t, "link", "add", "eth0", "netns", here, "type", "veth", "peer", "name", "eth0", "netns", there)
	ip(t, "-n", here, "link", "set", "lo", "up")
	ip(t, "-n", there, "link", "set", "eth0", "up")
	ip(t, "-n", here, "link", "set", "eth0", "up")
	return here, there
}

func suffix(t *testing.T) string { return filepath.Base(t.TempDir()) + time.Now().Format("150405") }

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// within runs do on a thread that is in the namespace; the thread ends with it.
func within(t *testing.T, ns string, do func()) {
	t.Helper()
	if err := enter(ns, do); err != nil {
		t.Error(err)
	}
}

func enter(ns string, do func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not to be used again
		f, err := os.Open("/run/netns/" + ns)
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			f.Close()
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	return <-done
}

// watching is a Watch that runs in a namespace.
type watching struct {
	*Host
	events chan Event
}

func watchIn(t *testing.T, ns string, files ...string) *watching {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &watching{New("/"), make(chan Event, 1000)}
	ended := make(chan error, 1)
	started := make(chan struct{})
	go within(t, ns, func() {
		close(started)
		ended <- w.Watch(ctx, files, func(e Event) { w.events <- e })
	})
	<-started
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the watch ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the watch does not end")
		}
	})
	return w
}

// await waits for an event that fits.
func (w *watching) await(t *testing.T, what string, fits func(Event) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e := <-w.events:
			if fits(e) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: nothing came", what)
		}
	}
}

func trigger(want discovery.Trigger) func(Event) bool {
	return func(e Event) bool { return e.Trigger == want }
}

func TestAWatchTellsOfLinksAddressesRoutesNeighborsAndFiles(t *testing.T) {
	here, there := namespaces(t)
	dir := t.TempDir()
	watched := strings.TrimPrefix(filepath.Join(dir, "resolv.conf"), "/")
	w := watchIn(t, here, watched)
	// The watch is under way once it tells of the first change; change until then.
	w.until(t, func(i int) { ip(t, "-n", here, "link", "set", "eth0", "mtu", []string{"1400", "1500"}[i%2]) }, trigger(discovery.Links))
	ip(t, "-n", here, "addr", "add", "10.9.0.1/24", "dev", "eth0")
	w.await(t, "address", trigger(discovery.Addrs))
	ip(t, "-n", here, "route", "add", "10.10.0.0/16", "via", "10.9.0.2")
	w.await(t, "route", trigger(discovery.Routes))
	ip(t, "-n", here, "neigh", "add", "10.9.0.2", "lladdr", "52:54:00:00:00:02", "dev", "eth0")
	w.await(t, "neighbor", trigger(discovery.Neighbors))
	if err := os.WriteFile("/"+watched+".new", []byte("nameserver 10.9.0.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("/"+watched+".new", "/"+watched); err != nil {
		t.Fatal(err)
	}
	w.await(t, "file", func(e Event) bool { return e.File == watched })
	ip(t, "-n", there, "link", "del", "eth0")
	w.await(t, "cable gone", trigger(discovery.Links))
}

// until repeats a change until the event comes.
func (w *watching) until(t *testing.T, change func(i int), fits func(Event) bool) {
	t.Helper()
	for i := range 100 {
		change(i)
		again := time.After(100 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case e := <-w.events:
				if fits(e) {
					return
				}
			case <-again:
				waiting = false
			}
		}
	}
	t.Fatal("the watch tells nothing")
}

// lldpFrame and cdpFrame are the least that their protocols allow.
func lldpFrame(port string) []byte {
	f := []byte("\x01\x80\xc2\x00\x00\x0e\x52\x54\x00\x00\x00\x01\x88\xcc\x02\x04\x07sw1\x04")
	f = append(f, byte(1+len(port)), 7)
	return append(append(f, port...), "\x06\x02\x00\x78\x00\x00"...)
}

func cdpFrame(device string) []byte {
	body := append([]byte("\x02\xb4\x00\x00\x00\x01\x00"), byte(4+len(device)))
	body = append(body, device...)
	f := append([]byte("\x01\x00\x0c\xcc\xcc\xcc\x52\x54\x00\x00\x00\x01\x00"), byte(8+len(body)))
	return append(append(f, "\xaa\xaa\x03\x00\x00\x0c\x20\x00"...), body...)
}

// send puts a frame onto the cable at the namespace's eth0.
func send(t *testing.T, ns string, frames ...[]byte) {
	t.Helper()
	within(t, ns, func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		links, err := kernelLinks(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, l := range links {
			for _, f := range frames {
				if l.Name != "eth0" {
					continue
				}
				if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: l.Index}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// heardNow are the frames in memory, by their bytes.
func heardNow(t *testing.T, w *watching) []string {
	t.Helper()
	frames, _, err := w.Frames(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range frames {
		list = append(list, f.Link+" "+string(bytes.TrimRight(f.Data, "\x00")))
	}
	return list
}

func TestLLDPAndCDPFramesAreHeardOnceEachAndForgottenWithTheCable(t *testing.T) {
	here, there := namespaces(t)
	w := watchIn(t, here)
	one, two, cdp := lldpFrame("Gi1/0/1"), lldpFrame("Gi1/0/2"), cdpFrame("switch one")
	w.until(t, func(int) { send(t, there, one) }, trigger(discovery.Frames))
	// Frames that say the same are no news; nor is other traffic a frame.
	other := []byte("\x01\x80\xc2\x00\x00\x00\x52\x54\x00\x00\x00\x01\x00\x26\x42\x42\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	send(t, there, one, one, other, cdp)
	w.await(t, "CDP", trigger(discovery.Frames))
	if got := heardNow(t, w); len(got) != 2 {
		t.Fatalf("heard %q", got)
	}
	send(t, there, two)
	w.await(t, "another port", trigger(discovery.Frames))
	if got := heardNow(t, w); len(got) != 2 {
		t.Errorf("the same sender counts twice: %q", got)
	}
	ip(t, "-n", there, "link", "set", "eth0", "down")
	w.await(t, "cable pulled", trigger(discovery.Frames))
	if got := heardNow(t, w); len(got) != 0 {
		t.Errorf("without a cable there is still %q", got)
	}
	ip(t, "-n", there, "link", "set", "eth0", "up")
	w.until(t, func(int) { send(t, there, two) }, trigger(discovery.Frames))
}

func TestAPortOfABridgeHearsBothAndTheBridgeNothing(t *testing.T) {
	here, there := namespaces(t)
	ip(t, "-n", here, "link", "add", "br0", "type", "bridge")
	ip(t, "-n", here, "link", "add", "port0", "link", "eth0", "type", "macvlan")
	ip(t, "-n", here, "link", "set", "port0", "master", "br0")
	ip(t, "-n", here, "link", "set", "port0", "up")
	ip(t, "-n", here, "link", "set", "br0", "up")
	w := watchIn(t, here)
	w.until(t, func(int) { send(t, there, lldpFrame("1")) }, func(Event) bool { return len(heardNow(t, w)) == 2 })
	w.until(t, func(int) { send(t, there, cdpFrame("x")) }, func(Event) bool { return len(heardNow(t, w)) == 4 })
	for _, f := range heardNow(t, w) {
		if !strings.HasPrefix(f, "eth0 ") && !strings.HasPrefix(f, "port0 ") {
			t.Errorf("heard %q", f)
		}
	}
}

func TestACableThatWasMovedFasterThanAnybodyLookedIsForgottenAllTheSame(t *testing.T) {
	w := &watcher{host: New("/"), downs: map[int]uint32{}}
	w.host.heard.listen(time.Now())
	link := func(flags, downs uint32) message {
		b := make([]byte, unix.SizeofIfInfomsg)
		native.PutUint32(b[4:], 7)
		native.PutUint32(b[8:], flags)
		count := native.AppendUint32(nil, downs)
		return message{typ: unix.RTM_NEWLINK, data: join(b, attribute(unix.IFLA_IFNAME, 'e', '0', 0), attribute(unix.IFLA_CARRIER_DOWN_COUNT, count...))}
	}
	const up = unix.IFF_UP | unix.IFF_LOWER_UP
	for _, step := range []struct {
		what      string
		message   message
		forgotten bool
	}{
		{"the first word of an interface", link(up, 3), false},
		{"something else changed", link(up, 3), false},
		{"it lost its carrier", link(unix.IFF_UP, 4), true},
		{"it has one again", link(up, 4), false},
		{"it lost it and has one again, in one message", link(up, 5), true},
	} {
		w.host.heard.keep(time.Now(), "e0", []byte("an Ethernet frame"))
		if got := w.unplugged(step.message); got != step.forgotten {
			t.Errorf("%s: forgotten %v, want %v", step.what, got, step.forgotten)
		}
	}
}
