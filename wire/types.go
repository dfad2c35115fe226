package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"time"
)

// Port is the UDP and TCP port of everything.
const Port = 1984

// The multicast groups a CMA listens on. 224.0.2.5 is assigned to the project.
var (
	Group4 = netip.MustParseAddr("224.0.2.5")
	Group6 = netip.MustParseAddr("ff05::1984")
)

// ID is a node identity: 16 bytes given by the CMA at enrollment. It survives
// key rotation. The zero ID is the CMA itself.
type ID [16]byte

// String returns "n-" and 32 hex digits.
func (id ID) String() string { return "n-" + hex.EncodeToString(id[:]) }

// IsZero reports whether id names no nanoprobe.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID is the inverse of ID.String.
func ParseID(s string) (ID, error) {
	var id ID
	h, ok := strings.CutPrefix(s, "n-")
	if !ok || len(h) != 32 {
		return id, fmt.Errorf("wire: %q is not a node id (n- and 32 hex digits)", s)
	}
	if _, err := hex.Decode(id[:], []byte(h)); err != nil {
		return id, fmt.Errorf("wire: %q is not a node id: %w", s, err)
	}
	return id, nil
}

// Session tells one start of a nanoprobe from all earlier ones: it only grows.
type Session uint64

// Edge names one pair of nanoprobes: both ends compute it from their two ids
// (EdgeOf), so nobody has to hand it out. Two that are neighbors in two rings
// share one edge, and thus one stream of heartbeats.
type Edge uint64

// EdgeOf returns the edge between a and b; the order does not matter. Ids are
// random, so mixing them is enough: nothing secret depends on it, and one
// receiver tells apart a few hundred edges at most.
func EdgeOf(a, b ID) Edge {
	x, y := a.half(0)^bits.RotateLeft64(a.half(8), 29), b.half(0)^bits.RotateLeft64(b.half(8), 29)
	return Edge(mix(x) + mix(y))
}

// SweepEdge returns the edge on which whole rings are asked: Ask without a
// subject goes Up, and whoever lives answers Heard with its own ShortID, Down.
func SweepEdge(ring uint64) Edge { return Edge(mix(ring ^ 0x5357454550)) }

// half reads 8 of the 16 bytes.
func (id *ID) half(at int) uint64 {
	return binary.BigEndian.Uint64(id[at : at+8])
}

// mix spreads every bit of x over all 64 (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// TickKind is what a tick says.
type TickKind uint8

// The kinds of tick.
const (
	Heartbeat TickKind = iota + 1 // unasked, every interval
	Ping                          // answer at once
	Pong                          // the answer
	Goodbye                       // orderly stop: information, not an alarm
	Ask                           // do you hear Subject?
	Heard                         // answer: yes, I heard Subject within the asked time
	NotHeard                      // answer: no, not any more
)

// Tick is one heartbeat-plane datagram, decoded. It proves life only if Echo*
// names the receiver's running session and one of its last ticks.
type Tick struct {
	Kind        TickKind
	Edge        Edge
	Session     Session // sender's
	Seq         uint32  // sender's, per edge, grows by one per tick
	EchoSession Session // the receiver's session as the sender last heard it on this edge
	EchoSeq     uint32  // the receiver's newest Seq the sender heard
	Gen         uint32  // configuration generation the sender runs
	Every       uint16  // the sender's interval in units of EveryUnit; 0 = not said
	Subject     uint64  // Ask, Heard, NotHeard: ShortID of the one asked about
}

// CMAKnows in the place of a goodbye's Every says that the CMA has acknowledged
// it: the receiver need not report it.
const CMAKnows = 0

// EveryUnit is the unit of Tick.Every: up to 655 s between heartbeats.
const EveryUnit = 10 * time.Millisecond

// ShortID is the first 8 bytes of an ID, for Tick.Subject.
func (id ID) ShortID() uint64 { return id.half(0) }

// Timing is how impatient the heartbeats of a system are. It applies live: a
// neighbor learns the sender's interval from its ticks, so the two ends of an
// edge need not agree.
type Timing struct {
	Interval     time.Duration // between heartbeats, jittered by a tenth; 1 s by default
	Unresponsive time.Duration // silence until it is shown, ~2 s
	Dead         time.Duration // silence until it is a death, 7 s by default
}

// The profiles of impatience.
var (
	FastTiming    = Timing{Interval: 200 * time.Millisecond, Unresponsive: 600 * time.Millisecond, Dead: 2500 * time.Millisecond}
	DefaultTiming = Timing{Interval: time.Second, Unresponsive: 2 * time.Second, Dead: 7 * time.Second}
	QuietTiming   = Timing{Interval: 5 * time.Second, Unresponsive: 9 * time.Second, Dead: 30 * time.Second}
)

