package proc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"assim/discovery"
)

// Limits of one look.
const (
	maxNamespaces = 256     // network namespaces looked into beside the main one
	maxSockets    = 1 << 18 // sockets of all of them
	maxFDs        = 1 << 16 // open files looked at per process of another namespace
)

// Listen is a place where a process waits for clients.
type Listen struct {
	Process *Process
	Proto   string
	Addr    netip.Addr // 0.0.0.0 or :: for any
	Port    uint16
	Scope   Scope
	Netns   string
	Inode   uint64
	PID     int  // of the process that holds it, 0 when unowned
	V6Only  bool // "::" that does not stand for IPv4 as well
	// Unowned: nobody visible holds it. Either the kernel does, or its owner may
	// not be looked at, or it went between two readings of this very look.
	Unowned bool
	// Ephemeral: an unconnected UDP socket on a port the kernel hands out. It is
	// as often a client between two questions as a server.
	Ephemeral bool
}

// Peer is an endpoint that a process of this system is a client of.
type Peer struct {
	Process *Process
	Endpoint
	Local netip.Addr // the client's own address
	PID   int        // with Start it tells whether this is the process of the look before
	Start uint64     // clock ticks after boot
	Ended bool       // it is gone
}

// Snapshot is one look at a system.
type Snapshot struct {
	Processes []*Process // those that hold a socket of Listen or Peers, by ID; all services too after ReadAll
	Listen    []Listen
	Peers     []Peer
	Addrs     []OwnAddr
	Started   map[*Process]uint64 // start of the leader, clock ticks after boot
	Service   map[*Process]bool   // after ReadAll: the top of a unit or container, or a daemon of its own
	Uptime    uint64              // hundredths of a second since boot

	places *places
}

// Scope says what an address means when this system says it.
func (s *Snapshot) Scope(a netip.Addr) Scope {
	if s.places == nil {
		return scopeOf(a)
	}
	return s.places.scope(a)
}

// Reader looks at a system again and again, and remembers what it read of
// processes that had settled: a process keeps its executable, arguments and
// place, and a machine has thousands. The zero Reader remembers nothing yet.
type Reader struct {
	// Peers wants those too that only call others, and those that did a moment ago
	// and are gone. Without it the thousands of connections of a busy system are not
	// asked for.
	Peers bool

	kept map[int]*entry
}

// Read looks at the sockets of a system and at the processes that hold them.
func (r *Reader) Read(ctx context.Context, h discovery.Host) (*Snapshot, error) {
	return r.read(ctx, h, false)
}

// ReadAll looks at all processes: besides those that hold a socket, those that
// are the top of a unit or a daemon of their own.
func (r *Reader) ReadAll(ctx context.Context, h discovery.Host) (*Snapshot, error) {
	return r.read(ctx, h, true)
}

func (r *Reader) read(ctx context.Context, h discovery.Host, all bool) (*Snapshot, error) {
	if !h.Live() {
		return nil, discovery.ErrNotHere
	}
	places, err := newPlaces(ctx, h)
	if err != nil {
		return nil, err
	}
	l := &look{table: newTable(h), places: places, instances: map[*entry]*instance{}}
	l.kept, l.wantsPeers, l.entries = r.kept, r.Peers, make(map[int]*entry, len(r.kept))
	l.self()
	if err := l.readSockets(ctx); err != nil {
		return nil, err
	}
	if all {
		if err := l.addServices(ctx); err != nil {
			return nil, err
		}
	}
	snap := l.snapshot()
	r.kept = l.settled()
	return snap, nil
}

// settled are the processes old enough to stay what they are. Programs that
// replace themselves or write their title do so when they start.
func (l *look) settled() map[int]*entry {
	for pid, e := range l.entries {
		if e == nil || e.ended || l.uptime < e.start+settled {
			delete(l.entries, pid)
		}
	}
	return l.entries
}

