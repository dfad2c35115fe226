package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"
)

var (
	testEdgeKey = EdgeKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	testTick    = Tick{
		Kind: Heartbeat, Edge: 0x1122334455667788, Session: 1700000000001, Seq: 77,
		EchoSession: 1700000000002, EchoSeq: 76, Gen: 5, Every: 100,
	}
	testAsk = Tick{
		Kind: Ask, Edge: 0x1122334455667788, Session: 1700000000001, Seq: 78,
		EchoSession: 1700000000002, EchoSeq: 76, Gen: 5, Subject: 0xabcdef,
	}
)

func TestMacIsHMACOfRFC2104(t *testing.T) {
	for _, keySize := range []int{1, 16, 32, 64} {
		for _, size := range []int{0, 1, 40, 63, 64, 65, maxMACed} {
			key, msg := make([]byte, keySize), make([]byte, size)
			for i := range msg {
				msg[i] = byte(i * 3)
			}
			key[0] = byte(size)
			h := hmac.New(sha256.New, key)
			h.Write(msg)
			h.Write([]byte{9})
			if got := macFull(key, msg, 9); string(got[:]) != string(h.Sum(nil)) {
				t.Errorf("key of %d, message of %d bytes: differs from crypto/hmac", keySize, size)
			}
		}
	}
}

func TestTicksComeBackAsTheyWere(t *testing.T) {
	for _, tick := range []Tick{testTick, testAsk, {Kind: Goodbye}, {Kind: NotHeard, Subject: 1<<64 - 1, Seq: 1<<32 - 1}} {
		b := AppendTick(nil, &tick, testEdgeKey, Up)
		want := TickSize
		if tick.Kind.long() {
			want = LongTickSize
		}
		if len(b) != want {
			t.Errorf("kind %d takes %d bytes, want %d", tick.Kind, len(b), want)
		}
		if edge, ok := TickEdge(b); !ok || edge != tick.Edge {
			t.Errorf("kind %d: edge reads %x", tick.Kind, edge)
		}
		got, err := OpenTick(b, testEdgeKey, Up)
		if err != nil || got != tick {
			t.Errorf("%+v came back as %+v: %v", tick, got, err)
		}
	}
}

func TestTickWithAnyBitFlippedIsAForgery(t *testing.T) {
	for _, tick := range []Tick{testTick, testAsk} {
		good := AppendTick(nil, &tick, testEdgeKey, Up)
		for bit := range len(good) * 8 {
			b := append([]byte(nil), good...)
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := OpenTick(b, testEdgeKey, Up); err == nil {
				t.Errorf("bit %d flipped, accepted", bit)
			}
		}
	}
}

func TestTickIsRefused(t *testing.T) {
	good := AppendTick(nil, &testTick, testEdgeKey, Up)
	other := testEdgeKey
	other[15] ^= 1
	for name, c := range map[string]struct {
		b    []byte
		key  EdgeKey
		dir  Dir
		want error
	}{
		"reflected to its sender":   {good, testEdgeKey, Down, ErrForged},
		"under another edge's key":  {good, other, Up, ErrForged},
		"cut short":                 {good[:TickSize-1], testEdgeKey, Up, ErrForeign},
		"with a tail":               {append(append([]byte(nil), good...), 0), testEdgeKey, Up, ErrForeign},
		"empty":                     {nil, testEdgeKey, Up, ErrForeign},
		"of no kind, by the keyer":  {AppendTick(nil, &Tick{Kind: 0}, testEdgeKey, Up), testEdgeKey, Up, ErrForm},
		"of kind 200, by the keyer": {AppendTick(nil, &Tick{Kind: 200}, testEdgeKey, Up), testEdgeKey, Up, ErrForm},
	} {
		if _, err := OpenTick(c.b, c.key, c.dir); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestDirectionsOfAnEdgeDiffer(t *testing.T) {
	a, b := ID{1}, ID{2}
	if DirOf(a, b) == DirOf(b, a) {
		t.Fatal("both ways are the same direction: a tick could be reflected")
	}
}

func TestTicksCostNoMemory(t *testing.T) {
	buf := make([]byte, 0, LongTickSize)
	n := testing.AllocsPerRun(100, func() {
		buf = AppendTick(buf[:0], &testTick, testEdgeKey, Up)
		if _, err := OpenTick(buf, testEdgeKey, Up); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations per tick", n)
	}
}

func FuzzOpenTick(f *testing.F) {
	f.Add(AppendTick(nil, &testTick, testEdgeKey, Up))
	f.Add(AppendTick(nil, &testAsk, testEdgeKey, Down))
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it is: must not open, and not crash. With its authentication made
		// right: the parser behind it must come back to the same bytes.
		_, _ = TickEdge(b)
		_, _ = OpenTick(b, EdgeKey{}, Down)
		if PlaneOf(b) != PlaneTick {
			return
		}
		b = append([]byte(nil), b...)
		end := len(b) - macSize
		sum := mac(testEdgeKey[:], b[:end], byte(Up))
		copy(b[end:], sum[:])
		tick, err := OpenTick(b, testEdgeKey, Up)
		if err != nil {
			return
		}
		again, err := OpenTick(AppendTick(nil, &tick, testEdgeKey, Up), testEdgeKey, Up)
		if err != nil || again != tick {
			t.Fatalf("%+v came back as %+v: %v", tick, again, err)
		}
	})
}

func BenchmarkTick(b *testing.B) {
	buf := make([]byte, 0, LongTickSize)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			buf = AppendTick(buf[:0], &testTick, testEdgeKey, Up)
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			_, _ = OpenTick(buf, testEdgeKey, Up)
		}
	})
}
