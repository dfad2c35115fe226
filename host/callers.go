package host

import (
	"crypto/sha256"
	"os"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
)

// Limits of what is remembered of processes that make connections.
const (
	maxCallers = 1024
	// callerAge is how long what was read of one is believed. Its number is not
	// given to another so soon, but it may become another program.
	callerAge = time.Second
	// maxSaid is how much is kept of a command line or a list of control groups.
	maxSaid = 2 << 10
)

// caller is a process that makes a connection, as /proc shows it meanwhile. When
// somebody looks it may be gone.
type caller struct {
	said  discovery.Ended
	start string // in the kernel's ticks
	netns string // where it is not this process's: of a container
	// program tells whether two processes are the same to those that want to know
	// who calls whom: what runs, for whom, in which unit. Of the arguments the
	// first few, which are a script's name; later ones are dates and files.
	program [8]byte
	at      time.Time
}

// callers are those met a moment ago, by thread: one may have gone into another
// network namespace.
type callers struct {
	of map[int]*caller
}

// meet returns who made an event, nil when it is gone already or another process
// namespace's, and 1 when it had to be read.
func (c *callers) meet(now time.Time, e traced) (*caller, int) {
	if known := c.of[e.thread]; known != nil && now.Sub(known.at) < callerAge {
		return known, 0
	}
	if c.of == nil {
		c.of = map[int]*caller{}
	}
	if len(c.of) >= maxCallers {
		clear(c.of)
	}
	by := readCaller(e)
	if by == nil {
		return nil, 1
	}
	by.at = now
	c.of[e.thread] = by
	return by, 1
}

func readCaller(e traced) *caller {
	dir := "/proc/" + strconv.Itoa(e.pid) + "/"
	text := func(name string) string {
		f, err := os.Open(dir + name)
		if err != nil {
			return ""
		}
		defer f.Close()
		b := make([]byte, maxSaid)
		n, _ := f.Read(b) // the kernel gives these files in one piece
		return string(b[:n])
	}
	link := func(name string) string {
		to, _ := os.Readlink(dir + name)
		return to
	}
	// The link to the executable goes first when a process ends, and is read last:
	// then all the others are of the same program.
	by := &caller{netns: namespaceOf(e)}
	by.said = discovery.Ended{PID: e.pid, Stat: text("stat"), Cmdline: text("cmdline"), Cgroup: text("cgroup"),
		Cwd: link("cwd"), Netns: by.netns, Pidns: link("ns/pid")}
	_, status, _ := strings.Cut(text("status"), "\nUid:")
	user, _, _ := strings.Cut(status, "\n")
	by.said.Status = "Uid:" + user
	by.said.Exe = link("exe")
	if by.netns == "" || by.said.Exe == "" || by.said.Cmdline == "" {
		return nil
	}
	by.start = startIn([]byte(by.said.Stat))
	name, _, _ := strings.Cut(by.said.Stat, ") ")
	_, name, _ = strings.Cut(name, "(")
	const telling = 3 // arguments
	args := strings.SplitN(by.said.Cmdline, "\x00", telling+1)
	parts := append(args[:min(len(args), telling)], name, by.said.Exe, by.said.Cgroup, by.said.Status, by.said.Netns)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	by.program = [8]byte(sum[:])
	return by
}
