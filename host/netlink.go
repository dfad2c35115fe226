package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sys/unix"
)

// Limits on netlink.
const (
	netlinkTime = 5 * time.Second // silence of the kernel that ends a question
	netlinkBuf  = 64 << 10        // the kernel never sends more at once
	netlinkTry  = 3               // a table that changes while it is read is read again
)

// errInterrupted means that a table changed while it was read: some entries may
// be missing or double.
var errInterrupted = errors.New("the table changed while it was read")

var native = binary.NativeEndian

// dump asks the kernel for a whole table and calls each for every message of
// it. A table that changes meanwhile is read again, and taken as it is when it
// never holds still: reset is called before every reading. The answer is read
// into buf; nil stands for a new one.
func dump(ctx context.Context, buf []byte, protocol int, typ uint16, body []byte, reset func(), each func(data []byte)) error {
	var err error
	if buf == nil {
		buf = make([]byte, netlinkBuf)
	}
	for range netlinkTry {
		reset()
		if err = dumpOnce(ctx, buf, protocol, typ, body, each); !errors.Is(err, errInterrupted) {
			return err
		}
	}
	return nil
}

func dumpOnce(ctx context.Context, buf []byte, protocol int, typ uint16, body []byte, each func(data []byte)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(netlinkTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	request := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	native.PutUint32(request[0:], uint32(unix.NLMSG_HDRLEN+len(body)))
	native.PutUint16(request[4:], typ)
	native.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	native.PutUint32(request[8:], 1)
	if err := unix.Sendto(fd, append(request, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink question %d: %w", typ, err)
	}
	return receive(ctx, fd, buf, each)
}

// receive reads the answer to its end.
func receive(ctx context.Context, fd int, buf []byte, each func(data []byte)) error {
	interrupted := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("netlink answer: %w", err)
		}
		for m := range messages(buf[:n]) {
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch m.typ {
			case unix.NLMSG_DONE:
				if interrupted {
					return errInterrupted
				}
				return nil
			case unix.NLMSG_ERROR:
				return netlinkError(m.data)
			default:
				each(m.data)
			}
		}
	}
}

func netlinkError(data []byte) error {
	if len(data) < 4 {
		return errors.New("netlink answer: an error without a number")
	}
	code := -int32(native.Uint32(data))
	if code == 0 {
		return nil
	}
	return fmt.Errorf("netlink answer: %w", unix.Errno(code))
}

// message is one netlink message.
type message struct {
	typ   uint16
	flags uint16
	data  []byte // valid until the next is received
}

// messages walks the messages in what was received at once.
func messages(b []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for len(b) >= unix.NLMSG_HDRLEN {
			size := int(native.Uint32(b))
			if size < unix.NLMSG_HDRLEN || size > len(b) {
				return
			}
			m := message{typ: native.Uint16(b[4:]), flags: native.Uint16(b[6:]), data: b[unix.NLMSG_HDRLEN:size]}
			if !yield(m) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// attrs walks the attributes that follow a message's fixed part of head bytes.
func attrs(data []byte, head int) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		if len(data) < head {
			return
		}
		b := data[head:]
		for len(b) >= unix.SizeofRtAttr {
			size := int(native.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			const flags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
			if !yield(native.Uint16(b[2:])&^flags, b[unix.SizeofRtAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// number reads an attribute that holds 32 bits; 0 when it does not.
func number(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return native.Uint32(b)
}
