package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// To find who holds a socket means to look at every descriptor of every process,
// 100 ms of CPU on a box with 2,000 processes. A socket seldom changes hands, so
// what was found once is believed while its process lives, and only sockets not
// met before are looked for, first where others were found.
const (
	// ownersAge is how long what was found is believed at most: a socket may have
	// been handed to another process by one that lives on.
	ownersAge = 10 * time.Minute
	// orphansAge is how long nobody is believed to hold a socket.
	orphansAge = time.Minute
)

// nobody in place of a process number: the socket was looked for in vain.
const nobody = 0

// owners knows which processes hold which socket of one protocol and kind.
type owners struct {
	mu      sync.Mutex
	held    []holding      // in order of inode, then process
	pids    []int          // of held, so that a socket's are a piece of it
	met     []bool         // of held: the socket is there in this look
	starts  map[int]string // when each of those processes started
	walked  time.Time      // when all was forgotten
	shut    bool           // some process may not be looked into
	orphans time.Time      // when nobody was found for a socket
}

// holding says that a process has a descriptor of a socket.
type holding struct {
	inode uint32
	pid   int32
}

// compareHoldings puts them in order.
func compareHoldings(a, b holding) int {
	return cmp.Or(cmp.Compare(a.inode, b.inode), cmp.Compare(a.pid, b.pid))
}

// begin starts a look at the sockets of one protocol and kind.
func (o *owners) begin(now time.Time) {
	if now.Sub(o.walked) < ownersAge {
		o.forgetGone(now)
	} else {
		o.held, o.pids, o.met, o.walked = nil, nil, nil, now
	}
	clear(o.met)
}

// remembered returns who holds a socket that is there, nil when it is not known.
func (o *owners) remembered(inode uint32) []int {
	from, to := o.at(inode)
	for i := from; i < to; i++ {
		o.met[i] = true
	}
	if from == to || o.held[from].pid == nobody {
		return nil
	}
	return o.pids[from:to:to]
}

// end fills in who holds the sockets that are wanted, where it is not remembered,
// and forgets those that are not there any more. It reports whether some process
// may not be looked into.
func (o *owners) end(ctx context.Context, now time.Time, list []discovery.Socket) (shut bool, err error) {
	if slices.Contains(o.met, false) {
		i := -1
		o.held = slices.DeleteFunc(o.held, func(holding) bool { i++; return !o.met[i] })
		o.spread()
	}
	w := walk{}
	for i := range list {
		inode := uint32(list[i].Inode)
		if from, to := o.at(inode); inode == 0 || from < to {
			continue
		}
		if w.open == nil {
			w.open = map[uint32]bool{}
		}
		w.open[inode] = false
		w.all = w.all || waits(&list[i])
	}
	w.missing = len(w.open)
	if w.missing > 0 {
		if err := o.look(ctx, &w); err != nil {
			return false, err
		}
		o.learn(now, &w)
		o.fill(list)
	}
	o.shut = o.shut && w.missing == 0 || w.shut
	return o.shut, nil
}

// fill tells the sockets who holds them.
func (o *owners) fill(list []discovery.Socket) {
	for i := range list {
		from, to := o.at(uint32(list[i].Inode))
		if from < to && o.held[from].pid != nobody {
			list[i].PIDs = o.pids[from:to:to]
		}
	}
}

// waits says whether a socket is of the kind that several processes hold.
func waits(s *discovery.Socket) bool { return s.State == "listen" || s.State == "unconn" }

// forgetGone forgets what processes held that ended, and after a while who was
// looked for in vain.
func (o *owners) forgetGone(now time.Time) {
	gone := map[int32]bool{nobody: now.Sub(o.orphans) >= orphansAge}
	for pid, start := range o.starts {
		if startOf(pid) != start {
			gone[int32(pid)] = true
			delete(o.starts, pid)
		}
	}
	if before := len(o.held); before > 0 {
		if o.held = slices.DeleteFunc(o.held, func(h holding) bool { return gone[h.pid] }); len(o.held) < before {
			o.spread()
		}
	}
}

// spread makes pids and met anew after a change of held.
func (o *owners) spread() {
	o.pids, o.met = make([]int, len(o.held)), make([]bool, len(o.held))
	for i, h := range o.held {
		o.pids[i] = int(h.pid)
	}
}

// at returns where in held the holders of a socket are.
func (o *owners) at(inode uint32) (from, to int) {
	from = sort.Search(len(o.held), func(i int) bool { return o.held[i].inode >= inode })
	to = from
	for to < len(o.held) && o.held[to].inode == inode {
		to++
	}
	return from, to
}

// learn takes in what a walk found.
func (o *owners) learn(now time.Time, w *walk) {
	for inode, found := range w.open {
		if !found {
			w.found = append(w.found, holding{inode, nobody})
			o.orphans = now
		}
	}
	o.held = append(o.held, w.found...)
	discovery.Sort(o.held, compareHoldings)
	o.held = slices.Compact(o.held)
	o.spread()
	if o.starts == nil {
		o.starts = map[int]string{}
	}
	for _, h := range w.found {
		if pid := int(h.pid); pid != nobody && o.starts[pid] == "" {
			o.starts[pid] = startOf(pid)
		}
	}
}

// look walks over the processes, those first that hold other sockets.
func (o *owners) look(ctx context.Context, w *walk) error {
	pids, err := processNumbers()
	if err != nil {
		return fmt.Errorf("sockets: who owns them: %w", err)
	}
	for _, known := range []bool{true, false} {
		for _, pid := range pids {
			if _, holds := o.starts[pid]; holds != known {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.descriptors(pid); err != nil {
				return fmt.Errorf("sockets: who owns them: %w", err)
			}
			if w.missing == 0 && !w.all {
				return nil
			}
		}
	}
	return nil
}

func processNumbers() ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// walk looks for the holders of sockets.
type walk struct {
	open    map[uint32]bool // sockets looked for; true: somebody holds it
	missing int             // of those, nobody was found yet
	all     bool            // look for all who hold them, not only for one
	shut    bool            // we may not look into some process
	found   []holding
}

// descriptors looks at what a process holds. One that ended meanwhile, or that we
// may not look into, holds nothing that we could tell.
func (w *walk) descriptors(pid int) error {
	err := w.readDescriptors(pid)
	switch {
	case errors.Is(err, fs.ErrPermission):
		w.shut = true
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH):
		return err
	}
	return nil
}

func (w *walk) readDescriptors(pid int) error {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	var buf [64]byte
	for {
		// Piece by piece: a proxy has tens of thousands.
		names, err := dir.Readdirnames(maxNamesAtOnce)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			n, err := unix.Readlinkat(fd, name, buf[:])
			if errors.Is(err, fs.ErrPermission) {
				return err // root without capabilities sees the names, and no more
			}
			if err == nil {
				w.descriptor(pid, buf[:n])
			}
		}
	}
}

// maxNamesAtOnce is how many descriptors of a process are listed at a time.
const maxNamesAtOnce = 256

// descriptor takes in what one descriptor is, e.g. "socket:[12345]".
func (w *walk) descriptor(pid int, target []byte) {
	number, ok := bytes.CutPrefix(target, []byte("socket:["))
	if !ok {
		return
	}
	inode, err := strconv.ParseUint(string(bytes.TrimSuffix(number, []byte("]"))), 10, 32)
	if err != nil {
		return
	}
	found, looked := w.open[uint32(inode)]
	if !looked {
		return
	}
	if !found {
		w.open[uint32(inode)] = true
		w.missing--
	}
	w.found = append(w.found, holding{uint32(inode), int32(pid)})
}
