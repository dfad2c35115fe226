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
	if len(key) > blockSize || len(msg) > maxMACed {
		panic("wire: mac is made for short keys and messages")
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
	inner[blockSize+n] = last
	sum := sha256.Sum256(inner[:blockSize+n+1])
	copy(outer[blockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
