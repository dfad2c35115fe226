package attack

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"assim/discovery/all"
	"assim/wire"
	"assim/wire/pack"
)

// wrongShapes are texts that no discovery type says. Those without meaning as
// JSON, too.
func wrongShapes() [][]byte {
	deep := strings.Repeat(`{"a":[`, 5000)
	return [][]byte{
		nil, []byte("{"), []byte("\x00\xff\xfe"), []byte("nonsense"), []byte(deep),
		[]byte(deep + strings.Repeat("]}", 5000)),
		[]byte("null"), []byte("[]"), []byte("{}"), []byte("[[],{},null]"), []byte(`"text"`), []byte("1e400"),
		[]byte(`{"name":{"name":1},"hostname":[1],"interfaces":"none","processes":{"1":null},"packages":[[[]]]}`),
		[]byte(`[{"name":null,"mac":"ff","address":"999.1.1.1/99","pid":-1,"port":70000}]`),
	}
}

// bombSize is about what a datagram holds at most when it is unpacked.
const bombSize = 8 << 20

// bomb is that. An attacker takes his time to make it small.
func bomb(t *testing.T) wire.Document {
	t.Helper()
	text := bytes.Repeat([]byte(" "), bombSize)
	small, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	d := wire.Document{DocRef: wire.DocRef{Type: "os", Hash: pack.HashOf(text)}, Encoding: wire.Zstd, Data: small.EncodeAll(text, nil)}
	if d.Size() > wire.MaxBody {
		t.Fatalf("%d bytes of spaces take %d packed, more than a datagram", len(text), d.Size())
	}
	return d
}

// Of a member's bad documents each is acknowledged, so that it does not come
// for ever, and kept aside or refused with its reason; its good ones and
// everybody else's go on being taken in. However many there are and however they
// differ, the log has a line a minute about it.
func TestBadDocumentsOfAMemberAreRefusedAndHinderNobody(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	began := time.Now()
	bad, good := s.join("bad"), s.join("good")
	bad.quiet()
	good.quiet()
	put := func(a *actor, d wire.Document) {
		t.Helper()
		a.session.Put(d, false)
		a.quiet()
	}
	packed := func(typ string, text []byte) wire.Document {
		t.Helper()
		d, err := pack.Pack(typ, "", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, typ := range all.Types {
		for _, text := range wrongShapes() {
			put(bad, packed(typ.Name, text))
		}
	}
	put(bad, packed("nobody_knows", []byte(`{"a":1}`)))

	// Right texts that are damaged on the way, and a few bytes that would fill
	// the memory when they are unpacked.
	rng := rand.New(rand.NewPCG(3, 4))
	right := packed("os", []byte(`{"hostname":"bad","kernel":"`+strings.Repeat("6.1 ", 100)+`"}`))
	for range 50 {
		d := right
		d.Data = slices.Clone(right.Data)
		d.Data[rng.IntN(len(d.Data))] ^= 1 << rng.IntN(8)
		put(bad, d)
		d.Data = right.Data[:rng.IntN(len(right.Data))]
		put(bad, d)
	}
	put(bad, bomb(t))

	const text = `{"hostname":"good"}`
	put(good, packed("os", []byte(text)))
	put(bad, packed("os", []byte(text)))
	status, err := s.client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.Counters["malformed documents"] == 0 || len(status.SetAside) == 0 {
		t.Errorf("malformed: %d, set aside: %d", status.Counters["malformed documents"], len(status.SetAside))
	}
	for _, d := range status.SetAside {
		if d.Reason == "" {
			t.Errorf("%s of %s is set aside without a reason", d.Type, d.System)
		}
		if strings.Contains(d.Reason, "panic") {
			t.Errorf("%s: %s", d.Type, d.Reason)
		}
	}
	if strings.Contains(status.LastError, "panic") {
		t.Error(status.LastError)
	}
	if m := status.Malformed; len(m) != 1 || m[0].System != bad.id.ID.String() || m[0].Reason == "" {
		t.Errorf("systems that send what cannot be read: %+v, want %s alone with a reason", m, bad.id.ID)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	lines, most := bytes.Count(log, []byte("a system sends what cannot be read")), 1+int(time.Since(began)/time.Minute)
	if lines < 1 || lines > most {
		t.Errorf("%d lines in the log say that a system sends what cannot be read, want 1 to %d", lines, most)
	}
	t.Logf("malformed: %d, set aside: %d of %d types, memory %d MB", status.Counters["malformed documents"], len(status.SetAside), len(all.Types), status.RSS>>20)
}
