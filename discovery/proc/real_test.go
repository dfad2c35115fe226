package proc_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/connections"
	"assim/discovery/listeners"
	"assim/discovery/processes"
	"assim/graph"
	"assim/host"
)

// insideEnv is set where the test runs in a world of its own.
const insideEnv = "ASSIM_PROC_TEST_DIR"

// TestRealServices starts nginx and two redis servers in namespaces of their
// own (nothing of it is seen or left outside) and looks at them.
func TestRealServices(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		t.Skip("already inside")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make network and process namespaces; the real services are not looked at")
	}
	for _, program := range []string{"unshare", "nsenter", "ip", "nginx", "redis-server", "ss", "pgrep"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; the real services are not looked at", program)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", self, "-test.v", "-test.run", "^TestInside$")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	t.Logf("inside:\n%s", out)
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestInside")) {
		t.Fatalf("inside: %v", err)
	}
}

var system = graph.Key{Label: graph.System, ID: "n-1"}

// TestInside is process 1 of the world that TestRealServices makes.
func TestInside(t *testing.T) {
	dir := os.Getenv(insideEnv)
	if dir == "" {
		t.Skip("runs only inside the world of TestRealServices")
	}
	run(t, "ip", "link", "set", "lo", "up")
	run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0")
	// Without link-local addresses, which become valid only after a while.
	run(t, "ip", "link", "set", "eth0", "addrgenmode", "none")
	run(t, "ip", "link", "set", "far0", "addrgenmode", "none")
	run(t, "ip", "addr", "add", "10.99.0.5/24", "dev", "eth0")
	run(t, "ip", "addr", "add", "fd99::5/64", "dev", "eth0", "nodad")
	run(t, "ip", "link", "set", "eth0", "up")
	run(t, "ip", "link", "set", "far0", "up")

	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, fmt.Sprintf("worker_processes 2; pid %s/nginx.pid; error_log /dev/null;\nevents {}\n"+
		"http { access_log off; server { listen 80; listen [::]:80; listen 127.0.0.1:8081; location / { return 200; } } }\n", dir))
	startNginx(t, conf, dir)
	for _, port := range []string{"6379", "6380"} {
		run(t, "redis-server", "--port", port, "--bind", "127.0.0.1", "--daemonize", "yes", "--save", "", "--dir", dir,
			"--pidfile", filepath.Join(dir, port+".pid"), "--requirepass", "hunter2")
	}
	eventually(t, "the titles of redis", func() bool {
		out, err := exec.Command("pgrep", "-f", "-c", `^redis-server 127.0.0.1:63(79|80)`).Output()
		return err == nil && strings.TrimSpace(string(out)) == "2"
	})
	web := dial(t, "tcp", "10.99.0.5:80")
	six := dial(t, "tcp", "[fd99::5]:80")
	db := dial(t, "tcp", "127.0.0.1:6380")
	udp := dial(t, "udp", "10.99.0.77:53") // nobody answers; connected all the same

	// A new host for every look: who owns a socket is remembered for a moment.
	h := func() discovery.Host { return host.New("/") }
	listen, connect, service := listeners.Type.Collector(), connections.Type.Collector(), processes.Type.Collector()
	listening := document(t, listen, h)
	equalsSS(t, listeners.Plugin, listening)
	connected := document(t, connect, h)

	me := "proc.test/root"
	same(t, "who is whose client", edges(t, connections.Plugin, connected, graph.ConnectsTo),
		me+" -> tcp/10.99.0.5:80", me+" -> tcp/[fd99::5]:80", me+" -> tcp/n-1/127.0.0.1:6380", me+" -> udp/10.99.0.77:53")
	same(t, "who listens where", edges(t, listeners.Plugin, listening, graph.ListensOn),
		"nginx/root:tcp80 -> tcp/10.99.0.5:80", "nginx/root:tcp80 -> tcp/[fd99::5]:80",
		"nginx/root:tcp80 -> tcp/n-1/127.0.0.1:80", "nginx/root:tcp80 -> tcp/n-1/[::1]:80", "nginx/root:tcp80 -> tcp/n-1/127.0.0.1:8081",
		"redis-server/root:tcp6379 -> tcp/n-1/127.0.0.1:6379", "redis-server/root:tcp6380 -> tcp/n-1/127.0.0.1:6380")
	if bytes.Contains(listening, []byte("hunter2")) {
		t.Error("a password of a command line is in the document")
	}

	// A service that is started anew is the same, and a connection that ends is
	// not forgotten: nothing changed, so nothing would be sent.
	first := document(t, service, h)
	stop(t, filepath.Join(dir, "nginx.pid"), func() bool { return refused("127.0.0.1:8081") })
	startNginx(t, conf, dir)
	for _, c := range []net.Conn{web, six, db, udp} {
		c.Close()
	}
	if again := document(t, listen, h); !bytes.Equal(again, listening) {
		t.Errorf("listeners changed by a restart:\n%s\n%s", listening, again)
	}
	if again := document(t, connect, h); !bytes.Equal(again, connected) {
		t.Errorf("connections changed when they closed:\n%s\n%s", connected, again)
	}
	started := regexp.MustCompile(`"started":"[^"]*"`)
	if again := document(t, service, h); !bytes.Equal(started.ReplaceAll(again, nil), started.ReplaceAll(first, nil)) {
		t.Errorf("processes changed by a restart beyond their start:\n%s\n%s", first, again)
	}
	otherNamespace(t, dir, h)
}

