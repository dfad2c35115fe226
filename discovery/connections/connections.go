// Package connections discovers whom the processes of this system are clients
// of: established TCP and connected UDP, seen from the client's side only.
//
//	(Process app)-[:CONNECTS_TO]->(Endpoint tcp/10.0.0.7:5432)<-[:LISTENS_ON]-(Process postgres)
//
// A TCP connection of a moment counts, and so does that of a process which ended
// before anybody looked: the kernel tells of them when they are made. Of UDP only
// what is connected when somebody looks is known. A client that sends without
// connecting has no peer in the kernel, and to see each of its datagrams would
// cost the busiest machines most.
//
// Where the kernel changes the destination of a conversation (a load balancer, a
// published port, a router), who was called and who answers are both told.
//
// The document is the set of (process, remote endpoint) pairs, without
// ephemeral ports, counters or times. A pair stays in it until it was unseen
// for a day, so that a busy, steady system says nothing new.
package connections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"assim/discovery"
	"assim/discovery/proc"
	"assim/graph"
)

// Type is the discovery type "connections".
var Type = discovery.Type{
	Name:    "connections",
	Short:   "which process is a client of which endpoint, remembered for a day",
	Every:   30 * time.Second,
	On:      []discovery.Trigger{discovery.Sockets, discovery.Resumed},
	Resumes: true,
	Needs: []string{"CAP_SYS_PTRACE: clients that run as other users are not seen",
		"CAP_NET_ADMIN: who answers behind a translated address is not known",
		"CAP_PERFMON, and CAP_DAC_READ_SEARCH for tracefs: TCP connections between two looks are not seen"},
	Make: collector,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"netlink sock_diag", "/proc/PID/{stat,cmdline,exe,cwd,status,cgroup,ns,fd,net}", "/etc/passwd", "/proc/uptime", "tracepoint sock:inet_sock_set_state: TCP connections between two looks, and the processes that made them and ended", "netlink conntrack: conversations with a changed destination"},
		Keys: []discovery.Field{
			{Key: "processes[]", Meaning: "as in listeners"},
			{Key: "connections[].process", Meaning: "id of the client process"},
			{Key: "connections[].proto", Meaning: "tcp or udp. Of udp those that are connected when somebody looks: of a client that sends without connecting, the kernel knows no peer"},
			{Key: "connections[].addr", Meaning: "remote address"},
			{Key: "connections[].port", Meaning: "remote port"},
			{Key: "connections[].scope", Meaning: "global, internal (containers), link or host (loopback)"},
			{Key: "connections[].netns", Meaning: "container or network namespace of the client, empty for the main one"},
			{Key: "forwards[].called", Meaning: "an endpoint of this system whose callers are sent elsewhere (destination NAT)"},
			{Key: "forwards[].server", Meaning: "the endpoint that answers them"},
			{Key: "crowds[]", Meaning: "ids of processes that called more than 64 public addresses in a day; of their connections only those in private networks are listed"},
			{Key: "truncated", Meaning: "true when a limit cut the list: 4096 pairs, 512 per process"},
		},
		Graph: "(System)-[:RUNS]->(Process)-[:CONNECTS_TO]->(Endpoint), (System)-[:TRANSLATES]->(Endpoint)-[:FORWARDS_TO]->(Endpoint)",
	},
}

// Limits of a document. A crawler talks to more hosts than anybody wants in a
// graph.
const (
	maxPairs           = 4096
	maxPairsPerProcess = 512
	// maxPublic is how many places on the Internet one process may call in a day
	// before they count as a crowd, which is told as such. A mail relay or a proxy
	// calls others every minute, and each would be news.
	maxPublic = 64
)

// forgetAfter is how long a pair may be unseen before it leaves the document,
// in hundredths of a second of uptime. Shorter makes nightly jobs come and go.
const forgetAfter = 24 * 60 * 60 * 100

// Payload is the document.
type Payload struct {
	Processes   []*proc.Process `json:"processes"`
	Connections []Connection    `json:"connections"`
	Forwards    []Forward       `json:"forwards,omitempty"`
	Crowds      []string        `json:"crowds,omitempty"`
	Truncated   bool            `json:"truncated,omitempty"`
}

