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
	"io/fs"
	"net/netip"
	"time"

	"assim/graph"
)

// ErrNotHere means that this system has nothing of the kind (no dpkg, no
// systemd): no document, no error.
var ErrNotHere = errors.New("nothing of this kind here")

// Trigger names something that happens on a host and is worth a new look.
type Trigger string

// The triggers a Host can report.
const (
	Links     Trigger = "links"     // an interface came, went or changed
	Addrs     Trigger = "addrs"     // an address came or went
	Routes    Trigger = "routes"    // a route changed
	Neighbors Trigger = "neighbors" // the kernel's neighbor table changed
	Frames    Trigger = "frames"    // an LLDP or CDP frame differs from the one before
	Sockets   Trigger = "sockets"   // a listening or connected socket came or went, where the kernel tells
)

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

	// Graph turns a stored document into the piece of graph it means. It is pure.
	Graph func(system graph.Key, doc []byte) (graph.Change, error)
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
	// Run runs a program with a bounded output in the C locale.
	Run(ctx context.Context, name string, args ...string) ([]byte, error)

	Links(ctx context.Context) ([]Link, error)
	Addrs(ctx context.Context) ([]Addr, error)
	Routes(ctx context.Context) ([]Route, error)
	Neighbors(ctx context.Context) ([]Neighbor, error)
	// Sockets lists sockets of one protocol ("tcp" or "udp", both families).
	Sockets(ctx context.Context, proto string) ([]Socket, error)
	// Frames returns the newest LLDP or CDP frame heard per interface and sender.
	Frames(ctx context.Context) ([]Frame, error)
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
}

// Addr is an address on an interface.
type Addr struct {
	Link      string
	Prefix    netip.Prefix // address with its prefix length
	Scope     string       // "global", "link", "host"
	Temporary bool         // a privacy address: comes and goes by itself
}

// Route is a route of any table that carries traffic.
type Route struct {
	Dst     netip.Prefix // invalid = default
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

// Socket is a socket and the process that owns it.
type Socket struct {
	Proto         string // "tcp" or "udp"
	Local, Remote netip.AddrPort
	State         string // "listen", "established", ... ; "unconn" for unconnected UDP
	Inode         uint64
	UID           uint32
	PIDs          []int // processes holding it, lowest first; empty when not permitted to know
}

// Frame is a captured LLDP or CDP frame.
type Frame struct {
	Link  string
	Data  []byte // whole Ethernet frame
	Heard time.Time
}
