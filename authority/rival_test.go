package authority

import (
	"math/rand/v2"
	"testing"
	"time"

	"assim/event"
	"assim/wire"
)

// rivalNews counts what was said of a second CMA.
func rivalNews(out *Out) (n int) {
	for _, e := range out.Events {
		if e.Kind == event.TwoCMAs {
			n++
		}
	}
	return n
}

func TestOrdersOfAnotherCMAAreNoticedOnTwoSystemsOfOneMindWithUs(t *testing.T) {
	for _, c := range []struct {
		what  string
		gens  map[int]uint32 // what they say they run, beyond ours
		apart time.Duration
		news  int
	}{
		{"two run newer orders", map[int]uint32{3: 1, 4: 2}, time.Second, 1},
		{"one does", map[int]uint32{3: 1}, time.Second, 0},
		{"two do, at times that have nothing to do with each other", map[int]uint32{3: 1, 4: 1}, 2 * rivalWithin, 0},
		{"three do", map[int]uint32{3: 1, 4: 1, 5: 7}, time.Second, 1},
	} {
		a, out := estate(12)
		now := after(time.Minute)
		for i, beyond := range c.gens {
			a.Echoed(now, idOf(i), a.Gen(idOf(i))+beyond, out)
			now = now.Add(c.apart)
		}
		if n := rivalNews(out); n != c.news {
			t.Errorf("%s: told %d times, want %d", c.what, n, c.news)
		}
	}
}

func TestACMAThatForgotItsNewestOrdersSuspectsNobody(t *testing.T) {
	a, out := estate(12)
	var records []Record
	for i := 1; i <= 12; i++ {
		r, _ := a.Record(idOf(i))
		records = append(records, r)
	}
	b := New(Config{}, rand.New(rand.NewPCG(1, 3)))
	out.Reset()
	b.Restore(start, records, nil, out)
	for i := 1; i <= 12; i++ { // as after a return to a backup
		b.Echoed(after(time.Second), idOf(i), records[i-1].Gen+5, out)
		b.Announce(after(2*time.Second), idOf(i), wire.Session(2), records[i-1].Gen+5, "h", addrOf(i), nil, out)
	}
	if n := rivalNews(out); n > 0 {
		t.Errorf("told %d times of another CMA, want never", n)
	}
}
