package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits of bulk frames.
const (
	MaxFrame         = 16 << 20 // from a known nanoprobe, and from the CMA
	MaxStrangerFrame = 4 << 10  // from somebody who is not enrolled
	maxPins          = 8
)

// The application protocols of the TLS port.
const (
	ALPNBulk = "assim-bulk" // nanoprobes
	ALPNAPI  = "assim-api"  // operators
)

// FrameKind says what the body of a bulk frame is.
type FrameKind uint8

// Kinds of bulk frame. A nanoprobe speaks first, with Contact or Enroll.
const (
	FrameContact  FrameKind = 1 // nanoprobe: Contact; answered by Welcome or Refused
	FrameEnroll   FrameKind = 2 // nanoprobe: Enroll; answered by Welcome or Refused
	FrameDocument FrameKind = 3 // nanoprobe: Document; answered by DocumentAck
	FrameRotate   FrameKind = 4 // nanoprobe: Rotate, my next key; answered by Welcome or Refused
	FrameDone     FrameKind = 5 // nanoprobe: nothing more to say; the CMA may add Desired, then closes
	FrameRecall   FrameKind = 6 // nanoprobe: []DocRef of one, what did I say last?; answered by Recalled

	FrameWelcome     FrameKind = 16 // CMA: Welcome
	FrameRefused     FrameKind = 17 // CMA: Refused, and closes
	FrameDocumentAck FrameKind = 18 // CMA: DocumentAck
	FrameDesired     FrameKind = 19 // CMA: BulkDesired
	FrameWant        FrameKind = 20 // CMA: []DocRef
	FrameRecalled    FrameKind = 21 // CMA: the document's JSON; empty: there is none
)

// ErrTooBig means that a frame exceeds what its sender may send.
var ErrTooBig = errors.New("frame is too big")

// AppendFrame appends one frame: length of what follows 4, kind 1, body.
func AppendFrame(dst []byte, kind FrameKind, body []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(1+len(body)))
	dst = append(dst, byte(kind))
	return append(dst, body...)
}

// ReadFrame reads one frame of at most limit bytes. Memory is taken as bytes
// arrive, not as a header promises.
func ReadFrame(r io.Reader, limit int) (FrameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:4]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size < 1 {
		return 0, nil, ErrForm
	}
	if size > limit {
		return 0, nil, fmt.Errorf("%w: %d bytes, %d allowed", ErrTooBig, size, limit)
	}
	if _, err := io.ReadFull(r, head[4:]); err != nil {
		return 0, nil, noEOF(err)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(size-1)))
	if err == nil && len(body) < size-1 {
		err = io.ErrUnexpectedEOF
	}
	return FrameKind(head[4]), body, err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Contact opens bulk for a nanoprobe that is enrolled; TLS has proven its key.
type Contact struct {
	ID    ID
	Epoch uint16 // of the node key it has; 0: none
}

// AppendContact appends the encoding of m.
func AppendContact(dst []byte, m Contact) []byte {
	dst = append(dst, m.ID[:]...)
	return binary.BigEndian.AppendUint16(dst, m.Epoch)
}

// ParseContact is the inverse of AppendContact.
func ParseContact(b []byte) (Contact, error) {
	c := cursor{b: b}
	var m Contact
	c.fill(m.ID[:])
	m.Epoch = c.u16()
	return m, c.done()
}

// Enroll asks for an identity. TLS has proven the nanoprobe's key; Proof shows
// the permission, bound to this very connection.
type Enroll struct {
	Token   TokenID  // zero: zero configuration or local socket
	Proof   [32]byte // see EnrollProof
	Pub     PubKey   // the nanoprobe's; by TLS it must be the certificate's
	Was     ID       // identity this machine's disk had on another machine, if any
	About   Announce // who it is
	Weak    bool     // pinned the first CMA it met
	HadUUID bool     // the machine hash rests on a product UUID as well
}

// EnrollProof proves knowledge of a token's verifier to the CMA at the other
// end of a connection, for one key. binding is exported from the TLS session:
// whoever stands between cannot use the proof.
func EnrollProof(secret []byte, pub PubKey, binding []byte) [32]byte {
	msg := append([]byte("assim enroll "), pub[:]...)
	return macFull(secret, append(msg, binding...), 0)
}

// AppendEnroll appends the encoding of m.
func AppendEnroll(dst []byte, m *Enroll) []byte {
	dst = append(dst, m.Token[:]...)
	dst = append(dst, m.Proof[:]...)
	dst = append(dst, m.Pub[:]...)
	dst = append(dst, m.Was[:]...)
	var flags byte
	if m.Weak {
		flags |= 1
	}
	if m.HadUUID {
		flags |= 2
	}
	dst = append(dst, flags)
	return AppendAnnounce(dst, &m.About)
}

