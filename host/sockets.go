package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// maxSockets is how many sockets of one protocol are looked at. A proxy of a
// large site has some 100,000.
const maxSockets = 250_000

// Sockets lists the TCP or UDP sockets of this network namespace that somebody
// holds: sockets in TIME_WAIT have no owner any more and are left out. While
// Watch runs, connections that were made and closed a moment ago are among them,
// with no local port and no inode, as long as their process lives.
func (h *Host) Sockets(ctx context.Context, proto string) ([]discovery.Socket, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	number, ok := map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[proto]
	if !ok {
		return nil, fmt.Errorf("sockets: %q is not a protocol; ask for tcp or udp", proto)
	}
	var all []discovery.Socket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := socketsOf(ctx, proto, family, number)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAFNOSUPPORT) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("sockets: %s: %w", proto, err)
		}
		all = append(all, list...)
	}
	owners, err := h.owner.of(ctx)
	if err != nil {
		return nil, err
	}
	if h.owner.shut.Load() {
		h.lacks("Sockets of some processes are listed without their process: seeing it needs CAP_SYS_PTRACE.")
	}
	for i := range all {
		all[i].PIDs = owners[all[i].Inode]
	}
	if proto == "tcp" {
		all = append(all, h.brief.sockets(time.Now())...)
	}
	return all, nil
}

// The states of a TCP socket, by the number the kernel gives them.
var states = [...]string{1: "established", 2: "syn_sent", 3: "syn_recv", 4: "fin_wait1", 5: "fin_wait2", 6: "time_wait",
	7: "unconn", 8: "close_wait", 9: "last_ack", 10: "listen", 11: "closing", 12: "new_syn_recv"}

// heldStates are the states in which a process may hold the socket.
const heldStates = 1<<1 | 1<<2 | 1<<4 | 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11

// Sizes of struct inet_diag_req_v2 and struct inet_diag_msg.
const (
	diagRequest = 56
	diagAnswer  = 72
)

func socketsOf(ctx context.Context, proto string, family, protocol uint8) ([]discovery.Socket, error) {
	const byFamily = 20 // SOCK_DIAG_BY_FAMILY
	ask := make([]byte, diagRequest)
	ask[0], ask[1] = family, protocol
	native.PutUint32(ask[4:], heldStates)
	var list []discovery.Socket
	err := dump(ctx, unix.NETLINK_SOCK_DIAG, byFamily, ask, func() { list = nil }, func(data []byte) {
		if s, ok := parseSocket(data); ok && len(list) < maxSockets {
			s.Proto = proto
			list = append(list, s)
		}
	})
	return list, err
}

// parseSocket reads struct inet_diag_msg:
//
//	family 1 | state 1 | timer 1 | retransmits 1 | ports 2+2 | addresses 16+16 |
//	interface 4 | cookie 8 | expires, queues 12 | uid 4 | inode 4 | attributes
func parseSocket(data []byte) (discovery.Socket, bool) {
	if len(data) < diagAnswer {
		return discovery.Socket{}, false
	}
	s := discovery.Socket{UID: native.Uint32(data[64:]), Inode: uint64(native.Uint32(data[68:]))}
	if state := int(data[1]); state < len(states) {
		s.State = states[state]
	}
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	local, _ := netip.AddrFromSlice(data[8 : 8+size])
	remote, _ := netip.AddrFromSlice(data[24 : 24+size])
	s.Local = netip.AddrPortFrom(local.Unmap(), binary.BigEndian.Uint16(data[4:]))
	s.Remote = netip.AddrPortFrom(remote.Unmap(), binary.BigEndian.Uint16(data[6:]))
	const v6only = 11 // INET_DIAG_SKV6ONLY
	for typ, value := range attrs(data, diagAnswer) {
		if typ == v6only && len(value) > 0 {
			s.V6Only = value[0] != 0
		}
	}
	return s, true
}

// ownersAge is how long the walk over all descriptors is good for: TCP and UDP
// are asked one after the other.
const ownersAge = 500 * time.Millisecond

// owners knows which processes hold which socket.
type owners struct {
	mu   sync.Mutex
	at   time.Time
	pids map[uint64][]int // by inode
	shut atomic.Bool      // we may not look into some process
}

// of walks /proc/*/fd, or returns what a walk just now found.
func (o *owners) of(ctx context.Context) (map[uint64][]int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pids != nil && time.Since(o.at) < ownersAge {
		return o.pids, nil
	}
	pids, err := o.walk(ctx)
	if err != nil {
		return nil, err
	}
	o.pids, o.at = pids, time.Now()
	// What is not asked for again soon need not stay in memory.
	time.AfterFunc(2*ownersAge, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if time.Since(o.at) >= ownersAge {
			o.pids = nil
		}
	})
	return pids, nil
}

func (o *owners) walk(ctx context.Context) (map[uint64][]int, error) {
	proc, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("sockets: who owns them: %w", err)
	}
	var pids []int
	for _, entry := range proc {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids) // so that each socket's list is in order
	owners := map[uint64][]int{}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A process that ended meanwhile, or that we may not look into, owns
		// nothing that we could tell.
		switch err := walkDescriptors(pid, owners); {
		case errors.Is(err, fs.ErrPermission):
			o.shut.Store(true)
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH):
			return nil, fmt.Errorf("sockets: who owns them: %w", err)
		}
	}
	return owners, nil
}

func walkDescriptors(pid int, owners map[uint64][]int) error {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	fd := int(dir.Fd())
	var buf [64]byte
	for _, name := range names {
		n, err := unix.Readlinkat(fd, name, buf[:])
		if errors.Is(err, fs.ErrPermission) {
			return err // root without capabilities sees the names, and no more
		}
		if err != nil {
			continue
		}
		target, ok := strings.CutPrefix(string(buf[:n]), "socket:[")
		if !ok {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(target, "]"), 10, 64)
		if err == nil && !slices.Contains(owners[inode], pid) {
			owners[inode] = append(owners[inode], pid)
		}
	}
	return nil
}
