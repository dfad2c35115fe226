package netio

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Outgoing sends many datagrams with few system calls. The zero value works;
// one goroutine uses it at a time.
type Outgoing struct {
	messages []mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls [][controlSize]byte
}

// WriteBatch sends packets in order and returns how many the kernel took. Like
// one that Write could not send, each of the others is lost, as the network
// might lose it.
func (u *UDP) WriteBatch(o *Outgoing, packets []Packet) (sent int) {
	for len(packets) > 0 {
		n := min(len(packets), Batch)
		sent += u.writeSome(o, packets[:n])
		packets = packets[n:]
	}
	return sent
}

func (u *UDP) writeSome(o *Outgoing, packets []Packet) (sent int) {
	if o.messages == nil {
		o.messages, o.vectors = make([]mmsghdr, Batch), make([]unix.Iovec, Batch)
		o.names, o.controls = make([]unix.RawSockaddrInet6, Batch), make([][controlSize]byte, Batch)
	}
	n := 0
	for i := range packets {
		if len(packets[i].Data) > 0 && u.prepareOne(o, n, &packets[i]) {
			n++
		}
	}
	again := true // An error of an earlier datagram may be reported instead: once.
	for at := 0; at < n; {
		var done int
		var errno syscall.Errno
		err := u.raw.Write(func(fd uintptr) bool {
			r, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.messages[at])), uintptr(n-at), unix.MSG_DONTWAIT, 0, 0)
			done, errno = int(r), e
			return errno != unix.EAGAIN && errno != unix.EINTR
		})
		switch {
		case err != nil:
			return sent // closed
		case errno == 0:
			at += done
			sent += done
			again = true
		case errno == unix.ECONNREFUSED && again:
			again = false
		default:
			at++ // That one cannot be sent.
			again = true
		}
	}
	return sent
}

// prepareOne fills message i; false when the socket cannot speak to there.
func (u *UDP) prepareOne(o *Outgoing, i int, p *Packet) bool {
	length, ok := u.nameOf(&o.names[i], p.Peer)
	if !ok {
		return false
	}
	o.vectors[i] = unix.Iovec{Base: &p.Data[0], Len: uint64(len(p.Data))}
	h := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&o.names[i])), Namelen: length, Iov: &o.vectors[i], Iovlen: 1}
	if n := u.control(&o.controls[i], p.Local, p.Interface); n > 0 {
		h.Control, h.Controllen = &o.controls[i][0], uint64(n)
	}
	o.messages[i] = mmsghdr{hdr: h}
	return true
}

// nameOf writes a peer's address as the socket's family wants it.
func (u *UDP) nameOf(sa *unix.RawSockaddrInet6, peer netip.AddrPort) (length uint32, ok bool) {
	addr := peer.Addr()
	if !u.six {
		if addr = addr.Unmap(); !addr.Is4() {
			return 0, false
		}
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(peer.Port()), Addr: addr.As4()}
		return unix.SizeofSockaddrInet4, true
	}
	if !addr.IsValid() {
		return 0, false
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(peer.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		n, err := strconv.ParseUint(zone, 10, 32) // as peerOf writes it
		if err != nil {
			i, err := net.InterfaceByName(zone)
			if err != nil {
				return 0, false
			}
			n = uint64(i.Index)
		}
		sa.Scope_id = uint32(n)
	}
	return unix.SizeofSockaddrInet6, true
}
