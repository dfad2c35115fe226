package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

var (
	testNodeKey  = NodeKey{7, 7, 7, 1, 2, 3}
	testID       = ID{0xaa, 0xbb, 3}
	testEnvelope = Envelope{Epoch: 3, ID: testID, Nonce: [12]byte{9, 8, 7}}
	testSignal   = Signal{
		Session: 1700000000001, Seq: 4, AckThrough: 3, Cookie: 0xfeed, Applied: 12,
		Slot: 1500 * time.Millisecond, Kind: KindEcho, Flags: FlagBulk, Body: []byte("body"),
	}
)

func TestSignalsComeBackAsTheyWere(t *testing.T) {
	k := NewSealer(testNodeKey)
	for _, fromCMA := range []bool{false, true} {
		e := testEnvelope
		e.FromCMA = fromCMA
		b := AppendSignal([]byte("before"), k, e, &testSignal)[6:]
		if len(b) != signalOverhead+4 {
			t.Errorf("%d bytes, want %d", len(b), signalOverhead+4)
		}
		if got, err := SignalEnvelope(b); err != nil || got != e {
			t.Errorf("envelope %+v came back as %+v: %v", e, got, err)
		}
		if got, err := OpenSignal(b, k, fromCMA); err != nil || !reflect.DeepEqual(got, testSignal) {
			t.Errorf("%+v came back as %+v: %v", testSignal, got, err)
		}
	}
}

func TestLargestSignalFitsTheLimit(t *testing.T) {
	s := testSignal
	s.Body = make([]byte, MaxBody)
	b := AppendSignal(nil, NewSealer(testNodeKey), testEnvelope, &s)
	if len(b) != MaxSignal || PlaneOf(b) != PlaneSignal {
		t.Fatalf("%d bytes of plane %d", len(b), PlaneOf(b))
	}
}

func TestSignalWithAnyBitFlippedIsAForgery(t *testing.T) {
	k := NewSealer(testNodeKey)
	good := AppendSignal(nil, k, testEnvelope, &testSignal)
	for bit := range len(good) * 8 {
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		for _, fromCMA := range []bool{false, true} {
			if _, err := OpenSignal(b, k, fromCMA); err == nil {
				t.Errorf("bit %d flipped, accepted", bit)
			}
		}
	}
}

func TestSignalIsRefused(t *testing.T) {
	k := NewSealer(testNodeKey)
	good := AppendSignal(nil, k, testEnvelope, &testSignal)
	other := testNodeKey
	other[0] ^= 1
	for name, c := range map[string]struct {
		b       []byte
		key     NodeKey
		fromCMA bool
		want    error
	}{
		"reflected to its sender":  {good, testNodeKey, true, ErrForged},
		"under another node's key": {good, other, false, ErrForged},
		"cut short":                {good[:len(good)-1], testNodeKey, false, ErrForged},
		"cut to its header":        {good[:signalHeader], testNodeKey, false, ErrForeign},
		"longer than any":          {append(good, make([]byte, MaxSignal)...), testNodeKey, false, ErrForeign},
	} {
		if _, err := OpenSignal(c.b, NewSealer(c.key), c.fromCMA); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestSlotOfNowIsNotMistakenForNone(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0: 0, time.Nanosecond: slotUnit, slotUnit: slotUnit, slotUnit + 1: 2 * slotUnit, 100 * time.Hour: MaxSlot,
	} {
		if got := unpackSlot(packSlot(d)); got != want {
			t.Errorf("%v travels as %v, want %v", d, got, want)
		}
	}
}

func FuzzOpenSignal(f *testing.F) {
	k := NewSealer(testNodeKey)
	f.Add(AppendSignal(nil, k, testEnvelope, &testSignal))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = SignalEnvelope(b)
		if s, err := OpenSignal(b, k, false); err == nil {
			e, _ := SignalEnvelope(b)
			if again := AppendSignal(nil, k, e, &s); !bytes.Equal(again, b) {
				t.Fatalf("%x came back as %x", b, again)
			}
		}
	})
}

// FuzzSignalInside fuzzes what the seal protects: a nanoprobe that turned bad
// has the key.
func FuzzSignalInside(f *testing.F) {
	k := NewSealer(testNodeKey)
	sealed := AppendSignal(nil, k, testEnvelope, &testSignal)
	inner, err := k.aead.Open(nil, testEnvelope.Nonce[:], sealed[signalHeader:], sealed[:signalHeader])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(inner)
	f.Fuzz(func(t *testing.T, inner []byte) {
		b := append([]byte(nil), sealed[:signalHeader]...)
		b = k.aead.Seal(b, testEnvelope.Nonce[:], inner, b)
		s, err := OpenSignal(b, k, false)
		if err != nil {
			return
		}
		if again := AppendSignal(nil, k, testEnvelope, &s); !bytes.Equal(again, b) {
			t.Fatalf("%x came back differently", inner)
		}
	})
}

func BenchmarkSignal(b *testing.B) {
	buf := make([]byte, 0, MaxSignal)
	s := testSignal
	s.Body = make([]byte, 100)
	b.Run("seal, key at hand", func(b *testing.B) {
		k := NewSealer(testNodeKey)
		for b.Loop() {
			buf = AppendSignal(buf[:0], k, testEnvelope, &s)
		}
	})
	b.Run("open, key made anew", func(b *testing.B) {
		for b.Loop() {
			if _, err := OpenSignal(buf, NewSealer(testNodeKey), false); err != nil {
				b.Fatal(err)
			}
		}
	})
}
