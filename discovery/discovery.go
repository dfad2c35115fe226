// Package discovery says what a discovery type is: how a nanoprobe collects a
// document and how the CMA turns it into a piece of graph. One type is one
// folder holding both ends.
//
//	Collect(host) ──▶ payload ──▶ canonical JSON ──▶ (network) ──▶ Graph(system, JSON) ──▶ graph.Change
//
// "Unchanged" says nothing: a document whose hash the CMA has acknowledged is
// not sent again.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"assim/graph"
)

// ErrNotHere means that this system has nothing of the kind (no dpkg, no
// systemd): no document, no error.
var ErrNotHere = errors.New("nothing of this kind here")

// ErrNotYet means that it is too early to say: no document, no error, and what
// was said before still stands.
var ErrNotYet = fmt.Errorf("too early to say: %w", ErrNotHere)

// Trigger names something that happens on a host and is worth a new look.
type Trigger string

// The triggers a Host can report.
const (
	Links     Trigger = "links"     // an interface came, went or changed
	Addrs     Trigger = "addrs"     // an address came or went
	Routes    Trigger = "routes"    // a route changed
	Neighbors Trigger = "neighbors" // the kernel's neighbor table changed
	Frames    Trigger = "frames"    // an LLDP or CDP frame differs from the one before
	Resumed   Trigger = "resumed"   // what the nanoprobe before this one said has come
	Budgets   Trigger = "budgets"   // a type is held back by its budget or fails, or no more
	Sockets   Trigger = "sockets"   // a listening or connected socket came or went, where the kernel tells
)

// Changed is the trigger "the document of that type differs from the one
// before": a new listener makes it worth looking at its executable.
func Changed(name string) Trigger { return Trigger("changed " + name) }

// Type is one kind of discovery.
type Type struct {
	Name  string        // lower case, the folder's name
	Short string        // one line for people
	Every time.Duration // default interval; 0 = only on its triggers
	On    []Trigger     // look again (within a second, debounced) when one of these happens
	Files []string      // look again when one of these files or directories changes
	Needs []string      // what is lost without a privilege, one sentence each, e.g. "CAP_NET_RAW: LLDP frames are not heard"

	// Collect looks at the host and returns a payload that encoding/json can
	// marshal: only facts, nothing that fluctuates by itself. ErrNotHere when
	// there is nothing to say.
	Collect func(ctx context.Context, h Host) (any, error)

	// Make, where it is set instead of Collect, returns a Collect that remembers
	// from one look to the next (a connection that closed an hour ago). Every
	// nanoprobe makes its own, so that nothing is global.
	Make func() func(ctx context.Context, h Host) (any, error)

	// Resumes is for types that remember. A nanoprobe keeps nothing on the disk, so
	// that a new one asks the CMA what the one before it said, where that differs
	// from what it sees itself, and goes on from there: see Recaller.
	Resumes bool

	// Secret documents (users, sudoers, configuration text) travel on the bulk
	// plane only and are not shown to everybody.
	Secret bool
}

// Plugin is what the CMA makes of the documents of a type, and what people are
// told of them. It is a thing of its own so that an agent, which knows the types
// only, does not carry it.
type Plugin struct {
	Of *Type

	// Graph turns a stored document into the piece of graph it means. It is
	// pure, and leaves Source, At and Document to its caller. Nil: the document
	// is stored, and means nothing to the graph.
	Graph func(system graph.Key, doc []byte) (graph.Change, error)

	// Shared, for types whose documents hold a long list that many systems have
	// alike (packages), is the piece of graph that belongs to the content and not
	// to a system. It names its own Source by the content's hash; the CMA applies
	// it once for all systems. Nil: there is none.
	Shared func(doc []byte) (graph.Change, error)

	// About says for docs/discovery.md what the type reads and what it prints.
	About About
}

// Whole works out what documents mean only together, of the whole graph. What it
// derives names its own Source; the CMA calls it at leisure.
type Whole struct {
	Name   string // what it works out, for people
	Derive func(r graph.Reader) (graph.Change, error)
}

// About describes a type for people.
type About struct {
	Reads []string // where the facts come from: files, kernel interfaces, commands
	Keys  []Field  // the keys of the document, in order
	Graph string   // the nodes and relationships, e.g. "(System)-[:HAS_NIC]->(NIC)"
}

// Field is one key of a document.
type Field struct {
	Key     string // with dots and [] for what is nested: "links[].mtu"
	Meaning string // with its unit and source
}

// Collector returns the function that collects: Collect, or what Make makes.
func (t Type) Collector() func(ctx context.Context, h Host) (any, error) {
	if t.Make != nil {
		return t.Make()
	}
	return t.Collect
}

