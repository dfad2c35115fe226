package ring

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"assim/wire"
)

func idOf(n int) wire.ID {
	var id wire.ID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func numOf(id wire.ID) int { return int(binary.BigEndian.Uint64(id[8:])) }

// seatOf puts system n into rack n/48 with a port of its own, ten racks to a subnet.
func seatOf(n int) Seat {
	s := bareOf(n)
	s.Switch, s.Port = fmt.Sprintf("sw%d", n/48), fmt.Sprintf("Eth1/%d", n%48+1)
	return s
}

// bareOf is a system that hears no switch, 480 to a subnet.
func bareOf(n int) Seat {
	subnet := n / 480
	a := netip.AddrFrom4([4]byte{10, byte(subnet >> 7), byte(subnet<<1) | byte(n%480>>8), byte(n % 480)})
	return Seat{ID: idOf(n), Addr: netip.AddrPortFrom(a, wire.Port), Subnet: netip.PrefixFrom(a, 23)}
}

// check tells what is wrong with a plan: the invariants of rings.
func check(p *Plan) error {
	tops := 0
	for id, c := range p.rings {
		switch {
		case id != c.id || len(c.members) == 0:
			return fmt.Errorf("ring %d is %d with %d members", id, c.id, len(c.members))
		case c.level != topLevel && len(c.members) > p.limits.Ring:
			return fmt.Errorf("ring %d has %d members", id, len(c.members))
		case !slices.IsSortedFunc(c.members, func(a, b *seated) int { return compare(c.level, a, b) }):
			return fmt.Errorf("ring %d of level %d is out of order", id, c.level)
		case !slices.Contains(c.group.rings, c):
			return fmt.Errorf("ring %d is not in its group", id)
		case c.level != topLevel && c.deputy == nil:
			return fmt.Errorf("ring %d of level %d has no deputy", id, c.level)
		case c.level != topLevel && !c.represents(c.deputy):
			return fmt.Errorf("the deputy %d of ring %d is none of its own", numOf(c.deputy.ID), id)
		case c.level != topLevel && parent(c) == nil:
			return fmt.Errorf("the deputy %d of ring %d sits nowhere", numOf(c.deputy.ID), id)
		}
		if c.level == topLevel {
			tops++
		}
		for _, s := range c.members {
			if s.in[c.level] != c || p.seats[s.ID] != s {
				return fmt.Errorf("member %d of ring %d does not sit there", numOf(s.ID), id)
			}
			if c.level > s.home && (s.below(c.level) == nil || s.below(c.level).deputy != s) {
				return fmt.Errorf("%d sits on ring %d of level %d for nobody", numOf(s.ID), id, c.level)
			}
		}
	}
	if tops > 1 {
		return fmt.Errorf("%d top rings", tops)
	}
	for _, s := range p.seats {
		if s.in[s.home] == nil {
			return fmt.Errorf("%d has no seat", numOf(s.ID))
		}
		if n := len(p.Neighbors(nil, s.ID)); n > 4 && len(p.weak) == 0 {
			return fmt.Errorf("%d has %d neighbors", numOf(s.ID), n)
		}
		for _, v := range p.views(s) {
			if !v.Sweep && v.Members[v.Self].ID != s.ID {
				return fmt.Errorf("%d is told to be somebody else in ring %d", numOf(s.ID), v.Ring)
			}
			if len(v.Members) > wire.MaxMembers {
				return fmt.Errorf("%d is told %d members of a ring", numOf(s.ID), len(v.Members))
			}
		}
	}
	return nil
}

func drain(p *Plan) (urgent, stale, moved []wire.ID) {
	return p.Urgent(nil), p.Stale(nil, 1<<30), p.Moved(nil)
}

func TestRackIsARingInPortOrder(t *testing.T) {
	p := NewPlan(Limits{})
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(48) {
		p.Join(seatOf(i))
	}
	if err := check(p); err != nil {
		t.Fatal(err)
	}
	v := p.Views(idOf(0))[0]
	for i, m := range v.Members {
		if numOf(m.ID) != i {
			t.Errorf("place %d is taken by %d", i, numOf(m.ID))
		}
	}
}

func TestPlanKeepsItsInvariantsWhateverHappens(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		p := NewPlan(Limits{Ring: 4 + r.IntN(20), Window: 1 + r.IntN(4)})
		seat := []func(int) Seat{seatOf, bareOf}
		for step := range 400 {
			n := r.IntN(200)
			if r.IntN(3) == 0 {
				n *= 17 // other subnets
			}
			switch r.IntN(8) {
			case 0, 1, 2:
				p.Join(seat[r.IntN(2)](n))
			case 3:
				s := seatOf(n)
				s.Switch, s.Port = fmt.Sprintf("sw%d", r.IntN(5)), fmt.Sprintf("%d", r.IntN(9))
				p.Join(s)
			case 4:
				p.Leave(idOf(n))
			case 5, 6:
				p.SetLost(idOf(n), r.IntN(3) > 0)
			case 7:
				drain(p)
			}
			if err := check(p); err != nil {
				t.Fatalf("step %d: %v (seed %d)", step, err, seed)
			}
		}
		for id := range p.seats {
			p.Leave(id)
			if err := check(p); err != nil {
				t.Fatalf("leaving: %v (seed %d)", err, seed)
			}
		}
		if len(p.rings) != 0 || len(p.groups) != 0 {
			t.Errorf("%d rings and %d groups of nobody are left (seed %d)", len(p.rings), len(p.groups), seed)
		}
	}
}

