package host

import (
	"context"
	"io/fs"
	"testing"
)

func TestManyFilesInARowAreOneHandsWork(t *testing.T) {
	h := New(t.TempDir())
	for range 100 {
		if _, err := fs.Stat(h.Root(), "."); err != nil {
			t.Fatal(err)
		}
	}
	hands := h.root.hanging
	if n := len(hands.resting); n != 1 {
		t.Fatalf("%d hands rest, want the one that did it all", n)
	}
	busy := hands.hand()
	if hands.dismiss(busy) {
		t.Error("a hand that somebody took may go")
	}
	if !busy.do(func() {}) {
		t.Error("it does nothing any more")
	}
	hands.rest(busy)
	if !hands.dismiss(busy) || len(hands.resting) != 0 {
		t.Error("a hand that rests may not go")
	}
}

func BenchmarkStat(b *testing.B) {
	root := New("/").Root()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fs.Stat(root, "etc/passwd"); err != nil {
			b.Fatal(err)
		}
	}
}

// A look is measured, and what it asks for is done by others.
func BenchmarkStatInALook(b *testing.B) {
	host := New("/")
	b.ReportAllocs()
	cost := Cost(b.Context(), func(_ context.Context, m *Meter) {
		root := host.Paced(m, nil).Root()
		for b.Loop() {
			if _, err := fs.Stat(root, "etc/passwd"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(cost)/float64(b.N), "cpu-ns/op")
}
