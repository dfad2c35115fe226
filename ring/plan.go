package ring

import (
	"iter"
	"net/netip"

	"assim/wire"
)

// Limits bound a Plan.
type Limits struct {
	// Ring is how many members a switch or subnet ring may have before it is
	// split; 64 by default. Larger rings find longer runs of dead members at
	// once and cost more bytes per roster.
	Ring int
	// Window is how many members to each side a member of the top ring is told;
	// 16 by default.
	Window int
}

// Seat is what decides where a system sits.
type Seat struct {
	ID     wire.ID
	Addr   netip.AddrPort
	Alt    []netip.AddrPort
	Switch string       // chassis id of the switch it hears; empty = unknown
	Port   string       // port on it, compared in natural order (Eth1/2 before Eth1/10)
	Subnet netip.Prefix // of Addr
}

// Membership is a seat with the rings it was given: what is stored, so that a
// restarted CMA disturbs nobody.
type Membership struct {
	Seat
	Home  uint64 // its switch ring, or its subnet ring if it hears no switch
	Upper uint64 // the ring on which it is a deputy; 0 = none
}

// Info describes one ring to people.
type Info struct {
	Ring    uint64
	Level   uint8
	Version uint32
	Subnet  netip.Prefix
	Switch  string
	Members []wire.ID // in ring order
}

// Neighbor is one of those a system heartbeats with, by plan.
type Neighbor struct {
	ID    wire.ID
	Ring  uint64
	Level uint8
}

// Plan is the CMA's knowledge of all rings.
type Plan struct{}

// NewPlan returns a plan without systems.
func NewPlan(l Limits) *Plan { return &Plan{} }

// Join seats a system, or moves it when it has a seat already. Nothing happens
// if the seat is the one it has.
func (p *Plan) Join(s Seat) {}

// Leave takes a system out for good (decommissioned). A dead one stays seated.
func (p *Plan) Leave(id wire.ID) {}

// SetLost tells that a system is known to be lost (or back): a lost deputy is
// replaced, and Neighbors looks past it.
func (p *Plan) SetLost(id wire.ID, lost bool) {}

// Urgent drains whom a change gave another neighbor, duty or address book entry
// next to it: tell them now.
func (p *Plan) Urgent(dst []wire.ID) []wire.ID { return dst }

// Stale drains at most max of those whose roster is merely older than the
// truth: tell them at leisure.
func (p *Plan) Stale(dst []wire.ID, max int) []wire.ID { return dst }

// Moved drains whose Membership changed: store them.
func (p *Plan) Moved(dst []wire.ID) []wire.ID { return dst }

// Views returns the rings as id is to be told. Keys are left to the caller.
func (p *Plan) Views(id wire.ID) []wire.RingView { return nil }

// Membership returns what to store of id.
func (p *Plan) Membership(id wire.ID) (Membership, bool) { return Membership{}, false }

// Neighbors appends whom id heartbeats with, looking past lost ones: at most four.
func (p *Plan) Neighbors(dst []Neighbor, id wire.ID) []Neighbor { return dst }

// Run resolves the Run of an observation: the members from About on, in ring
// order. It returns About alone when the roster has changed since version.
func (p *Plan) Run(dst []wire.ID, o *wire.Observation) []wire.ID { return dst }

// Swept resolves the Bits of an observation into who did not answer and who
// did. ok is false when the roster has changed since.
func (p *Plan) Swept(silent, alive []wire.ID, o *wire.Observation) (s, a []wire.ID, ok bool) {
	return silent, alive, false
}

// Ring describes one ring.
func (p *Plan) Ring(ring uint64) (Info, bool) { return Info{}, false }

// Rings walks all rings, top ring first.
func (p *Plan) Rings() iter.Seq[Info] { return func(func(Info) bool) {} }

// Restore seats systems as they were stored and with the versions the rings
// had. Nobody becomes urgent or stale by it unless the stored state is not
// consistent with itself.
func (p *Plan) Restore(members []Membership, versions map[uint64]uint32) {}
