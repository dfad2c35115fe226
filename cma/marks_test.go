package cma

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"assim/graph"
	"assim/graph/graphtest"
	"assim/session"
	"assim/wire"
)

// TestNoMarkIsLostWhereverTheLogIsFolded writes marks, folds at random, fails at
// random and starts over at random: what was durable is read back, always.
func TestNoMarkIsLostWhereverTheLogIsFolded(t *testing.T) {
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 1))
	store := &fickle{Store: graphtest.NewMem()}
	m, err := openMarks(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	want := map[wire.ID]session.Mark{}
	for step := range 500 {
		list := make([]session.Mark, 1+rng.IntN(5))
		for i := range list {
			list[i] = session.Mark{ID: wire.ID{byte(rng.IntN(3)), 0, byte(rng.IntN(9))}, Session: wire.Session(1 + step/100), Seq: uint32(step), Gen: uint32(rng.IntN(step + 1))}
		}
		change := graph.Change{Source: "cma/test", Keep: true, Records: []graph.Record{m.piece(list)}}
		if _, err := store.Apply(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		m.added(list)
		for _, x := range list {
			known := want[x.ID]
			known.ID = x.ID
			known.Grow(x)
			want[x.ID] = known
		}
		switch rng.IntN(10) {
		case 0:
			if err := m.fold(t.Context(), store); err != nil {
				t.Fatal(err)
			}
		case 1:
			store.set(func([]graph.Change) error { return errors.New("no") })
			if m.fold(t.Context(), store) == nil {
				t.Fatal("a fold that is not durable is taken for done")
			}
			store.set(nil)
		case 2:
			if m, err = openMarks(t.Context(), store); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Marks(context.Background(), store)
		if err != nil || len(got) != len(want) {
			t.Fatalf("step %d: %d marks, %v; want %d (seed %d)", step, len(got), err, len(want), seed)
		}
		for id, x := range want {
			if got[id] != x {
				t.Fatalf("step %d: %+v, want %+v (seed %d)", step, got[id], x, seed)
			}
		}
	}
}

func TestTheLogOfMarksIsFoldedBeforeItIsLong(t *testing.T) {
	c, store, _ := writing(t)
	for i := range uint32(maxPieces + 3) {
		if err := c.wait(t.Context(), commit{marks: []session.Mark{{ID: wire.ID{1}, Session: 1, Seq: i}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.do(t.Context(), say("x")); err != nil { // The fold before it is done.
		t.Fatal(err)
	}
	pieces := 0
	for _, err := range store.Records(t.Context(), logBucket) {
		if err != nil {
			t.Fatal(err)
		}
		pieces++
	}
	if pieces > 3 {
		t.Errorf("%d pieces in the log", pieces)
	}
	if got, err := Marks(t.Context(), store); err != nil || got[wire.ID{1}].Seq != maxPieces+2 {
		t.Errorf("read back is %v, %v", got, err)
	}
}
