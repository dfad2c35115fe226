package wire

import (
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// Sizes of the strangers' datagrams. A reply is never larger than what asked
// for it, so nobody can make the CMA amplify a flood.
const (
	HelloSize      = 128
	HelloReplySize = 80

	helloSigned      = 68 // bytes of a Hello that its proof covers
	helloReplySigned = 64
)

// PubKey is an Ed25519 public key.
type PubKey [32]byte

// TokenID names a join token; zero means none (zero configuration).
type TokenID [8]byte

// IsZero reports whether t names no token.
func (t TokenID) IsZero() bool { return t == TokenID{} }

// Hello asks a CMA, as somebody it does not know yet, for permission to
// enroll. The first is sent without a cookie.
type Hello struct {
	Token  TokenID
	Pub    PubKey // the nanoprobe's
	Nonce  uint64 // fresh per attempt, echoed
	Cookie [16]byte
}

// HelloReply answers a Hello.
type HelloReply struct {
	Code   Code          // 0: go on
	Slot   time.Duration // with a Code: ask again after this long; without: enroll by bulk then
	Nonce  uint64        // of the Hello
	Cookie [16]byte      // say Hello again with this; zero: no need to, you are admitted
	Pub    PubKey        // the CMA's, to be pinned or compared with the pin
}

// AppendHello appends h with its proof. secret is the verifier of its token;
// nil without one.
func AppendHello(dst []byte, h *Hello, secret []byte) []byte {
	start := len(dst)
	dst = append(dst, typeHello, 0, 0, 0)
	dst = append(dst, h.Token[:]...)
	dst = append(dst, h.Pub[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.Nonce)
	dst = append(dst, h.Cookie[:]...)
	dst = appendProof(dst, dst[start:], secret)
	return append(dst, make([]byte, HelloSize-(len(dst)-start))...)
}

// ParseHello decodes a Hello whose proof is not checked yet: see
// CheckHello.
func ParseHello(b []byte) (Hello, error) {
	if PlaneOf(b) != PlaneHello {
		return Hello{}, ErrForeign
	}
	return Hello{
		Token:  TokenID(b[4:12]),
		Pub:    PubKey(b[12:44]),
		Nonce:  binary.BigEndian.Uint64(b[44:]),
		Cookie: [16]byte(b[52:68]),
	}, nil
}

// CheckHello reports whether a Hello was made by somebody who knows secret.
func CheckHello(b, secret []byte) bool {
	return len(b) == HelloSize && checkProof(b[:helloSigned+macSize], helloSigned, secret)
}

// AppendHelloReply appends r with a proof by the same secret.
func AppendHelloReply(dst []byte, r *HelloReply, secret []byte) []byte {
	start := len(dst)
	dst = append(dst, typeHelloReply, byte(r.Code))
	dst = binary.BigEndian.AppendUint16(dst, packSlot(r.Slot))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint64(dst, r.Nonce)
	dst = append(dst, r.Cookie[:]...)
	dst = append(dst, r.Pub[:]...)
	return appendProof(dst, dst[start:], secret)
}

// OpenHelloReply decodes a reply and checks its proof. Without a secret (zero
// configuration) anybody on the network may have made it.
func OpenHelloReply(b, secret []byte) (HelloReply, error) {
	if PlaneOf(b) != PlaneHelloReply {
		return HelloReply{}, ErrForeign
	}
	if !checkProof(b, helloReplySigned, secret) {
		return HelloReply{}, ErrForged
	}
	return HelloReply{
		Code:   Code(b[1]),
		Slot:   unpackSlot(binary.BigEndian.Uint16(b[2:])),
		Nonce:  binary.BigEndian.Uint64(b[8:]),
		Cookie: [16]byte(b[16:32]),
		Pub:    PubKey(b[32:64]),
	}, nil
}

// appendProof appends the authentication of msg. Without a secret the proof is
// zero. The key is bound to this use by the last byte.
func appendProof(dst, msg, secret []byte) []byte {
	if secret == nil {
		return append(dst, make([]byte, macSize)...)
	}
	sum := mac(secret, msg, msg[0])
	return append(dst, sum[:]...)
}

func checkProof(b []byte, signed int, secret []byte) bool {
	var want [macSize]byte
	if secret != nil {
		want = mac(secret, b[:signed], b[0])
	}
	return subtle.ConstantTimeCompare(want[:], b[signed:]) == 1
}
