package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"assim/member"
	"assim/verdict"
	"assim/wire"
)

const (
	// port is where everybody receives ticks and signals.
	port = wire.Port
	// secondNet is the bit of an address that tells the second NIC.
	secondNet = 1 << 23
	// maxSystems is what fits into the addresses of one NIC.
	maxSystems = 1 << 22
)

// site, subnet and switchBox are the places of an estate, by number.
type subnet struct {
	name   string
	site   string
	base   uint32 // first address
	size   uint32 // addresses, a power of two
	used   uint32
	prefix netip.Prefix
}

type switchBox struct {
	name    string // empty: a subnet where no switch is heard
	subnet  int32
	systems []int32 // in port order, by first or second NIC
}

// nic is one attachment: which switch, which port; none if box is negative.
type nic struct {
	box  int32
	port int32
	addr uint32
}

// estate is the modelled installation: it does not change by faults, except by
// moved cables and newcomers.
type estate struct {
	names   []string
	byName  map[string]int32
	nics    [][2]nic
	boxes   []switchBox
	boxBy   map[string]int32
	subnets []subnet
	subBy   map[string]int32
	atAddr  []int32 // system by address
	seed    uint64
	stolen  bool // an address leads to another system than the one it is told of
}

func newEstate(seed uint64) *estate {
	return &estate{byName: map[string]int32{}, boxBy: map[string]int32{}, subBy: map[string]int32{}, seed: seed}
}

// shape says how a generated estate is built.
type shape struct {
	perSwitch int // systems on one switch
	perSubnet int // switches in one subnet
	perSite   int // subnets in one site
	dualEvery int // every so many-th system has a second NIC on the next switch; 0 = none
}

var usual = shape{perSwitch: 48, perSubnet: 20, perSite: 13, dualEvery: 24}

// generate builds n systems.
func (e *estate) generate(n int, sh shape) {
	perSubnet := sh.perSwitch * sh.perSubnet
	room := perSubnet
	if sh.dualEvery > 0 {
		room += perSubnet/sh.dualEvery + sh.perSwitch
	}
	width := len(strconv.Itoa(n))
	for i := range n {
		sub, rack := i/perSubnet, i/sh.perSwitch
		box := e.box("sw"+strconv.Itoa(rack+1), "net"+strconv.Itoa(sub+1), "site"+strconv.Itoa(sub/sh.perSite+1), uint32(room))
		e.add(fmt.Sprintf("h%0*d", width, i+1), box)
	}
	if sh.dualEvery == 0 {
		return
	}
	for i := sh.dualEvery / 2; i < n; i += sh.dualEvery {
		own := e.nics[i][0].box
		next := own ^ 1
		if int(next) < len(e.boxes) && e.boxes[next].subnet == e.boxes[own].subnet {
			e.attach(int32(i), 1, next)
		}
	}
}

// box finds or makes a switch. room is how many addresses its subnet needs.
func (e *estate) box(name, sub, site string, room uint32) int32 {
	key := name + "/" + sub
	if name != "" {
		key = name
	}
	if b, ok := e.boxBy[key]; ok {
		return b
	}
	b := int32(len(e.boxes))
	e.boxes = append(e.boxes, switchBox{name: name, subnet: e.subnet(sub, site, room)})
	e.boxBy[key] = b
	return b
}

func (e *estate) subnet(name, site string, room uint32) int32 {
	if s, ok := e.subBy[name]; ok {
		return s
	}
	size := uint32(64)
	for size < room+room/8+16 {
		size *= 2
	}
	base := uint32(size)
	if n := len(e.subnets); n > 0 {
		last := &e.subnets[n-1]
		base = last.base + last.size
		base = (base + size - 1) / size * size
	}
	bits := 32
	for s := size; s > 1; s /= 2 {
		bits--
	}
	s := subnet{name: name, site: site, base: base, size: size, prefix: netip.PrefixFrom(ipOf(base), bits)}
	e.subnets = append(e.subnets, s)
	e.subBy[name] = int32(len(e.subnets) - 1)
	return int32(len(e.subnets) - 1)
}

// add makes a system with one NIC.
func (e *estate) add(name string, box int32) int32 {
	i := int32(len(e.names))
	e.names = append(e.names, name)
	e.byName[name] = i
	e.nics = append(e.nics, [2]nic{{box: -1}, {box: -1}})
	e.attach(i, 0, box)
	return i
}

