package sim

import "math/rand/v2"

// network is the state of everything between the systems.
type network struct {
	e *estate

	clean    bool    // no fault at all: everybody reaches everybody
	loss     float64 // of any datagram
	dup      float64 // of any datagram, delivered twice
	links    []uint8 // by system: bit 0 or 1 set = that cable is cut
	boxDown  []bool  // switches without power
	boxCut   []bool  // switches without their uplink
	part     []uint8 // by switch: which side of a partition it is on
	lossIn   map[int32]float64
	lossOut  map[int32]float64
	deaf     map[[2]int32]bool // {a, b}: what b sends does not reach a
	cmaBox   int32             // where the CMA is plugged in
	cmaCut   bool              // its cable
	cmaDeaf  map[int32]bool    // what the CMA sends does not reach these
	slowSite uint8             // quanta between sites
}

func newNetwork(e *estate) *network {
	return &network{e: e, links: make([]uint8, len(e.names)), boxDown: make([]bool, len(e.boxes)), boxCut: make([]bool, len(e.boxes)),
		part: make([]uint8, len(e.boxes)), lossIn: map[int32]float64{}, lossOut: map[int32]float64{}, deaf: map[[2]int32]bool{},
		cmaDeaf: map[int32]bool{}, clean: true, slowSite: 10}
}

// grow makes room for newcomers.
func (n *network) grow() {
	for len(n.links) < len(n.e.names) {
		n.links = append(n.links, 0)
	}
	for len(n.boxDown) < len(n.e.boxes) {
		n.boxDown, n.boxCut, n.part = append(n.boxDown, false), append(n.boxCut, false), append(n.part, 0)
	}
}

// dirty notes that some fault exists: from now on every datagram is checked.
func (n *network) dirty() { n.clean = false }

// plugged says whether a NIC has a carrier.
func (n *network) plugged(sys int32, which int) bool {
	box := n.e.nics[sys][which].box
	return box >= 0 && n.links[sys]&(1<<which) == 0 && !n.boxDown[box]
}

// source is the NIC by which a system sends to another's NIC of that kind:
// the same kind if it can, the other one otherwise.
func (n *network) source(sys int32, which int) (int, bool) {
	if n.clean {
		if n.e.nics[sys][which].box >= 0 {
			return which, true
		}
		return 0, true
	}
	if n.plugged(sys, which) {
		return which, true
	}
	return 1 - which, n.plugged(sys, 1-which)
}

// passes says whether a datagram from one NIC gets to another's.
func (n *network) passes(src int32, sw int, dst int32, dw int) bool {
	if !n.plugged(dst, dw) || n.deaf[[2]int32{dst, src}] {
		return false
	}
	return n.connected(n.e.nics[src][sw].box, n.e.nics[dst][dw].box)
}

// connected says whether two switches reach each other.
func (n *network) connected(a, b int32) bool {
	switch {
	case a < 0 || b < 0 || n.boxDown[a] || n.boxDown[b]:
		return false
	case a == b:
		return true
	}
	return !n.boxCut[a] && !n.boxCut[b] && n.part[a] == n.part[b]
}

// reachesCMA says by which NIC a system and the CMA reach each other.
func (n *network) reachesCMA(sys int32) (which int, ok bool) {
	if n.cmaCut {
		return 0, false
	}
	for which := range 2 {
		if n.plugged(sys, which) && n.connected(n.e.nics[sys][which].box, n.cmaBox) {
			return which, true
		}
	}
	return 0, false
}

// latency in quanta between two switches.
func (n *network) latency(a, b int32, r *rand.Rand) int64 {
	if a == b {
		return 1
	}
	sa, sb := n.e.boxes[a].subnet, n.e.boxes[b].subnet
	if sa == sb {
		return 1 + int64(r.Uint32()&1)
	}
	if n.e.subnets[sa].site == n.e.subnets[sb].site {
		return 2 + int64(r.Uint32()&1)
	}
	return int64(n.slowSite) + int64(r.Uint32()&3)
}

// lost draws whether chance takes a datagram.
func (n *network) lost(src, dst int32, r *rand.Rand) bool {
	if n.loss > 0 && r.Float64() < n.loss {
		return true
	}
	if n.clean || len(n.lossIn)+len(n.lossOut) == 0 {
		return false
	}
	if p := n.lossOut[src]; p > 0 && r.Float64() < p {
		return true
	}
	p := n.lossIn[dst]
	return p > 0 && r.Float64() < p
}