// Member is one entry of a roster.
type Member struct {
	ID   ID
	Addr netip.AddrPort   // where its nanoprobe receives ticks
	Alt  []netip.AddrPort // other addresses of the same nanoprobe (dual-homed), tried when Addr is silent
}

// RingView is a ring as told to one member: itself and those around it. Two
// members of one ring may share one Members slice; nobody writes to it.
type RingView struct {
	Ring    uint64 // id of the ring
	Level   uint8  // 0 switch, 1 subnet, 2 top
	Version uint32 // of the roster
	Size    uint16 // members in the whole ring, at most 65535 shown
	// Self is my own index in Members; meaningless when Sweep.
	Self uint16
	// Members are in ring order, I am among them. The whole ring closed to a
	// circle if Size says so; otherwise a window around me with two open ends.
	Members []Member
	// Keys authenticate the edges between me and each of Members, index by
	// index (mine is unused). Nil when the caller knows the keys anyway.
	Keys [][16]byte
	// Also are keys to accept but not to send with, index by index: the next
	// ones before a rotation, the former ones after it. Nil = none.
	Also [][16]byte
	// SweepKey authenticates the questions of a sweep of this ring and their
	// answers. All its members have it, and the neighbors of its deputies, who
	// are in no roster of theirs.
	SweepKey [16]byte
	// Lost marks who of Members was known to be lost when this was told: bit i%8
	// of byte i/8. Nil = nobody. They are passed over until they speak.
	Lost []byte
	// Sweep marks a ring told for one purpose: when my neighbor Deputy, who
	// speaks for this ring, is lost, I ping all of it at once.
	Sweep  bool
	Deputy ID // zero unless Sweep
	// Same marks a view without Members, Keys and Also: they are those of the
	// view of the same ring, version and purpose in the generation Desired.Base.
	Same bool
}

// IsLost says whether the member at an index was known to be lost.
func (v *RingView) IsLost(i int) bool { return i/8 < len(v.Lost) && v.Lost[i/8]>>(i%8)&1 == 1 }

// Whole says whether Members is the whole ring, so that the last member's next
// neighbor is the first.
func (v *RingView) Whole() bool { return int(v.Size) == len(v.Members) }

// Desired is what the CMA wants one nanoprobe to be and do. It is resent until
// the nanoprobe echoes its generation; a nanoprobe applies only newer ones.
type Desired struct {
	Gen uint32
	// Base is the generation that views marked Same are completed from; 0: every
	// view is whole.
	Base     uint32
	Timing   Timing
	Rings    []RingView
	Schedule []Schedule
}

// Schedule says how often one discovery type runs on this system.
type Schedule struct {
	Type  string
	Every time.Duration // 0: only when something happens; negative: never
}

// ObservationKind is what a nanoprobe noticed about a neighbor.
type ObservationKind uint8

// The kinds of observation.
const (
	ObsUnresponsive ObservationKind = iota + 1 // silent, pinged in vain, and no other witness hears it
	ObsDead                                    // still so after Timing.Dead; the CMA counts that itself from ObsUnresponsive
	ObsAlive                                   // heard again in the same session: takes the accusation back
	ObsUnreachable                             // its host answered "port unreachable": the process is gone
	ObsGoodbye                                 // it said so; said by one of the two witnesses only
	ObsPathBroken                              // I do not hear it, the other witness does
	ObsLinkDown                                // About zero: my interface Link lost its carrier; else About's address Link is silent, another one answers
	ObsLinkUp                                  // and is back
	ObsMartian                                 // ticks from somebody who should not send any; Link is its address if About is unknown
	ObsSwept                                   // result of pinging a whole ring at once: see Bits
	ObsDeaf                                    // it speaks, and what it says answers nothing of mine
)

// Observation is one piece of evidence in a report.
type Observation struct {
	Kind    ObservationKind
	About   ID            // whom; zero for my own links
	Ring    uint64        // in which ring
	Version uint32        // of the roster that Run and Bits count in
	Ago     time.Duration // how long before this report was made; see Silent
	// Silent is how long About had given no sign of life when this was noticed.
	Silent time.Duration
	// NewNeighbor is whom the survivor now heartbeats with instead; zero if nobody.
	NewNeighbor ID
	// Run: About and the Run-1 members after it in ring order (before it if
	// negative) were all silent together. 0, 1 and -1 mean About alone.
	Run int16
	// Bits, for ObsSwept: bit i%8 of byte i/8 set = the member at index i of the
	// swept roster did not answer.
	Bits []byte
	// Link is an interface's name or an address, for ObsLinkDown, ObsLinkUp and
	// ObsMartian.
	Link string
}
