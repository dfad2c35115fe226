package pack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"assim/wire"
)

func packages(changed int) []byte {
	var b strings.Builder
	b.WriteString(`{"packages":[`)
	for i := range 600 {
		v := i * 7919 % 100
		if i%200 == 0 && i/200 < changed {
			v += 100
		}
		fmt.Fprintf(&b, `{"arch":"amd64","name":"lib%x-%d","version":"%d.%d-%d"},`, i*i*31337, i, i%9, v, i%5)
	}
	b.WriteString(`{}]}`)
	return []byte(b.String())
}

func TestDocumentsComeBackAsTheyWere(t *testing.T) {
	for _, json := range [][]byte{[]byte("{}"), packages(0), bytes.Repeat([]byte("x"), 3<<20)} {
		d, err := Pack("packages", "", json, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unpack(&d, nil)
		if err != nil || !bytes.Equal(got, json) {
			t.Fatalf("%d bytes came back as %d: %v", len(json), len(got), err)
		}
	}
}

func TestChangedLinesOfALongDocumentTravelInAFewBytes(t *testing.T) {
	old, now := packages(0), packages(3)
	d, err := Pack("packages", "", now, old)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of JSON, 3 edits: %d bytes", len(now), len(d.Data))
	if d.Encoding != wire.Patch || len(d.Data) > 150 {
		t.Fatalf("encoding %d, %d bytes; want a patch of at most 150", d.Encoding, len(d.Data))
	}
	got, err := Unpack(&d, func(h wire.Hash) []byte { return old })
	if err != nil || !bytes.Equal(got, now) {
		t.Fatalf("patch does not give the new version: %v", err)
	}
}

func TestPatchOnAnUnknownVersionAsksForTheWhole(t *testing.T) {
	d, err := Pack("packages", "", packages(3), packages(0))
	if err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string][]byte{"none": nil, "another": packages(1)} {
		if _, err := Unpack(&d, func(wire.Hash) []byte { return base }); !errors.Is(err, ErrBase) {
			t.Errorf("%s: got %v, want ErrBase", name, err)
		}
	}
}

func TestContentThatDoesNotMatchItsHashIsRefused(t *testing.T) {
	d, err := Pack("os", "", []byte(`{"a":1}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Hash[3] ^= 1
	if _, err := Unpack(&d, nil); err == nil {
		t.Fatal("accepted")
	}
}

func TestBombIsStoppedAtTheLimit(t *testing.T) {
	bomb, err := compress(make([]byte, MaxDocument+1), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := wire.Document{DocRef: wire.DocRef{Type: "os"}, Encoding: wire.Zstd, Data: bomb}
	t.Logf("a bomb of %d bytes", len(bomb))
	if _, err := Unpack(&d, nil); err == nil || strings.Contains(err.Error(), "hash") {
		t.Fatalf("got %v, want the limit", err)
	}
}

func FuzzUnpack(f *testing.F) {
	whole, _ := Pack("packages", "", packages(0)[:2000], nil)
	patch, _ := Pack("packages", "", packages(3)[:2000], packages(0)[:2000])
	f.Add(whole.Data, false)
	f.Add(patch.Data, true)
	base := packages(0)[:2000]
	f.Fuzz(func(t *testing.T, data []byte, patched bool) {
		d := wire.Document{DocRef: wire.DocRef{Type: "x"}, Encoding: wire.Zstd, Data: data}
		if patched {
			d.Encoding, d.Base = wire.Patch, HashOf(base)
		}
		json, err := Unpack(&d, func(wire.Hash) []byte { return base })
		if err == nil && HashOf(json) != d.Hash {
			t.Fatal("content without its hash accepted")
		}
	})
}
