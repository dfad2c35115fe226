package trust

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"testing"

	"assim/wire"
)

var update = flag.Bool("update", false, "write docs/vectors/keys.json anew; then read the difference as if it were code")

func TestVectorsOfKeys(t *testing.T) {
	k := &CMAKeys{epochs: epochs{epoch: 3, edges: 3, master: [32]byte(bytes.Repeat([]byte{0x11}, 32))}}
	a, b := wire.ID{1, 2}, wire.ID{3, 4}
	node, _ := k.NodeKey(a, 3)
	edge := k.EdgeKey(a, b)
	j := Join{Host: "2001:db8::1", Port: 1984, Pin: PinOf(wire.PubKey{9}), Secret: [secretSize]byte{1, 2, 3}}
	token := TokenIDOf(j.Secret)
	made := map[string]any{
		"master": hex.EncodeToString(k.master[:]), "epoch": 3, "id_a": a, "id_b": b,
		"node_key_of_a": hex.EncodeToString(node[:]),
		"edge_of_a_b":   strconv.FormatUint(uint64(wire.EdgeOf(a, b)), 10), "edge_key": hex.EncodeToString(edge[:]),
		"join_string": j.String(), "join_secret": hex.EncodeToString(j.Secret[:]),
		"join_verifier": hex.EncodeToString(Verifier(j.Secret)), "join_token": hex.EncodeToString(token[:]),
		"pub": hex.EncodeToString((&wire.PubKey{9})[:]), "pin": PinOf(wire.PubKey{9}).String(), "fingerprint": Fingerprint(wire.PubKey{9}),
		"machine_id": "aaaa", "product_uuid": "1111", "machine_hash": MachineName(here.Hash()),
	}
	for _, name := range []string{"id_a", "id_b"} {
		made[name] = made[name].(wire.ID).String()
	}
	now, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "../docs/vectors/keys.json"
	now = append(now, '\n')
	if *update {
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if file, err := os.ReadFile(path); err != nil || !bytes.Equal(file, now) {
		t.Fatalf("%s is not what we derive any more: %v", path, err)
	}
}