func TestJoinAndLeaveTellAHandfulHoweverManyThereAre(t *testing.T) {
	for _, n := range []int{480, 4800, 48000} {
		p := NewPlan(Limits{})
		for i := range n {
			if i%48 != 7 {
				p.Join(seatOf(i))
			}
		}
		drain(p)
		for i := 7; i < n; i += 48 * (n / 480) {
			p.Join(seatOf(i))
			urgent, stale, _ := drain(p)
			if len(urgent) > 6 || len(stale) > 64 {
				t.Errorf("n=%d: joining tells %d at once and %d at leisure", n, len(urgent), len(stale))
			}
			p.Leave(idOf(i + 1))
			urgent, stale, _ = drain(p)
			if len(urgent) > 8 || len(stale) > 130 {
				t.Errorf("n=%d: leaving tells %d at once and %d at leisure", n, len(urgent), len(stale))
			}
		}
	}
}

func TestLostDeputyIsReplacedAndALostRackKeepsIts(t *testing.T) {
	p := NewPlan(Limits{})
	for i := range 480 {
		p.Join(seatOf(i))
	}
	drain(p)
	deputy := func(n int) wire.ID { return p.seats[idOf(n)].in[switchLevel].deputy.ID }
	first := deputy(100)
	p.SetLost(first, true)
	urgent, _, moved := drain(p)
	if deputy(100) == first {
		t.Error("a lost deputy was not replaced")
	}
	if len(urgent) > 6 || len(moved) > 4 {
		t.Errorf("replacing one deputy tells %d at once and stores %d", len(urgent), len(moved))
	}
	p.SetLost(first, false)
	if urgent, _, moved = drain(p); len(urgent)+len(moved) > 0 {
		t.Errorf("its return tells %d and stores %d, want none", len(urgent), len(moved))
	}
	second := deputy(200)
	for i := 192; i < 240; i++ {
		p.SetLost(idOf(i), true)
	}
	if drain(p); deputy(200) != second {
		t.Error("a rack that is lost as a whole got another deputy")
	}
	p.SetLost(idOf(230), false)
	if drain(p); deputy(200) != idOf(230) {
		t.Error("the first one back did not take the lost deputy's place")
	}
	if err := check(p); err != nil {
		t.Error(err)
	}
}

