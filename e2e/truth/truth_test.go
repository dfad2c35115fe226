package truth

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/e2e/lab"
)

// patience is how long one step may take.
const patience = 60 * time.Second

const plan = `
switch sw1 both vlan 100
cma cma sw1
system h01 sw1 root
system h02 sw1
`

// subject is the system that is looked at, in a lab.
type subject struct {
	*lab.Lab
	*lab.Installation
	*facts
	bin string
	// dir is another root file system, instead of a system of the lab.
	dir string
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// furnish gives the system what a network stack and a machine can have.
const furnish = `set -e
ip link add dummy0 type veth peer name dummy1
ip link add br0 type bridge
ip link add veth1 type veth peer name veth2
# Not every kernel has these.
ip link add link eth0 name eth0.7 type vlan id 7 && ip link set eth0.7 up || true
ip link add bond0 type bond mode active-backup || true
ip link add mac0 link eth0 type macvlan || true
ip link add vxlan5 type vxlan id 5 dev lo dstport 4789 || true
ip tuntap add tap0 mode tap || true
ip link set dummy0 mtu 1400 up
ip link set veth1 master br0 up
ip link set br0 up
ip addr add 192.168.77.1/24 dev br0
ip addr add fd99::1/64 dev br0 nodad
ip addr add 10.9.8.7/32 dev dummy0
ip route add 198.51.100.0/24 via 10.77.15.254 metric 77
ip route add 203.0.113.0/24 dev dummy0 table 100
ip -6 route add fd55::/48 via fd99::2 dev br0 onlink
ip neigh add 10.77.0.99 lladdr 02:00:5e:00:00:99 dev eth0 nud permanent
ip neigh add fd99::2 lladdr 02:00:5e:00:00:98 dev br0 nud permanent
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.br0.rp_filter=2
mkdir -p /mnt/a /mnt/b /run/sshd
mount -t tmpfs -o size=1m,ro,nosuid tmpfs /mnt/a
mount --bind /usr/share /mnt/b
ssh-keygen -A >/dev/null
cat > /etc/ssh/sshd_config.d/site.conf <<'END'
Port 2222
Port 22
PermitRootLogin prohibit-password
PasswordAuthentication no
AllowUsers alice bob@10.0.0.*
MaxAuthTries 3
ClientAliveInterval 90
Ciphers aes256-gcm@openssh.com,aes256-ctr
AcceptEnv SITE_*
Match User alice
	X11Forwarding no
END
useradd -m -c "Alice A." -s /bin/bash alice
groupadd -g 4711 site
usermod -aG site alice
# Not every file system keeps these.
setfacl -m u:daemon:r,g:site:rw /etc/issue || true
setfacl -d -m u:alice:rwx /etc/cron.d || true
echo "* hard nofile 9999" > /etc/security/limits.d/site.conf
echo America/New_York > /etc/timezone
ln -sf /usr/share/zoneinfo/America/New_York /etc/localtime
`

// settle is what runs while the system is looked at.
func (s *subject) settle() {
	s.t.Helper()
	s.must("h01", "sh", "-c", furnish)
	for port, start := range map[int]func(string, int) (*lab.Process, error){80: s.Nginx, 6379: s.Redis} {
		if _, err := start("h01", port); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.Redis("h02", 6380); err != nil {
		s.t.Fatal(err)
	}
	for _, at := range []string{s.Addr("h02").String(), s.Addr6("h02").String()} {
		if _, err := s.Lab.Start("h01", "redis-cli", "-h", at, "-p", "6380", "SUBSCRIBE", "news"); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.Lab.Start("h01", "/usr/sbin/sshd", "-D"); err != nil {
		s.t.Fatal(err)
	}
	if err := s.WaitListening(within(s.t, patience), "h01", 2222); err != nil {
		s.t.Fatal(err)
	}
}

// must runs a tool in a system, in the C locale, and returns what it printed.
func (s *subject) must(system string, args ...string) []byte {
	s.t.Helper()
	out, err := s.Lab.Run(within(s.t, patience), system, append([]string{"env", "LC_ALL=C"}, args...)...)
	if err != nil {
		s.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// tool runs a tool on the system that is looked at.
func (s *subject) tool(args ...string) []byte {
	s.t.Helper()
	if s.dir != "" {
		return s.inside(args...)
	}
	return s.must("h01", args...)
}

// document is what a nanoprobe discovers on it.
func (s *subject) document(typ string) []byte {
	s.t.Helper()
	if s.dir != "" {
		return s.rooted(typ)
	}
	return s.tool(filepath.Join(s.bin, "nanoprobe"), "discover", typ, "--json")
}

// document1 is a document of a type, decoded.
func document1[T any](s *subject, typ string) T {
	s.t.Helper()
	return decode[T](s.t, typ, s.document(typ))
}

func TestWhatIsDiscoveredEqualsWhatTheHostsOwnToolsSay(t *testing.T) {
	bin := lab.Programs(t)
	p, err := lab.Parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	p.Share = append(p.Share, bin)
	l := lab.ForTest(t, p)
	in, err := l.Install(within(t, patience), bin)
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{l, in, &facts{t: t}, bin, ""}
	s.settle()
	if err := in.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	for _, look := range []func(){s.links, s.addresses, s.routes, s.neighbors, s.sockets, s.disks, s.mounted, s.settings, s.sshd,
		s.release, s.processor, s.mainMemory, s.accounts, s.limits, s.packages, s.files, s.programs, s.config, s.running, s.neighbor, s.graph} {
		look()
	}
	s.judge(leastNamed)
}