// otherNamespace starts a server in a network namespace behind this one, as a
// container has it, and a client of it here.
func otherNamespace(t *testing.T, dir string, h func() discovery.Host) {
	box := exec.Command("unshare", "--net", "redis-server", "--port", "7000", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", dir)
	if err := box.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = box.Process.Kill(), box.Wait() }()
	pid := strconv.Itoa(box.Process.Pid)
	ours, _ := os.Readlink("/proc/self/ns/net")
	eventually(t, "a namespace of its own", func() bool {
		theirs, err := os.Readlink("/proc/" + pid + "/ns/net")
		return err == nil && theirs != ours
	})
	run(t, "ip", "link", "add", "br0", "type", "bridge")
	run(t, "ip", "addr", "add", "172.30.0.1/24", "dev", "br0")
	run(t, "ip", "link", "set", "br0", "up")
	run(t, "ip", "link", "add", "vbox", "master", "br0", "type", "veth", "peer", "name", "eth9", "netns", pid)
	run(t, "ip", "link", "set", "vbox", "up")
	for _, line := range []string{"link set lo up", "addr add 172.30.0.2/24 dev eth9", "link set eth9 up", "route add default via 172.30.0.1"} {
		run(t, "nsenter", append([]string{"-t", pid, "-n", "ip"}, strings.Fields(line)...)...)
	}
	published := false
	if _, err := exec.LookPath("nft"); err == nil {
		published = true
		run(t, "nft", "add", "table", "ip", "nat")
		run(t, "nft", "add", "chain", "ip", "nat", "in", "{ type nat hook prerouting priority -100; }")
		run(t, "nft", "add", "rule", "ip", "nat", "in", "tcp", "dport", "7777", "counter", "dnat", "to", "172.30.0.2:7000")
	} else {
		t.Log("there is no nft here; a published port is not tried")
	}
	c := dial(t, "tcp", "172.30.0.2:7000")
	defer c.Close()
	got := edges(t, listeners.Plugin, document(t, listeners.Type.Collector(), h), graph.ListensOn)
	if !slices.Contains(got, "redis-server/root:tcp7000 -> tcp/n-1/172.30.0.2:7000") {
		t.Errorf("the server in the box is not there: %q", got)
	}
	if published && !slices.Contains(got, "redis-server/root:tcp7000 -> tcp/10.99.0.5:7777") {
		t.Errorf("the server in the box is not reached at the published port: %q", got)
	}
	got = edges(t, connections.Plugin, document(t, connections.Type.Collector(), h), graph.ConnectsTo)
	same(t, "both ends of a connection into a namespace meet", got, "proc.test/root -> tcp/n-1/172.30.0.2:7000")
}