// Connection is one pair.
type Connection struct {
	Process string `json:"process"`
	proc.Endpoint
}

// memory is what a collector keeps from one look to the next.
type memory struct {
	pairs    map[Connection]*pair
	forwards map[Forward]int64 // when last seen
	runs     map[run]string    // identity a running process had when last seen
	crowds   map[string]bool   // processes that call too many public addresses to tell

	crowded map[string]crowd // crowds that the nanoprobe before this one knew
}

func newMemory() *memory {
	return &memory{pairs: map[Connection]*pair{}, forwards: map[Forward]int64{}, runs: map[run]string{}, crowds: map[string]bool{}}
}

// pair is when a Connection was last seen and by whom.
type pair struct {
	process *proc.Process
	seen    int64 // uptime, hundredths of a second; less than 0 before this boot
}

// run is one process from its start to its end.
type run struct {
	pid   int
	start uint64
}

func collector() func(context.Context, discovery.Host) (any, error) {
	m := newMemory()
	reader, resumed := proc.Reader{Peers: true}, false
	return func(ctx context.Context, h discovery.Host) (any, error) {
		snap, err := reader.Read(ctx, h)
		if err != nil {
			return nil, err
		}
		translations, err := h.Translations(ctx)
		if err != nil && !errors.Is(err, discovery.ErrNotHere) {
			return nil, err
		}
		if r, can := h.(discovery.Recaller); can && !resumed {
			if doc := r.Recalled("connections"); doc != nil {
				m.resume(doc, snap.Uptime)
				resumed = true
			}
		}
		m.add(snap)
		m.translate(snap, translations)
		return m.document(), nil
	}
}

// add takes in what is seen now and forgets what was unseen for too long.
func (m *memory) add(snap *proc.Snapshot) {
	runs := map[run]string{}
	described := m.described(snap.Uptime)
	for _, p := range snap.Peers {
		r := run{p.PID, p.Start}
		runs[r] = p.Process.ID
		if before, ok := m.runs[r]; ok && before != p.Process.ID {
			m.rename(before, p.Process)
		}
		m.pairs[Connection{p.Process.ID, p.Endpoint}] = &pair{described(p), int64(snap.Uptime)}
	}
	m.runs = runs
	for c, p := range m.pairs {
		if int64(snap.Uptime) > p.seen+forgetAfter {
			delete(m.pairs, c)
		}
	}
	for process, c := range m.crowded {
		if int64(snap.Uptime) > c.known+forgetAfter {
			delete(m.crowded, process)
		}
	}
	m.shrink()
}

// young is how long a process that was there before under the same identity is
// told as it was then, in hundredths of a second of uptime. One that comes for a
// moment, again and again, has other arguments every time: a date, a file.
const young = 60 * 100

// described returns how a peer's process is told.
func (m *memory) described(uptime uint64) func(proc.Peer) *proc.Process {
	var before map[string]*proc.Process // by identity; filled when it is needed
	return func(p proc.Peer) *proc.Process {
		if !p.Ended && uptime >= p.Start+young {
			return p.Process
		}
		if before == nil {
			before = map[string]*proc.Process{}
			for _, c := range m.sorted() {
				if before[c.Process] == nil {
					before[c.Process] = m.pairs[c].process
				}
			}
		}
		if known := before[p.Process.ID]; known != nil {
			return known
		}
		return p.Process
	}
}

// rename moves what a process did under an identity it has outgrown: a daemon
// that connects before it listens is known by its port only a moment later.
func (m *memory) rename(before string, to *proc.Process) {
	for c, p := range m.pairs {
		if c.Process == before {
			delete(m.pairs, c)
			c.Process = to.ID
			m.pairs[c] = &pair{to, p.seen}
		}
	}
}

// maxRemembered bounds the memory: beyond it the longest unseen pairs go first.
const maxRemembered = 2 * maxPairs

