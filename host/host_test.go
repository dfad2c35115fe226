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

func TestOfAMountThatHangsNothingMoreIsAskedUntilItAnswers(t *testing.T) {
	h := &hangs{}
	h.died("/mnt/dead")
	for file, refused := range map[string]bool{"/mnt/dead": true, "/mnt/dead/x/y": true, "/mnt/deadly": false, "/mnt": false, "/etc/passwd": false} {
		if err := h.begin(file); (err != nil) != refused {
			t.Errorf("%s: %v", file, err)
		}
	}
	h.answered("/mnt/dead")
	if err := h.begin("/mnt/dead/x"); err != nil {
		t.Errorf("it answered, and %v", err)
	}
}

func TestManyMountsThatHangStopAllFiles(t *testing.T) {
	h := &hangs{}
	for i := range maxHanging {
		h.died(fmt.Sprint("/mnt/", i))
	}
	if err := h.begin("/etc/passwd"); !errors.Is(err, ErrHangs) {
		t.Errorf("with %d hanging the next one says %v", maxHanging, err)
	}
}

func TestAFileIsOnTheNearestMount(t *testing.T) {
	for file, want := range map[string]string{"/proc/self/stat": "/proc", "/processes": "/", "/proc": "/proc"} {
		if got := mountOf(file); got != want {
			t.Errorf("%s is on %s, want %s", file, got, want)
		}
	}
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
	sockets, err := New("/").Sockets(context.Background(), discovery.SocketQuery{Proto: "tcp"})
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
	compareTables(t)
}

// TestTheTablesOfABusyNamespaceEqualWhatIPSays adds what this machine lacks.
func TestTheTablesOfABusyNamespaceEqualWhatIPSays(t *testing.T) {
	here, _ := namespaces(t)
	for _, line := range []string{
		"link add br0 type bridge", "link set br0 up mtu 1400", "addr add 172.17.0.1/16 dev br0",
		"link add v0 type veth peer name v1", "link set v0 master br0", "link set v0 up",
		"link add mv0 link eth0 type macvlan mode bridge", "link set mv0 address 52:54:00:00:00:0c",
		"addr add 10.9.0.1/24 dev eth0", "addr add 10.9.0.2/24 dev eth0", "addr add 10.8.0.1 peer 10.8.0.2/32 dev eth0",
		"addr add fd09::1/64 dev eth0 nodad", "addr add 192.0.2.1/32 dev lo scope host", "addr add 169.254.7.7/16 dev eth0 scope link",
		"route add default via 10.9.0.254 metric 50 proto dhcp", "-6 route add default via fd09::254",
		"route add 10.20.0.0/16 nexthop via 10.9.0.253 nexthop via 10.9.0.252 weight 3", "route add blackhole 10.30.0.0/16",
		"route add 10.40.0.0/16 via 10.9.0.251 table 100", "route add 10.50.0.0/16 via inet6 fd09::250 dev eth0", "route add 203.0.113.9 dev eth0 src 10.9.0.1",
		"neigh add 10.9.0.254 lladdr 52:54:00:00:00:fe dev eth0 nud permanent", "neigh add fd09::254 lladdr 52:54:00:00:00:fe dev eth0 nud stale",
		"neigh add 10.9.0.77 dev eth0 nud failed", "neigh add 172.17.0.9 lladdr 02:42:00:00:00:09 dev br0 nud reachable",
	} {
		ip(t, append([]string{"-n", here}, strings.Fields(line)...)...)
	}
	within(t, here, func() { compareTables(t) })
}

// compareTables compares on this thread, in whose namespace ip runs too.
func compareTables(t *testing.T) {
	h, ctx := New("/"), context.Background()
	compareLinks(t, h)
	compareRoutes(t, h)

	addrs, err := h.Addrs(ctx)
	if err != nil {
		t.Error(err)
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
			Tentative bool // not there yet, for us
		} `json:"addr_info"`
	}
	ipJSON(t, &want, "addr")
	for _, w := range want {
		for _, a := range w.Info {
			if !a.Tentative {
				say = append(say, fmt.Sprint(w.Ifname, " ", a.Local, "/", a.Prefixlen, " ", a.Scope))
			}
		}
	}
	same(t, "addresses", have, say)

	neighbors, err := h.Neighbors(ctx)
	if err != nil {
		t.Error(err)
	}
	have, say = nil, nil
	for _, n := range neighbors {
		if n.State != "noarp" && n.State != "none" { // as ip leaves them out
			have = append(have, fmt.Sprint(n.Link, " ", n.IP, " ", n.MAC, " ", n.State))
		}
	}
	var entries []struct {
		Dst, Dev, Lladdr string
		State            []string
	}
	ipJSON(t, &entries, "neigh")
	for _, n := range entries {
		say = append(say, fmt.Sprint(n.Dev, " ", n.Dst, " ", n.Lladdr, " ", strings.ToLower(strings.Join(n.State, " "))))
	}
	same(t, "neighbors", have, say)
}

