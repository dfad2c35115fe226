package wire

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Limits on what a body may hold.
const (
	MaxAddrs   = 32      // addresses in one Announce
	MaxVersion = 64      // bytes of a version in one Announce
	MaxRefs    = 32      // documents named in one Hashes or Want signal
	MaxParts   = 256     // parts of one desired state by signal
	MaxGenSize = 1 << 20 // bytes of one desired state, by signal or bulk
)

// Hash is the SHA-256 of a document's canonical JSON; zero means "none".
type Hash [32]byte

// IsZero reports whether h names no document.
func (h Hash) IsZero() bool { return h == Hash{} }

// Announce is what a nanoprobe says of itself at the start of a session, and
// again when one of it changes.
type Announce struct {
	Name    string           // of the system
	Version string           // of the nanoprobe
	Machine [16]byte         // hash of machine-id and product UUID: tells clones apart
	Addrs   []netip.AddrPort // where it receives ticks and signals, best first
}

// AppendAnnounce appends the encoding of a; addresses beyond MaxAddrs are left
// out.
func AppendAnnounce(dst []byte, a *Announce) []byte {
	dst = appendText(dst, a.Name)
	dst = appendText(dst, clip(a.Version, MaxVersion))
	dst = append(dst, a.Machine[:]...)
	addrs := a.Addrs[:min(len(a.Addrs), MaxAddrs)]
	dst = append(dst, byte(len(addrs)))
	for _, addr := range addrs {
		dst = appendAddrPort(dst, addr)
	}
	return dst
}

// ParseAnnounce is the inverse of AppendAnnounce.
func ParseAnnounce(b []byte) (Announce, error) {
	c := cursor{b: b}
	a := Announce{Name: c.text(), Version: c.text()}
	c.fill(a.Machine[:])
	n := int(c.u8())
	if n > MaxAddrs || len(a.Version) > MaxVersion {
		c.fail(ErrForm)
		n = 0
	}
	for range n {
		a.Addrs = append(a.Addrs, c.addrPort())
	}
	return a, c.done()
}

// Encoding says how a document's bytes travel.
type Encoding uint8

// The encodings of a document.
const (
	Zstd  Encoding = iota + 1 // compressed JSON
	Patch                     // compressed with the document Base as raw dictionary
	Gone                      // no data: this system has no such document any more
)

// DocRef names one version of one document of the system that speaks or is
// spoken to.
type DocRef struct {
	Type     string
	Instance string
	Hash     Hash
}

// Document is one discovered document on its way. See package wire/pack for
// Data.
type Document struct {
	DocRef
	Encoding Encoding
	Base     Hash // of Patch
	Data     []byte
}

// AppendRef appends the encoding of r.
func AppendRef(dst []byte, r *DocRef) []byte {
	dst = appendText(dst, r.Type)
	dst = appendText(dst, r.Instance)
	return append(dst, r.Hash[:]...)
}

func (c *cursor) ref() DocRef {
	r := DocRef{Type: c.text(), Instance: c.text()}
	c.fill(r.Hash[:])
	return r
}

// Size returns the length of d's encoding: it travels as a signal if that is
// at most MaxBody.
func (d *Document) Size() int {
	return 1 + len(d.Type) + 1 + len(d.Instance) + 32 + 1 + 32 + len(d.Data)
}

// AppendDocument appends the encoding of d, which ends with its data.
func AppendDocument(dst []byte, d *Document) []byte {
	dst = AppendRef(dst, &d.DocRef)
	dst = append(dst, byte(d.Encoding))
	dst = append(dst, d.Base[:]...)
	return append(dst, d.Data...)
}

// ParseDocument is the inverse of AppendDocument. Data is a part of b.
func ParseDocument(b []byte) (Document, error) {
	c := cursor{b: b}
	d := Document{DocRef: c.ref(), Encoding: Encoding(c.u8())}
	c.fill(d.Base[:])
	if c.err == nil && (d.Type == "" || d.Encoding < Zstd || d.Encoding > Gone) {
		c.fail(ErrForm)
	}
	d.Data = c.b
	if d.Encoding == Gone && len(d.Data) > 0 {
		c.fail(ErrForm)
	}
	return d, c.err
}

// AppendRefs appends as many of refs as fit into one signal and returns the
// rest.
func AppendRefs(dst []byte, refs []DocRef) (out []byte, rest []DocRef) {
	start := len(dst)
	dst = append(dst, 0)
	n := 0
	for n < len(refs) && n < MaxRefs {
		r := &refs[n]
		if len(dst)-start+2+len(r.Type)+len(r.Instance)+32 > MaxBody {
			break
		}
		dst = AppendRef(dst, r)
		n++
	}
	dst[start] = byte(n)
	return dst, refs[n:]
}

