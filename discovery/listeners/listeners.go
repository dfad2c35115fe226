// Package listeners discovers who waits for clients where: every TCP listener
// and bound UDP socket of this system and its containers, with the process
// behind it and the addresses at which it can be reached.
//
//	(System)-[:RUNS]->(Process nginx)-[:LISTENS_ON]->(Endpoint tcp/10.0.0.5:80)
//
// A socket bound to any address becomes one Endpoint per address of the system,
// so that a client elsewhere, who knows only the address it called, meets it.
package listeners

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"assim/discovery"
	"assim/discovery/proc"
	"assim/graph"
)

// Type is the discovery type "listeners".
var Type = discovery.Type{
	Name:  "listeners",
	Short: "who listens where: TCP and UDP, in every network namespace of this system",
	Every: 30 * time.Second,
	On:    []discovery.Trigger{discovery.Addrs, discovery.Sockets},
	Needs: []string{
		"CAP_SYS_PTRACE: processes of other users are not named",
	},
	Make: collector,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"netlink sock_diag", "/proc/PID/{stat,cmdline,exe,cwd,status,cgroup,ns,fd,net}", "/etc/passwd", "interface addresses", "nft list ruleset or iptables-save -t nat, where a container listens"},
		Keys: []discovery.Field{
			{Key: "processes[].id", Meaning: "identity within the system, without a process id, the same after a restart"},
			{Key: "processes[].name", Meaning: "what people call the program"},
			{Key: "processes[].exe", Meaning: "path of the executable"},
			{Key: "processes[].args[]", Meaning: "arguments, secrets masked"},
			{Key: "processes[].cwd", Meaning: "working directory, when it is not /"},
			{Key: "processes[].user", Meaning: "effective user"},
			{Key: "processes[].unit", Meaning: "systemd service"},
			{Key: "processes[].container", Meaning: "engine:id of the container it runs in"},
			{Key: "listeners[].process", Meaning: "id of the process"},
			{Key: "listeners[].proto", Meaning: "tcp or udp"},
			{Key: "listeners[].addr", Meaning: "bound address; 0.0.0.0 or :: is any"},
			{Key: "listeners[].port", Meaning: "port number"},
			{Key: "listeners[].scope", Meaning: "any, global, internal (containers), link, host (loopback), or published: a port of the host that address translation leads to a container"},
			{Key: "listeners[].netns", Meaning: "container or network namespace, empty for the main one"},
			{Key: "listeners[].v6only", Meaning: "true for a :: that does not stand for IPv4 as well"},
			{Key: "addresses[].addr", Meaning: "own address, temporary ones left out"},
			{Key: "addresses[].scope", Meaning: "global, internal, link or host"},
			{Key: "addresses[].netns", Meaning: "container or network namespace, empty for the main one"},
			{Key: "truncated", Meaning: "true when there were more listeners than the limit of 4096"},
		},
		Graph: "(System)-[:RUNS]->(Process)-[:LISTENS_ON {bind}]->(Endpoint)",
	},
}

// maxListeners bounds a document.
const maxListeners = 4096

// maxEndpoints bounds what one document makes of the graph; a machine with
// many addresses and many wildcard listeners multiplies them.
const maxEndpoints = 16384

// Payload is the document.
type Payload struct {
	Processes []*proc.Process `json:"processes"`
	Listeners []Listener      `json:"listeners"`
	Addresses []proc.OwnAddr  `json:"addresses"`
	Truncated bool            `json:"truncated,omitempty"`
}

// Any is the scope of a listener bound to no particular address.
const Any proc.Scope = "any"

// Listener is one bound socket, or several alike.
type Listener struct {
	Process string     `json:"process"`
	Proto   string     `json:"proto"`
	Addr    netip.Addr `json:"addr"`
	Port    uint16     `json:"port"`
	Scope   proc.Scope `json:"scope"`
	Netns   string     `json:"netns,omitempty"`
	V6Only  bool       `json:"v6only,omitempty"`
}

// lasting is how long an unconnected UDP socket on an ephemeral port must stay
// to count as a server. Shorter calls every waiting DNS client one. In
// hundredths of a second of uptime.
const lasting = 3 * 60 * 100

func collector() func(context.Context, discovery.Host) (any, error) {
	m, reader := memory{}, proc.Reader{}
	return func(ctx context.Context, h discovery.Host) (any, error) {
		snap, err := reader.Read(ctx, h)
		if err != nil {
			return nil, err
		}
		list := m.settled(snap)
		list = append(list, published(ctx, h, list, snap.Addrs)...)
		return document(list, snap.Addrs), nil
	}
}

// memory is when each doubtful socket was seen first, by inode, in uptime. Nil
// before the first look.
type memory map[uint64]uint64