// attach plugs a NIC of a system in; its address follows from the subnet.
func (e *estate) attach(sys int32, which int, box int32) {
	e.unplug(sys, which)
	b := &e.boxes[box]
	n := &e.nics[sys][which]
	n.box, n.port = box, int32(len(b.systems)+1)
	b.systems = append(b.systems, sys)
	s := &e.subnets[b.subnet]
	if n.addr == 0 || n.addr&^secondNet < s.base || n.addr&^secondNet >= s.base+s.size {
		s.used++
		if s.used >= s.size {
			panic(fmt.Sprintf("sim: subnet %s has no address left for %s", s.name, e.names[sys]))
		}
		n.addr = s.base + s.used
		if which == 1 {
			n.addr |= secondNet
		}
	}
	e.point(n.addr, sys)
}

// point makes an address lead to a system.
func (e *estate) point(addr uint32, sys int32) {
	at := addr &^ secondNet * 2
	if addr&secondNet != 0 {
		at++
	}
	for int(at) >= len(e.atAddr) {
		e.atAddr = append(e.atAddr, make([]int32, max(1024, len(e.atAddr)))...)
	}
	e.atAddr[at] = sys + 1
}

// meant is whose for a datagram: where no address was stolen, it gets to whom it
// is meant for.
func (e *estate) meant(s *member.Send) (sys int32, which int) {
	if e.stolen || s.To.IsZero() {
		return e.whose(s.Addr)
	}
	if b := s.Addr.Addr().As4(); binary.BigEndian.Uint32(b[:])&secondNet != 0 {
		which = 1
	}
	return numberOf(s.To), which
}

// leadsTo says whether any address of a system still leads to it.
func (e *estate) leadsTo(sys int32) bool {
	if !e.stolen {
		return true
	}
	for _, addr := range e.addrs(sys) {
		if at, _ := e.whose(addr); at == sys {
			return true
		}
	}
	return false
}

// whose returns the system and NIC at an address; negative if nobody's.
func (e *estate) whose(a netip.AddrPort) (sys int32, which int) {
	b := a.Addr().As4()
	addr := binary.BigEndian.Uint32(b[:]) - 10<<24
	at := addr &^ secondNet * 2
	if addr&secondNet != 0 {
		at++
		which = 1
	}
	if int(at) >= len(e.atAddr) {
		return -1, 0
	}
	return e.atAddr[at] - 1, which
}

func (e *estate) unplug(sys int32, which int) {
	n := &e.nics[sys][which]
	if n.box < 0 {
		return
	}
	b := &e.boxes[n.box]
	for i, s := range b.systems {
		if s == sys {
			b.systems = append(b.systems[:i:i], b.systems[i+1:]...)
			break
		}
	}
	n.box = -1
}

func ipOf(addr uint32) netip.Addr {
	addr += 10 << 24
	return netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)})
}

// addr is where a system receives on one of its NICs.
func (e *estate) addr(sys int32, which int) netip.AddrPort {
	return netip.AddrPortFrom(ipOf(e.nics[sys][which].addr), port)
}

func (e *estate) addrs(sys int32) []netip.AddrPort {
	list := []netip.AddrPort{e.addr(sys, 0)}
	if e.nics[sys][1].addr != 0 {
		list = append(list, e.addr(sys, 1))
	}
	return list
}

// links is what the CMA learns about a system's cabling.
func (e *estate) links(sys int32) []verdict.Link {
	var list []verdict.Link
	for which := range 2 {
		n := e.nics[sys][which]
		if n.box < 0 {
			continue
		}
		b := &e.boxes[n.box]
		l := verdict.Link{Name: nicName(which), Addr: ipOf(n.addr), Subnet: e.subnets[b.subnet].prefix}
		if b.name != "" {
			l.Switch, l.Port = b.name, "port"+strconv.Itoa(int(n.port))
		}
		list = append(list, l)
	}
	return list
}

func nicName(which int) string { return "eth" + strconv.Itoa(which) }

// id of a system: random, with its number in the last bytes.
func (e *estate) id(sys int32) wire.ID {
	var id wire.ID
	x := mix(e.seed ^ uint64(sys+1)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[:], x)
	binary.BigEndian.PutUint64(id[8:], mix(x))
	binary.BigEndian.PutUint32(id[12:], uint32(sys+1))
	return id
}

// numberOf is the inverse of id.
func numberOf(id wire.ID) int32 { return int32(binary.BigEndian.Uint32(id[12:])) - 1 }

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