func document(t *testing.T, collect func(context.Context, discovery.Host) (any, error), h func() discovery.Host) []byte {
	t.Helper()
	payload, err := collect(context.Background(), h())
	if err != nil {
		t.Fatal(err)
	}
	doc, _, err := discovery.Canonical(payload)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func edges(t *testing.T, plugin discovery.Plugin, doc []byte, rel string) []string {
	t.Helper()
	c, err := plugin.Graph(system, doc)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range c.Rels {
		// Link-local endpoints hold addresses made of chance.
		if r.Type == rel && !strings.Contains(r.To.ID, "[fe80") {
			from := regexp.MustCompile("~[0-9a-f]{8}$").ReplaceAllString(strings.TrimPrefix(r.From.ID, "n-1/"), "")
			list = append(list, from+" -> "+r.To.ID)
		}
	}
	slices.Sort(list)
	return list
}

// equalsSS compares the document with ss: every listener, and its program.
func equalsSS(t *testing.T, plugin discovery.Plugin, doc []byte) {
	t.Helper()
	out := run(t, "ss", "-H", "-tulpn")
	program := regexp.MustCompile(`users:\(\("([^"]+)"`)
	want := map[string]bool{}
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		f := strings.Fields(s.Text())
		m := program.FindStringSubmatch(s.Text())
		if len(f) < 6 || m == nil {
			t.Fatalf("ss says %q", s.Text())
		}
		local := strings.Replace(f[4], "*:", "[::]:", 1)
		addr, err := netip.ParseAddrPort(local)
		if err != nil {
			t.Fatalf("ss says %q", s.Text())
		}
		want[f[0]+" "+addr.String()+" "+m[1]] = true
	}
	c, err := plugin.Graph(system, doc)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, r := range c.Rels {
		if r.Type != graph.ListensOn {
			continue
		}
		proto, at, _ := strings.Cut(strings.Replace(r.To.ID, "n-1/", "", 1), "/")
		end := netip.MustParseAddrPort(at)
		name := strings.Split(strings.TrimPrefix(r.From.ID, "n-1/"), "/")[0]
		got[proto+" "+netip.AddrPortFrom(netip.MustParseAddr(r.Props["bind"].(string)), end.Port()).String()+" "+name] = true
	}
	for k := range want {
		if !got[k] {
			// A wildcard IPv6 bind adds nothing where the IPv4 one reaches all.
			if !strings.Contains(string(doc), strings.Split(k, " ")[0]) {
				t.Errorf("ss has %q, the document has %v", k, got)
			}
		}
	}
	for k := range got {
		if !want[k] {
			t.Errorf("the document has %q, ss has %v", k, want)
		}
	}
	t.Logf("%d listeners equal ss's", len(want))
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dial waits until somebody listens.
func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	var c net.Conn
	eventually(t, network+" "+addr, func() bool {
		var err error
		c, err = net.Dial(network, addr)
		return err == nil
	})
	return c
}

// startNginx waits until nginx has written its title, a moment after it forked.
func startNginx(t *testing.T, conf, dir string) {
	t.Helper()
	run(t, "nginx", "-c", conf)
	eventually(t, "nginx's title", func() bool {
		pid, err := os.ReadFile(filepath.Join(dir, "nginx.pid"))
		if err != nil {
			return false
		}
		title, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
		return strings.HasPrefix(string(title), "nginx: master")
	})
}

func refused(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return err != nil
}

func stop(t *testing.T, pidfile string, gone func() bool) {
	t.Helper()
	run(t, "sh", "-c", "kill $(cat "+pidfile+")")
	eventually(t, "the end of "+pidfile, func() bool {
		_, err := os.Stat(pidfile)
		return gone() && errors.Is(err, os.ErrNotExist)
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}
