package bulk

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/netip"
	"testing"
	"time"

	"assim/trust"
	"assim/trust/trusttest"
	"assim/wire"
)

// What vouches for a key is in a certificate that anybody may have made.
func FuzzEndorsements(f *testing.F) {
	keys, _, err := trust.LoadCMAKeys(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	pinned := keys.Pub()
	var real []byte
	for range 3 {
		if err := keys.RotateSigning(); err != nil {
			f.Fatal(err)
		}
		_, chain := keys.Shown()
		real = nil
		for _, e := range chain {
			real = append(append(append(real, e.Key[:]...), e.By[:]...), e.Sign[:]...)
		}
		f.Add(real)
	}
	shown := keys.Pub()
	f.Fuzz(func(t *testing.T, b []byte) {
		chain := endorsements(&x509.Certificate{Extensions: []pkix.Extension{{Id: endorsementOID, Value: b}}})
		if len(chain) != min(len(b)/endorsementSize, trust.MaxEndorsements) {
			t.Fatalf("%d bytes are %d endorsements", len(b), len(chain))
		}
		trusted := trust.Trusts(func(k wire.PubKey) bool { return k == pinned }, shown, chain)
		whole := true
		for i := 0; i+endorsementSize <= len(real); i += endorsementSize {
			whole = whole && bytes.Contains(b, real[i:i+endorsementSize])
		}
		if trusted && !whole {
			t.Fatalf("%x vouches for the CMA's key without all that really does", b)
		}
	})
}

// spoken is a connection on which everything was said beforehand.
type spoken struct {
	net.Conn
	in  *bytes.Reader
	out int
}

func (s *spoken) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *spoken) Write(b []byte) (int, error)      { s.out += len(b); return len(b), nil }
func (s *spoken) SetDeadline(time.Time) error      { return nil }
func (s *spoken) SetReadDeadline(time.Time) error  { return nil }
func (s *spoken) SetWriteDeadline(time.Time) error { return nil }
func (s *spoken) Close() error                     { return nil }

// backroom stores nothing, gives everything and wants everything. It counts both.
type backroom struct{ stored int }

func (b *backroom) Document(_ context.Context, from wire.ID, d *wire.Document) wire.DocumentAck {
	b.stored++
	return wire.DocumentAck{Stored: true}
}
func (b *backroom) Recall(context.Context, wire.ID, wire.DocRef) []byte {
	b.stored++
	return []byte("{}")
}
func (b *backroom) Finish(wire.ID) (wire.BulkDesired, []wire.DocRef) {
	return wire.BulkDesired{Gen: 1, Data: []byte("x")}, []wire.DocRef{{Type: "os"}}
}

// Whatever a stranger says, in whatever order: the CMA stands, and takes no
// document of somebody whom it has not welcomed.
func FuzzConversation(f *testing.F) {
	keys, _, err := trust.LoadCMAKeys(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	const member = 7
	key := wire.PubKey{member}
	frames := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	contact := wire.AppendFrame(nil, wire.FrameContact, wire.AppendContact(nil, wire.Contact{ID: wire.ID{member}, Epoch: 1}))
	document := wire.AppendFrame(nil, wire.FrameDocument, wire.AppendDocument(nil, &wire.Document{DocRef: wire.DocRef{Type: "os"}, Encoding: 1, Data: []byte("data")}))
	enroll := wire.AppendFrame(nil, wire.FrameEnroll, wire.AppendEnroll(nil, &wire.Enroll{Pub: wire.PubKey{1}, About: about, Weak: true}))
	rotate := wire.AppendFrame(nil, wire.FrameRotate, wire.AppendRotate(nil, &wire.Rotate{Pub: wire.PubKey{2}}))
	done := wire.AppendFrame(nil, wire.FrameDone, nil)
	refs, _ := wire.AppendRefs(nil, []wire.DocRef{{Type: "connections"}})
	recall := wire.AppendFrame(nil, wire.FrameRecall, refs)
	for _, b := range [][]byte{frames(contact, recall, done), frames(recall), frames(contact, document, done), frames(document), frames(enroll, document), frames(contact, rotate), frames(contact, enroll), {}} {
		f.Add(b, byte(member), false)
		f.Add(b, byte(1), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, who byte, zero bool) {
		kv := &trusttest.KV{}
		reg, err := trust.NewRegistry(kv)
		if err != nil {
			t.Fatal(err)
		}
		enroller := &trust.Enroller{Registry: reg, Keys: keys, Policy: trust.Policy{ZeroConfiguration: zero}}
		w, err := enroller.Decide(time.Unix(1, 0), &trust.Applicant{Enroll: &wire.Enroll{Pub: key}, Local: true})
		if err != nil {
			t.Fatal(err)
		}
		// The seeds know the member by an id that is drawn anew each time.
		b = bytes.ReplaceAll(b, append([]byte{member}, make([]byte, 15)...), w.ID[:])
		room := &backroom{}
		conn := &spoken{in: bytes.NewReader(b)}
		p := &peer{server: &Server{Enroller: enroller, Backend: room}, conn: conn, key: wire.PubKey{who}, binding: make([]byte, 32),
			from: netip.MustParseAddrPort("192.0.2.1:5")}
		p.converse(t.Context())
		if room.stored > 0 && who != member {
			t.Fatalf("a document of a stranger is taken in or given out: %x", b)
		}
	})
}
