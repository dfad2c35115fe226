package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// maxSockets is how many sockets of one protocol are looked at. A proxy of a
// large site has some 100,000.
const maxSockets = 250_000

// Sockets lists those TCP or UDP sockets of this network namespace that are asked
// for, nil for all that somebody holds: sockets in TIME_WAIT have no owner any
// more and are left out. Only what is kept takes memory, and only of what was not
// met before the owner is looked for: a proxy has tens of thousands.
//
// While Watch runs, connections that were made and closed a moment ago are among
// them, with no local port and no inode, as long as their process lives.
func (h *Host) Sockets(ctx context.Context, q discovery.SocketQuery) ([]discovery.Socket, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	protocol, ok := protocols[q.Proto]
	if !ok {
		return nil, fmt.Errorf("sockets: %q is not a protocol; ask for tcp or udp", q.Proto)
	}
	d := socketDump{proto: q.Proto, number: protocol.number, keep: q.Keep, buf: make([]byte, netlinkBuf)}
	shut := false
	for kind, states := range protocol.states {
		if kind > 0 && q.Waiting {
			break
		}
		hidden, err := d.ask(ctx, states, &h.owners[protocol.at][kind])
		if err != nil {
			return nil, fmt.Errorf("sockets: %s: %w", q.Proto, err)
		}
		shut = shut || hidden
	}
	if shut {
		h.lacks("Sockets of some processes are listed without their process: seeing it needs CAP_SYS_PTRACE.")
	}
	if q.Proto == "tcp" && !q.Waiting {
		for _, s := range h.brief.sockets(time.Now()) {
			if q.Keep == nil || q.Keep(&s) {
				d.list = append(d.list, s)
			}
		}
	}
	return d.list, nil
}

// protocols are those whose sockets are looked at.
var protocols = map[string]struct {
	at     int // in Host.owners
	number uint8
	states [2]uint32 // in which a socket waits for clients, and in which it does not
}{
	"tcp": {0, unix.IPPROTO_TCP, [2]uint32{1 << 10, heldStates &^ (1 << 10)}},
	"udp": {1, unix.IPPROTO_UDP, [2]uint32{1 << 7, heldStates &^ (1 << 7)}},
}

// The states of a TCP socket, by the number the kernel gives them.
var states = [...]string{1: "established", 2: "syn_sent", 3: "syn_recv", 4: "fin_wait1", 5: "fin_wait2", 6: "time_wait",
	7: "unconn", 8: "close_wait", 9: "last_ack", 10: "listen", 11: "closing", 12: "new_syn_recv"}

// heldStates are the states in which a process may hold the socket. The kernel
// sorts them out: who asks for those that listen waits for no others.
const heldStates = 1<<1 | 1<<2 | 1<<4 | 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11

// Sizes of struct inet_diag_req_v2 and struct inet_diag_msg.
const (
	diagRequest = 56
	diagAnswer  = 72
)

// socketDump gathers the sockets of one protocol.
type socketDump struct {
	proto  string
	number uint8
	keep   func(*discovery.Socket) bool
	list   []discovery.Socket
	owners *owners          // of those asked for
	one    discovery.Socket // the one that is asked about
	buf    []byte           // what the kernel answers
}

// ask gathers the sockets in some states, and who holds them. It reports whether
// some process may not be looked into.
func (d *socketDump) ask(ctx context.Context, states uint32, o *owners) (shut bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.begin(now)
	d.owners = o
	from := len(d.list)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := d.add(ctx, family, states)
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAFNOSUPPORT) { // a kernel without IPv6
			return false, err
		}
	}
	return o.end(ctx, now, d.list[from:])
}

// add asks the kernel for the sockets of a family that are in some states.
func (d *socketDump) add(ctx context.Context, family uint8, states uint32) error {
	const byFamily = 20 // SOCK_DIAG_BY_FAMILY
	ask := make([]byte, diagRequest)
	ask[0], ask[1] = family, d.number
	native.PutUint32(ask[4:], states)
	begin := len(d.list)
	return dump(ctx, d.buf, unix.NETLINK_SOCK_DIAG, byFamily, ask, func() { d.list = d.list[:begin] }, func(data []byte) {
		if !parseSocket(data, &d.one) || len(d.list) >= maxSockets {
			return
		}
		d.one.PIDs = d.owners.remembered(uint32(d.one.Inode))
		if d.one.Proto = d.proto; d.keep == nil || d.keep(&d.one) {
			d.list = append(d.list, d.one)
		}
	})
}

// parseSocket reads struct inet_diag_msg:
//
//	family 1 | state 1 | timer 1 | retransmits 1 | ports 2+2 | addresses 16+16 |
//	interface 4 | cookie 8 | expires, queues 12 | uid 4 | inode 4 | attributes
func parseSocket(data []byte, s *discovery.Socket) bool {
	if len(data) < diagAnswer {
		return false
	}
	*s = discovery.Socket{UID: native.Uint32(data[64:]), Inode: uint64(native.Uint32(data[68:]))}
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
	return true
}
