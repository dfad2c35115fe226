package ring

import (
	"slices"
	"testing"

	"assim/wire"
)

// toldAll is a plan of racks of 48 whose members have all been told everything.
func toldAll(racks int) *Plan {
	p := NewPlan(Limits{})
	for i := range racks * 48 {
		p.Join(seatOf(i))
	}
	for id := range p.seats {
		p.Views(id)
	}
	drain(p)
	return p
}

func TestWhoHasJustStartedAloneIsToldItsNearInOneDatagram(t *testing.T) {
	p := toldAll(2)
	views, ok := p.Near(idOf(60))
	if !ok || len(views) != 1 || numOf(views[0].Members[views[0].Self].ID) != 60 {
		t.Fatalf("told %v, %v", views, ok)
	}
	r := Roster{&views[0]}
	if r.Whole() || len(r.Sides()) != 2 || r.Reach(After) != r.Reach(Before) || r.Reach(After) < 8 {
		t.Errorf("it sees %d after and %d before it, want as much either way, and 8 at least", r.Reach(After), r.Reach(Before))
	}
	views[0].Keys, views[0].SweepKey = make([][16]byte, len(views[0].Members)), [16]byte{1}
	if n := len(wire.AppendDesired(nil, &wire.Desired{Gen: 9, Timing: wire.DefaultTiming, Rings: views})); n > 1100 {
		t.Errorf("it takes %d bytes, which is more than one datagram carries", n)
	}
	if whole := p.Changes(idOf(60)); whole[0].Same || len(whole[0].Members) != 48 {
		t.Error("afterwards it is not told the rest when something changes")
	}
}

func TestWhoHasDutiesOrLossesBesideItIsToldAll(t *testing.T) {
	p := toldAll(2)
	deputy := p.seats[idOf(60)].in[switchLevel].deputy
	if _, ok := p.Near(deputy.ID); ok {
		t.Error("a deputy is told its near only")
	}
	for i := range 48 { // all of a rack start one after another
		_, ok := p.Near(idOf(48 + i))
		if !ok {
			p.Views(idOf(48 + i))
		}
	}
	near := 0
	for _, s := range p.seats {
		near += min(1, int(s.near))
	}
	if near != 48/nearShare {
		t.Errorf("%d of a rack know their near only, want one in %d", near, nearShare)
	}
	p.SetLost(idOf(25), true)
	if _, ok := p.Near(idOf(30)); ok {
		t.Error("one beside whom somebody is lost is told its near only")
	}
}

func TestARunThatComesCloseHasTheNearToldTheRest(t *testing.T) {
	p := toldAll(2)
	p.Near(idOf(60))
	reach := int(p.seats[idOf(60)].near)
	for i := range reach {
		p.SetLost(idOf(61+i), true)
		urgent, _, _ := drain(p)
		if told := slices.Contains(urgent, idOf(60)); told != (i+1 == reach/2) {
			t.Errorf("with %d lost beside it, it is told: %v, want at %d", i+1, told, reach/2)
		}
		if slices.Contains(urgent, idOf(60)) {
			p.Views(idOf(60))
		}
	}
}

func TestWhoKnowsTheNearOnlyIsNotAccusedByTheFar(t *testing.T) {
	p := toldAll(1)
	p.Near(idOf(20))
	c := p.seats[idOf(20)].in[switchLevel]
	o := wire.Observation{About: idOf(3), Ring: c.id, Version: c.version, Run: 30}
	run := p.Run(nil, idOf(2), &o)
	if slices.Contains(run, idOf(20)) || len(run) != 29 {
		t.Errorf("%d accused by one 18 places away, want 29 without the one who does not know it: %v", len(run), run)
	}
	o = wire.Observation{About: idOf(15), Ring: c.id, Version: c.version, Run: 10}
	if run := p.Run(nil, idOf(14), &o); !slices.Contains(run, idOf(20)) {
		t.Errorf("one 6 places away accuses %v, want the one who knows it among them", run)
	}
}