// allTold is a plan of so many systems, all of whom were told their rings.
func allTold(n int, seat func(int) Seat) *Plan {
	p := NewPlan(Limits{})
	for i := range n {
		p.Join(seat(i))
	}
	for id := range p.seats {
		p.Views(id)
	}
	drain(p)
	return p
}

func TestADeathAmongThoseWhoSpeakForNobodyTellsNobody(t *testing.T) {
	p := allTold(480, bareOf)
	for i := range 480 {
		s := p.seats[idOf(i)]
		if s.in[topLevel] != nil {
			continue // its successor is told, and who heartbeats with it
		}
		for _, lost := range []bool{true, false} {
			p.SetLost(s.ID, lost)
			if urgent, stale, _ := drain(p); len(urgent)+len(stale) > 0 {
				t.Fatalf("that %d is lost (%v) tells %d at once and %d at leisure, want none", i, lost, len(urgent), len(stale))
			}
		}
	}
}

func TestWhoLooksPastALostRackIsToldTheNextOneOnce(t *testing.T) {
	p := allTold(480, seatOf)
	for i := 192; i < 240; i++ {
		p.SetLost(idOf(i), true)
	}
	urgent, stale, _ := drain(p)
	if len(urgent) > 0 || len(stale) != 2 {
		t.Errorf("a lost rack tells %d at once and %d at leisure, want the two beside it at leisure", len(urgent), len(stale))
	}
	for _, id := range stale {
		p.Views(id)
	}
	first := stale
	for i := 336; i < 384; i++ {
		p.SetLost(idOf(i), true)
	}
	if urgent, stale, _ = drain(p); len(urgent) > 0 || len(stale) != 2 || slices.ContainsFunc(stale, func(id wire.ID) bool { return slices.Contains(first, id) }) {
		t.Errorf("another one tells %d at once and %v at leisure, want the two beside it, not %v again", len(urgent), stale, first)
	}
}

func TestRestoredPlanIsTheSameAndDisturbsNobody(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := NewPlan(Limits{Ring: 12, Window: 2})
		stored := map[wire.ID]Membership{}
		for range 500 {
			n := r.IntN(900)
			switch r.IntN(5) {
			case 0:
				p.Leave(idOf(n))
			case 1:
				p.SetLost(idOf(n), r.IntN(2) == 0)
			case 2:
				p.Join(bareOf(n))
			default:
				p.Join(seatOf(n))
			}
			drainStored(p, stored)
		}
		q := NewPlan(Limits{Ring: 12, Window: 2})
		var all []Membership
		for _, m := range stored {
			all = append(all, m)
		}
		slices.SortFunc(all, func(a, b Membership) int { return slices.Compare(a.ID[:], b.ID[:]) })
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		q.Restore(all, nil)
		if err := check(q); err != nil {
			t.Fatalf("%v (seed %d)", err, seed)
		}
		if u, s, m := drain(q); len(u)+len(s)+len(m) > 0 {
			t.Errorf("restoring tells %d at once, %d at leisure, stores %d (seed %d)", len(u), len(s), len(m), seed)
		}
		for i := range p.Rings() {
			j, _ := q.Ring(i.Ring)
			if fmt.Sprint(i) != fmt.Sprint(j) {
				t.Fatalf("ring was  %v\nrestored: %v (seed %d)", i, j, seed)
			}
		}
	}
}

func drainStored(p *Plan, stored map[wire.ID]Membership) {
	p.Urgent(nil)
	for _, id := range p.Moved(nil) {
		delete(stored, id)
		if m, ok := p.Membership(id); ok {
			stored[id] = m
		}
	}
}