// settled leaves out what may be gone a moment later: waiting DNS clients, and
// sockets whose owner left while we looked. In the first look only the former.
func (m *memory) settled(snap *proc.Snapshot) []proc.Listen {
	first := len(*m) == 0
	now := memory{0: snap.Uptime} // never empty again
	var list []proc.Listen
	for _, l := range snap.Listen {
		if l.Ephemeral || l.Unowned {
			since, seen := (*m)[l.Inode]
			if !seen {
				since = snap.Uptime
			}
			now[l.Inode] = since
			if l.Ephemeral && snap.Uptime < since+lasting || l.Unowned && !seen && !first {
				continue
			}
		}
		list = append(list, l)
	}
	*m = now
	return list
}

func document(list []proc.Listen, addrs []proc.OwnAddr) *Payload {
	p := &Payload{Addresses: addrs}
	var used []*proc.Process
	for _, l := range list {
		scope := l.Scope
		if l.Addr.IsUnspecified() && scope != Published {
			scope = Any
		}
		p.Listeners = append(p.Listeners, Listener{l.Process.ID, l.Proto, l.Addr, l.Port, scope, l.Netns, l.V6Only})
		used = append(used, l.Process)
	}
	discovery.Sort(p.Listeners, compare)
	p.Listeners = slices.Compact(p.Listeners)
	if p.Truncated = len(p.Listeners) > maxListeners; p.Truncated {
		p.Listeners = p.Listeners[:maxListeners]
	}
	p.Processes = proc.Used(used)
	return p
}

func compare(a, b Listener) int {
	return cmp.Or(cmp.Compare(a.Netns, b.Netns), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port),
		a.Addr.Compare(b.Addr), cmp.Compare(a.Process, b.Process))
}

// Graph turns a document into processes, endpoints and who listens where.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p, processes, err := proc.Parse("listeners", doc, func(p *Payload) []*proc.Process { return p.Processes })
	if err != nil {
		return graph.Change{}, err
	}
	var c graph.Change
	for _, process := range proc.Used(p.Processes) {
		node, rels := process.Piece(system)
		c.Nodes, c.Rels = append(c.Nodes, node), append(c.Rels, rels...)
	}
	ends := map[graph.Key]bool{}
	said := map[graph.RelKey]bool{}
	exact := exactBinds(p.Listeners)
	for _, l := range p.Listeners {
		process := processes[l.Process]
		if process == nil {
			return graph.Change{}, fmt.Errorf("listeners: %s:%d is said to belong to %q, which is not in the document", l.Proto, l.Port, l.Process)
		}
		for _, e := range reach(l, p.Addresses, exact) {
			if !e.Valid() || len(ends) >= maxEndpoints {
				continue
			}
			node := e.Node(system)
			rel := graph.Rel{From: process.Key(system), Type: graph.ListensOn, To: node.Key, Props: graph.P("bind", l.Addr.String())}
			if said[rel.Key()] {
				continue // 0.0.0.0 and :: of one process reach the same addresses
			}
			said[rel.Key()] = true
			if !ends[node.Key] {
				ends[node.Key] = true
				c.Nodes = append(c.Nodes, node)
			}
			c.Rels = append(c.Rels, rel)
		}
	}
	return c, nil
}

// bind names what one socket is bound to.
type bind struct {
	netns, proto string
	port         uint16
	addr         netip.Addr
}

// exactBinds says which binds there are: who is bound to an address itself gets
// its clients, not the one who is bound to any.
func exactBinds(list []Listener) map[bind]bool {
	binds := map[bind]bool{}
	for _, l := range list {
		if l.Scope == Published {
			continue // it shares the port with the engine's proxy
		}
		binds[bind{l.Netns, l.Proto, l.Port, l.Addr}] = true
	}
	return binds
}

// reach lists the endpoints at which l can be reached. "::" stands for IPv4 as
// well, as Linux does by default, unless somebody else has 0.0.0.0.
func reach(l Listener, own []proc.OwnAddr, exact map[bind]bool) []proc.Endpoint {
	if !l.Addr.IsUnspecified() {
		return []proc.Endpoint{{Proto: l.Proto, Addr: l.Addr, Port: l.Port, Scope: l.Scope, Netns: l.Netns}}
	}
	v4Taken := exact[bind{l.Netns, l.Proto, l.Port, netip.IPv4Unspecified()}]
	var list []proc.Endpoint
	for _, a := range own {
		switch {
		case a.Netns != l.Netns, !a.Addr.IsValid():
		case l.Addr.Is4() && !a.Addr.Is4():
		case l.Addr.Is6() && a.Addr.Is4() && (v4Taken || l.V6Only):
		case exact[bind{l.Netns, l.Proto, l.Port, a.Addr}]:
		default:
			list = append(list, proc.Endpoint{Proto: l.Proto, Addr: a.Addr, Port: l.Port, Scope: a.Scope, Netns: l.Netns})
		}
	}
	return list
}
