package session

import (
	"net/netip"
	"runtime"

	"assim/wire"
)

// allocated returns the bytes of heap that do leaves behind.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	do()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
}

func fill(n int) *CMA {
	c := NewCMA(1)
	for i := range n {
		id := wire.ID{byte(i), byte(i >> 8), byte(i >> 16)}
		m := wire.Signal{Session: 1, Seq: 1, Kind: wire.KindAnnounce}
		c.Receive(start, id, &m)
		c.Committed(id, 1, 1)
		c.Heard(id, Route{To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(i >> 8), byte(i >> 16)}), 1984), From: netip.AddrFrom4([4]byte{10, 0, 0, 1}), Epoch: 1})
	}
	return c
}