// Host is the machine as discovery sees it. Package host has the real one.
type Host interface {
	// Root is the root file system; names are slash-separated without a leading
	// slash, as in io/fs ("proc/self/mountinfo"). Reads are bounded.
	Root() fs.FS
	// ReadLink returns the target of a symbolic link under Root.
	ReadLink(name string) (string, error)
	// Live is false for another root file system (--root): then only files can
	// be asked, and everything below returns ErrNotHere.
	Live() bool
	// Run runs a program with a bounded output in the C locale. Execute does so
	// with limits of its own. What is not installed is ErrNotHere.
	Run(ctx context.Context, name string, args ...string) ([]byte, error)
	Execute(ctx context.Context, c Command) ([]byte, error)

	Links(ctx context.Context) ([]Link, error)
	Addrs(ctx context.Context) ([]Addr, error)
	Routes(ctx context.Context) ([]Route, error)
	Neighbors(ctx context.Context) ([]Neighbor, error)
	// Sockets lists sockets, those first that wait for clients.
	Sockets(ctx context.Context, which SocketQuery) ([]Socket, error)
	// Translations lists the conversations of this and other systems whose
	// destination this system changes (destination NAT).
	Translations(ctx context.Context) ([]Translation, error)
	// Frames returns the newest LLDP or CDP frame heard per interface and sender,
	// and for how long frames have been listened to.
	Frames(ctx context.Context) (frames []Frame, listening time.Duration, err error)
}

// Recaller is a Host that knows what this system said last of a type that
// Resumes; nil when nothing is known, or not yet.
type Recaller interface {
	Recalled(typ string) []byte
}

// Rester is a Host that knows which types are held back by their budget, and which
// fail.
type Rester interface {
	Rests() []Rest
	Failures() []Failure
}

// Command is a program to run, and its limits. Zero limits are the host's own.
type Command struct {
	Name   string   // a name looked up in the system's directories, or a path
	Args   []string // without the name
	Env    []string // NAME=value, beside PATH, LC_ALL=C, LANG=C and HOME
	Dir    string   // working directory; "/" when empty
	Time   time.Duration
	Output int // bytes of standard output
	Nice   int // how much the program steps back for others, 0 to 19
}

// Exit is the error of a program that ended with a code other than 0.
type Exit struct {
	Name  string // of the program
	Code  int
	Words string // first line it wrote to standard error
}

func (e *Exit) Error() string {
	if e.Words == "" {
		return fmt.Sprintf("%s: exit status %d", e.Name, e.Code)
	}
	return fmt.Sprintf("%s: exit status %d: %s", e.Name, e.Code, e.Words)
}

// Link is a network interface.
type Link struct {
	Index       int
	Name        string
	Kind        string // "device", "bridge", "veth", "bond", "vlan", ...
	MAC, Perm   string // current and permanent hardware address, aa:bb:cc:dd:ee:ff
	MTU         int
	Up, Carrier bool
	Master      string // bridge or bond it belongs to
	Parent      string // VLAN's or macvlan's lower interface
	VLAN        int
	Loopback    bool
	Virtual     bool   // no hardware behind it: bridges, veth, tunnels
	SpeedMbps   int    // megabits per second; 0 = unknown
	Duplex      string // "full", "half"; empty = unknown
	Driver      string // kernel driver; empty = unknown
}

// Addr is an address on an interface.
type Addr struct {
	Link      string
	Prefix    netip.Prefix // address with its prefix length
	Scope     string       // "global", "site", "link", "host"
	Temporary bool         // a privacy address: comes and goes by itself
}

// Route is a route of any table that carries traffic.
type Route struct {
	Dst     netip.Prefix // 0.0.0.0/0 or ::/0 is a default route
	Gateway netip.Addr
	Link    string
	Source  netip.Addr
	Table   int
	Metric  int
	Proto   string
}

// Neighbor is an entry of the kernel's ARP or NDP table.
type Neighbor struct {
	Link  string
	IP    netip.Addr
	MAC   string
	State string // "reachable", "stale", "permanent", "failed", ...
}

// SocketQuery says which sockets are asked for.
type SocketQuery struct {
	Proto   string // "tcp" or "udp", both families
	Waiting bool   // only those that wait for clients: a busy server has 20 of them, and 20,000 connections
	// Keep says which ones are wanted; nil wants all. It may be asked twice about
	// one, and PIDs are known to it only where they are remembered. What it is
	// given is good for the moment only.
	Keep func(*Socket) bool
}

// Socket is a socket and the process that owns it.
type Socket struct {
	Proto         string // "tcp" or "udp"
	Local, Remote netip.AddrPort
	State         string // "listen", "established", ... ; "unconn" for unconnected UDP
	V6Only        bool   // a listener on [::] that does not take IPv4
	Inode         uint64
	UID           uint32
	PIDs          []int // processes holding it, lowest first; empty when not permitted to know
	// Netns is the network namespace it is in, where that is not this one's:
	// "net:[4026532000]". Only of connections that were made and closed.
	Netns string
	// Ended is who made the connection, where that process is gone.
	Ended *Ended
}

// Ended is a process that lived for a moment: what proc_pid(5) said of it
// meanwhile.
type Ended struct {
	PID                   int
	Stat, Cmdline, Cgroup string // the files of that name
	Status                string // of that file, the line that begins with "Uid:"
	Exe, Cwd              string // the links of that name
	Netns, Pidns          string // the links ns/net and ns/pid
}

// Translation is a conversation, or several alike, whose client calls one
// address and is answered by another.
type Translation struct {
	Proto  string         // "tcp" or "udp"
	Client netip.Addr     // who called
	Called netip.AddrPort // what it called
	Server netip.AddrPort // who answers
}

// Frame is a captured LLDP or CDP frame.
type Frame struct {
	Link string
	Data []byte        // whole Ethernet frame
	Age  time.Duration // since it was heard last
}
