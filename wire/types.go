package wire

import (
	"encoding/hex"
	"fmt"
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

// Edge names one pair of ring members: both ends compute it from the ring and
// their two ids (EdgeOf), so nobody has to hand it out.
type Edge uint64

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
	Subject     uint64  // Ask, Heard, NotHeard: ShortID of the one asked about
}

// ShortID is the first 8 bytes of an ID, for Tick.Subject.
func (id ID) ShortID() uint64 {
	var v uint64
	for _, b := range id[:8] {
		v = v<<8 | uint64(b)
	}
	return v
}

// Timing is how impatient the heartbeats of a system are.
type Timing struct {
	Interval     time.Duration // between heartbeats, jittered; 1 s by default
	Unresponsive time.Duration // silence until it is shown, ~2 s
	Dead         time.Duration // silence until it is a death, 7 s by default
}

// Member is one entry of a roster.
type Member struct {
	ID   ID
	Pos  uint16           // place in the ring's order
	Addr netip.AddrPort   // where its nanoprobe receives ticks
	Alt  []netip.AddrPort // other addresses of the same nanoprobe (dual-homed), tried when Addr is silent
	Key  [16]byte         // authenticates the edge between me and it
}

// RingView is a ring as told to one member: itself and those around it.
type RingView struct {
	Ring    uint64 // id of the ring
	Level   uint8  // 0 switch, 1 subnet, 2 top
	Version uint32 // of the roster
	Self    uint16 // my own place
	Size    uint16 // members in the whole ring
	// Members are in order of Pos, without me. A whole switch ring, otherwise a
	// window around me.
	Members []Member
	// Sweep marks a ring I am not in: my neighbor is its deputy, and I ping all
	// of it at once when that neighbor is lost.
	Sweep bool
	// Deputy is who of Members speaks for the swept ring; zero unless Sweep.
	Deputy ID
}

// Desired is what the CMA wants one nanoprobe to be and do. It is resent until
// the nanoprobe echoes its generation; a nanoprobe applies only newer ones.
type Desired struct {
	Gen      uint32
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
	ObsUnresponsive ObservationKind = iota + 1
	ObsDead
	ObsAlive       // heard again in the same session
	ObsUnreachable // its host answered "port unreachable": the process is gone
	ObsGoodbye     // it said so
	ObsPathBroken  // I do not hear it, the other witness does
	ObsLinkDown    // my own interface lost its carrier
	ObsLinkUp      // and has it back
	ObsMartian     // ticks from somebody who should not send any
	ObsSwept       // result of sweeping a ring: see Bits
)

// Observation is one piece of evidence in a report.
type Observation struct {
	Kind  ObservationKind
	About ID            // whom; zero for links
	Ring  uint64        // in which ring
	Ago   time.Duration // how long before this report was made
	// NewNeighbor is whom the survivor now heartbeats with instead; zero if nobody.
	NewNeighbor ID
	// Run: About and the Run-1 members after it in ring order (before it if
	// negative) all died together. 0 and 1 mean About alone.
	Run int16
	// Bits, for ObsSwept: bit i set = the member at Pos i of Ring did not answer.
	Bits []byte
	// Link, for ObsLinkDown and ObsLinkUp: the interface's name.
	Link string
}
