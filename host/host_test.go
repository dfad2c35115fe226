package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

func TestAFIFOWhereAFileWasIsAnErrorAndNotAHang(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	live := New("/")
	for name, h := range map[string]struct {
		root fs.FS
		file string
	}{
		"live":       {live.Root(), strings.TrimPrefix(filepath.Join(dir, "fifo"), "/")},
		"other root": {New(dir).Root(), "fifo"},
	} {
		if _, err := fs.ReadFile(h.root, h.file); !errors.Is(err, ErrNotFile) {
			t.Errorf("%s: a FIFO reads as %v", name, err)
		}
	}
	if _, err := fs.ReadFile(live.Root(), "dev/zero"); !errors.Is(err, ErrNotFile) {
		t.Errorf("a device reads as %v", err)
	}
}

func TestAHugeFileIsRefusedWithoutReadingItAll(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "passwd"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := fs.ReadFile(New(dir).Root(), "passwd"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("1 GiB reads as %v", err)
	}
}

func TestLinksOfAnotherRootStayWithinIt(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"usr/lib/os-release": "inner", "etc/hostname": "inner"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"etc/os-release": "/usr/lib/os-release", "etc/up": "../../../../etc/hostname"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	h := New(dir)
	for name, target := range links {
		if got, err := fs.ReadFile(h.Root(), name); err != nil || string(got) != "inner" {
			t.Errorf("%s reads %q, %v", name, got, err)
		}
		if got, err := h.ReadLink(name); err != nil || got != target {
			t.Errorf("%s points to %q, %v; want %q", name, got, err, target)
		}
	}
	if _, err := h.Links(context.Background()); !errors.Is(err, discovery.ErrNotHere) {
		t.Errorf("another root has links: %v", err)
	}
}

func TestTheRootFileSystemKeepsTheRulesOfIoFs(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/b/c"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(New(dir).Root(), "a/b/c"); err != nil {
		t.Error(err)
	}
}

func TestAFileSystemThatDoesNotAnswerIsLeftBehind(t *testing.T) {
	r := &rootFS{dir: "/", live: true}
	release := make(chan struct{})
	for range maxHanging {
		go func() { _, _ = watched(r, "read", "mnt/dead", func() (int, error) { <-release; return 0, nil }) }()
	}
	for r.hanging.Load() < maxHanging {
		time.Sleep(time.Millisecond) // the goroutines above are on their way
	}
	if _, err := watched(r, "read", "mnt/dead", func() (int, error) { return 1, nil }); !errors.Is(err, ErrHangs) {
		t.Errorf("with %d hanging the next one says %v", maxHanging, err)
	}
	close(release)
}