// look is a Snapshot in the making.
type look struct {
	*table
	places    *places
	sockets   []socket
	ephemeral func(uint16) bool // ports that the kernel hands out by itself
	netns     string            // of this nanoprobe
	pidns     string            // of this nanoprobe
	initNS    string            // see mainNamespace
	names     map[string]string // network namespace → name in documents, "" for the main one
	instances map[*entry]*instance
	uptime    uint64

	wantsPeers bool // see Reader
}

func (l *look) self() {
	l.netns, _ = l.host.ReadLink("proc/self/ns/net")
	l.pidns, _ = l.host.ReadLink("proc/self/ns/pid")
	l.initNS = l.mainNamespace()
	l.names = map[string]string{l.netns: "", "": ""}
	l.uptime, _ = uptime(l.root)
}

// mainNamespace is the network namespace in which this machine was started:
// that of process 1, or, where that cannot be read, of the first kernel thread.
func (l *look) mainNamespace() string {
	if ns, err := l.host.ReadLink("proc/1/ns/net"); err == nil {
		return ns
	}
	if kthreadd := strings.TrimSpace(readSome(l.root, "proc/2/comm", 64)); kthreadd != "kthreadd" {
		return ""
	}
	ns, _ := l.host.ReadLink("proc/2/ns/net")
	return ns
}

// ours says whether a process belongs to this system. Several systems can show
// in one /proc: another network namespace belongs to us when we are where
// process 1 is, unless it has a process world of its own that no container
// engine named; that is another OS image.
func (l *look) ours(e *entry) bool {
	switch {
	case e.kernel:
		return false
	case e.netns == "" || l.netns == "" || e.netns == l.netns:
		return true
	case l.initNS != "" && l.initNS != l.netns:
		return false
	case e.place.container != "":
		return true
	}
	return e.pidns == "" || e.pidns == l.pidns
}

func (l *look) readSockets(ctx context.Context) error {
	low, high := parsePortRange(readSome(l.root, "proc/sys/net/ipv4/ip_local_port_range", 128))
	l.ephemeral = func(p uint16) bool { return p >= low && p <= high }
	for _, proto := range []string{"tcp", "udp"} {
		taken, said := listening{}, map[pair]uint64{}
		list, err := l.host.Sockets(ctx, discovery.SocketQuery{Proto: proto, Waiting: !l.wantsPeers, Keep: func(d *discovery.Socket) bool {
			s := l.socket(d)
			return l.matters(s, taken) && (s.listens() || first(said, s))
		}})
		if err != nil {
			return err
		}
		for i := range list {
			if gone := list[i].Ended; gone != nil {
				l.ended = append(l.ended, gone)
				list[i].PIDs = []int{-len(l.ended)}
			}
		}
		l.addSockets(len(list), func(i int) socket { return l.socket(&list[i]) })
	}
	return l.otherNamespaces(ctx)
}

// socket is one of the host's, as it matters here.
func (l *look) socket(s *discovery.Socket) socket {
	return socket{proto: s.Proto, local: unmap(s.Local), remote: unmap(s.Remote), state: strings.ToLower(s.State),
		inode: s.Inode, uid: s.UID, v6only: s.V6Only, pids: s.PIDs, netns: cmp.Or(s.Netns, l.netns)}
}

// matters leaves out what no document mentions, whoever holds it: the server's
// side of connections. taken are the listeners that it was asked about before.
func (l *look) matters(s socket, taken listening) bool {
	if s.listens() {
		if !(s.proto == "udp" && l.ephemeral(s.local.Port())) {
			taken.add(s)
		}
		return true
	}
	return s.connected() && !taken.accepted(s) && !servesByPort(s, l.ephemeral)
}

