package verdict

import (
	"testing"
	"time"

	"assim/wire"
)

// FuzzJudge feeds claims of liars: whatever they say, the judge neither panics
// nor spins, and its books agree with each other.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{1, 0, 1, 10, 1, 2, 1, 10, 3, 1, 0, 50})
	f.Add([]byte{4, 0, 1, 1, 4, 2, 1, 1, 7, 3, 4, 5, 6, 1, 2, 9, 20, 1, 1, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := build(t, "net1 sw1 a b c d+sw2\nnet1 sw2 e f g\nnet2 - h i j")
		start := time.Unix(1_700_000_000, 0)
		now := start
		j, out := New(w, Options{Local: idOf("a")}), &Out{}
		id := func(x byte) wire.ID { return idOf(w.names[int(x)%len(w.names)]) }
		for ; len(b) >= 4; b = b[4:] {
			now = now.Add(time.Duration(b[3]) * 20 * time.Millisecond)
			feed(j, now, b[0], id(b[1]), id(b[2]), out)
			for range 100 {
				d := j.Deadline()
				if d.IsZero() || d.After(now) {
					break
				}
				j.Tick(now, out)
			}
			if d := j.Deadline(); !d.IsZero() && !d.After(now) {
				t.Fatalf("the judge wants to be called at %v again and again", d)
			}
			out.Reset()
		}
		for _, s := range j.suspects {
			if s.in != nil && !s.in.Closed.IsZero() {
				t.Errorf("%s is part of %s, which is closed", nameOf(s.id), s.in.ID)
			}
		}
		for _, in := range j.open {
			if g := j.groups[in.ID]; g != nil && g.left <= 0 && len(in.Systems) > 0 {
				t.Errorf("%s is open, and nobody is missing", in.ID)
			}
		}
	})
}

func feed(j *Judge, now time.Time, what byte, by, about wire.ID, out *Out) {
	switch what % 16 {
	case 11:
		j.Alive(now, about, what&16 != 0, out)
	case 12:
		j.Refused(now, about, out)
	case 13:
		j.Stopping(now, about, out)
	case 14:
		j.OwnLink(now, what&16 != 0, out)
	case 15:
		j.Hears(now, by, about, out)
	default:
		c := Claim{By: by, Kind: wire.ObservationKind(what % 16), About: about, At: now, Since: now.Add(-2 * time.Second), Link: "eth0"}
		if what&16 != 0 {
			c.About = wire.ID{}
		}
		if what&32 != 0 {
			c.At = now.Add(-time.Minute)
		}
		j.Heard(now, c, out)
	}
}
