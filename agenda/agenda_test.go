package agenda

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Everything comes out once, in order of time, and not before its time.
func TestWhatIsDueComesInOrderOfTime(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	r := rand.New(rand.NewPCG(1, 2))
	var a Agenda[int]
	const n = 1000
	for range n {
		ms := r.IntN(500)
		a.Add(start.Add(time.Duration(ms)*time.Millisecond), ms)
	}
	got, last := 0, -1
	for now := range 500 {
		if next := a.Next(); !next.IsZero() && next.Before(start.Add(time.Duration(last)*time.Millisecond)) {
			t.Fatalf("next is %v after %d ms", next, last)
		}
		for {
			ms, ok := a.Due(start.Add(time.Duration(now) * time.Millisecond))
			if !ok {
				break
			}
			if ms > now || ms < last {
				t.Fatalf("%d ms came at %d ms after %d ms", ms, now, last)
			}
			got, last = got+1, ms
		}
	}
	if got != n || !a.Next().IsZero() {
		t.Errorf("%d of %d came, next is %v", got, n, a.Next())
	}
}

func TestSoonerTakesZeroForNever(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	if Sooner() != (time.Time{}) || Sooner(time.Time{}, late, time.Time{}, early) != early || Sooner(late) != late {
		t.Error("the earliest that is not zero is wanted")
	}
}
