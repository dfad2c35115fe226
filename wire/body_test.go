package wire

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	testAnnounce = Announce{
		Name: "web01", Version: "v1.2.3", Machine: [16]byte{1, 2, 3},
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:1984"), netip.MustParseAddrPort("[2001:db8::7]:1984")},
	}
	testRef      = DocRef{Type: "netconfig", Instance: "eth0", Hash: Hash{5, 6, 7}}
	testDocument = Document{DocRef: testRef, Encoding: Patch, Base: Hash{8}, Data: []byte("patch")}
	testEnroll   = Enroll{
		Token: TokenID{1}, Proof: [32]byte{2}, Pub: PubKey{3}, Was: ID{4}, About: testAnnounce, HadUUID: true,
	}
	testWelcome = Welcome{ID: testID, Epoch: 2, Key: testNodeKey, Pins: []PubKey{{1}, {2}}, Recovery: PubKey{3}}
	testAck     = DocumentAck{DocRef: testRef, Have: Hash{1}, Text: "set aside: no plugin"}
	testRefused = Refused{Code: CodeExpired, Text: "ask for another", RetryAfter: time.Hour}
)

// codec is one message: encoded, and decoded to be encoded again.
type codec struct {
	name  string
	bytes []byte
	again func([]byte) (any, []byte, error)
	want  any
}

func codecs() []codec {
	refs, _ := AppendRefs(nil, []DocRef{testRef, {Type: "os"}})
	return []codec{
		{"Announce", AppendAnnounce(nil, &testAnnounce), func(b []byte) (any, []byte, error) {
			m, err := ParseAnnounce(b)
			return m, AppendAnnounce(nil, &m), err
		}, testAnnounce},
		{"Document", AppendDocument(nil, &testDocument), func(b []byte) (any, []byte, error) {
			m, err := ParseDocument(b)
			return m, AppendDocument(nil, &m), err
		}, testDocument},
		{"Refs", refs, func(b []byte) (any, []byte, error) {
			m, err := ParseRefs(b)
			out, _ := AppendRefs(nil, m)
			return m, out, err
		}, []DocRef{testRef, {Type: "os"}}},
		{"Stopping", AppendStopping(nil, &Stopping{"reboot"}), func(b []byte) (any, []byte, error) {
			m, err := ParseStopping(b)
			return m, AppendStopping(nil, &m), err
		}, Stopping{"reboot"}},
		{"Token", AppendToken(nil, 99), func(b []byte) (any, []byte, error) {
			m, err := ParseToken(b)
			return m, AppendToken(nil, m), err
		}, uint64(99)},
		{"SessionOld", AppendSessionOld(nil, SessionOld{7}), func(b []byte) (any, []byte, error) {
			m, err := ParseSessionOld(b)
			return m, AppendSessionOld(nil, m), err
		}, SessionOld{7}},
		{"DesiredPart", AppendDesiredPart(nil, &DesiredPart{9, 1, 3, []byte("abc")}), func(b []byte) (any, []byte, error) {
			m, err := ParseDesiredPart(b)
			return m, AppendDesiredPart(nil, &m), err
		}, DesiredPart{9, 1, 3, []byte("abc")}},
		{"Refused", AppendRefused(nil, &testRefused), func(b []byte) (any, []byte, error) {
			m, err := ParseRefused(b)
			return m, AppendRefused(nil, &m), err
		}, testRefused},
		{"Contact", AppendContact(nil, Contact{testID, 4}), func(b []byte) (any, []byte, error) {
			m, err := ParseContact(b)
			return m, AppendContact(nil, m), err
		}, Contact{testID, 4}},
		{"Enroll", AppendEnroll(nil, &testEnroll), func(b []byte) (any, []byte, error) {
			m, err := ParseEnroll(b)
			return m, AppendEnroll(nil, &m), err
		}, testEnroll},
		{"Welcome", AppendWelcome(nil, &testWelcome), func(b []byte) (any, []byte, error) {
			m, err := ParseWelcome(b)
			return m, AppendWelcome(nil, &m), err
		}, testWelcome},
		{"DocumentAck", AppendDocumentAck(nil, &testAck), func(b []byte) (any, []byte, error) {
			m, err := ParseDocumentAck(b)
			return m, AppendDocumentAck(nil, &m), err
		}, testAck},
		{"Rotate", AppendRotate(nil, &Rotate{PubKey{1}, [64]byte{2}}), func(b []byte) (any, []byte, error) {
			m, err := ParseRotate(b)
			return m, AppendRotate(nil, &m), err
		}, Rotate{PubKey{1}, [64]byte{2}}},
		{"BulkDesired", AppendBulkDesired(nil, &BulkDesired{3, []byte("all")}), func(b []byte) (any, []byte, error) {
			m, err := ParseBulkDesired(b)
			return m, AppendBulkDesired(nil, &m), err
		}, BulkDesired{3, []byte("all")}},
	}
}

