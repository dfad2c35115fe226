package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Limits on capture files.
const (
	maxRecord = 256 << 10 // bytes of one frame or block
	maxIfaces = 1024      // interfaces of one section
)

// etherLink is the link type of Ethernet frames (DLT_EN10MB).
const etherLink = 1

// Recorded is a frame of a capture file.
type Recorded struct {
	Number int    // its place in the file, from 1, as tshark counts
	Data   []byte // valid until the next is read; nil for a link that is not Ethernet
}

// ReadFile walks the frames of a capture file, pcap or pcapng, of either byte
// order. It ends with the first error.
func ReadFile(r io.Reader) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		f := &file{r: r, yield: yield}
		if err := f.read(); err != nil && !errors.Is(err, errStop) {
			yield(Recorded{}, err)
		}
	}
}

// errStop means that whoever reads has seen enough.
var errStop = errors.New("stop")

// file is a capture file that is read.
type file struct {
	r      io.Reader
	order  binary.ByteOrder
	ether  []bool // whether each interface of a pcapng section is Ethernet
	number int
	buf    []byte
	yield  func(Recorded, error) bool
}

func (f *file) read() error {
	head, err := f.next(4)
	if err != nil {
		return fmt.Errorf("capture file: %w", err)
	}
	switch magic := binary.BigEndian.Uint32(head); magic {
	case 0xa1b2c3d4, 0xa1b23c4d:
		f.order = binary.BigEndian
		return f.pcap()
	case 0xd4c3b2a1, 0x4d3cb2a1:
		f.order = binary.LittleEndian
		return f.pcap()
	case sectionBlock:
		return f.pcapng()
	default:
		return fmt.Errorf("capture file: it begins with %08x, neither pcap nor pcapng", magic)
	}
}

// next reads exactly n bytes into the buffer.
func (f *file) next(n int) ([]byte, error) {
	if n < 0 || n > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes is over the limit of %d", n, maxRecord)
	}
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	f.buf = f.buf[:n]
	_, err := io.ReadFull(f.r, f.buf)
	return f.buf, err
}

func (f *file) frame(data []byte) error {
	f.number++
	if !f.yield(Recorded{f.number, data}, nil) {
		return errStop
	}
	return nil
}

// pcap reads the classic form:
//
//	magic 4 | version 4 | zone 8 | largest 4 | link type 4      and per frame
//	seconds 4 | fraction 4 | bytes here 4 | bytes on the wire 4 | frame
func (f *file) pcap() error {
	head, err := f.next(20)
	if err != nil {
		return fmt.Errorf("capture file: its header is cut off: %w", err)
	}
	if link := f.order.Uint32(head[16:]) & 0xffff; link != etherLink {
		return fmt.Errorf("capture file: link type %d is not Ethernet", link)
	}
	for {
		head, err := f.next(16)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("capture file: frame %d is cut off: %w", f.number+1, err)
		}
		data, err := f.next(int(f.order.Uint32(head[8:])))
		if err != nil {
			return fmt.Errorf("capture file: frame %d: %w", f.number+1, err)
		}
		if err := f.frame(data); err != nil {
			return err
		}
	}
}

// The block types of pcapng that matter.
const (
	sectionBlock   = 0x0a0d0d0a
	interfaceBlock = 1
	simpleBlock    = 3
	packetBlock    = 6
)

// pcapng reads blocks: type 4 | length 4 | body | length 4. The type of the first
// is read already.
func (f *file) pcapng() error {
	typ := uint32(sectionBlock)
	for {
		body, err := f.block(typ)
		if err != nil {
			return fmt.Errorf("capture file: behind frame %d: %w", f.number, err)
		}
		if err := f.take(typ, body); err != nil {
			return err
		}
		head, err := f.next(4)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("capture file: behind frame %d: %w", f.number, err)
		}
		typ = f.order.Uint32(head)
		if binary.BigEndian.Uint32(head) == sectionBlock {
			typ = sectionBlock
		}
	}
}

// block reads what follows a block's type.
func (f *file) block(typ uint32) ([]byte, error) {
	const overhead = 12 // type and twice the length
	head, err := f.next(4)
	if err != nil {
		return nil, err
	}
	size := [4]byte(head)
	if typ != sectionBlock {
		n := int(f.order.Uint32(size[:])) - overhead
		if n < 0 {
			return nil, fmt.Errorf("a block of %d bytes is too short to be one", n+overhead)
		}
		body, err := f.next(n + 4)
		if err != nil {
			return nil, err
		}
		return body[:n], nil
	}
	// The first thing in a section says in which order its lengths are.
	magic, err := f.next(4)
	if err != nil {
		return nil, err
	}
	switch binary.BigEndian.Uint32(magic) {
	case 0x1a2b3c4d:
		f.order = binary.BigEndian
	case 0x4d3c2b1a:
		f.order = binary.LittleEndian
	default:
		return nil, errors.New("a section in no known byte order")
	}
	_, err = f.next(int(f.order.Uint32(size[:])) - overhead)
	return nil, err
}

func (f *file) take(typ uint32, body []byte) error {
	switch {
	case typ == sectionBlock:
		f.ether = nil
	case typ == interfaceBlock && len(body) >= 8 && len(f.ether) < maxIfaces:
		f.ether = append(f.ether, f.order.Uint16(body) == etherLink)
	case typ == packetBlock && len(body) >= 20:
		data := body[20:min(len(body), 20+max(0, int(f.order.Uint32(body[12:]))))]
		if iface := f.order.Uint32(body); int64(iface) >= int64(len(f.ether)) || !f.ether[iface] {
			data = nil
		}
		return f.frame(data)
	case typ == simpleBlock && len(body) >= 4:
		data := body[4:min(len(body), 4+max(0, int(f.order.Uint32(body))))]
		if len(f.ether) == 0 || !f.ether[0] {
			data = nil
		}
		return f.frame(data)
	}
	return nil
}
