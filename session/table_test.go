package session

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"assim/wire"
)

// TestATableIsAMap does random things to a table and to a map.
func TestATableIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	c, want := NewCMA(1), map[wire.ID]Route{}
	for range 20_000 {
		id := wire.ID{byte(rng.IntN(250)), byte(rng.IntN(12))}
		switch rng.IntN(4) {
		case 0:
			c.seen.drop(id)
			delete(want, id)
		case 1:
			c.seen.put(id, seen{session: 1})
			want[id] = Route{}
		case 2:
			r := Route{To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(rng.IntN(256))}), uint16(rng.IntN(1<<16))), Epoch: uint16(rng.IntN(3))}
			if rng.IntN(2) == 0 {
				r.From = netip.AddrFrom4([4]byte{10, 1, 1, byte(rng.IntN(5))})
			}
			c.Heard(id, r)
			if _, ok := want[id]; ok {
				want[id] = r
			}
		}
		r, ok := c.Route(id)
		if known, there := want[id]; r != known || ok != (there && known != Route{}) {
			t.Fatalf("%v is heard by %+v (%v), want %+v", id, r, ok, known)
		}
	}
	if len(c.seen.index) != len(want) || len(c.seen.chunks) > len(want)/chunk+2 {
		t.Errorf("%d of %d, in %d chunks", len(c.seen.index), len(want), len(c.seen.chunks))
	}
}