// addSockets keeps the listeners of one protocol and namespace, and of the
// connections one for each client and remote place. A proxy has tens of
// thousands of sockets, most of them accepted, and only some places it calls.
func (l *look) addSockets(n int, at func(int) socket) {
	taken := listening{}
	for i := range n {
		if s := at(i); s.listens() && len(l.sockets) < maxSockets {
			l.sockets = append(l.sockets, s)
			if !(s.proto == "udp" && l.ephemeral(s.local.Port())) {
				taken.add(s)
			}
		}
	}
	if !l.wantsPeers {
		return
	}
	said := map[pair]bool{}
	for i := range n {
		s := at(i)
		if !s.connected() || len(s.pids) == 0 || taken.accepted(s) || servesByPort(s, l.ephemeral) || len(l.sockets) >= maxSockets {
			continue
		}
		if p := (pair{s.remote, s.pids[0]}); !said[p] {
			said[p] = true
			l.sockets = append(l.sockets, s)
		}
	}
}

// pair is a client and a remote place.
type pair struct {
	remote netip.AddrPort
	pid    int
}

// first reports whether s, of which it is remembered whose it is, is the one
// connection to tell of its client and remote place. said holds those that are: a
// table that changes while it is read is read again.
func first(said map[pair]uint64, s socket) bool {
	if len(s.pids) == 0 || s.inode == 0 {
		return true // whose it is comes out later
	}
	p := pair{s.remote, s.pids[0]}
	if one, ok := said[p]; ok {
		return one == s.inode
	}
	said[p] = s.inode
	return true
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// otherNamespaces reads the sockets of containers and other network namespaces
// of this system through /proc/PID/net of their processes.
func (l *look) otherNamespaces(ctx context.Context) error {
	if l.netns == "" || l.initNS != "" && l.initNS != l.netns {
		return nil
	}
	pids, err := l.pids()
	if err != nil {
		return err
	}
	members := map[string][]int{}
	for _, pid := range pids {
		target, err := l.link("proc/" + strconv.Itoa(pid) + "/ns/net")
		if err != nil || string(target) == l.netns {
			continue
		}
		ns := string(target)
		if members[ns] == nil && len(members) >= maxNamespaces {
			continue
		}
		if e := l.get(pid); e != nil && l.ours(e) {
			members[ns] = append(members[ns], pid)
		}
	}
	spaces := make([]string, 0, len(members))
	for ns := range members {
		spaces = append(spaces, ns)
	}
	slices.Sort(spaces)
	for _, ns := range spaces {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.readNamespace(ns, members[ns])
	}
	return nil
}

func (l *look) readNamespace(ns string, pids []int) {
	dir := "proc/" + strconv.Itoa(pids[0]) + "/net/"
	addrs := parseFibTrie(readSome(l.root, dir+"fib_trie", maxNetFile))
	addrs = append(addrs, parseIfInet6(readSome(l.root, dir+"if_inet6", maxNetFile))...)
	name := l.nameNamespace(ns, pids, addrs)
	l.names[ns] = name
	l.places.addNamespace(name, addrs)

	owners := map[uint64][]int{}
	for _, pid := range pids {
		l.socketsOf(pid, owners)
	}
	for _, proto := range []string{"tcp", "udp"} {
		var list []socket
		for _, file := range []string{proto, proto + "6"} {
			list = append(list, parseNet(proto, readSome(l.root, dir+file, maxNetFile))...)
		}
		for i := range list {
			list[i].netns, list[i].pids = ns, owners[list[i].inode]
		}
		l.addSockets(len(list), func(i int) socket { return list[i] })
	}
}

// nameNamespace gives a network namespace a name that holds: its container,
// else a digest of its addresses. The kernel's own number changes.
func (l *look) nameNamespace(ns string, pids []int, addrs []netip.Addr) string {
	for _, pid := range pids {
		if e := l.get(pid); e != nil && e.place.container != "" {
			return e.place.container
		}
	}
	texts := make([]string, len(addrs))
	for i, a := range addrs {
		texts[i] = a.String()
	}
	slices.Sort(texts)
	sum := sha256.Sum256([]byte(strings.Join(texts, " ")))
	return "netns:" + hex.EncodeToString(sum[:4])
}

func (l *look) socketsOf(pid int, owners map[uint64][]int) {
	dir := "proc/" + strconv.Itoa(pid) + "/fd"
	list, err := fs.ReadDir(l.root, dir)
	if err != nil {
		return // gone, or not permitted: the socket stays without an owner
	}
	for i, d := range list {
		if i == maxFDs {
			return
		}
		target, err := l.host.ReadLink(dir + "/" + d.Name())
		if err != nil {
			continue
		}
		if inode, ok := socketInode(target); ok && !slices.Contains(owners[inode], pid) {
			owners[inode] = append(owners[inode], pid)
		}
	}
}

// addServices adds the processes that hold no socket but are worth knowing: the
// top process of a unit or container, and daemons that outlived their start.
func (l *look) addServices(ctx context.Context) error {
	pids, err := l.pids()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return discovery.ErrNotHere
		}
		return err
	}
	for i, pid := range pids {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e := l.get(pid)
		if e != nil && l.ours(e) && l.isService(e) {
			l.instance(e).service = true
		}
	}
	return nil
}

