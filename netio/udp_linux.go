package netio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of a socket's buffers.
const (
	MaxDatagram = 1500 // longer ones are cut, and so malformed
	Batch       = 64   // datagrams read by one system call at most
	controlSize = 128  // of control messages per datagram
)

// Packet is one datagram, received or to be sent.
type Packet struct {
	Data []byte
	Peer netip.AddrPort // sender, or receiver
	// Local is the address it was sent to, or is to be sent from; for the
	// latter the zero Addr lets the kernel choose.
	Local netip.Addr
	// Interface is the index of the interface it came by, or is to leave by;
	// for the latter 0 lets the kernel choose.
	Interface int
}

// Multicast reports whether p was sent to a group.
func (p *Packet) Multicast() bool { return p.Local.IsMulticast() }

// Unreachable is the news that a host answered "port unreachable", or that a
// router had no way: what was sent to Peer did not arrive.
type Unreachable struct {
	Peer netip.AddrPort
	// Port is true when the host itself said that nobody listens: it lives,
	// the process does not. Otherwise a router answered.
	Port bool
}

// Options of a socket.
type Options struct {
	Port int // 0: any
	// Bind is the one address to listen on; the zero Addr means all, both
	// families.
	Bind netip.Addr
	// ReadBuffer is the kernel's buffer in bytes: the storm that may arrive
	// while nobody reads. 0 means the kernel's default.
	ReadBuffer int
	// Errors asks for Unreachable news.
	Errors bool
}

// UDP is one socket. Read and Write may be used at the same time, each by one
// goroutine.
type UDP struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	six  bool // the socket is of IPv6 and speaks IPv4 as well
	port uint16

	messages []mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls [][controlSize]byte
	buffers  [][MaxDatagram]byte

	out [controlSize]byte
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// Listen opens a socket. On a host without IPv6 it is of IPv4 only.
func Listen(opt Options) (*UDP, error) {
	network, host := "udp", ""
	if opt.Bind.IsValid() {
		host = opt.Bind.String()
	} else if !hasIPv6() {
		network = "udp4"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return prepare(c, opt) }}
	pc, err := lc.ListenPacket(context.Background(), network, net.JoinHostPort(host, fmt.Sprint(opt.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("netio: UDP port %d is in use: stop what uses it (ss -ulpn; a nanoprobe that was here before a CMA leaves the port to it when it is restarted), or choose another with -listen: %w", opt.Port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("netio: %w", err)
	}
	u := &UDP{conn: pc.(*net.UDPConn)}
	if u.raw, err = u.conn.SyscallConn(); err != nil {
		_ = u.conn.Close()
		return nil, fmt.Errorf("netio: %w", err)
	}
	local := u.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	u.port = local.Port()
	u.six = u.isIPv6()
	return u, nil
}

func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Bind(fd, &unix.SockaddrInet6{}) == nil
}

// prepare sets what the kernel shall tell us. Options of the other family fail
// on sockets of one only, which is expected.
func prepare(c syscall.RawConn, opt Options) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		s := int(fd)
		err4 := unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		err6 := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		if err4 != nil && err6 != nil {
			failed = errors.Join(err4, err6)
		}
		if opt.Errors {
			_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
			_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		}
		if opt.ReadBuffer > 0 {
			// Root may exceed the system's limit; others get what is allowed.
			if unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, opt.ReadBuffer) != nil {
				_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF, opt.ReadBuffer)
			}
		}
	})
	return errors.Join(err, failed)
}

func (u *UDP) isIPv6() (six bool) {
	_ = u.raw.Control(func(fd uintptr) {
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		six = err == nil && domain == unix.AF_INET6
	})
	return six
}

// Port returns the port the socket is bound to.
func (u *UDP) Port() uint16 { return u.port }

// Close ends a Read that waits.
func (u *UDP) Close() error { return u.conn.Close() }

// SetReadDeadline makes a Read that waits return at t, with an error that is
// os.ErrDeadlineExceeded; the zero time takes that back.
func (u *UDP) SetReadDeadline(t time.Time) error { return u.conn.SetReadDeadline(t) }

// ErrClosed is returned by Read after Close.
var ErrClosed = net.ErrClosed

