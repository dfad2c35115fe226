package wire

import "crypto/sha256"

const (
	macSize   = 16 // HMAC-SHA256 cut to 128 bits, as RFC 2104 section 5 allows
	blockSize = sha256.BlockSize
	maxMACed  = 256 // longest message mac authenticates
)

// mac returns HMAC-SHA256(key, msg | last), cut to 16 bytes. It is written out
// because crypto/hmac allocates its two hash states for every key, and a tick
// has a key of its own: here everything lives on the stack.
func mac(key, msg []byte, last byte) [macSize]byte {
	full := macFull(key, msg, last)
	return [macSize]byte(full[:macSize])
}

func macFull(key, msg []byte, last byte) [sha256.Size]byte {
	var room [maxMACed + 1]byte
	if len(msg) > maxMACed {
		panic("wire: mac is made for short messages")
	}
	n := copy(room[:], msg)
	room[n] = last
	return HMAC(key, room[:n+1])
}

// HMAC returns HMAC-SHA256(key, msg) without touching the heap, for keys of at
// most 64 and messages of at most 257 bytes: the CMA derives keys by it, some
// dozens for every desired state.
func HMAC(key, msg []byte) [sha256.Size]byte {
	if len(key) > blockSize || len(msg) > maxMACed+1 {
		panic("wire: HMAC is made for short keys and messages")
	}
	var inner [blockSize + maxMACed + 1]byte
	var outer [blockSize + sha256.Size]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range blockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	n := copy(inner[blockSize:], msg)
	sum := sha256.Sum256(inner[:blockSize+n])
	copy(outer[blockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
