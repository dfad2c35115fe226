package proc_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"assim/discovery"
	"assim/discovery/checksums"
	"assim/discovery/connections"
	"assim/discovery/containers"
	"assim/discovery/listeners"
	"assim/discovery/processes"
	"assim/discovery/vm"
	"assim/host"
)

// listenEnv is set where this program is no test but a server.
const listenEnv = "ASSIM_PROC_TEST_LISTEN"

// hostile is what somebody may call a program to deceive whoever reads of it:
// it clears the screen, begins new lines, ends what /proc/PID/stat has around
// it, and is no UTF-8.
const hostile = "ev\x1b[2J) S 1\r\n\x07\u202e\xff"

// TestBeAServer listens until its standard input ends.
func TestBeAServer(t *testing.T) {
	if os.Getenv(listenEnv) == "" {
		t.Skip("runs only as a server for other tests")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// server starts this program as a server under a name, and returns where it
// listens.
func server(t *testing.T, name string, args ...string) (*exec.Cmd, netip.AddrPort) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), name)
	if err := os.Link(self, program); err != nil {
		t.Skipf("this program cannot be called %q: %v", name, err)
	}
	cmd := exec.Command(program, append([]string{"-test.run", "^TestBeAServer$"}, args...)...)
	cmd.Env = append(os.Environ(), listenEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at, err := netip.ParseAddrPort(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return cmd, at
}

func TestTheNameOfAProcessCannotHarmWhoReadsIt(t *testing.T) {
	_, at := server(t, hostile, hostile)
	payload, err := listeners.Type.Collector()(t.Context(), host.New("/"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := discovery.Canonical(payload)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Listeners []struct {
			Process string
			Port    uint16
		}
		Processes []struct {
			ID, Name, Exe string
			Args          []string
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	owner := ""
	for _, l := range doc.Listeners {
		if l.Port == at.Port() {
			owner = l.Process
		}
	}
	found := false
	for _, p := range doc.Processes {
		if p.ID != owner {
			continue
		}
		found = true
		for _, said := range append(p.Args, p.ID, p.Name, p.Exe) {
			if !utf8.ValidString(said) || strings.ContainsFunc(said, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' }) {
				t.Errorf("it says %q", said)
			}
		}
		if !strings.HasPrefix(p.Name, "ev") || !strings.Contains(p.Exe, "ev") {
			t.Errorf("its name is %q, its program %q", p.Name, p.Exe)
		}
	}
	if !found {
		t.Errorf("who listens at %v is not told", at)
	}
}

// vanishing is a host on which a process is killed in the moment before one of
// its files is read.
type vanishing struct {
	*host.Host
	victim *exec.Cmd
	file   string // of the victim, below /proc/PID
	killed bool
}

func (v *vanishing) Root() fs.FS { return vanishingRoot{v.Host.Root(), v} }

func (v *vanishing) ReadLink(name string) (string, error) {
	v.about(name)
	return v.Host.ReadLink(name)
}

func (v *vanishing) about(name string) {
	if !v.killed && name == fmt.Sprintf("proc/%d/%s", v.victim.Process.Pid, v.file) {
		v.killed = true
		_ = v.victim.Process.Kill()
		_ = v.victim.Wait() // gone from /proc
	}
}

type vanishingRoot struct {
	fs.FS
	v *vanishing
}

func (r vanishingRoot) Open(name string) (fs.File, error) {
	r.v.about(name)
	return r.FS.Open(name)
}

func (r vanishingRoot) ReadFile(name string) ([]byte, error) {
	r.v.about(name)
	return fs.ReadFile(r.FS, name)
}

func TestAProcessThatVanishesWhileItIsReadIsNoError(t *testing.T) {
	for typ, files := range map[*discovery.Type][]string{
		&listeners.Type: {"stat", "cmdline", "status", "exe", "ns/net"},
		&processes.Type: {"stat"},
		&checksums.Type: {"maps"},
	} {
		for _, file := range files {
			t.Run(typ.Name+"/"+file, func(t *testing.T) {
				victim, _ := server(t, "victim")
				h := &vanishing{Host: host.New("/"), victim: victim, file: file}
				payload, err := typ.Collector()(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := discovery.Canonical(payload); err != nil {
					t.Error(err)
				}
				if !h.killed {
					t.Errorf("/proc/PID/%s is not read, so that nothing is proven", file)
				}
			})
		}
	}
}

func TestACrowdOfProcessesThatLiveForAMomentIsNoError(t *testing.T) {
	crowd := exec.Command("sh", "-c", "while :; do /bin/true; done")
	if err := crowd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = crowd.Process.Kill(); _ = crowd.Wait() }()
	h := host.New("/")
	for _, typ := range []discovery.Type{listeners.Type, connections.Type, processes.Type, containers.Type, vm.Type} {
		collect := typ.Collector()
		const looks = 2
		for range looks {
			payload, err := collect(t.Context(), h)
			if err != nil && !strings.Contains(err.Error(), discovery.ErrNotHere.Error()) {
				t.Errorf("%s: %v", typ.Name, err)
			}
			doc, _, err := discovery.Canonical(payload)
			if err != nil || strings.Contains(string(doc), `/true"`) {
				t.Errorf("%s: %v; %.300s", typ.Name, err, doc)
			}
		}
	}
}
