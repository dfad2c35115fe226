package wire

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// Sizes of a tick on the wire.
const (
	TickSize     = 56 // heartbeats, pings, pongs, goodbyes
	LongTickSize = 64 // Ask, Heard, NotHeard: with a subject
)

// What a datagram is, by its first byte: plane in the high, version in the low
// half.
const (
	typeTick       = 0x01
	typeSignal     = 0x11
	typeHello      = 0x21
	typeHelloReply = 0x31
)

// ErrForeign means that a datagram is not of this protocol or version,
// ErrForged that its authentication fails.
var (
	ErrForeign = errors.New("not a datagram of this protocol")
	ErrForged  = errors.New("authentication fails")
)

// EdgeKey authenticates the ticks of one edge.
type EdgeKey = [16]byte

// Dir says which way a tick travels along its edge. It is mixed into the
// authentication, so that a tick sent back to its sender is a forgery.
type Dir uint8

// The two ways along an edge.
const (
	Up   Dir = 1 // from the smaller id to the larger
	Down Dir = 2
)

// DirOf returns the direction of a tick that from sends to to.
func DirOf(from, to ID) Dir {
	if bytes.Compare(from[:], to[:]) < 0 {
		return Up
	}
	return Down
}

// Plane is the kind of a datagram.
type Plane uint8

// The planes that datagrams belong to; bulk is TCP and not among them.
const (
	PlaneNone Plane = iota
	PlaneTick
	PlaneSignal
	PlaneHello
	PlaneHelloReply
)

// PlaneOf tells from the outside of a datagram whom to hand it to. PlaneNone
// means: count it and forget it.
func PlaneOf(b []byte) Plane {
	if len(b) == 0 {
		return PlaneNone
	}
	switch {
	case b[0] == typeTick && (len(b) == TickSize || len(b) == LongTickSize):
		return PlaneTick
	case b[0] == typeSignal && len(b) >= signalOverhead && len(b) <= MaxSignal:
		return PlaneSignal
	case b[0] == typeHello && len(b) == HelloSize:
		return PlaneHello
	case b[0] == typeHelloReply && len(b) == HelloReplySize:
		return PlaneHelloReply
	}
	return PlaneNone
}

// AppendTick appends t as one authenticated datagram.
func AppendTick(dst []byte, t *Tick, key EdgeKey, dir Dir) []byte {
	start := len(dst)
	dst = append(dst, typeTick, byte(t.Kind))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Edge))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Session))
	dst = binary.BigEndian.AppendUint32(dst, t.Seq)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.EchoSession))
	dst = binary.BigEndian.AppendUint32(dst, t.EchoSeq)
	dst = binary.BigEndian.AppendUint32(dst, t.Gen)
	dst = binary.BigEndian.AppendUint16(dst, t.Every)
	if t.Kind.long() {
		dst = binary.BigEndian.AppendUint64(dst, t.Subject)
	}
	sum := mac(key[:], dst[start:], byte(dir))
	return append(dst, sum[:]...)
}

// TickEdge returns the edge that a tick claims to belong to, to look up its
// key. Nothing in it is proven yet.
func TickEdge(b []byte) (Edge, bool) {
	if PlaneOf(b) != PlaneTick {
		return 0, false
	}
	return Edge(binary.BigEndian.Uint64(b[2:])), true
}

// OpenTick verifies and decodes a tick that arrived from direction dir. The
// error is ErrForeign, ErrForged or ErrForm.
func OpenTick(b []byte, key EdgeKey, dir Dir) (Tick, error) {
	if PlaneOf(b) != PlaneTick {
		return Tick{}, ErrForeign
	}
	end := len(b) - macSize
	sum := mac(key[:], b[:end], byte(dir))
	if subtle.ConstantTimeCompare(sum[:], b[end:]) != 1 {
		return Tick{}, ErrForged
	}
	t := Tick{
		Kind:        TickKind(b[1]),
		Edge:        Edge(binary.BigEndian.Uint64(b[2:])),
		Session:     Session(binary.BigEndian.Uint64(b[10:])),
		Seq:         binary.BigEndian.Uint32(b[18:]),
		EchoSession: Session(binary.BigEndian.Uint64(b[22:])),
		EchoSeq:     binary.BigEndian.Uint32(b[30:]),
		Gen:         binary.BigEndian.Uint32(b[34:]),
		Every:       binary.BigEndian.Uint16(b[38:]),
	}
	if t.Kind < Heartbeat || t.Kind > NotHeard || t.Kind.long() != (len(b) == LongTickSize) {
		return Tick{}, ErrForm
	}
	if t.Kind.long() {
		t.Subject = binary.BigEndian.Uint64(b[40:])
	}
	return t, nil
}

// long reports whether ticks of this kind carry a subject.
func (k TickKind) long() bool { return k == Ask || k == Heard || k == NotHeard }
