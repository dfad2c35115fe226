package host

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"

	"assim/discovery"
)

// heldBy starts a program that holds nothing but the file as its standard input,
// and ends with the test or when stop is called.
func heldBy(t *testing.T, f *os.File) (pid int, stop func()) {
	t.Helper()
	c := exec.Command("sleep", "1000")
	c.Stdin = f
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		c.Process.Kill()
		c.Wait() // It was killed; that is no error here.
	}
	t.Cleanup(stop)
	return c.Process.Pid, stop
}

func TestWhoHoldsASocketIsTrueWhoeverEndsAndWhoeverInheritsIt(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := server.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	at := server.Addr().(*net.TCPAddr).AddrPort()
	server.Close()
	h := New("/")
	holders := func() []int {
		t.Helper()
		list, err := h.Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp", Keep: func(s *discovery.Socket) bool { return s.Local == at }})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return list[0].PIDs
	}
	first, stopFirst := heldBy(t, file)
	second, _ := heldBy(t, file)
	all := []int{os.Getpid(), first, second}
	slices.Sort(all)
	if got := holders(); !slices.Equal(got, all) {
		t.Fatalf("held by %v, want %v", got, all)
	}
	stopFirst()
	left := slices.DeleteFunc(slices.Clone(all), func(pid int) bool { return pid == first })
	if got := holders(); !slices.Equal(got, left) {
		t.Errorf("after one ended held by %v, want %v", got, left)
	}
}

func TestASocketIsLookedForOnceAndAnotherOneWhereItsFriendsWere(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	at := server.Addr().(*net.TCPAddr).AddrPort()
	h := New("/")
	mine := func() (sockets int) {
		t.Helper()
		list, err := h.Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp", Keep: func(s *discovery.Socket) bool { return s.Local == at || s.Remote == at }})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if !slices.Equal(s.PIDs, []int{os.Getpid()}) {
				t.Errorf("%v is held by %v", s, s.PIDs)
			}
		}
		return len(list)
	}
	if n := mine(); n != 1 {
		t.Errorf("%d sockets, want the listener", n)
	}
	client, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if n := mine(); n != 3 {
		t.Errorf("%d sockets, want the listener and both ends", n)
	}
	// Nothing is left to look for, so that a walk has nowhere to go.
	w := walk{open: map[uint32]bool{}}
	waiting, connected := &h.owners[0][0], &h.owners[0][1]
	if connected.look(context.Background(), &w); len(w.found) != 0 || len(waiting.held) != 1 || len(connected.held) != 2 {
		t.Errorf("found %v beside %v and %v", w.found, waiting.held, connected.held)
	}
	// Who asks for those that wait forgets nothing of the others.
	list, err := h.Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp", Waiting: true, Keep: func(s *discovery.Socket) bool { return s.Local.Port() == at.Port() }})
	if err != nil || len(list) != 1 || list[0].State != "listen" || len(connected.held) != 2 {
		t.Errorf("%v, %v, and %v are left of the others", list, err, connected.held)
	}
	// What is remembered is known before it is decided what to keep.
	var known [][]int
	if _, err := h.Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp", Keep: func(s *discovery.Socket) bool {
		if s.Local == at || s.Remote == at {
			known = append(known, s.PIDs)
		}
		return false
	}}); err != nil || len(known) != 3 || len(known[0]) != 1 || len(known[2]) != 1 {
		t.Errorf("%v, %v", known, err)
	}
	if n := mine(); n != 3 || len(connected.held) != 2 {
		t.Errorf("%d sockets, and %v remembered, after nobody wanted them once", n, connected.held)
	}
	client.Close()
	accepted.Close()
	if n := mine(); n != 1 || len(connected.held) != 0 {
		t.Errorf("%d sockets, and %v are remembered of those that are gone", n, connected.held)
	}
}

func BenchmarkSockets(b *testing.B) {
	h := New("/")
	for b.Loop() {
		if _, err := h.Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp"}); err != nil {
			b.Fatal(err)
		}
	}
}
