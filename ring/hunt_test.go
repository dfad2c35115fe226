package ring

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"assim/wire"
)

// hunted plays a hunt against members of whom some live, without loss.
func hunted(h *Hunt, alive func(distance int) bool) (nearest, rounds, asked int) {
	for ; !h.Settled() || rounds == 0; rounds++ {
		for _, d := range h.Next(nil) {
			asked++
			if alive(d) {
				h.Answered(d)
			}
		}
	}
	return h.Nearest(), rounds, asked
}

func TestHuntFindsTheNearestLivingInAFewRounds(t *testing.T) {
	for reach := 1; reach < 70; reach++ {
		for run := 0; run <= reach; run++ {
			want := run + 1
			if want > reach {
				want = 0
			}
			nearest, rounds, asked := hunted(NewHunt(0, reach), func(d int) bool { return d > run })
			if nearest != want || rounds > Asks+1 {
				t.Fatalf("run of %d in reach of %d: found %d in %d rounds", run, reach, nearest, rounds)
			}
			if run == 0 && asked > 7 {
				t.Errorf("one loss asks %d", asked)
			}
		}
	}
}

func TestHuntWithScatteredDeadFindsTheNearestToo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		alive := map[int]bool{}
		want := 0
		for d := 60; d > 3; d-- {
			if r.IntN(3) == 0 {
				alive[d], want = true, d
			}
		}
		if nearest, _, _ := hunted(NewHunt(3, 60), func(d int) bool { return alive[d] }); nearest != want {
			t.Fatalf("found %d, want %d of %v", nearest, want, alive)
		}
	}
}

func TestSweepAsksEverybodyAndKnowsWhoAnswered(t *testing.T) {
	h := NewSweep(0, 48)
	_, rounds, asked := hunted(h, func(d int) bool { return d%5 == 0 })
	if rounds != Asks || asked != 9+39*Asks {
		t.Errorf("%d questions in %d rounds", asked, rounds)
	}
	for d := 1; d <= 48; d++ {
		if h.Has(d) != (d%5 == 0) {
			t.Errorf("%d: %v", d, h.Has(d))
		}
	}
}

func TestRoundTakenBackIsAskedAgain(t *testing.T) {
	h := NewSweep(0, 3)
	for range Asks {
		h.Next(nil)
	}
	h.Answered(2)
	if !h.Settled() {
		t.Fatal("it is not settled after all rounds")
	}
	h.Again()
	if got := h.Next(nil); h.Settled() != true || len(got) != 2 {
		t.Errorf("asks %v once more", got)
	}
}

func TestRosterWalksCirclesAndWindows(t *testing.T) {
	members := make([]wire.Member, 5)
	for i := range members {
		members[i].ID = idOf(i)
	}
	circle := Roster{&wire.RingView{Size: 5, Self: 3, Members: members}}
	window := Roster{&wire.RingView{Size: 90, Self: 3, Members: members}}
	for _, c := range []struct {
		r                          Roster
		d                          Dir
		reach, distance, at, index int
	}{
		{circle, After, 4, 1, 4, 4}, {circle, After, 4, 2, 0, 0}, {circle, Before, 4, 4, 4, 4}, {circle, Before, 4, 3, 0, 0},
		{window, After, 1, 1, 4, 4}, {window, Before, 3, 3, 0, 0}, {window, Before, 3, 1, 2, 2},
	} {
		if got := c.r.Reach(c.d); got != c.reach {
			t.Errorf("reach %d, want %d", got, c.reach)
		}
		if got := c.r.At(c.d, c.distance); got != c.at {
			t.Errorf("at distance %d sits %d, want %d", c.distance, got, c.at)
		}
		if got := c.r.Distance(c.d, c.index); got != c.distance {
			t.Errorf("index %d is %d away, want %d", c.index, got, c.distance)
		}
	}
	if window.Distance(After, 0) != 0 || circle.Distance(After, 3) != 0 {
		t.Error("a distance to what is not that way")
	}
	for size, want := range map[int]int{0: 0, 1: 0, 2: 1, 3: 2} {
		r := Roster{&wire.RingView{Size: uint16(size), Members: members[:size]}}
		if got := len(r.Sides()); got != want {
			t.Errorf("a ring of %d has %d sides, want %d", size, got, want)
		}
	}
}

func BenchmarkJoinAndLeave(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000, 1000000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := NewPlan(Limits{})
			for i := range n {
				p.Join(seatOf(i))
			}
			drain(p)
			r := rand.New(rand.NewPCG(1, 1))
			b.ResetTimer()
			for range b.N {
				s := seatOf(r.IntN(n))
				p.Leave(s.ID)
				p.Join(s)
				p.urgent, p.stale, p.moved = p.urgent[:0], p.stale[:0], p.moved[:0]
				for _, c := range p.seats[s.ID].in[0].members {
					c.flags = 0
				}
			}
		})
	}
}
