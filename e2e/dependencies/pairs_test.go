package dependencies

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
)

// plan has two rooms and a router between them that does not just route.
const plan = `
switch sw1
switch sw2 subnet 1
cma cma sw1
system srv sw1
system cli sw1
system box1 sw1
system box2 sw1
router rtr sw1 sw2
system far sw2
`

// box is a network namespace of its own inside a system, behind the address of
// the system as those of containers are. All boxes have the same addresses.
const (
	box  = "172.30.0.2"
	host = "172.30.0.1" // the system as its box sees it
)

// place is where a process runs.
type place struct {
	system string
	boxed  bool
}

// pair is a client and a server.
type pair struct {
	kind           string // for the table of results
	client, server place
	network        string // tcp or udp
	role           string // lasting, short, or brief
	call           func(w *world, port int) netip.AddrPort
	listen         string // address the server binds to
	name           string // number as text
	port           int
}

// to4 and to6 are how a client calls a system, by its own address.
func to4(system string) func(*world, int) netip.AddrPort {
	return func(w *world, port int) netip.AddrPort { return netip.AddrPortFrom(w.Addr(system), uint16(port)) }
}

func to6(system string) func(*world, int) netip.AddrPort {
	return func(w *world, port int) netip.AddrPort { return netip.AddrPortFrom(w.Addr6(system), uint16(port)) }
}

func at(addr string) func(*world, int) netip.AddrPort {
	return func(_ *world, port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))
	}
}

// published is the port of the host for a port in its box.
const published = 10000

func toPublished(system string) func(*world, int) netip.AddrPort {
	return func(w *world, port int) netip.AddrPort {
		return netip.AddrPortFrom(w.Addr(system), uint16(port+published))
	}
}

// virtual is an address that nobody has; box2 leads it to srv.
const virtual = "10.96.0.1"

// pairs are all there are, 60.
func pairs() []pair {
	var list []pair
	add := func(n int, p pair) {
		for range n {
			p.name = fmt.Sprintf("%02d", len(list)+1)
			p.port = 7000 + len(list) + 1
			list = append(list, p)
		}
	}
	cli, srv, far := place{"cli", false}, place{"srv", false}, place{"far", false}
	inBox1, inBox2, onBox1 := place{"box1", true}, place{"box2", true}, place{"box1", false}
	add(8, pair{kind: "TCP over IPv4", client: cli, server: srv, network: "tcp", role: "lasting", call: to4("srv"), listen: "0.0.0.0"})
	add(6, pair{kind: "TCP over IPv6", client: cli, server: srv, network: "tcp", role: "lasting", call: to6("srv"), listen: "::"})
	add(2, pair{kind: "TCP over IPv4 to a socket of both", client: far, server: srv, network: "tcp", role: "lasting", call: to4("srv"), listen: "::"})
	add(4, pair{kind: "UDP over IPv4", client: cli, server: srv, network: "udp", role: "lasting", call: to4("srv"), listen: "0.0.0.0"})
	add(3, pair{kind: "UDP over IPv6", client: cli, server: srv, network: "udp", role: "lasting", call: to6("srv"), listen: "::"})
	add(2, pair{kind: "on one system, loopback", client: srv, server: srv, network: "tcp", role: "lasting", call: at("127.0.0.1"), listen: "127.0.0.1"})
	add(4, pair{kind: "from a namespace, masqueraded", client: inBox1, server: srv, network: "tcp", role: "lasting", call: to4("srv"), listen: "0.0.0.0"})
	add(3, pair{kind: "to a port published for a namespace", client: cli, server: inBox2, network: "tcp", role: "lasting", call: toPublished("box2"), listen: "0.0.0.0"})
	add(1, pair{kind: "to a port published for a namespace, UDP", client: cli, server: inBox2, network: "udp", role: "lasting", call: toPublished("box2"), listen: "0.0.0.0"})
	add(2, pair{kind: "from a namespace to one of another system", client: inBox1, server: inBox2, network: "tcp", role: "lasting", call: toPublished("box2"), listen: "0.0.0.0"})
	add(2, pair{kind: "from a system into its own namespace", client: onBox1, server: inBox1, network: "tcp", role: "lasting", call: at(box), listen: "0.0.0.0"})
	add(1, pair{kind: "from a namespace to its own system", client: inBox2, server: place{"box2", false}, network: "tcp", role: "lasting", call: at(host), listen: "0.0.0.0"})
	add(2, pair{kind: "to a virtual address", client: place{"box2", false}, server: srv, network: "tcp", role: "lasting", call: at(virtual), listen: "0.0.0.0"})
	add(2, pair{kind: "from a namespace to a virtual address", client: inBox2, server: srv, network: "tcp", role: "lasting", call: at(virtual), listen: "0.0.0.0"})
	add(2, pair{kind: "to a router that leads behind it", client: cli, server: far, network: "tcp", role: "lasting", call: toPublished("rtr"), listen: "0.0.0.0"})
	add(3, pair{kind: "TCP over IPv4, 100 ms", client: cli, server: srv, network: "tcp", role: "short", call: to4("srv"), listen: "0.0.0.0"})
	add(2, pair{kind: "TCP over IPv6, 100 ms", client: cli, server: srv, network: "tcp", role: "short", call: to6("srv"), listen: "::"})
	add(1, pair{kind: "from a namespace, masqueraded, 100 ms", client: inBox1, server: srv, network: "tcp", role: "short", call: to4("srv"), listen: "0.0.0.0"})
	add(3, pair{kind: "TCP over IPv4, by a process of 100 ms", client: cli, server: srv, network: "tcp", role: "brief", call: to4("srv"), listen: "0.0.0.0"})
	add(2, pair{kind: "TCP over IPv6, by a process of 100 ms", client: cli, server: srv, network: "tcp", role: "brief", call: to6("srv"), listen: "::"})
	add(1, pair{kind: "from a namespace, masqueraded, by a process of 100 ms", client: inBox1, server: srv, network: "tcp", role: "brief", call: to4("srv"), listen: "0.0.0.0"})
	add(1, pair{kind: "to a port published for a namespace, 100 ms", client: cli, server: inBox2, network: "tcp", role: "short", call: toPublished("box2"), listen: "0.0.0.0"})
	add(1, pair{kind: "to a virtual address, 100 ms", client: place{"box2", false}, server: srv, network: "tcp", role: "short", call: at(virtual), listen: "0.0.0.0"})
	add(1, pair{kind: "to a router that leads behind it, 100 ms", client: cli, server: far, network: "tcp", role: "short", call: toPublished("rtr"), listen: "0.0.0.0"})
	add(1, pair{kind: "on one system, loopback, 100 ms", client: srv, server: srv, network: "tcp", role: "short", call: at("127.0.0.1"), listen: "127.0.0.1"})
	return list
}