// settled is how old a daemon must be before it is one: what double-forks for
// a moment is not a service. In clock ticks, a hundredth of a second each.
const settled = 60 * 100

func (l *look) isService(e *entry) bool {
	parent := l.get(e.ppid)
	old := l.uptime >= e.start+settled
	switch {
	case e.tty != 0 || !old:
		return false
	case e.place.unit != "":
		return parent == nil || parent.place.unit != e.place.unit
	case e.place.container != "":
		return parent == nil || parent.place.container != e.place.container
	}
	return l.isInit(e) || e.pid == 1
}

// isInit says whether e was left to an init: process 1, a subreaper or that of
// its own process namespace. Every daemon that put itself in the background is.
func (l *look) isInit(e *entry) bool {
	if e.ended {
		return e.ppid == 1 // its parent may have gone with it
	}
	parent := l.get(e.ppid)
	return parent == nil || parent.pid == 1 || parent.pidns != e.pidns
}

// instance returns the instance that e belongs to.
func (l *look) instance(e *entry) *instance {
	leader := l.leader(e)
	in := l.instances[leader]
	if in == nil {
		in = &instance{leader: leader, process: l.process(leader)}
		l.instances[leader] = in
	}
	return in
}

// holder picks the one process that a socket belongs to. An init that only
// keeps the socket for a service (socket activation) steps back; of the others
// the oldest opened it and its children inherited it.
func (l *look) holder(pids []int) *entry {
	var best *entry
	for _, pid := range pids {
		e := l.get(pid)
		if e == nil || !l.ours(e) {
			continue
		}
		if best == nil || best.pid == 1 && e.pid != 1 || e.pid != 1 && e.start < best.start {
			best = e
		}
	}
	return best
}

func (l *look) snapshot() *Snapshot {
	snap := &Snapshot{places: l.places, Addrs: l.places.own, Uptime: l.uptime, Started: map[*Process]uint64{}, Service: map[*Process]bool{}}
	orphans := map[string]*Process{}
	for _, s := range l.sockets {
		holder := l.holder(s.pids)
		switch {
		case s.listens():
			auto := l.ephemeral(s.local.Port())
			if holder == nil && len(s.pids) > 0 {
				continue // another system's process holds it
			}
			if holder != nil && !auto {
				in := l.instance(holder)
				in.ports = append(in.ports, port{s.proto, s.local.Port()})
			}
			pid := 0
			if holder != nil {
				pid = holder.pid
				snap.Peers = append(snap.Peers, l.forwarded(holder)...)
			}
			snap.Listen = append(snap.Listen, Listen{PID: pid, Process: l.processOf(holder, s, orphans), Proto: s.proto, Addr: s.local.Addr().WithZone(""),
				Port: s.local.Port(), Scope: l.places.scope(s.local.Addr()), Netns: l.names[s.netns], Inode: s.inode, V6Only: s.v6only, Unowned: holder == nil && s.inode != 0,
				Ephemeral: s.proto == "udp" && auto && holder != nil})
		case holder != nil:
			snap.Peers = append(snap.Peers, Peer{Process: l.instance(holder).process, PID: holder.pid, Start: holder.start, Ended: holder.ended, Local: s.local.Addr().WithZone(""),
				Endpoint: Endpoint{Proto: s.proto, Addr: s.remote.Addr().WithZone(""), Port: s.remote.Port(),
					Scope: l.places.scope(s.remote.Addr()), Netns: l.names[s.netns]}})
		}
	}
	l.finish(snap, orphans)
	return snap
}