func TestACommandIsBoundedInTimeAndOutputAndDiesAsAWhole(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		command Command
		out     string
		err     string
	}{
		"output":        {Command{Name: "echo", Args: []string{"hello"}}, "hello\n", ""},
		"locale":        {Command{Name: "sh", Args: []string{"-c", "echo $LC_ALL $X"}, Env: []string{"X=1"}}, "C 1\n", ""},
		"exit code":     {Command{Name: "sh", Args: []string{"-c", "echo no such thing >&2; exit 3"}}, "", "exit status 3: no such thing"},
		"not installed": {Command{Name: "no-such-program"}, "", "not installed"},
		"time":          {Command{Name: "sh", Args: []string{"-c", "trap '' TERM; sleep 60 & wait"}, Time: 200 * time.Millisecond}, "", "no end in 200ms"},
		"output limit":  {Command{Name: "yes", Output: 1000}, strings.Repeat("y\n", 500), "more output than the limit"},
		"pipe held":     {Command{Name: "sh", Args: []string{"-c", "sleep 60 & echo done"}}, "done\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			out, err := Execute(ctx, c.command)
			if time.Since(begun) > 10*time.Second {
				t.Errorf("took %v", time.Since(begun))
			}
			if string(out) != c.out {
				t.Errorf("output %q", out)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestAListenerAndItsClientAreFoundWithTheirProcess(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sockets, err := New("/").Sockets(context.Background(), "tcp")
	if err != nil {
		t.Fatal(err)
	}
	at := server.Addr().(*net.TCPAddr).AddrPort()
	var listening, connected bool
	for _, s := range sockets {
		mine := slices.Equal(s.PIDs, []int{os.Getpid()})
		listening = listening || mine && s.State == "listen" && s.Local == at
		connected = connected || mine && s.State == "established" && s.Remote == at
	}
	if !listening || !connected {
		t.Errorf("listening %v, connected %v among %d sockets", listening, connected, len(sockets))
	}
}

// TestTheKernelTablesEqualWhatIPSays asks iproute2, the tool of the house.
func TestTheKernelTablesEqualWhatIPSays(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("iproute2 is not installed; the tables are not compared")
	}
	h, ctx := New("/"), context.Background()
	t.Run("links", func(t *testing.T) {
		links, err := h.Links(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var want []struct {
			Ifindex, MTU    int
			Ifname, Address string
			LinkType        string `json:"link_type"`
			Flags           []string
			Linkinfo        struct {
				Kind string `json:"info_kind"`
			}
		}
		ipJSON(t, &want, "-d", "link")
		if len(links) != len(want) {
			t.Fatalf("%d links, ip has %d", len(links), len(want))
		}
		for i, w := range want {
			l := links[i]
			if l.Index != w.Ifindex || l.Name != w.Ifname || l.MTU != w.MTU || l.Up != slices.Contains(w.Flags, "UP") || l.Carrier != slices.Contains(w.Flags, "LOWER_UP") {
				t.Errorf("%+v, ip says %+v", l, w)
			}
			if w.LinkType == "ether" && l.MAC != w.Address || w.Linkinfo.Kind != "" && l.Kind != w.Linkinfo.Kind {
				t.Errorf("%+v, ip says %+v", l, w)
			}
		}
	})
	t.Run("addresses", func(t *testing.T) {
		addrs, err := h.Addrs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var have, say []string
		for _, a := range addrs {
			have = append(have, fmt.Sprint(a.Link, " ", a.Prefix, " ", a.Scope))
		}
		var want []struct {
			Ifname string
			Info   []struct {
				Local     string
				Prefixlen int
				Scope     string
			} `json:"addr_info"`
		}
		ipJSON(t, &want, "addr")
		for _, w := range want {
			for _, a := range w.Info {
				say = append(say, fmt.Sprint(w.Ifname, " ", a.Local, "/", a.Prefixlen, " ", a.Scope))
			}
		}
		same(t, have, say)
	})
	t.Run("routes", func(t *testing.T) {
		routes, err := h.Routes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var have, say []string
		for _, r := range routes {
			if r.Table == unix.RT_TABLE_MAIN {
				have = append(have, fmt.Sprintf("%s via %s dev %s proto %s metric %d", r.Dst, ipText(r.Gateway.IsValid(), r.Gateway.String()), r.Link, r.Proto, r.Metric))
			}
		}
		for _, family := range []string{"-4", "-6"} {
			var want []struct {
				Dst, Gateway, Dev, Protocol string
				Metric                      int
			}
			ipJSON(t, &want, family, "-d", "route")
			for _, r := range want {
				say = append(say, fmt.Sprintf("%s via %s dev %s proto %s metric %d", ipPrefix(family, r.Dst), ipText(r.Gateway != "", r.Gateway), r.Dev, r.Protocol, r.Metric))
			}
		}
		same(t, have, say)
	})
}

func ipText(valid bool, text string) string {
	if !valid {
		return "-"
	}
	return text
}

// ipPrefix writes what ip calls "default" or a bare address as a prefix.
func ipPrefix(family, dst string) string {
	all, bits := "0.0.0.0/0", "/32"
	if family == "-6" {
		all, bits = "::/0", "/128"
	}
	switch {
	case dst == "default":
		return all
	case !strings.Contains(dst, "/"):
		return dst + bits
	}
	return dst
}

func ipJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	out, err := exec.Command("ip", append([]string{"-j"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 || string(out) == "[{}]\n" {
		return
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

func same(t *testing.T, have, want []string) {
	t.Helper()
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}