// edge is the dependency that a pair must become.
func (p pair) edge() string {
	return fmt.Sprintf("%s client-%s -> %s server-%s", p.client.system, p.name, p.server.system, p.name)
}

// boxUp gives a system its box and its rules of translation.
func (w *world) boxUp(system string) {
	w.t.Helper()
	w.sh(system, `set -e
ip netns add box
ip link add br-box type bridge
ip addr add `+host+`/24 dev br-box
ip link set br-box up
ip link add veth-box type veth peer name eth0 netns box
ip link set veth-box master br-box up
ip -n box link set lo up
ip -n box addr add `+box+`/24 dev eth0
ip -n box link set eth0 up
ip -n box route add default via `+host+`
sysctl -qw net.ipv4.ip_forward=1
nft -f - <<'RULES'
table ip nat {
	chain post { type nat hook postrouting priority srcnat; ip saddr 172.30.0.0/24 ip daddr != 172.30.0.0/24 masquerade; }
}
RULES`)
}

// translate adds the rules that pairs need, before anybody calls.
func (w *world) translate(list []pair) {
	w.t.Helper()
	rules := map[string]string{}
	rule := func(system, chain, text string) { rules[system] += "add rule ip leads " + chain + " " + text + "\n" }
	for _, p := range list {
		called := p.call(w, p.port)
		switch {
		case p.server.boxed && int(called.Port()) != p.port:
			rule(p.server.system, "pre", fmt.Sprintf("%s dport %d dnat to %s:%d", p.network, called.Port(), box, p.port))
		case int(called.Port()) != p.port: // the router's
			rule("rtr", "pre", fmt.Sprintf("%s dport %d dnat to %s:%d", p.network, called.Port(), w.Addr(p.server.system), p.port))
		case called.Addr().String() == virtual:
			for _, chain := range []string{"pre", "out"} {
				rule(p.client.system, chain, fmt.Sprintf("ip daddr %s tcp dport %d dnat to %s", virtual, p.port, w.Addr("srv")))
			}
		}
	}
	for system, text := range rules {
		w.sh(system, `set -e
nft -f - <<'RULES'
table ip leads {
	chain pre { type nat hook prerouting priority dstnat; }
	chain out { type nat hook output priority -100; }
}
`+text+`
RULES
ip route add `+virtual+` via `+w.Addr("srv").String())
	}
}

// sh runs a script in a system.
func (w *world) sh(system, script string) {
	w.t.Helper()
	if out, err := w.Lab.Run(within(w.t, patience), system, "sh", "-c", script); err != nil {
		w.t.Fatalf("%s: %v: %s", system, err, out)
	}
}

// begin starts both ends of a pair.
func (w *world) begin(p pair) {
	w.t.Helper()
	w.peer(p.server, "server-"+p.name, "server", p.network, net.JoinHostPort(p.listen, strconv.Itoa(p.port)))
	w.peer(p.client, "client-"+p.name, p.role, p.network, p.call(w, p.port).String())
}

// peer starts one end, under a name of its own.
func (w *world) peer(where place, name, role, network, address string) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.Dir, name)
	if err := os.Link(self, file); err != nil {
		w.t.Fatalf("%v; the temporary folder must be on one file system", err)
	}
	args := []string{file}
	if role == "brief" {
		// Who starts it again and again is another program, and no client.
		args = []string{"sh", "-c", `while :; do "$0"; sleep 5; done`, file}
	}
	if where.boxed {
		args = append([]string{"ip", "netns", "exec", "box"}, args...)
	}
	w.peers[name], err = w.StartEnv(where.system, []string{roleVar + "=" + role, netVar + "=" + network, addrVar + "=" + address, "GOMAXPROCS=1"}, args...)
	if err != nil {
		w.t.Fatal(err)
	}
}
