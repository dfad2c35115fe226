package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a capture.
const (
	maxFrames   = 200_000
	maxFrame    = 65_536
	captureTick = 50 * time.Millisecond // how soon Stop is noticed
	maxDrain    = time.Second           // how long Stop reads what is queued
)

// Frame is one captured Ethernet frame.
type Frame struct {
	At   time.Time
	Out  bool // sent by the system; otherwise received
	Data []byte
}

// Capture collects the frames of one interface.
type Capture struct {
	fd     int
	stop   atomic.Bool
	ended  sync.WaitGroup
	mu     sync.Mutex
	frames []Frame
	err    error
}

// Capture begins to collect what passes an interface of a system or switch, in
// both directions.
func (l *Lab) Capture(name, iface string) (*Capture, error) {
	c := &Capture{}
	err := l.Inside(name, func() (err error) {
		card, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		// Protocol 0 hears nothing until the socket is bound to one interface.
		if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		tick := unix.NsecToTimeval(captureTick.Nanoseconds())
		return errors.Join(
			unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20),
			unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick),
			unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: card.Index}))
	})
	if err != nil {
		return nil, fmt.Errorf("lab: capture on %s of %s: %w", iface, name, err)
	}
	c.ended.Go(c.read)
	return c, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (c *Capture) read() {
	defer unix.Close(c.fd)
	buf := make([]byte, maxFrame)
	var end time.Time // once stopped: when even a busy interface is given up
	for {
		flags := 0
		if end.IsZero() && c.stop.Load() {
			end = time.Now().Add(maxDrain)
		}
		if !end.IsZero() {
			flags = unix.MSG_DONTWAIT // what the kernel has queued still counts
		}
		n, from, err := unix.Recvfrom(c.fd, buf, flags)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) && end.IsZero() {
			continue
		}
		if errors.Is(err, unix.EAGAIN) || !end.IsZero() && time.Now().After(end) {
			return
		}
		sender, ok := from.(*unix.SockaddrLinklayer)
		c.mu.Lock()
		switch {
		case errors.Is(err, unix.ENETDOWN): // a cut cable; it may be mended
			err = nil
		case err != nil:
			c.err = err
		case ok && len(c.frames) < maxFrames:
			c.frames = append(c.frames, Frame{
				At: time.Now(), Out: sender.Pkttype == unix.PACKET_OUTGOING, Data: append([]byte(nil), buf[:n]...),
			})
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Frames returns what has been captured so far.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[:len(c.frames):len(c.frames)]
}

// Stop ends the capture and returns all of it.
func (c *Capture) Stop() []Frame {
	c.stop.Store(true)
	c.ended.Wait()
	return c.Frames()
}

// WritePcap writes frames as a file that tcpdump -r reads.
func WritePcap(w io.Writer, frames []Frame) error {
	le := binary.LittleEndian
	// Magic (microseconds), version 2.4, no time zone, snap length, Ethernet.
	head := le.AppendUint32(nil, 0xa1b2c3d4)
	head = le.AppendUint16(head, 2)
	head = le.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...)
	head = le.AppendUint32(head, maxFrame)
	head = le.AppendUint32(head, 1)
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, f := range frames {
		rec := le.AppendUint32(nil, uint32(f.At.Unix()))
		rec = le.AppendUint32(rec, uint32(f.At.Nanosecond()/1000))
		rec = le.AppendUint32(rec, uint32(len(f.Data)))
		rec = le.AppendUint32(rec, uint32(len(f.Data)))
		if _, err := w.Write(append(rec, f.Data...)); err != nil {
			return err
		}
	}
	return nil
}

// Packet is what a frame carries, as far as a lab looks into it.
type Packet struct {
	Src, Dst net.HardwareAddr
	Type     uint16 // EtherType, or the length of an 802.3 frame (CDP)
	IP       bool
	Proto    uint8 // 6 TCP, 17 UDP, 1 and 58 ICMP
	From, To netip.AddrPort
	Payload  []byte // of UDP, otherwise what follows the last header looked into
}

// EtherTypes a lab meets.
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeIPv6 = 0x86dd
	TypeLLDP = 0x88cc
)

// Packet looks into the frame. IPv6 extension headers are not followed.
func (f Frame) Packet() (p Packet) {
	if len(f.Data) < 14 {
		return p
	}
	p.Dst, p.Src, p.Type, p.Payload = f.Data[:6], f.Data[6:12], binary.BigEndian.Uint16(f.Data[12:]), f.Data[14:]
	var from, to netip.Addr
	switch b := p.Payload; {
	case p.Type == TypeIPv4 && len(b) >= 20 && len(b) >= int(b[0]&15)*4:
		p.IP, p.Proto, p.Payload = true, b[9], b[int(b[0]&15)*4:]
		from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	case p.Type == TypeIPv6 && len(b) >= 40:
		p.IP, p.Proto, p.Payload = true, b[6], b[40:]
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	default:
		return p
	}
	var sport, dport uint16
	if (p.Proto == unix.IPPROTO_TCP || p.Proto == unix.IPPROTO_UDP) && len(p.Payload) >= 8 {
		sport, dport = binary.BigEndian.Uint16(p.Payload), binary.BigEndian.Uint16(p.Payload[2:])
		if p.Proto == unix.IPPROTO_UDP {
			p.Payload = p.Payload[8:]
		}
	}
	p.From, p.To = netip.AddrPortFrom(from, sport), netip.AddrPortFrom(to, dport)
	return p
}

// String is one line for the message of a failed test.
func (f Frame) String() string {
	p := f.Packet()
	way := "heard"
	if f.Out {
		way = "sent"
	}
	if !p.IP {
		return fmt.Sprintf("%s %s > %s type %04x, %d bytes", way, p.Src, p.Dst, p.Type, len(f.Data))
	}
	return fmt.Sprintf("%s %s > %s protocol %d, %d bytes", way, p.From, p.To, p.Proto, len(f.Data))
}
