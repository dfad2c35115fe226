package wire

import (
	"reflect"
	"testing"
)

// What is left out of an order comes from the one it builds upon, or the order
// is refused.
func TestAnOrderIsCompletedFromTheOneItBuildsUpon(t *testing.T) {
	members := []Member{{ID: ID{1}}, {ID: ID{2}}, {ID: ID{3}}}
	keys := [][16]byte{{1}, {2}, {3}}
	old := Desired{Gen: 4, Rings: []RingView{
		{Ring: 7, Version: 2, Size: 3, Self: 1, Members: members, Keys: keys},
		{Ring: 8, Level: 1, Version: 5, Size: 900, Self: 1, Members: members, Keys: keys},
		{Ring: 9, Version: 3, Size: 3, Sweep: true, Deputy: ID{9}, Members: members},
	}}
	for _, c := range []struct {
		name string
		view RingView
		base uint32
		ok   bool
	}{
		{"unchanged", RingView{Ring: 7, Version: 2, Size: 3, Self: 1, Same: true, Lost: []byte{1}}, 4, true},
		{"swept ring, another deputy", RingView{Ring: 9, Version: 3, Size: 3, Sweep: true, Deputy: ID{8}, Same: true}, 4, true},
		{"another generation", RingView{Ring: 7, Version: 2, Size: 3, Self: 1, Same: true}, 3, false},
		{"another version", RingView{Ring: 7, Version: 3, Size: 3, Self: 1, Same: true}, 4, false},
		{"another ring", RingView{Ring: 6, Version: 2, Size: 3, Self: 1, Same: true}, 4, false},
		{"swept before, mine now", RingView{Ring: 9, Version: 3, Size: 3, Self: 1, Same: true}, 4, false},
		{"a window", RingView{Ring: 8, Level: 1, Version: 5, Size: 900, Self: 1, Same: true}, 4, false},
		{"no such place", RingView{Ring: 7, Version: 2, Size: 3, Self: 3, Same: true}, 4, false},
	} {
		d := Desired{Gen: 5, Base: c.base, Rings: []RingView{c.view}}
		if got := d.Complete(&old); got != c.ok {
			t.Errorf("%s: %v", c.name, got)
			continue
		}
		if v := d.Rings[0]; c.ok && (d.Base != 0 || v.Same || !reflect.DeepEqual(v.Members, members) || v.Deputy != c.view.Deputy) {
			t.Errorf("%s: completed to %+v", c.name, d)
		}
	}
	whole := Desired{Gen: 5}
	if !whole.Complete(nil) {
		t.Error("a whole order needs nothing")
	}
	part := Desired{Gen: 5, Base: 4}
	if part.Complete(nil) {
		t.Error("a partial order was completed from nothing")
	}
}