func TestRestoringNonsenseMakesAWholePlan(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		var all []Membership
		for i := range 150 {
			m := Membership{Seat: seatOf(i), Home: r.Uint64N(12), Deputy: r.Uint64N(12), Top: r.Uint64N(3)}
			if r.IntN(3) == 0 {
				m.Seat = bareOf(i)
			}
			all = append(all, m)
		}
		p := NewPlan(Limits{Ring: 256})
		p.Restore(all, nil)
		if err := check(p); err != nil {
			t.Fatalf("%v (seed %d)", err, seed)
		}
	}
}

func TestRunAndSweepAreCountedInTheRosterThatWasTold(t *testing.T) {
	p := NewPlan(Limits{})
	for i := range 10 {
		p.Join(seatOf(i * 2))
	}
	v := p.Views(idOf(0))[0]
	p.Join(seatOf(5)) // between 4 and 6, after the roster was told
	o := wire.Observation{About: idOf(2), Ring: v.Ring, Version: v.Version, Run: 3, NewNeighbor: idOf(8)}
	if got := p.Run(nil, wire.ID{}, &o); !slices.Equal(got, []wire.ID{idOf(2), idOf(4), idOf(6)}) {
		t.Errorf("the run is %v", got)
	}
	o = wire.Observation{About: idOf(6), Ring: v.Ring, Version: v.Version, Run: -3}
	if got := p.Run(nil, wire.ID{}, &o); !slices.Equal(got, []wire.ID{idOf(6), idOf(4), idOf(2)}) {
		t.Errorf("the run backwards is %v", got)
	}
	o = wire.Observation{Kind: wire.ObsSwept, Ring: v.Ring, Version: v.Version, Bits: []byte{0b101, 0}}
	silent, alive, ok := p.Swept(nil, nil, &o)
	if !ok || !slices.Equal(silent, []wire.ID{idOf(0), idOf(4)}) || len(alive) != 8 {
		t.Errorf("swept: %v silent, %d alive, %v", silent, len(alive), ok)
	}
	o.Version += 100
	if _, _, ok := p.Swept(nil, nil, &o); ok {
		t.Error("an unknown roster is resolved")
	}
}

func TestPortsAreOrderedTheWayPeopleCount(t *testing.T) {
	want := []string{"1", "2", "10", "Eth1/2", "Eth1/10", "Eth2/1", "ge-0/0/9", "ge-0/0/10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// Those who were not told of a deputy's successor cannot answer it: its report
// of a run of silent ones does not speak of them.
func TestWhoDoesNotKnowTheObserverIsNotAmongTheSilent(t *testing.T) {
	p := NewPlan(Limits{})
	for i := range 8 * 12 {
		s := seatOf(i)
		s.Switch, s.Subnet = fmt.Sprintf("sw%d", i/12), netip.MustParsePrefix("10.0.0.0/16")
		p.Join(s)
	}
	drain(p)
	for id := range p.seats {
		p.Views(id)
	}
	var u *circle
	for _, c := range p.rings {
		if c.level == subnetLevel {
			u = c
		}
	}
	gone := u.members[0]
	p.SetLost(gone.ID, true)
	urgent, stale, _ := drain(p)
	heir := u.members[0]
	for _, id := range urgent {
		p.Views(id)
	}
	if heir == gone || len(stale) != 0 || !slices.Contains(urgent, heir.ID) {
		t.Fatalf("succession: same %v, %d stale, urgent %v", heir == gone, len(stale), urgent)
	}
	o := wire.Observation{Kind: wire.ObsUnresponsive, About: u.members[1].ID, Ring: u.id, Version: u.version, Run: 5}
	if got := p.Run(nil, heir.ID, &o); len(got) != 1 {
		t.Errorf("the successor's run of 5 names %d, though only the first knows it", len(got))
	}
	if got := p.Run(nil, u.members[7].ID, &o); len(got) != 5 {
		t.Errorf("an old member's run of 5 names %d", len(got))
	}
	if !p.Dated(u.members[3].ID) || p.Dated(u.members[1].ID) {
		t.Error("who is beside the successor is told at once, who is not can wait")
	}
}
