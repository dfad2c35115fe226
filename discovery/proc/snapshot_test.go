package proc

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
)

// world is a small machine: who runs, who holds which socket.
type world struct {
	files fstest.MapFS
	host  discoverytest.Host
}

func newWorld() *world {
	w := &world{files: fstest.MapFS{}, host: discoverytest.Host{
		ReadLinks: map[string]string{}, Sockets: map[string][]discovery.Socket{},
		Links: []discovery.Link{{Name: "lo", Loopback: true}, {Name: "eth0", Kind: "device"}, {Name: "docker0", Kind: "bridge"}, {Name: "veth1", Kind: "veth", Master: "docker0"}},
		Addrs: []discovery.Addr{
			{Link: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8")},
			{Link: "eth0", Prefix: netip.MustParsePrefix("10.0.0.5/24")},
			{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::77/64"), Temporary: true},
			{Link: "docker0", Prefix: netip.MustParsePrefix("172.17.0.1/16")},
		},
	}}
	w.file("proc/uptime", "100000.00 1.00\n")
	w.file("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
	w.file("etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nredis:x:110:110::/:/bin/false\n")
	w.host.ReadLinks["proc/self/ns/net"], w.host.ReadLinks["proc/self/ns/pid"] = "net:[1]", "pid:[1]"
	w.proc(1, 0, "/usr/lib/systemd/systemd", "systemd", 0, "/init.scope", "/sbin/init")
	return w
}

func (w *world) file(name, text string) { w.files[name] = &fstest.MapFile{Data: []byte(text)} }

func (w *world) proc(pid, ppid int, exe, comm string, uid int, cgroup string, args ...string) {
	dir := "proc/" + strconv.Itoa(pid) + "/"
	w.file(dir+"stat", fmt.Sprintf("%d (%s) S %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0", pid, comm, ppid, 1000+pid))
	w.file(dir+"cmdline", strings.Join(args, "\x00")+"\x00")
	w.file(dir+"status", fmt.Sprintf("Name:\t%s\nUid:\t%d\t%d\t%d\t%d\n", comm, uid, uid, uid, uid))
	w.file(dir+"cgroup", "0::"+cgroup+"\n")
	w.host.ReadLinks[dir+"exe"], w.host.ReadLinks[dir+"cwd"] = exe, "/"
	w.host.ReadLinks[dir+"ns/net"], w.host.ReadLinks[dir+"ns/pid"] = "net:[1]", "pid:[1]"
}

func (w *world) listen(proto, addr string, pids ...int) {
	state := map[string]string{"tcp": "listen", "udp": "unconn"}[proto]
	w.host.Sockets[proto] = append(w.host.Sockets[proto], discovery.Socket{Proto: proto, Local: netip.MustParseAddrPort(addr), State: state, PIDs: pids,
		Inode: uint64(len(w.host.Sockets[proto]) + 1)})
}

func (w *world) connect(local, remote string, pids ...int) {
	w.host.Sockets["tcp"] = append(w.host.Sockets["tcp"], discovery.Socket{Proto: "tcp", Local: netip.MustParseAddrPort(local),
		Remote: netip.MustParseAddrPort(remote), State: "established", PIDs: pids})
}

func (w *world) look(t *testing.T) *Snapshot {
	t.Helper()
	snap, err := (&Reader{Peers: true}).ReadAll(context.Background(), discoverytest.NewHost(w.files, w.host))
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func ids(snap *Snapshot) []string {
	var list []string
	for _, p := range snap.Processes {
		list = append(list, p.ID)
	}
	return list
}

func listens(snap *Snapshot) []string {
	var list []string
	for _, l := range snap.Listen {
		list = append(list, fmt.Sprintf("%s %s/%s %s", l.Process.ID, l.Proto, netip.AddrPortFrom(l.Addr, l.Port), l.Netns))
	}
	slices.Sort(list)
	return list
}

func peers(snap *Snapshot) []string {
	var list []string
	for _, p := range snap.Peers {
		list = append(list, p.Process.ID+" -> "+p.Key(graphSystem).ID)
	}
	slices.Sort(list)
	return list
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

func TestWorkersAreOneProcessWithTheirMaster(t *testing.T) {
	w := newWorld()
	w.proc(100, 1, "/usr/sbin/nginx", "nginx", 0, "/system.slice/nginx.service", "nginx: master process /usr/sbin/nginx")
	w.proc(101, 100, "/usr/sbin/nginx", "nginx", 33, "/system.slice/nginx.service", "nginx: worker process")
	w.proc(102, 100, "/usr/sbin/nginx", "nginx", 33, "/system.slice/nginx.service", "nginx: worker process")
	w.listen("tcp", "0.0.0.0:80", 100, 101, 102)
	w.connect("10.0.0.5:40000", "10.0.0.7:8080", 102)
	snap := w.look(t)
	same(t, "processes", ids(snap), "nginx/nginx.service:tcp80", "systemd/root~"+snapHash(snap, "systemd"))
	same(t, "peers", peers(snap), "nginx/nginx.service:tcp80 -> tcp/10.0.0.7:8080")
}

func snapHash(snap *Snapshot, name string) string {
	for _, p := range snap.Processes {
		if p.Name == name {
			return p.argsHash()
		}
	}
	return ""
}

func TestARestartedServiceIsTheSameProcess(t *testing.T) {
	before, after := newWorld(), newWorld()
	before.proc(100, 1, "/usr/sbin/nginx", "nginx", 0, "/", "nginx: master process nginx")
	before.listen("tcp", "0.0.0.0:80", 100)
	after.proc(977, 1, "/usr/sbin/nginx (deleted)", "nginx", 0, "/", "nginx: master process nginx")
	after.listen("tcp", "0.0.0.0:443", 977)
	after.listen("tcp", "0.0.0.0:80", 977)
	same(t, "before", ids(before.look(t))[:1], "nginx/root:tcp80")
	same(t, "after, with another port", ids(after.look(t))[:1], "nginx/root:tcp80")
}

func TestTwoServersOfOneProgramAreTwoProcesses(t *testing.T) {
	w := newWorld()
	w.proc(100, 1, "/usr/bin/redis-check-rdb", "redis-server", 110, "/", "redis-server 127.0.0.1:6379", "", "", "")
	w.proc(200, 1, "/usr/bin/redis-check-rdb", "redis-server", 110, "/", "redis-server 127.0.0.1:6380")
	w.proc(300, 1, "/usr/sbin/dnsmasq", "dnsmasq", 0, "/system.slice/libvirtd.service", "dnsmasq", "--conf-file=a")
	w.proc(400, 1, "/usr/sbin/dnsmasq", "dnsmasq", 0, "/system.slice/libvirtd.service", "dnsmasq", "--conf-file=b")
	w.listen("tcp", "127.0.0.1:6379", 100)
	w.listen("tcp", "127.0.0.1:6380", 200)
	w.listen("udp", "192.168.122.1:53", 300)
	w.listen("udp", "192.168.123.1:53", 400)
	got := ids(w.look(t))
	if len(got) != 5 || !strings.HasPrefix(got[0], "dnsmasq/libvirtd.service:udp53~") || got[0] == got[1] {
		t.Errorf("two dnsmasq on two addresses: %q", got)
	}
	same(t, "redis is called by its name, not its executable", got[2:4], "redis-server/redis:tcp6379", "redis-server/redis:tcp6380")
}

func TestAnAcceptedSocketIsNotAClient(t *testing.T) {
	w := newWorld()
	w.proc(100, 1, "/usr/bin/server", "server", 0, "/", "server")
	w.proc(200, 1, "/usr/bin/client", "client", 0, "/", "client")
	w.listen("tcp", "[::]:5432", 100)
	w.connect("127.0.0.1:5432", "127.0.0.1:50000", 100)
	w.connect("127.0.0.1:50000", "127.0.0.1:5432", 200)
	w.connect("10.0.0.5:5432", "10.0.0.9:41000", 100)
	w.connect("10.0.0.5:22", "10.0.0.9:41001", 100) // its listener is gone
	w.connect("10.0.0.5:0", "10.0.0.9:50051", 200)  // so short that only its making was seen
	snap := w.look(t)
	same(t, "peers", peers(snap), "client/root~"+snapHash(snap, "client")+" -> tcp/10.0.0.9:50051", "client/root~"+snapHash(snap, "client")+" -> tcp/n-1/127.0.0.1:5432")
}

func TestSocketActivationBelongsToTheService(t *testing.T) {
	w := newWorld()
	w.proc(100, 1, "/usr/sbin/sshd", "sshd", 0, "/system.slice/ssh.service", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
	w.listen("tcp", "0.0.0.0:22", 1, 100)
	w.listen("tcp", "0.0.0.0:631", 1)
	same(t, "listeners", listens(w.look(t)), "sshd/ssh.service:tcp22 tcp/0.0.0.0:22 ", "systemd/root:tcp631 tcp/0.0.0.0:631 ")
}

func TestContainersBelongToTheirHostAndOtherImagesDoNot(t *testing.T) {
	w := newWorld()
	w.proc(500, 1, "/bin/app", "app", 999, "/system.slice/docker-"+id64+".scope", "app")
	w.proc(600, 1, "/bin/other", "other", 0, "/", "other")
	for pid, ns := range map[string]string{"500": "2", "600": "3"} {
		w.host.ReadLinks["proc/"+pid+"/ns/net"], w.host.ReadLinks["proc/"+pid+"/ns/pid"] = "net:["+ns+"]", "pid:["+ns+"]"
		w.file("proc/"+pid+"/net/fib_trie", "|-- 172.17.0.2\n /32 host LOCAL\n|-- 127.0.0.1\n /32 host LOCAL\n")
		w.file("proc/"+pid+"/net/tcp", " 0: 00000000:1F90 00000000:0000 0A 0:0 00:0 0 999 0 777 1\n"+
			" 1: 020011AC:C350 0700000A:1538 01 0:0 00:0 0 999 0 778 1\n 2: 0100007F:C351 0100007F:1F91 01 0:0 00:0 0 999 0 779 1\n")
		for fd, inode := range map[string]string{"3": "777", "4": "778", "5": "779"} {
			w.file("proc/"+pid+"/fd/"+fd, "")
			w.host.ReadLinks["proc/"+pid+"/fd/"+fd] = "socket:[" + inode + "]"
		}
	}
	snap := w.look(t)
	same(t, "processes", ids(snap)[:1], "app/docker:1a2b3c4d5e6f:tcp8080")
	if slices.ContainsFunc(ids(snap), func(id string) bool { return strings.HasPrefix(id, "other") }) {
		t.Errorf("a process of another OS image was claimed: %q", ids(snap))
	}
	same(t, "peers", peers(snap),
		"app/docker:1a2b3c4d5e6f:tcp8080 -> tcp/n-1/docker:1a2b3c4d5e6f/127.0.0.1:8081",
		"app/docker:1a2b3c4d5e6f:tcp8080 -> tcp/10.0.0.7:5432")
	if !slices.Contains(snap.Addrs, OwnAddr{netip.MustParseAddr("172.17.0.2"), Internal, "docker:1a2b3c4d5e6f"}) {
		t.Errorf("the container's address is not internal: %v", snap.Addrs)
	}
}

func TestAContainerIsCalledByTheNameItWasGiven(t *testing.T) {
	w := newWorld()
	w.file("var/lib/docker/containers/"+id64+"/config.v2.json", `{"Name":"/web","Config":{"Image":"nginx:1.25"},"NetworkSettings":{"Ports":{"80/tcp":[
		{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}],"443/tcp":null}}}`)
	w.file("var/lib/containers/storage/overlay-containers/containers.json", `[{"id":"ffff`+id64[4:]+`","names":["db"],"metadata":"{\"image-name\":\"docker.io/library/postgres:16\"}"}]`)
	w.file("run/containerd/io.containerd.runtime.v2.task/k8s.io/eeee"+id64[4:]+"/config.json", `{"annotations":{"io.kubernetes.cri.container-name":"app",
		"io.kubernetes.cri.sandbox-name":"app-0","io.kubernetes.cri.sandbox-namespace":"prod","io.kubernetes.cri.image-name":"app:2"}}`)
	w.proc(500, 1, "/usr/sbin/nginx", "nginx", 0, "/system.slice/docker-"+id64+".scope", "nginx")
	w.proc(501, 1, "/bin/postgres", "postgres", 0, "/machine.slice/libpod-ffff"+id64[4:]+".scope", "postgres")
	w.proc(502, 1, "/bin/app", "app", 0, "/kubepods/pod1/eeee"+id64[4:], "app")
	w.proc(503, 1, "/bin/x", "x", 0, "/lxc/old", "x")
	list, err := Containers(context.Background(), discoverytest.NewHost(w.files, w.host))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, fmt.Sprint(c))
	}
	same(t, "containers", got, "{containerd:prod/app-0/app containerd eeee3c4d5e6f app:2 []}", "{docker:web docker 1a2b3c4d5e6f nginx:1.25 [{tcp  8080 80}]}",
		"{lxc:old lxc   []}", "{podman:db podman ffff3c4d5e6f docker.io/library/postgres:16 []}")
	if got := ids(w.look(t)); !slices.Contains(got, "nginx/docker:web") {
		t.Errorf("the process is not under that name: %q", got)
	}
}

func TestAPublishedPortLeadsIntoItsContainer(t *testing.T) {
	w := newWorld()
	w.proc(700, 1, "/usr/bin/docker-proxy", "docker-proxy", 0, "/system.slice/docker.service", "/usr/bin/docker-proxy", "-proto", "tcp", "-host-ip", "0.0.0.0",
		"-host-port", "8080", "-container-ip", "172.17.0.2", "-container-port", "80")
	w.listen("tcp", "0.0.0.0:8080", 700)
	same(t, "peers", peers(w.look(t)), "docker-proxy/docker.service:tcp8080 -> tcp/n-1/172.17.0.2:80")
}

func TestWhatIsRememberedIsStillTrue(t *testing.T) {
	w := newWorld()
	var r Reader
	look := func() []string {
		t.Helper()
		snap, err := r.Read(context.Background(), discoverytest.NewHost(w.files, w.host))
		if err != nil {
			t.Fatal(err)
		}
		return ids(snap)
	}
	w.listen("tcp", "0.0.0.0:80", 100)
	w.proc(100, 1, "/usr/sbin/nginx", "nginx", 0, "/system.slice/nginx.service", "nginx")
	same(t, "first", look(), "nginx/nginx.service:tcp80")
	same(t, "again", look(), "nginx/nginx.service:tcp80")
	// The number is given to another program.
	w.proc(100, 1, "/usr/sbin/apache2", "apache2", 0, "/system.slice/apache2.service", "apache2")
	same(t, "another", look(), "apache2/apache2.service:tcp80")
	// What just started may yet become something else under the same name.
	w.file("proc/uptime", "11.50 1.00\n")
	w.proc(101, 1, "/bin/env", "env", 0, "/system.slice/a.service", "env")
	w.listen("tcp", "0.0.0.0:81", 101)
	same(t, "young", look(), "apache2/apache2.service:tcp80", "env/a.service:tcp81")
	w.proc(101, 1, "/bin/env", "env", 0, "/system.slice/b.service", "env")
	same(t, "changed", look(), "apache2/apache2.service:tcp80", "env/b.service:tcp81")
}

func TestOnlyGlobalAddressesNameTheSameEndpointOnTwoSystems(t *testing.T) {
	w := newWorld()
	w.proc(200, 1, "/usr/bin/client", "client", 0, "/system.slice/c.service", "client")
	w.connect("172.17.0.1:50000", "172.17.0.2:80", 200)
	w.connect("10.0.0.5:50000", "10.0.0.9:80", 200)
	w.connect("[fe80::5%eth0]:50000", "[fe80::9%eth0]:80", 200)
	same(t, "peers", peers(w.look(t)), "client/c.service -> tcp/n-1/172.17.0.2:80", "client/c.service -> tcp/n-1/[fe80::9]:80", "client/c.service -> tcp/10.0.0.9:80")
}

func TestAnEphemeralUDPSocketIsNotYetAServer(t *testing.T) {
	w := newWorld()
	w.proc(200, 1, "/usr/bin/dig", "dig", 0, "/", "dig")
	w.listen("udp", "0.0.0.0:45000", 200)
	w.listen("udp", "0.0.0.0:51820") // WireGuard: the kernel's own
	snap := w.look(t)
	for _, l := range snap.Listen {
		if l.Ephemeral != (l.Port == 45000) {
			t.Errorf("port %d: ephemeral %v", l.Port, l.Ephemeral)
		}
	}
}

func TestAScriptIsCalledByItsName(t *testing.T) {
	for _, c := range []struct {
		exe, comm string
		args      []string
		want      string
	}{
		{"/usr/bin/python3.11", "python3", []string{"python3", "/opt/app/server.py", "--port", "80"}, "server.py"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-u", "-m", "http.server"}, "http.server"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-c", "import x"}, "python3.11"},
		{"/usr/bin/python3.11", "fail2ban-server", []string{"/usr/bin/python3", "/usr/bin/fail2ban-server"}, "fail2ban-server"},
		{"/usr/bin/node", "MainThread", []string{"node", "--inspect", "app.js"}, "app.js"},
		{"/usr/bin/java", "java", []string{"java", "-cp", "x.jar", "-jar", "/srv/app.jar"}, "app.jar"},
		{"/usr/bin/java", "java", []string{"java", "--add-opens", "java.base/java.io=ALL-UNNAMED", "-cp", "/opt/lib/*", "/srv/Main.java"}, "Main.java"},
		{"/usr/lib/erlang/erts/bin/beam.smp", "beam.smp", []string{"beam.smp", "-W", "w"}, "beam.smp"},
		{"/usr/sbin/nginx", "nginx", []string{"nginx: master process nginx"}, "nginx"},
		{"/usr/lib/systemd/systemd-resolved", "systemd-resolve", []string{"/lib/systemd/systemd-resolved"}, "systemd-resolved"},
		{"", "kthreadd", nil, "kthreadd"},
		{"/usr/lib/postgresql/15/bin/postgres", "postgres", []string{"postgres: writer"}, "postgres"},
	} {
		e := entry{exe: c.exe, comm: c.comm, args: c.args}
		if got := e.name(); got != c.want {
			t.Errorf("%s %q is called %q, want %q", c.exe, c.args, got, c.want)
		}
	}
}

var graphSystem = graph.Key{Label: graph.System, ID: "n-1"}

// ended adds a connection of a process that is gone.
func (w *world) ended(remote string, pid, ppid int, exe, cgroup string, args ...string) {
	w.proc(pid, ppid, exe, exe[strings.LastIndexByte(exe, '/')+1:], 33, cgroup, args...)
	dir := "proc/" + strconv.Itoa(pid) + "/"
	text := func(name string) string { return string(w.files[dir+name].Data) }
	was := &discovery.Ended{PID: pid, Stat: text("stat"), Cmdline: text("cmdline"), Cgroup: text("cgroup"), Status: text("status"),
		Exe: exe, Cwd: "/", Netns: "net:[1]", Pidns: "pid:[1]"}
	for _, name := range []string{"stat", "cmdline", "cgroup", "status"} {
		delete(w.files, dir+name)
	}
	for _, name := range []string{"exe", "cwd", "ns/net", "ns/pid"} {
		delete(w.host.ReadLinks, dir+name)
	}
	w.connect("10.0.0.5:0", remote, pid)
	w.host.Sockets["tcp"][len(w.host.Sockets["tcp"])-1].Ended = was
}

func TestAClientThatIsGoneIsWhoItWas(t *testing.T) {
	const cron = "/system.slice/cron.service"
	for _, c := range []struct {
		story string
		build func(w *world)
		want  []string
	}{
		{"started by cron, whose shell went with it", func(w *world) { w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", cron, "curl", "http://x") },
			[]string{"curl/cron.service 10.0.0.7:80 ended"}},
		{"of nobody's unit", func(w *world) { w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", "/", "curl", "http://x") },
			[]string{"curl/www-data 10.0.0.7:80 ended"}},
		{"a worker of a daemon that lives", func(w *world) {
			w.proc(400, 1, "/usr/sbin/app", "app", 33, "/", "app", "-d")
			w.ended("10.0.0.7:80", 501, 400, "/usr/sbin/app", "/", "app", "-d")
		}, []string{"app/www-data~ 10.0.0.7:80 ended"}},
		{"its parent's number was given to another since", func(w *world) {
			w.proc(700, 1, "/usr/bin/curl", "curl", 33, "/", "curl", "http://y")
			w.ended("10.0.0.7:80", 501, 700, "/usr/bin/curl", cron, "curl", "http://x")
		}, []string{"curl/cron.service 10.0.0.7:80 ended"}},
		{"its own number was given to another since", func(w *world) {
			w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", cron, "curl", "http://x")
			w.proc(501, 1, "/usr/sbin/other", "other", 0, "/", "other")
		}, []string{"curl/cron.service 10.0.0.7:80 ended"}},
		{"it runs again", func(w *world) {
			w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", cron, "curl", "http://x", "-d", "1")
			w.proc(601, 600, "/usr/bin/curl", "curl", 33, cron, "curl", "http://x", "-d", "2")
			w.connect("10.0.0.5:40000", "10.0.0.7:80", 601)
		}, []string{"curl/cron.service 10.0.0.7:80", "curl/cron.service 10.0.0.7:80 ended"}},
		{"of another system, which shows in /proc", func(w *world) {
			w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", "/", "curl")
			was := w.host.Sockets["tcp"][0].Ended
			was.Netns, was.Pidns = "net:[9]", "pid:[9]"
		}, nil},
		{"what was said of it is of another", func(w *world) {
			w.ended("10.0.0.7:80", 501, 500, "/usr/bin/curl", "/", "curl")
			w.host.Sockets["tcp"][0].Ended.PID = 77
		}, nil},
	} {
		w := newWorld()
		c.build(w)
		host := discoverytest.NewHost(w.files, w.host)
		snap, err := (&Reader{Peers: true}).Read(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range snap.Peers {
			id, hash, _ := strings.Cut(p.Process.ID, "~")
			if hash != "" {
				id += "~"
			}
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s:%d %s", id, p.Addr, p.Port, map[bool]string{true: "ended"}[p.Ended])))
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.story, got, c.want)
		}
		plain, err := new(Reader).Read(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range plain.Peers {
			t.Errorf("%s: %s is told to those who want listeners alone", c.story, p.Process.ID)
		}
	}
}