// ParseEnroll is the inverse of AppendEnroll.
func ParseEnroll(b []byte) (Enroll, error) {
	c := cursor{b: b}
	var m Enroll
	c.fill(m.Token[:])
	c.fill(m.Proof[:])
	c.fill(m.Pub[:])
	c.fill(m.Was[:])
	flags := c.u8()
	m.Weak, m.HadUUID = flags&1 != 0, flags&2 != 0
	if c.err != nil || flags > 3 {
		c.fail(ErrForm)
		return m, c.err
	}
	about, err := ParseAnnounce(c.b)
	m.About = about
	return m, err
}

// Welcome tells a nanoprobe who it is and whom to trust from now on.
type Welcome struct {
	ID       ID
	Epoch    uint16
	Key      NodeKey
	Pins     []PubKey // keys the CMA may show: current, and next when announced
	Recovery PubKey   // may endorse a new one; zero: none
}

// AppendWelcome appends the encoding of m.
func AppendWelcome(dst []byte, m *Welcome) []byte {
	dst = append(dst, m.ID[:]...)
	dst = binary.BigEndian.AppendUint16(dst, m.Epoch)
	dst = append(dst, m.Key[:]...)
	dst = append(dst, m.Recovery[:]...)
	pins := m.Pins[:min(len(m.Pins), maxPins)]
	dst = append(dst, byte(len(pins)))
	for _, p := range pins {
		dst = append(dst, p[:]...)
	}
	return dst
}

// ParseWelcome is the inverse of AppendWelcome.
func ParseWelcome(b []byte) (Welcome, error) {
	c := cursor{b: b}
	var m Welcome
	c.fill(m.ID[:])
	m.Epoch = c.u16()
	c.fill(m.Key[:])
	c.fill(m.Recovery[:])
	n := int(c.u8())
	if n > maxPins {
		c.fail(ErrForm)
		n = 0
	}
	for range n {
		var p PubKey
		c.fill(p[:])
		m.Pins = append(m.Pins, p)
	}
	return m, c.done()
}

// DocumentAck says that a document is durable, or what is needed instead.
type DocumentAck struct {
	DocRef        // of the document answered
	Stored bool   // durable; otherwise see Have and Text
	Have   Hash   // the version I have: send a patch on it, or all of it if zero
	Text   string // why it was set aside, for people
}

// AppendDocumentAck appends the encoding of m.
func AppendDocumentAck(dst []byte, m *DocumentAck) []byte {
	dst = AppendRef(dst, &m.DocRef)
	var flags byte
	if m.Stored {
		flags = 1
	}
	dst = append(dst, flags)
	dst = append(dst, m.Have[:]...)
	return appendText(dst, m.Text)
}

// ParseDocumentAck is the inverse of AppendDocumentAck.
func ParseDocumentAck(b []byte) (DocumentAck, error) {
	c := cursor{b: b}
	m := DocumentAck{DocRef: c.ref()}
	flags := c.u8()
	if flags > 1 {
		c.fail(ErrForm)
	}
	m.Stored = flags == 1
	c.fill(m.Have[:])
	m.Text = c.text()
	return m, c.done()
}

// Rotate replaces the key of the nanoprobe that the connection belongs to. It
// travels inside the old key's connection; Proof is the new key's signature.
type Rotate struct {
	Pub   PubKey
	Proof [64]byte // Ed25519 by Pub over RotateText
}

// RotateText is what the new key signs.
func RotateText(id ID, pub PubKey, binding []byte) []byte {
	text := append([]byte("assim rotate "), id[:]...)
	return append(append(text, pub[:]...), binding...)
}

// AppendRotate appends the encoding of m.
func AppendRotate(dst []byte, m *Rotate) []byte {
	return append(append(dst, m.Pub[:]...), m.Proof[:]...)
}

// ParseRotate is the inverse of AppendRotate.
func ParseRotate(b []byte) (Rotate, error) {
	c := cursor{b: b}
	var m Rotate
	c.fill(m.Pub[:])
	c.fill(m.Proof[:])
	return m, c.done()
}

// BulkDesired is a whole encoded Desired.
type BulkDesired struct {
	Gen  uint32
	Data []byte
}

// AppendBulkDesired appends the encoding of m.
func AppendBulkDesired(dst []byte, m *BulkDesired) []byte {
	return append(binary.BigEndian.AppendUint32(dst, m.Gen), m.Data...)
}

// ParseBulkDesired is the inverse of AppendBulkDesired. Data is a part of b.
func ParseBulkDesired(b []byte) (BulkDesired, error) {
	c := cursor{b: b}
	m := BulkDesired{Gen: c.u32()}
	if len(c.b) > MaxGenSize {
		c.fail(ErrTooBig)
	}
	m.Data = c.b
	return m, c.err
}