func TestBodiesComeBackAsTheyWere(t *testing.T) {
	for _, c := range codecs() {
		got, again, err := c.again(c.bytes)
		if err != nil || !reflect.DeepEqual(got, c.want) || !bytes.Equal(again, c.bytes) {
			t.Errorf("%s: %+v came back as %+v: %v", c.name, c.want, got, err)
		}
	}
}

func TestBodiesCutShortAreRefusedOrStillValid(t *testing.T) {
	// Bodies that end with free data stay valid when that is cut; no other.
	free := map[string]int{"Document": len(testDocument.Data), "DesiredPart": 3, "BulkDesired": 3}
	for _, c := range codecs() {
		for n := range len(c.bytes) - free[c.name] {
			if _, _, err := c.again(c.bytes[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes was accepted", c.name, n, len(c.bytes))
			}
		}
	}
}

func TestBodiesWithATailAreRefused(t *testing.T) {
	for _, c := range codecs() {
		if c.name == "Document" || c.name == "DesiredPart" || c.name == "BulkDesired" {
			continue // They end with free data.
		}
		if _, _, err := c.again(append(c.bytes[:len(c.bytes):len(c.bytes)], 0)); err == nil {
			t.Errorf("%s with a byte more was accepted", c.name)
		}
	}
}

func TestLongNamesAreCutBetweenCharacters(t *testing.T) {
	a := Announce{Name: strings.Repeat("ü", 200)}
	got, err := ParseAnnounce(AppendAnnounce(nil, &a))
	if err != nil || got.Name != strings.Repeat("ü", 127) {
		t.Fatalf("%d bytes, %v", len(got.Name), err)
	}
}

func TestRefsFillOneSignalAndReturnTheRest(t *testing.T) {
	var refs []DocRef
	for range 100 {
		refs = append(refs, DocRef{Type: strings.Repeat("t", 100), Instance: "i"})
	}
	n := 0
	for len(refs) > 0 {
		b, rest := AppendRefs(nil, refs)
		if len(b) > MaxBody || len(rest) == len(refs) {
			t.Fatalf("%d bytes for %d refs", len(b), len(refs)-len(rest))
		}
		got, err := ParseRefs(b)
		if err != nil {
			t.Fatal(err)
		}
		n, refs = n+len(got), rest
	}
	if n != 100 {
		t.Fatalf("%d of 100 refs arrived", n)
	}
}

func TestFramesAreBounded(t *testing.T) {
	b := AppendFrame(nil, FrameDocument, []byte("hello"))
	kind, body, err := ReadFrame(bytes.NewReader(b), 6)
	if err != nil || kind != FrameDocument || string(body) != "hello" {
		t.Fatalf("%d %q %v", kind, body, err)
	}
	if _, _, err := ReadFrame(bytes.NewReader(b), 5); !errors.Is(err, ErrTooBig) {
		t.Errorf("over the limit: %v", err)
	}
	for n := range len(b) {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, _, err := ReadFrame(bytes.NewReader(b[:n]), 6); !errors.Is(err, want) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, _, err := ReadFrame(bytes.NewReader(make([]byte, 4)), 6); !errors.Is(err, ErrForm) {
		t.Errorf("of no length: %v", err)
	}
}

func TestHelloIsAtLeastAsLongAsItsReply(t *testing.T) {
	secret := bytes.Repeat([]byte{5}, 32)
	hello := AppendHello(nil, &Hello{Token: TokenID{1}, Pub: PubKey{2}, Nonce: 3, Cookie: [16]byte{4}}, secret)
	reply := AppendHelloReply(nil, &HelloReply{Slot: time.Second, Nonce: 3, Cookie: [16]byte{4}, Pub: PubKey{9}}, secret)
	if len(hello) != HelloSize || len(reply) != HelloReplySize || len(reply) > len(hello) {
		t.Fatalf("a Hello of %d bytes is answered by %d", len(hello), len(reply))
	}
}

func TestHelloAndReplyProveTheSecret(t *testing.T) {
	secret := bytes.Repeat([]byte{5}, 32)
	wrong := bytes.Repeat([]byte{6}, 32)
	h := Hello{Token: TokenID{1}, Pub: PubKey{2}, Nonce: 3, Cookie: [16]byte{4}}
	b := AppendHello(nil, &h, secret)
	if got, err := ParseHello(b); err != nil || got != h {
		t.Errorf("hello came back as %+v: %v", got, err)
	}
	if !CheckHello(b, secret) || CheckHello(b, wrong) {
		t.Error("a hello is accepted by the wrong secret, or not by the right one")
	}
	for bit := 32; bit < (helloSigned+macSize)*8; bit++ {
		bad := append([]byte(nil), b...)
		bad[bit/8] ^= 1 << (bit % 8)
		if CheckHello(bad, secret) {
			t.Errorf("hello with bit %d flipped is accepted", bit)
		}
	}
	r := HelloReply{Code: CodeBusy, Slot: time.Second, Nonce: 3, Cookie: [16]byte{4}, Pub: PubKey{9}}
	b = AppendHelloReply(nil, &r, secret)
	if got, err := OpenHelloReply(b, secret); err != nil || got != r {
		t.Errorf("reply came back as %+v: %v", got, err)
	}
	if _, err := OpenHelloReply(b, wrong); !errors.Is(err, ErrForged) {
		t.Errorf("reply under the wrong secret: %v", err)
	}
}

func fuzzBody(f *testing.F, name string) {
	for _, c := range codecs() {
		if c.name != name {
			continue
		}
		f.Add(c.bytes)
		f.Fuzz(func(t *testing.T, b []byte) {
			one, first, err := c.again(b)
			if err != nil {
				return
			}
			two, second, err := c.again(first)
			if err != nil || !bytes.Equal(first, second) || !reflect.DeepEqual(one, two) {
				t.Fatalf("%x is read as %+v, then as %+v: %v", b, one, two, err)
			}
		})
		return
	}
	f.Fatalf("no codec %s", name)
}

func FuzzAnnounce(f *testing.F)    { fuzzBody(f, "Announce") }
func FuzzDocument(f *testing.F)    { fuzzBody(f, "Document") }
func FuzzRefs(f *testing.F)        { fuzzBody(f, "Refs") }
func FuzzStopping(f *testing.F)    { fuzzBody(f, "Stopping") }
func FuzzToken(f *testing.F)       { fuzzBody(f, "Token") }
func FuzzSessionOld(f *testing.F)  { fuzzBody(f, "SessionOld") }
func FuzzDesiredPart(f *testing.F) { fuzzBody(f, "DesiredPart") }
func FuzzRefused(f *testing.F)     { fuzzBody(f, "Refused") }
func FuzzContact(f *testing.F)     { fuzzBody(f, "Contact") }
func FuzzEnroll(f *testing.F)      { fuzzBody(f, "Enroll") }
func FuzzWelcome(f *testing.F)     { fuzzBody(f, "Welcome") }
func FuzzDocumentAck(f *testing.F) { fuzzBody(f, "DocumentAck") }
func FuzzRotate(f *testing.F)      { fuzzBody(f, "Rotate") }
func FuzzBulkDesired(f *testing.F) { fuzzBody(f, "BulkDesired") }

func FuzzHello(f *testing.F) {
	secret := bytes.Repeat([]byte{5}, 32)
	f.Add(AppendHello(nil, &Hello{Token: TokenID{1}, Pub: PubKey{2}, Nonce: 3}, secret))
	f.Add(AppendHelloReply(nil, &HelloReply{Slot: time.Second, Nonce: 3}, secret))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHello(b); err == nil && CheckHello(b, secret) {
			if again := AppendHello(nil, &h, secret); !bytes.Equal(again[4:helloSigned], b[4:helloSigned]) {
				t.Fatalf("%x came back as %x", b, again)
			}
		}
		_, _ = OpenHelloReply(b, secret)
		_, _ = OpenHelloReply(b, nil)
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, FrameDocument, AppendDocument(nil, &testDocument)))
	f.Add(AppendFrame(nil, FrameEnroll, AppendEnroll(nil, &testEnroll)))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := ReadFrame(bytes.NewReader(b), MaxStrangerFrame)
		if err == nil && !bytes.HasPrefix(b, AppendFrame(nil, kind, body)) {
			t.Fatalf("%x was read as kind %d, %x", b, kind, body)
		}
	})
}
