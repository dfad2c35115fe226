package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"time"
)

// Sizes of a signal.
const (
	MaxSignal      = 1200                                   // whole datagram: fits every path without fragments
	signalHeader   = 32                                     // in clear, authenticated
	signalTag      = 16                                     //
	signalInner    = 32                                     // sealed, before the body
	signalOverhead = signalHeader + signalTag + signalInner // 80
	MaxBody        = MaxSignal - signalOverhead             // 1120: a signal's body
	MaxPart        = 1100                                   // desired state in one signal
	slotUnit       = 100 * time.Millisecond                 // of Signal.Slot on the wire
	MaxSlot        = time.Duration(1<<16-1) * slotUnit      // longest slot that can be given
)

// NodeKey is the symmetric key between the CMA and one nanoprobe in one epoch.
type NodeKey = [32]byte

// Sealer seals and opens the signals of one node key. It is safe for
// concurrent use.
type Sealer struct{ aead cipher.AEAD }

// NewSealer prepares key. A nanoprobe keeps its Sealer; the CMA makes one per
// packet and so stores nothing per nanoprobe.
func NewSealer(key NodeKey) Sealer {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // The size of key is fixed.
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return Sealer{aead}
}

// Envelope is the outside of a signal: readable by all, authenticated.
type Envelope struct {
	FromCMA bool
	Epoch   uint16 // of the node key
	ID      ID     // the nanoprobe, whichever way the signal travels
	Nonce   [12]byte
}

// SignalKind says what the body of a signal is.
type SignalKind uint8

// Kinds of signal. Those from a nanoprobe are numbered (processed once, in
// order, acknowledged after the commit) unless marked otherwise.
const (
	KindAnnounce SignalKind = 1 // Announce: first of a session
	KindReport   SignalKind = 2 // observations: see ParseReport
	KindDocument SignalKind = 3 // Document
	KindHashes   SignalKind = 4 // []DocRef: what I have
	KindStopping SignalKind = 5 // Stopping: an orderly stop
	KindEcho     SignalKind = 6 // unnumbered, empty: the header says it all; or Token, to be returned by an Ack
	KindPong     SignalKind = 7 // unnumbered, Token

	KindAck        SignalKind = 16 // empty: the header says it all; or the Token of an Echo
	KindHold       SignalKind = 17 // arrived, not committed yet: do not resend before Slot
	KindDemand     SignalKind = 18 // say it again with my cookie
	KindSessionOld SignalKind = 19 // SessionOld: begin a session greater than Last
	KindWant       SignalKind = 20 // []DocRef: send me these; Hash is what I have
	KindDesired    SignalKind = 21 // DesiredPart
	KindPing       SignalKind = 22 // Token; answered by KindPong
	KindRefused    SignalKind = 23 // Refused
)

// Flags of a signal.
const (
	FlagBulk  = 1 << iota // nanoprobe: I have something for bulk, give me a slot
	FlagRekey             // CMA: your key's epoch ends, come by bulk for the next
	FlagRenew             // CMA: make yourself another key of your own, come by bulk to show it
)

// Signal is a signal-plane message, opened. Which header fields mean something
// depends on the direction:
//
//	            from a nanoprobe                       from the CMA
//	Session     its own                                the nanoprobe's, as a proof of freshness
//	Seq         number of this message, 0 unnumbered   number of the message this answers, 0 unasked
//	AckThrough  0                                      everything up to here is processed and durable
//	Cookie      CMA instance as it knows it            of this run of the CMA
//	Applied     generation of desired state it runs    0
//	Slot        0                                      open bulk in this long; KindHold: wait this long
type Signal struct {
	Session    Session
	Seq        uint32
	AckThrough uint32
	Cookie     uint64
	Applied    uint32
	Slot       time.Duration // 0: none
	Kind       SignalKind
	Flags      uint8
	Body       []byte // see the Parse function of Kind
}

// AppendSignal seals s with the key of the nanoprobe that e names. The nonce
// must be fresh from a cryptographic random source.
func AppendSignal(dst []byte, k Sealer, e Envelope, s *Signal) []byte {
	if len(s.Body) > MaxBody {
		panic("wire: signal body exceeds MaxBody")
	}
	start := len(dst)
	dst = append(dst, typeSignal, 0)
	if e.FromCMA {
		dst[start+1] = 1
	}
	dst = binary.BigEndian.AppendUint16(dst, e.Epoch)
	dst = append(dst, e.ID[:]...)
	dst = append(dst, e.Nonce[:]...)

	sealed := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Session))
	dst = binary.BigEndian.AppendUint32(dst, s.Seq)
	dst = binary.BigEndian.AppendUint32(dst, s.AckThrough)
	dst = binary.BigEndian.AppendUint64(dst, s.Cookie)
	dst = binary.BigEndian.AppendUint32(dst, s.Applied)
	dst = binary.BigEndian.AppendUint16(dst, packSlot(s.Slot))
	dst = append(dst, byte(s.Kind), s.Flags)
	dst = append(dst, s.Body...)
	// In place: the sealed bytes take the room of the plain ones.
	return k.aead.Seal(dst[:sealed], e.Nonce[:], dst[sealed:], dst[start:sealed])
}

// SignalEnvelope reads the outside of a signal. Nothing in it is proven yet.
func SignalEnvelope(b []byte) (Envelope, error) {
	if PlaneOf(b) != PlaneSignal || b[1] > 1 {
		return Envelope{}, ErrForeign
	}
	return Envelope{
		FromCMA: b[1] == 1,
		Epoch:   binary.BigEndian.Uint16(b[2:]),
		ID:      ID(b[4:20]),
		Nonce:   [12]byte(b[20:32]),
	}, nil
}

// OpenSignal verifies and opens a signal. fromCMA is the direction the caller
// expects: a signal sent back to its sender does not open. Body is a new slice.
func OpenSignal(b []byte, k Sealer, fromCMA bool) (Signal, error) {
	e, err := SignalEnvelope(b)
	if err != nil {
		return Signal{}, err
	}
	if e.FromCMA != fromCMA {
		return Signal{}, ErrForged
	}
	inner, err := k.aead.Open(nil, e.Nonce[:], b[signalHeader:], b[:signalHeader])
	if err != nil {
		return Signal{}, ErrForged
	}
	c := cursor{b: inner}
	s := Signal{
		Session:    Session(c.u64()),
		Seq:        c.u32(),
		AckThrough: c.u32(),
		Cookie:     c.u64(),
		Applied:    c.u32(),
		Slot:       unpackSlot(c.u16()),
		Kind:       SignalKind(c.u8()),
		Flags:      c.u8(),
	}
	s.Body = c.b
	return s, c.err
}

// packSlot rounds up to the unit, so that "now" is not mistaken for "none".
func packSlot(d time.Duration) uint16 {
	if d <= 0 {
		return 0
	}
	return uint16((min(d, MaxSlot) + slotUnit - 1) / slotUnit)
}

func unpackSlot(v uint16) time.Duration { return time.Duration(v) * slotUnit }
