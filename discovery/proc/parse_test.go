package proc

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const id64 = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"

func TestCgroupPathSaysUnitAndContainer(t *testing.T) {
	for _, c := range []struct {
		text            string
		unit, container string
	}{
		{"0::/system.slice/nginx.service", "nginx.service", ""},
		{"0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service", ""},
		{"0::/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", ""},
		{"0::/system.slice/sshd@12-10.0.0.1:22-10.0.0.9:50000.service", "sshd@.service", ""},
		{"0::/user.slice/user-1000.slice/session-3.scope", "", ""},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service", "pipewire.service", ""},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-4711.scope", "user@1000.service", ""},
		{"0::/system.slice/run-u17.service", "", ""},
		{"0::/system.slice/systemd\\x2dtest.service", "systemd-test.service", ""},
		{"0::/system.slice/docker-" + id64 + ".scope", "", "docker:1a2b3c4d5e6f"},
		{"12:pids:/docker/" + id64 + "\n1:name=systemd:/docker/" + id64, "", "docker:1a2b3c4d5e6f"},
		{"0::/machine.slice/libpod-" + id64 + ".scope/container", "", "podman:1a2b3c4d5e6f"},
		{"0::/machine.slice/libpod-conmon-" + id64 + ".scope", "", ""},
		{"0::/libpod_parent/libpod-" + id64, "", "podman:1a2b3c4d5e6f"},
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + id64 + ".scope", "", "containerd:1a2b3c4d5e6f"},
		{"0::/kubepods/burstable/pod0a/" + id64, "", "containerd:1a2b3c4d5e6f"},
		{"1:name=systemd:/lxc.payload.web/system.slice/nginx.service", "nginx.service", "lxc:web"},
		{"0::/lxc/web", "", "lxc:web"},
		{"0::/machine.slice/systemd-nspawn@db.service/payload/system.slice/cron.service", "cron.service", "machine:db"},
		{"0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "", ""},
		{"0::/system.slice/docker-" + id64 + ".scope/system.slice/ssh.service", "ssh.service", "docker:1a2b3c4d5e6f"},
		{"4:memory:/system.slice\n1:name=systemd:/system.slice/cron.service", "cron.service", ""},
		{"0::/", "", ""},
		{"", "", ""},
		{"garbage", "", ""},
	} {
		if got := parseCgroup(c.text); got.unit != c.unit || got.container != c.container {
			t.Errorf("%q: unit %q, container %q; want %q, %q", c.text, got.unit, got.container, c.unit, c.container)
		}
	}
}

func TestSecretsInArgumentsAreMasked(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"app --password=hunter2 --port=80", "app --password=*** --port=80"},
		{"app --password hunter2 -v", "app --password *** -v"},
		{"app --password -v", "app --password -v"},
		{"app --db-password=x --api-key=y --secretToken=z", "app --db-password=*** --api-key=*** --secretToken=***"},
		{"app --api_key y", "app --api_key ***"},
		{"java -Ddb.password=x -jar a.jar", "java -Ddb.password=*** -jar a.jar"},
		{"env PGPASSWORD=x psql", "env PGPASSWORD=*** psql"},
		{"AWS_SECRET_ACCESS_KEY=abc prog", "AWS_SECRET_ACCESS_KEY=*** prog"},
		{"app postgres://u:hunter2@db/x", "app postgres://u:***@db/x"},
		{"app --dsn=postgres://u:hunter2@db/x", "app --dsn=postgres://u:***@db/x"},
		{"app --proxy-token=https://a.example/x", "app --proxy-token=***"},
		{"mysql -uroot -phunter2 db", "mysql -uroot -p*** db"},
		{"/usr/bin/mysqldump -p db", "/usr/bin/mysqldump -p db"},
		{"curl -u bob:hunter2 http://h/", "curl -u *** http://h/"},
		{"redis-cli -a hunter2", "redis-cli -a ***"},
		{"sshpass -p hunter2 ssh h", "sshpass -p *** ssh h"},
		{"ldapsearch -w hunter2 -x", "ldapsearch -w *** -x"},
		{"redis-server --requirepass hunter2", "redis-server --requirepass ***"},
		{"nginx -p /srv", "nginx -p /srv"},
		{"app --passive --bypass=on --tokenizer=x", "app --passive --bypass=on --tokenizer=x"},
	} {
		got := strings.Join(Mask(strings.Split(c.in, " ")), " ")
		if got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
	}
	whole := Mask([]string{"curl", "-H", "Authorization: Bearer abc.def", "-d", `{"password": "x y", "a": 1}`, "x-api-key: 17"})
	for _, secret := range []string{"abc", "x y", "17"} {
		if strings.Contains(strings.Join(whole, " "), secret) {
			t.Errorf("%q is still in %q", secret, whole)
		}
	}
}