func (m *memory) shrink() {
	m.forgetOldest(m.sorted(), maxRemembered)
	// What a crowd is made of does not matter, so it does not push out others.
	calls := map[string][]Connection{}
	for _, c := range m.sorted() {
		if m.crowds[c.Process] && public(c) {
			calls[c.Process] = append(calls[c.Process], c)
		}
	}
	for _, list := range calls {
		m.forgetOldest(list, 4*maxPublic)
	}
}

// forgetOldest keeps those of a list that were seen last.
func (m *memory) forgetOldest(list []Connection, keep int) {
	if len(list) <= keep {
		return
	}
	discovery.SortStable(list, func(a, b Connection) int { return cmp.Compare(m.pairs[a].seen, m.pairs[b].seen) })
	for _, c := range list[:len(list)-keep] {
		delete(m.pairs, c)
	}
}

func (m *memory) sorted() []Connection {
	list := make([]Connection, 0, len(m.pairs))
	for c := range m.pairs {
		list = append(list, c)
	}
	discovery.Sort(list, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(a.Process, b.Process), proc.CompareEndpoints(a.Endpoint, b.Endpoint))
	})
	return list
}

func (m *memory) document() *Payload {
	doc := &Payload{Connections: []Connection{}}
	m.findCrowds()
	perProcess := map[string]int{}
	var used []*proc.Process
	for _, c := range m.crowded {
		used = append(used, c.process)
	}
	for _, c := range m.sorted() {
		if m.crowds[c.Process] {
			used = append(used, m.pairs[c].process)
			if public(c) {
				continue
			}
		}
		perProcess[c.Process]++
		if len(doc.Connections) == maxPairs || perProcess[c.Process] > maxPairsPerProcess {
			doc.Truncated = true
			continue
		}
		doc.Connections = append(doc.Connections, c)
		used = append(used, m.pairs[c].process)
	}
	doc.Processes, doc.Forwards = proc.Used(used), m.forwarded()
	for _, p := range doc.Processes {
		if m.crowds[p.ID] {
			doc.Crowds = append(doc.Crowds, p.ID)
		}
	}
	return doc
}

// findCrowds says which processes call too many public addresses. Who is a crowd
// stays one until it calls half as many: a process at the limit would otherwise
// change its document with every look.
func (m *memory) findCrowds() {
	calls := map[string]int{}
	for c := range m.pairs {
		if public(c) {
			calls[c.Process]++
		}
	}
	crowds := map[string]bool{}
	for process := range m.crowded {
		crowds[process] = true
	}
	for process, n := range calls {
		crowds[process] = crowds[process] || n > maxPublic || m.crowds[process] && n > maxPublic/2
	}
	m.crowds = crowds
}

var carrierGrade = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// public says whether an address is one of the Internet's.
func public(c Connection) bool {
	return c.Scope == proc.Global && !c.Addr.IsPrivate() && !carrierGrade.Contains(c.Addr)
}

// Graph turns a document into processes, endpoints and who is whose client.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p, processes, err := proc.Parse("connections", doc, func(p *Payload) []*proc.Process { return p.Processes })
	if err != nil {
		return graph.Change{}, err
	}
	var c graph.Change
	for _, process := range proc.Used(p.Processes) {
		node, rels := process.Piece(system)
		c.Nodes, c.Rels = append(c.Nodes, node), append(c.Rels, rels...)
	}
	ends := map[graph.Key]bool{}
	for _, conn := range p.Connections {
		process := processes[conn.Process]
		if process == nil || !conn.Valid() {
			return graph.Change{}, fmt.Errorf("connections: a connection of %q to %s:%d is not complete", conn.Process, conn.Proto, conn.Port)
		}
		if len(ends) == maxPairs {
			break
		}
		node := conn.Node(system)
		if !ends[node.Key] {
			ends[node.Key] = true
			c.Nodes = append(c.Nodes, node)
		}
		c.Rels = append(c.Rels, graph.Rel{From: process.Key(system), Type: graph.ConnectsTo, To: node.Key})
	}
	forwardGraph(system, p.Forwards, &c)
	return c, nil
}