// Read waits for datagrams and fills packets from the front: up to Batch at a
// time, with one system call. Their Data is good until the next Read.
func (u *UDP) Read(packets []Packet) (int, error) {
	want := min(len(packets), Batch)
	u.ready(want)
	var n int
	var failed error
	err := u.raw.Read(func(fd uintptr) bool {
		n, failed = u.receive(int(fd), want)
		// Errors of earlier sends are reported here once each; the error queue
		// has them in full.
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err != nil {
		return 0, err
	}
	if failed != nil {
		if transient(failed) {
			return 0, nil
		}
		return 0, fmt.Errorf("netio: read: %w", failed)
	}
	for i := range n {
		u.packet(&packets[i], i)
	}
	return n, nil
}

// transient errors belong to a datagram sent earlier, not to the socket.
func transient(err error) bool {
	switch err {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN,
		unix.EPROTO, unix.EMSGSIZE, unix.EACCES, unix.EPERM, unix.ENOPROTOOPT, unix.ENONET, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// ready makes room for n datagrams; buffers grow once and are used again.
func (u *UDP) ready(n int) {
	for len(u.buffers) < n {
		grown := max(n, 1)
		u.buffers = make([][MaxDatagram]byte, grown)
		u.controls = make([][controlSize]byte, grown)
		u.names = make([]unix.RawSockaddrInet6, grown)
		u.vectors = make([]unix.Iovec, grown)
		u.messages = make([]mmsghdr, grown)
	}
	for i := range n {
		u.vectors[i] = unix.Iovec{Base: &u.buffers[i][0], Len: MaxDatagram}
		u.messages[i] = mmsghdr{hdr: unix.Msghdr{
			Name: (*byte)(unsafe.Pointer(&u.names[i])), Namelen: unix.SizeofSockaddrInet6,
			Iov: &u.vectors[i], Iovlen: 1,
			Control: &u.controls[i][0], Controllen: controlSize,
		}}
	}
}

func (u *UDP) receive(fd, want int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&u.messages[0])), uintptr(want), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (u *UDP) packet(p *Packet, i int) {
	m := &u.messages[i]
	*p = Packet{Data: u.buffers[i][:m.n], Peer: peerOf(&u.names[i])}
	p.Local, p.Interface = localOf(u.controls[i][:m.hdr.Controllen])
}

func peerOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), swap(four.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && addr.Is6() {
			addr = addr.WithZone(fmt.Sprint(sa.Scope_id))
		}
		return netip.AddrPortFrom(addr, swap(sa.Port))
	}
	return netip.AddrPort{}
}

// swap turns a port from network order as the kernel stores it into a number.
func swap(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// localOf finds the address a datagram was sent to in its control messages.
func localOf(control []byte) (netip.Addr, int) {
	for len(control) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		control = rest
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
			return netip.AddrFrom4(info.Addr), int(info.Ifindex)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
			return netip.AddrFrom16(info.Addr).Unmap(), int(info.Ifindex)
		}
	}
	return netip.Addr{}, 0
}

// Write sends one datagram. An error concerns this datagram only; a full queue
// of the kernel loses it, as the network might.
func (u *UDP) Write(p Packet) error {
	control := u.controlFor(p.Local, p.Interface)
	peer := p.Peer
	if u.six && peer.Addr().Is4() {
		peer = netip.AddrPortFrom(netip.AddrFrom16(peer.Addr().As16()), peer.Port())
	}
	_, _, err := u.conn.WriteMsgUDPAddrPort(p.Data, control, peer)
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && errno == unix.ECONNREFUSED {
		// The kernel reports an earlier datagram's fate and has not sent this
		// one: say it again.
		if _, _, err = u.conn.WriteMsgUDPAddrPort(p.Data, control, peer); err == nil {
			return nil
		}
	}
	return fmt.Errorf("netio: to %s: %w", p.Peer, err)
}

// controlFor encodes the wish for a source address and interface.
func (u *UDP) controlFor(local netip.Addr, ifindex int) []byte {
	return u.out[:u.control(&u.out, local, ifindex)]
}

// control writes the wish for a source address and interface and returns its
// length, 0 for none. An IPv4 address is told as such even on a socket of IPv6.
func (u *UDP) control(out *[controlSize]byte, local netip.Addr, ifindex int) int {
	if !local.IsValid() && ifindex == 0 {
		return 0
	}
	clear(out[:])
	h := (*unix.Cmsghdr)(unsafe.Pointer(&out[0]))
	data := unix.CmsgLen(0)
	if local.Is4() || local.Is4In6() || !local.IsValid() && !u.six {
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&out[data]))
		info.Ifindex = int32(ifindex)
		if local.IsValid() {
			info.Spec_dst = local.Unmap().As4()
		}
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
	}
	h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&out[data]))
	info.Ifindex = uint32(ifindex)
	if local.IsValid() {
		info.Addr = local.As16()
	}
	return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
}

// Unreachables fetches what the network said about datagrams sent before. It
// does not wait; call it when Read returned 0 packets, and now and then.
func (u *UDP) Unreachables(out []Unreachable) ([]Unreachable, error) {
	err := u.raw.Control(func(fd uintptr) {
		for range Batch {
			one, ok := readError(int(fd))
			if !ok {
				return
			}
			if one.Peer.IsValid() {
				out = append(out, one)
			}
		}
	})
	return out, err
}

// readError takes one entry from the socket's error queue.
func readError(fd int) (Unreachable, bool) {
	var name unix.RawSockaddrInet6
	var control [256]byte
	var data [64]byte
	vector := unix.Iovec{Base: &data[0], Len: uint64(len(data))}
	m := unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(&name)), Namelen: unix.SizeofSockaddrInet6,
		Iov: &vector, Iovlen: 1, Control: &control[0], Controllen: uint64(len(control)),
	}
	_, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if errno != 0 {
		return Unreachable{}, false
	}
	u := Unreachable{Peer: peerOf(&name)} // where the datagram was going
	rest := control[:m.Controllen]
	for len(rest) >= unix.CmsgLen(0) {
		h, body, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			break
		}
		rest = next
		isError := h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR || h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR
		if !isError || len(body) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&body[0]))
		switch {
		case e.Origin == unix.SO_EE_ORIGIN_ICMP:
			u.Port = e.Type == 3 && e.Code == 3 // RFC 792: destination unreachable, port
		case e.Origin == unix.SO_EE_ORIGIN_ICMP6:
			u.Port = e.Type == 1 && e.Code == 4 // RFC 4443 section 3.1
		default:
			u.Peer = netip.AddrPort{} // A local error, as of the device's queue.
		}
	}
	return u, true
}