// ParseRefs is the inverse of AppendRefs: what no AppendRefs makes is malformed.
func ParseRefs(b []byte) ([]DocRef, error) {
	c := cursor{b: b}
	n := int(c.u8())
	if n > MaxRefs || len(b) > MaxBody {
		c.fail(ErrForm)
		n = 0
	}
	var refs []DocRef
	for range n {
		refs = append(refs, c.ref())
	}
	return refs, c.done()
}

// Stopping is an orderly stop.
type Stopping struct {
	Reason string // for people, e.g. "system shutdown"
}

// AppendStopping appends the encoding of s.
func AppendStopping(dst []byte, s *Stopping) []byte { return appendText(dst, s.Reason) }

// ParseStopping is the inverse of AppendStopping.
func ParseStopping(b []byte) (Stopping, error) {
	c := cursor{b: b}
	s := Stopping{Reason: c.text()}
	return s, c.done()
}

// AppendToken appends what a ping carries and its pong returns.
func AppendToken(dst []byte, token uint64) []byte {
	return binary.BigEndian.AppendUint64(dst, token)
}

// ParseToken is the inverse of AppendToken.
func ParseToken(b []byte) (uint64, error) {
	c := cursor{b: b}
	token := c.u64()
	return token, c.done()
}

// SessionOld tells a nanoprobe that the CMA knows a later session of it, or
// none at all.
type SessionOld struct {
	Last Session // begin one greater than this
}

// AppendSessionOld appends the encoding of s.
func AppendSessionOld(dst []byte, s SessionOld) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(s.Last))
}

// ParseSessionOld is the inverse of AppendSessionOld.
func ParseSessionOld(b []byte) (SessionOld, error) {
	c := cursor{b: b}
	s := SessionOld{Last: Session(c.u64())}
	return s, c.done()
}

// DesiredPart is one piece of an encoded Desired.
type DesiredPart struct {
	Gen         uint32
	Part, Parts uint16 // Part counts from 0
	Data        []byte
}

// AppendDesiredPart appends the encoding of p.
func AppendDesiredPart(dst []byte, p *DesiredPart) []byte {
	dst = binary.BigEndian.AppendUint32(dst, p.Gen)
	dst = binary.BigEndian.AppendUint16(dst, p.Part)
	dst = binary.BigEndian.AppendUint16(dst, p.Parts)
	return append(dst, p.Data...)
}

// ParseDesiredPart is the inverse of AppendDesiredPart. Data is a part of b.
func ParseDesiredPart(b []byte) (DesiredPart, error) {
	c := cursor{b: b}
	p := DesiredPart{Gen: c.u32(), Part: c.u16(), Parts: c.u16()}
	if c.err == nil && (p.Parts == 0 || p.Parts > MaxParts || p.Part >= p.Parts || len(c.b) > MaxPart) {
		c.fail(ErrForm)
	}
	p.Data = c.b
	return p, c.err
}

// Code says why somebody was refused.
type Code uint8

// The reasons for a refusal.
const (
	CodeUnknownToken Code = iota + 1 // no such permission
	CodeExpired                      // its time or number is used up
	CodeRevoked                      // permission or identity was withdrawn
	CodePending                      // waiting for a person to accept
	CodeBound                        // the token is for another name, machine or network
	CodeBusy                         // come again later
	CodeUnknownNode                  // no such identity: join
	CodeMalformed                    // the CMA did not understand
	CodeBadProof                     // the proof of the permission is wrong
)

var codeNames = [...]string{CodeUnknownToken: "unknown token", CodeExpired: "token used up or expired",
	CodeRevoked: "revoked", CodePending: "pending", CodeBound: "token is bound to another system",
	CodeBusy: "busy", CodeUnknownNode: "unknown identity", CodeMalformed: "malformed", CodeBadProof: "wrong proof"}

// String returns the reason in words.
func (c Code) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return "unknown reason"
}

// Refused is a refusal, by signal or bulk. A refused nanoprobe backs off and
// never forgets who it is.
type Refused struct {
	Code       Code
	Text       string        // for people: what to do
	RetryAfter time.Duration // seconds on the wire
}

// AppendRefused appends the encoding of r.
func AppendRefused(dst []byte, r *Refused) []byte {
	dst = append(dst, byte(r.Code))
	dst = appendText(dst, r.Text)
	return binary.BigEndian.AppendUint32(dst, uint32(max(0, r.RetryAfter)/time.Second))
}

// ParseRefused is the inverse of AppendRefused.
func ParseRefused(b []byte) (Refused, error) {
	c := cursor{b: b}
	r := Refused{Code: Code(c.u8()), Text: c.text()}
	r.RetryAfter = time.Duration(c.u32()) * time.Second
	return r, c.done()
}

// Error makes a Refused an error, so that it can be returned as one. The words of
// the CMA say more than the code does.
func (r Refused) Error() string {
	if r.Text == "" {
		return "refused: " + r.Code.String()
	}
	return "refused: " + r.Text
}
