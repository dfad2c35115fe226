// Package capture hears the LLDP and CDP frames that switches send to whoever
// is cabled to them. It only listens: no interface becomes promiscuous, and a
// host's own traffic does not pass through it, since the kernel hands over only
// frames of the two kinds:
//
//	LLDP   EtherType 0x88cc                          a socket for that type alone
//	CDP    802.3, SNAP 00000c/2000                   a socket for 802.3 frames alone, filtered
//	both   on ports of a bridge or bond              a filtered tap per port: the bridge takes
//	                                                 CDP frames away before the other sockets
package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxFrame is the largest frame kept; LLDP and CDP frames fit into 1518 bytes.
const maxFrame = 1600

// ErrNotPermitted means that this process may not capture frames.
var ErrNotPermitted = errors.New("capturing LLDP and CDP frames needs CAP_NET_RAW")

// The multicast addresses that are joined on every interface: the three of LLDP
// (nearest bridge, nearest non-TPMR bridge, nearest customer bridge) and CDP's.
var groups = [][6]byte{
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00},
	{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc},
}

// Link is an interface as far as capturing goes.
type Link struct {
	Index int
	Port  bool // a port of a bridge or bond
	Owner bool // a bridge or bond with ports: what it hears, its ports hear
}

// Frame is a frame as it was heard.
type Frame struct {
	Link int    // index of the interface
	Data []byte // whole Ethernet frame, without VLAN tag and checksum
}

// Listener captures frames. One goroutine runs it; Follow may be called by
// another.
type Listener struct {
	mu      sync.Mutex
	lldp    *os.File
	cdp     *os.File
	taps    map[int]*os.File // by index, for ports
	joined  map[int]bool
	owners  map[int]bool
	frames  chan Frame
	done    chan struct{}
	closed  bool
	readers sync.WaitGroup
}

// Open begins to capture, on no interface yet: Follow names them.
func Open() (*Listener, error) {
	lldp, err := open(etherLLDP, 0, filterLLDP)
	if err != nil {
		return nil, err
	}
	cdp, err := open(unix.ETH_P_802_2, 0, filterCDP)
	if err != nil {
		lldp.Close()
		return nil, err
	}
	return &Listener{lldp: lldp, cdp: cdp, taps: map[int]*os.File{}, joined: map[int]bool{}, owners: map[int]bool{},
		frames: make(chan Frame, 64), done: make(chan struct{})}, nil
}

// Run calls heard for every frame, one at a time, until ctx ends, and then
// closes the listener.
func (l *Listener) Run(ctx context.Context, heard func(Frame)) {
	l.mu.Lock()
	l.read(l.lldp, false)
	l.read(l.cdp, true)
	l.mu.Unlock()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case f := <-l.frames:
			heard(f)
		}
	}
	l.close()
}

func (l *Listener) close() {
	close(l.done)
	l.mu.Lock()
	l.closed = true
	l.lldp.Close()
	l.cdp.Close()
	for _, tap := range l.taps {
		tap.Close()
	}
	l.mu.Unlock()
	l.readers.Wait()
}

// Follow makes the listener hear exactly these interfaces; call it again when
// interfaces come, go or change their master. An interface that vanishes
// meanwhile is no error.
func (l *Listener) Follow(links []Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	there := map[int]bool{}
	ports := map[int]bool{}
	l.owners = map[int]bool{}
	for _, link := range links {
		there[link.Index] = true
		ports[link.Index] = link.Port
		if link.Owner {
			l.owners[link.Index] = true
		}
		if !l.joined[link.Index] && join(l.lldp, link.Index) == nil {
			l.joined[link.Index] = true
		}
	}
	for index := range l.joined {
		if !there[index] {
			delete(l.joined, index)
		}
	}
	l.tapPorts(ports)
}

// tapPorts opens a tap on each port of a bridge or bond, and closes those that
// are none any more.
func (l *Listener) tapPorts(ports map[int]bool) {
	for index, tap := range l.taps {
		if !ports[index] {
			tap.Close()
			delete(l.taps, index)
		}
	}
	for index, isPort := range ports {
		if !isPort || l.taps[index] != nil {
			continue
		}
		tap, err := open(unix.ETH_P_ALL, index, filterBoth)
		if err != nil {
			continue // gone again
		}
		l.taps[index] = tap
		l.read(tap, false)
	}
}

// read starts to receive from one socket until it is closed. Frames that an
// owner of ports hears are its ports' and left to their taps.
func (l *Listener) read(socket *os.File, notOwners bool) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	l.readers.Go(func() {
		buf := make([]byte, maxFrame)
		for {
			n, from, err := receive(raw, buf)
			switch {
			case errors.Is(err, unix.ENETDOWN):
				continue // one interface went down; the others go on
			case err != nil:
				return
			case from == nil || from.Pkttype == unix.PACKET_OUTGOING || from.Pkttype == unix.PACKET_LOOPBACK:
				continue
			case notOwners && l.owns(from.Ifindex):
				continue
			}
			select {
			case l.frames <- Frame{Link: from.Ifindex, Data: append([]byte(nil), buf[:n]...)}:
			case <-l.done:
				return
			}
		}
	})
}

func (l *Listener) owns(index int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owners[index]
}

// receive waits for one frame.
func receive(raw syscall.RawConn, buf []byte) (n int, from *unix.SockaddrLinklayer, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		var addr unix.Sockaddr
		n, addr, err = unix.Recvfrom(int(fd), buf, 0)
		from, _ = addr.(*unix.SockaddrLinklayer)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	if waitErr != nil {
		return 0, nil, waitErr
	}
	return n, from, err
}

// open makes a socket for one protocol on one interface (0 = all) that hears
// only what filter lets through.
func open(protocol uint16, index int, filter []unix.SockFilter) (*os.File, error) {
	// Protocol 0 hears nothing until bind, so that no frame passes unfiltered.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, ErrNotPermitted
	}
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("capture: filter: %w", err)
	}
	// Frames are small and few; a small buffer keeps a flood small.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(protocol), Ifindex: index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("capture: %w", err)
	}
	return os.NewFile(uintptr(fd), "capture"), nil
}

// join asks the interface for the multicast groups. Membership ends with the
// socket or the interface.
func join(socket *os.File, index int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var joinErr error
	err = raw.Control(func(fd uintptr) {
		for _, group := range groups {
			m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
			copy(m.Address[:], group[:])
			if err := unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
				joinErr = err
			}
		}
	})
	return errors.Join(err, joinErr)
}

// bigEndian returns v as the kernel wants protocol numbers: in network order.
func bigEndian(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return *(*uint16)(unsafe.Pointer(&b[0]))
}
