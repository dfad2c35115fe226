package trust

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"assim/wire"
)

// edgeCutter makes the keys of edges, some dozens for every order. A key is the
// CBC-MAC of the two ids, always two blocks, under AES-256 with a key that
// derives from the master of an epoch: see docs/decisions/0014.
//
//	smaller id ──▶ AES ──▶ ⊕ ──▶ AES ──▶ key of the edge
//	                       ▲
//	           larger id ──┘
type edgeCutter struct {
	fresh atomic.Bool // the two below are of the epochs that are

	mu   sync.Mutex
	send cipher.Block // of the epoch that ticks are sent with
	also cipher.Block // of the one that is accepted besides; nil when there is none
	room wire.EdgeKey // what a cipher works on goes to the heap: once, here
}

// cut returns the key of the edge between a and b. The caller holds mu.
func (c *edgeCutter) cut(block cipher.Block, a, b wire.ID) wire.EdgeKey {
	if wire.DirOf(a, b) == wire.Down {
		a, b = b, a
	}
	room := c.room[:]
	copy(room, a[:])
	block.Encrypt(room, room)
	subtle.XORBytes(room, room, b[:])
	block.Encrypt(room, room)
	return c.room
}

// EdgeKey returns the key of the ticks between a and b; their order does not
// matter.
func (k *CMAKeys) EdgeKey(a, b wire.ID) wire.EdgeKey {
	k.cutter.mu.Lock()
	defer k.cutter.mu.Unlock()
	k.sharpen()
	return k.cutter.cut(k.cutter.send, a, b)
}

// EdgeAlso returns the other key by which ticks between a and b are to be
// accepted, while the epoch changes; ok is false when there is none.
func (k *CMAKeys) EdgeAlso(a, b wire.ID) (key wire.EdgeKey, ok bool) {
	k.cutter.mu.Lock()
	defer k.cutter.mu.Unlock()
	k.sharpen()
	if k.cutter.also == nil {
		return key, false // as nearly always
	}
	return k.cutter.cut(k.cutter.also, a, b), true
}

// sharpen makes the ciphers of the epochs that are. A change of the epochs after
// the flag is set is seen next time; one before it is seen now, as whoever makes
// it holds k.mu until it is whole.
func (k *CMAKeys) sharpen() {
	if k.cutter.fresh.Load() {
		return
	}
	k.cutter.fresh.Store(true)
	k.mu.RLock()
	now := k.epochs
	k.mu.RUnlock()
	send, also := now.forEdges()
	k.cutter.send, k.cutter.also = edgeCipher(now.secret(send), send), nil
	if also != 0 {
		k.cutter.also = edgeCipher(now.secret(also), also)
	}
}

// edgeCipher returns the cipher that makes the keys of edges in an epoch.
func edgeCipher(master [32]byte, epoch uint16) cipher.Block {
	key := derive(master, binary.BigEndian.AppendUint16([]byte("edges"), epoch))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("trust: " + err.Error()) // 32 bytes are a key of AES.
	}
	return block
}

// EdgeEpochs returns the epoch whose keys ticks are sent with, and the one
// whose keys are accepted besides; 0 when there is none.
func (k *CMAKeys) EdgeEpochs() (send, also uint16) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.forEdges()
}

func (e *epochs) forEdges() (send, also uint16) {
	switch {
	case e.before == [32]byte{}:
		return e.epoch, 0
	case e.edges == e.epoch:
		return e.epoch, e.epoch - 1
	}
	return e.epoch - 1, e.epoch
}

// secret returns the master of one of the two epochs of forEdges.
func (e *epochs) secret(epoch uint16) [32]byte {
	if epoch == e.epoch {
		return e.master
	}
	return e.before
}
