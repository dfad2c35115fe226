// Package host is the real machine behind discovery.Host: its root file system,
// its kernel's network tables and sockets, and its commands. Everything it does
// is bounded in time and size, since a FIFO, a huge file or a hanging mount must
// not stop a nanoprobe.
//
//	files     host.Root()           open, check what it is, read at most MaxFile
//	kernel    Links, Addrs, ...     netlink; nothing is sent to the network
//	frames    Watch → Frames        LLDP and CDP as netio/capture hears them
//	commands  Run                   own process group, C locale, killed as a whole
package host

import (
	"path/filepath"
	"sync"

	"assim/discovery"
)

// Host is this machine, or another root file system of which only the files can
// be asked.
type Host struct {
	root   *rootFS
	live   bool
	heard  heard        // newest LLDP and CDP frames
	owners [2][2]owners // of TCP and UDP sockets, each of those that wait and those that are connected
	brief  briefs       // connections too short to be met

	mu     sync.Mutex
	cannot []string // what is not seen for lack of privilege, one sentence each
}

var _ discovery.Host = (*Host)(nil)

// New returns the machine whose root file system is at root: "/" or "" is the
// one we run on.
func New(root string) *Host {
	if root == "" {
		root = "/"
	}
	root = filepath.Clean(root)
	return &Host{root: &rootFS{dir: root, live: root == "/", hanging: &hangs{}}, live: root == "/"}
}

// Live reports whether this is the machine we run on.
func (h *Host) Live() bool { return h.live }

// Cannot says what this host does not see for lack of privilege, one sentence
// each. It is complete once Watch has begun.
func (h *Host) Cannot() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.cannot...)
}

// lacks notes a sentence once.
func (h *Host) lacks(sentence string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.cannot {
		if s == sentence {
			return
		}
	}
	h.cannot = append(h.cannot, sentence)
}