func compareLinks(t *testing.T, h *Host) {
	links, err := h.Links(context.Background())
	if err != nil {
		t.Error(err)
	}
	var want []struct {
		Ifindex, MTU    int
		Ifname, Address string
		Master, Link    string
		LinkType        string `json:"link_type"`
		Flags           []string
		Linkinfo        struct {
			Kind string `json:"info_kind"`
		}
	}
	ipJSON(t, &want, "-d", "link")
	var have, say []string
	for _, l := range links {
		kind := l.Kind
		if kind == "device" || kind == "loopback" {
			kind = "" // ip gives them no kind
		}
		parent := l.Parent
		have = append(have, fmt.Sprint(l.Index, l.Name, l.MTU, l.MAC, l.Up, l.Carrier, kind, l.Master, parent))
	}
	for _, w := range want {
		if w.LinkType != "ether" {
			w.Address = ""
		}
		if w.Linkinfo.Kind == "veth" {
			w.Link = "" // its peer, no parent
		}
		say = append(say, fmt.Sprint(w.Ifindex, w.Ifname, w.MTU, w.Address, slices.Contains(w.Flags, "UP"), slices.Contains(w.Flags, "LOWER_UP"), w.Linkinfo.Kind, w.Master, w.Link))
	}
	same(t, "links", have, say)
}

func compareRoutes(t *testing.T, h *Host) {
	routes, err := h.Routes(context.Background())
	if err != nil {
		t.Error(err)
	}
	const format = "%s via %s dev %s src %s proto %s metric %d table %d"
	var have, say []string
	for _, r := range routes {
		have = append(have, fmt.Sprintf(format, r.Dst, ipText(r.Gateway.IsValid(), r.Gateway.String()), r.Link,
			ipText(r.Source.IsValid(), r.Source.String()), r.Proto, r.Metric, r.Table))
	}
	type hop struct {
		Gateway, Dev string
		Via          struct{ Host string }
	}
	for _, family := range []string{"-4", "-6"} {
		for _, table := range []int{unix.RT_TABLE_MAIN, 100} {
			var want []struct {
				hop
				Type, Dst, Protocol, Prefsrc string
				Metric                       int
				Nexthops                     []hop
			}
			ipJSON(t, &want, family, "-d", "route", "show", "table", fmt.Sprint(table))
			for _, r := range want {
				if r.Type != "unicast" || strings.HasPrefix(r.Dst, "ff00:") {
					continue
				}
				for _, via := range append(r.Nexthops, r.hop) {
					gateway := via.Gateway + via.Via.Host
					if via.Dev == "" {
						continue
					}
					say = append(say, fmt.Sprintf(format, ipPrefix(family, r.Dst), ipText(gateway != "", gateway), via.Dev,
						ipText(r.Prefsrc != "", r.Prefsrc), r.Protocol, r.Metric, table))
				}
			}
		}
	}
	same(t, "routes", have, say)
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

// ipJSON asks ip on this thread: in its namespace.
func ipJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	out, err := exec.Command("ip", append([]string{"-j"}, args...)...).Output()
	if err != nil {
		if strings.Contains(string(err.(*exec.ExitError).Stderr), "FIB table does not exist") {
			return
		}
		t.Errorf("ip %v: %v", args, err)
		return
	}
	if text := strings.TrimSpace(string(out)); text == "" || text == "[{}]" {
		return
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Errorf("ip %v: %v: %s", args, err, out)
	}
}

func same(t *testing.T, what string, have, want []string) {
	t.Helper()
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%s: have\n%s\nip says\n%s", what, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheCostOfALookHoldsThatOfTheProgramsItRan(t *testing.T) {
	const least = 50 * time.Millisecond // for a million turns; to start it takes a few
	cost := Cost(t.Context(), func(ctx context.Context, _ *Meter) {
		if _, err := Execute(ctx, Command{Name: "sh", Args: []string{"-c", "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"}}); err != nil {
			t.Error(err)
		}
	})
	if cost < least {
		t.Errorf("a program that works hard cost %v", cost)
	}
}

func TestTheCostOfALookHoldsThatOfTheFilesItRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "long"), make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	const least = time.Millisecond // to copy 16 MB takes some
	host := New(dir)
	cost := Cost(t.Context(), func(_ context.Context, m *Meter) {
		if _, err := fs.ReadFile(host.Paced(m, nil).Root(), "long"); err != nil {
			t.Error(err)
		}
	})
	if cost < least {
		t.Errorf("reading a long file cost %v", cost)
	}
}
