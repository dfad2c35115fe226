package session

import (
	"slices"
	"testing"

	"assim/wire"
)

func TestMarksMayBeReadBackInAnyOrderAndAnyNumberOfTimes(t *testing.T) {
	id := wire.ID{7}
	said := []Mark{{ID: id, Session: 1, Seq: 9, Gen: 2}, {ID: id, Session: 2, Seq: 1}, {ID: id, Gen: 5}, {ID: id, Session: 2, Seq: 4, Gen: 4}}
	want := Mark{ID: id, Session: 2, Seq: 4, Gen: 5}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1, 0, 3}} {
		got := Mark{ID: id}
		for _, i := range order {
			got.Grow(said[i])
		}
		if got != want {
			t.Errorf("in order %v: %+v, want %+v", order, got, want)
		}
	}
}

func FuzzParseMarks(f *testing.F) {
	f.Add(AppendMark(AppendMark(nil, Mark{ID: wire.ID{1}, Session: 2, Seq: 3, Gen: 4}), Mark{Gen: 1}))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		if err := ParseMarks(b, func(m Mark) { again = AppendMark(again, m) }); err == nil && !slices.Equal(b, again) {
			t.Errorf("%x reads back as %x", b, again)
		}
	})
}