// forwarded is the one peer of a proxy whose command line names it.
func (l *look) forwarded(e *entry) []Peer {
	to, proto, ok := forward(e)
	if !ok {
		return nil
	}
	return []Peer{{Process: l.instance(e).process, PID: e.pid, Start: e.start,
		Endpoint: Endpoint{Proto: proto, Addr: to.Addr(), Port: to.Port(), Scope: l.places.scope(to.Addr())}}}
}

// processOf describes who holds a listening socket. A socket without a process
// belongs to the kernel (NFS, WireGuard) or to someone we may not look at.
func (l *look) processOf(holder *entry, s socket, orphans map[string]*Process) *Process {
	if holder != nil {
		return l.instance(holder).process
	}
	id := strings.TrimSuffix("unknown/"+l.names[s.netns], "/") + "/" + s.proto + strconv.Itoa(int(s.local.Port()))
	if orphans[id] == nil {
		orphans[id] = &Process{ID: id, Name: "unknown", User: l.user(&entry{uid: s.uid})}
	}
	return orphans[id]
}

// finish gives everything its identity and its order.
func (l *look) finish(snap *Snapshot, orphans map[string]*Process) {
	list := make([]*instance, 0, len(l.instances))
	for _, in := range l.instances {
		discovery.Sort(in.ports, func(a, b port) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.proto, b.proto))
		})
		list = append(list, in)
	}
	// The oldest speaks for instances that share an ID, of those that are there.
	gone := map[bool]int{true: 1}
	discovery.Sort(list, func(a, b *instance) int {
		return cmp.Or(gone[a.leader.ended]-gone[b.leader.ended], cmp.Compare(a.leader.start, b.leader.start), cmp.Compare(a.leader.pid, b.leader.pid))
	})
	identify(list, l.isInit)

	byID := map[string]*Process{}
	for _, in := range list {
		if byID[in.process.ID] == nil {
			byID[in.process.ID] = in.process
			snap.Started[in.process] = in.leader.start
		}
		if in.service {
			snap.Service[byID[in.process.ID]] = true
		}
	}
	for id, p := range orphans {
		byID[id] = p
	}
	for _, p := range byID {
		snap.Processes = append(snap.Processes, p)
	}
	discovery.Sort(snap.Processes, func(a, b *Process) int { return cmp.Compare(a.ID, b.ID) })
	for i := range snap.Listen {
		snap.Listen[i].Process = byID[snap.Listen[i].Process.ID]
	}
	for i := range snap.Peers {
		snap.Peers[i].Process = byID[snap.Peers[i].Process.ID]
	}
}

// listening knows which local addresses somebody listens on.
type listening map[listenKey][]netip.Addr

type listenKey struct {
	netns, proto string
	port         uint16
}

func (l listening) add(s socket) {
	k := listenKey{s.netns, s.proto, s.local.Port()}
	l[k] = append(l[k], s.local.Addr().WithZone(""))
}

// accepted says whether a connected socket is the server's side: its local
// address is one that somebody listens on.
func (l listening) accepted(s socket) bool {
	for _, a := range l[listenKey{s.netns, s.proto, s.local.Port()}] {
		if a.IsUnspecified() || a == s.local.Addr().WithZone("") {
			return true
		}
	}
	return false
}

// servesByPort is the second guess for a connection whose listener is gone: a
// local port that the kernel does not hand out and a remote one that it does. A
// connection so short that only its making was seen has no local port; it is the
// client's side.
func servesByPort(s socket, ephemeral func(uint16) bool) bool {
	return s.local.Port() != 0 && !ephemeral(s.local.Port()) && ephemeral(s.remote.Port())
}