func TestStatNameMayHoldParenthesesAndBlanks(t *testing.T) {
	st, ok := parseStat([]byte("42 (a) b (c)) S 7 42 42 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1 18446744073709551615 0"))
	e := st.entry()
	if !ok || e.pid != 42 || e.ppid != 7 || e.tty != 34816 || e.start != 12345 || e.comm != "a) b (c)" {
		t.Errorf("got %+v, %v", e, ok)
	}
	for _, bad := range []string{"", "42", "42 (x", "x (y) S 1", ") 42 ("} {
		if _, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q was taken for a stat line", bad)
		}
	}
}

func TestEscapesInTitlesDoNotReachATerminal(t *testing.T) {
	got := parseCmdline("evil\x1b[2J\x00\xff\xfe\x00x\n\x00\x00\x00")
	want := []string{"evil\uFFFD[2J", "\uFFFD\uFFFD", "x\uFFFD"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheSSHServersCountOfLoginsIsNoFact(t *testing.T) {
	got := parseCmdline("sshd: /usr/sbin/sshd -D [listener] 3 of 10-100 startups\x00\x00")
	if !slices.Equal(got, []string{"sshd: /usr/sbin/sshd -D [listener]"}) {
		t.Errorf("got %q", got)
	}
}

func TestNetFileNamesSocketsOfBothFamilies(t *testing.T) {
	const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0500000A:A0F2 0700000A:1538 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000 20 4 30 10 -1
   2: 0500000A:A0F4 0700000A:1538 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
`
	got := parseNet("tcp", tcp)
	if len(got) != 2 {
		t.Fatalf("got %d sockets, want the listener and the connection: %+v", len(got), got)
	}
	if l := got[0]; l.local != netip.MustParseAddrPort("127.0.0.1:8080") || l.state != stateListen || l.uid != 1000 || l.inode != 12345 {
		t.Errorf("listener: %+v", l)
	}
	if c := got[1]; c.remote != netip.MustParseAddrPort("10.0.0.7:5432") || c.state != stateEstablished {
		t.Errorf("connection: %+v", c)
	}
	const tcp6 = "   0: B80D01200000000067452301EFCDAB89:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 33 0 7 1\n" +
		"   1: 0000000000000000FFFF00000500000A:0050 0000000000000000FFFF00000700000A:C001 01 0:0 00:0 0 33 0 8 1\n"
	got = parseNet("tcp", tcp6)
	if len(got) != 2 || got[0].local.String() != "[2001:db8::123:4567:89ab:cdef]:80" || got[1].local.String() != "10.0.0.5:80" {
		t.Errorf("IPv6: %+v", got)
	}
}

func TestOwnAddressesComeFromFibTrieAndIfInet6(t *testing.T) {
	const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 172.17.0.2
        /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
Local:
     |-- 172.17.0.2
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
`
	if got := parseFibTrie(trie); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("172.17.0.2"), netip.MustParseAddr("127.0.0.1")}) {
		t.Errorf("fib_trie: %v", got)
	}
	const inet6 = `00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000000000000000aa 02 40 20 80     eth0
20010db8000000000000000000000002 02 40 00 01     eth0
`
	want := []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("fe80::aa")}
	if got := parseIfInet6(inet6); !slices.Equal(got, want) {
		t.Errorf("if_inet6: %v, want %v without the temporary one", got, want)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("42 (a) b) S 7 42 42 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1")
	f.Add("0::/system.slice/docker-" + id64 + ".scope")
	f.Add("   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 1000 0 12345 1")
	f.Add("|-- 1.2.3.4\n/32 host LOCAL\n00000000000000000000000000000001 01 80 10 80 lo\nroot:x:0:0\nUid:\t1\t2\t3\t4\n")
	f.Add("a\\x2d\\x1b.service")
	f.Fuzz(func(t *testing.T, text string) {
		if st, ok := parseStat([]byte(text)); ok && (st.pid <= 0 || unclean(st.entry().comm)) {
			t.Errorf("stat: %+v", st)
		}
		p := parseCgroup(text)
		if len(p.container) > len(text)+16 || len(p.unit) > len(text)+16 {
			t.Errorf("cgroup: %+v", p)
		}
		for _, a := range Mask(parseCmdline(text)) {
			if unclean(a) {
				t.Errorf("argument %q", a)
			}
		}
		for _, s := range parseNet("tcp", text) {
			if !s.local.IsValid() {
				t.Errorf("socket %+v", s)
			}
		}
		parseFibTrie(text)
		parseIfInet6(text)
		parseUID(text)
		parsePortRange(text)
		socketInode(text)
		for _, name := range parsePasswd(text) {
			if unclean(name) {
				t.Errorf("user %q", name)
			}
		}
	})
}

func unclean(s string) bool { return !utf8.ValidString(s) || strings.ContainsFunc(s, unfit) }
