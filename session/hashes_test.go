package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"assim/wire"
)

func TestHashesThatWaitAreAddedToNotReplaced(t *testing.T) {
	now := time.Unix(1, 0)
	n := NewNode(now, Options{Retry: time.Second, RetryMax: time.Second}, 1, rand.New(rand.NewPCG(1, 1)))
	n.Hashes([]wire.DocRef{{Type: "os", Hash: wire.Hash{1}}, {Type: "cpu", Hash: wire.Hash{2}}})
	n.Hashes([]wire.DocRef{{Type: "lldp", Hash: wire.Hash{3}}, {Type: "cpu", Hash: wire.Hash{4}}})
	want := map[string]wire.Hash{"os": {1}, "cpu": {4}, "lldp": {3}}
	if len(n.out.refs) != len(want) {
		t.Fatalf("%d hashes wait, want %d", len(n.out.refs), len(want))
	}
	for _, r := range n.out.refs {
		if want[r.Type] != r.Hash {
			t.Errorf("%s waits with %x", r.Type, r.Hash[0])
		}
	}
}
