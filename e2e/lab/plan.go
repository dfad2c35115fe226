package lab

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Limits of a plan, so that a slip of the pen does not eat the machine.
const (
	maxSwitches = 64
	maxSystems  = 2000
	maxPort     = 1000 // a Linux bridge has 1024 ports
	maxSubnets  = 8    // the other 8 are for second network cards
	maxCables   = 8    // of one system
)

// Plan describes a lab. The zero Plan is an empty one.
type Plan struct {
	Switches []Switch
	Trunks   []Trunk
	Systems  []System
	// Share are folders that systems with their own root see as they are here.
	// The temporary folder and the module are always shared.
	Share []string
}

// Switch is a bridge with an lldpd.
type Switch struct {
	Name   string
	Speaks Speech
	VLAN   int // told in LLDP as the port's VLAN; 0 = nothing said
	Subnet int // which subnet the systems on it belong to
}

// Speech is what a switch says about itself on its ports.
type Speech uint8

// The ways of a switch to speak.
const (
	LLDP Speech = iota
	CDP         // CDP version 2 and no LLDP, as some switches do
	Both
	Mute
)

// Trunk joins two switches.
type Trunk struct{ A, B string }

// System is a computer.
type System struct {
	Name   string
	Cables []Cable // its network cards eth0, eth1, ... in order
	// Root gives it a root file system of its own (a throw-away copy of this
	// machine's), for programs that write everywhere. Otherwise only /run, /etc
	// and /var/lib are its own.
	Root bool
	// CMA marks the system that the installation's server runs on.
	CMA bool
	// Router makes it forward between the subnets of its cables. Its second cable
	// into a subnet is for the second network cards of the systems there.
	Router bool
}

// Cable goes from a network card to a port.
type Cable struct {
	Switch string
	Port   int // 1 and up; 0 = the next free one
}

// Spread plans systems h01, h02, ... over switches sw1, sw2, ... in turn, the
// switches joined in a chain, and a CMA named cma on the first.
func Spread(switches, systems int) Plan {
	var p Plan
	for i := range switches {
		p.Switches = append(p.Switches, Switch{Name: fmt.Sprintf("sw%d", i+1), VLAN: 100})
		if i > 0 {
			p.Trunks = append(p.Trunks, Trunk{p.Switches[i-1].Name, p.Switches[i].Name})
		}
	}
	p.Systems = append(p.Systems, System{Name: "cma", Cables: []Cable{{Switch: "sw1"}}, CMA: true})
	for i := range systems {
		on := p.Switches[i%switches].Name
		p.Systems = append(p.Systems, System{Name: fmt.Sprintf("h%02d", i+1), Cables: []Cable{{Switch: on}}})
	}
	return p
}

// validName keeps names fit for a host name and for an interface ("to-NAME").
var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,11}$`)

// Settle checks the plan and gives every cable a port.
func (p *Plan) Settle() error {
	if len(p.Switches) > maxSwitches || len(p.Systems) > maxSystems {
		return fmt.Errorf("lab: %d switches and %d systems are more than %d and %d", len(p.Switches), len(p.Systems), maxSwitches, maxSystems)
	}
	seen := map[string]bool{}
	name := func(s string) error {
		switch {
		case !validName.MatchString(s):
			return fmt.Errorf("lab: %q is no name: a letter, then up to 11 letters, digits and dashes, all lower case", s)
		case seen[s]:
			return fmt.Errorf("lab: there are two things named %s", s)
		}
		seen[s] = true
		return nil
	}
	for _, s := range p.Switches {
		if err := name(s.Name); err != nil {
			return err
		}
		if s.Subnet < 0 || s.Subnet >= maxSubnets || s.VLAN < 0 || s.VLAN > 4094 || s.Speaks > Mute {
			return fmt.Errorf("lab: switch %s: subnets are 0 to %d, VLANs 1 to 4094", s.Name, maxSubnets-1)
		}
	}
	for _, s := range p.Systems {
		if err := name(s.Name); err != nil {
			return err
		}
	}
	if err := p.settleTrunks(); err != nil {
		return err
	}
	return p.settlePorts()
}

// settleTrunks refuses loops: these bridges speak no spanning tree, and one
// broadcast would circle for ever.
func (p *Plan) settleTrunks() error {
	island := map[string]string{}
	var find func(string) string
	find = func(s string) string {
		if up, ok := island[s]; ok && up != s {
			return find(up)
		}
		return s
	}
	for _, t := range p.Trunks {
		if p.sw(t.A) == nil || p.sw(t.B) == nil {
			return fmt.Errorf("lab: trunk %s %s: there is no such switch", t.A, t.B)
		}
		a, b := find(t.A), find(t.B)
		if a == b {
			return fmt.Errorf("lab: trunk %s %s closes a loop, and frames would circle for ever; leave one trunk out", t.A, t.B)
		}
		island[a] = b
	}
	return nil
}

func (p *Plan) settlePorts() error {
	taken := map[Cable]string{}
	for pass := range 2 { // the ports asked for by number first
		for _, s := range p.Systems {
			if len(s.Cables) > maxCables {
				return fmt.Errorf("lab: system %s has more than %d cables", s.Name, maxCables)
			}
			for i := range s.Cables {
				c := &s.Cables[i]
				if p.sw(c.Switch) == nil {
					return fmt.Errorf("lab: system %s is cabled to %s, and there is no such switch", s.Name, c.Switch)
				}
				if pass == 0 && c.Port == 0 || pass == 1 && c.Port != 0 {
					continue
				}
				if c.Port == 0 {
					for c.Port = 1; taken[*c] != ""; c.Port++ {
					}
				}
				if c.Port < 0 || c.Port > maxPort {
					return fmt.Errorf("lab: system %s: ports of %s are 1 to %d", s.Name, c.Switch, maxPort)
				}
				if other := taken[*c]; other != "" {
					return fmt.Errorf("lab: port %d of %s is taken by %s and wanted by %s", c.Port, c.Switch, other, s.Name)
				}
				taken[*c] = s.Name
			}
		}
	}
	return nil
}

func (p *Plan) sw(name string) *Switch {
	if i := slices.IndexFunc(p.Switches, func(s Switch) bool { return s.Name == name }); i >= 0 {
		return &p.Switches[i]
	}
	return nil
}

// copy is a plan that shares nothing with p.
func (p Plan) copy() Plan {
	p.Switches = slices.Clone(p.Switches)
	p.Trunks = slices.Clone(p.Trunks)
	p.Systems = slices.Clone(p.Systems)
	for i := range p.Systems {
		p.Systems[i].Cables = slices.Clone(p.Systems[i].Cables)
	}
	return p
}

// String writes the plan in the form that Parse reads.
func (p Plan) String() string {
	var b strings.Builder
	for _, s := range p.Switches {
		fmt.Fprintf(&b, "switch %s", s.Name)
		if s.Speaks != LLDP {
			fmt.Fprintf(&b, " %s", speeches[s.Speaks])
		}
		if s.VLAN != 0 {
			fmt.Fprintf(&b, " vlan %d", s.VLAN)
		}
		if s.Subnet != 0 {
			fmt.Fprintf(&b, " subnet %d", s.Subnet)
		}
		b.WriteByte('\n')
	}
	for _, t := range p.Trunks {
		fmt.Fprintf(&b, "trunk %s %s\n", t.A, t.B)
	}
	for _, s := range p.Systems {
		kind := "system"
		if s.CMA {
			kind = "cma"
		} else if s.Router {
			kind = "router"
		}
		fmt.Fprintf(&b, "%s %s", kind, s.Name)
		for _, c := range s.Cables {
			if c.Port == 0 {
				fmt.Fprintf(&b, " %s", c.Switch)
			} else {
				fmt.Fprintf(&b, " %s/%d", c.Switch, c.Port)
			}
		}
		if s.Root {
			b.WriteString(" root")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// NIC is a network card of a system in a running lab.
type NIC struct {
	Name   string // eth0, eth1, ...
	MAC    string
	Addr   netip.Prefix
	Addr6  netip.Prefix
	Switch string // where its cable ends
	Port   int
	Cut    bool // the cable is cut
}

// PortName is the interface of a switch's port, PortID what it says in LLDP.
func PortName(port int) string { return fmt.Sprintf("swp%d", port) }

// PortID is the port id that a switch tells in LLDP, as printed on its front.
func PortID(port int) string { return fmt.Sprintf("Gi1/0/%d", port) }

// subnet4 is where the systems of subnet k live.
func subnet4(k int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(16 * k), 0}), 20)
}

// addr4 is host n of subnet k.
func addr4(k, n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(16*k + n/256), byte(n)}), 20)
}

func addr6(k, n int) netip.Prefix {
	a := netip.MustParseAddr("fd77::").As16()
	a[7], a[14], a[15] = byte(k), byte(n>>8), byte(n)
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// The host numbers that are not a system's: systems count from 1.
const (
	firstRouter = 14 * 256
	firstSwitch = 15 * 256
)

func systemMAC(number, nic int) string {
	return fmt.Sprintf("02:a5:00:%02x:%02x:%02x", number>>8, number&255, nic)
}

func portMAC(sw, port int) string {
	return fmt.Sprintf("02:a5:5a:%02x:%02x:%02x", sw, port>>8, port&255)
}

// nic derives card i of the system with this number from its cable.
func (p *Plan) nic(s System, number, i int) NIC {
	subnet := p.sw(s.Cables[i].Switch).Subnet
	host := number
	switch {
	case s.Router:
		host = firstRouter + number%256 + 1
		for _, c := range s.Cables[:i] {
			if p.sw(c.Switch).Subnet == subnet {
				subnet += maxSubnets // Its second card there is for the second cards.
				break
			}
		}
	case i > 0:
		subnet += maxSubnets
	}
	return NIC{
		Name: fmt.Sprintf("eth%d", i), MAC: systemMAC(number, i),
		Addr: addr4(subnet, host), Addr6: addr6(subnet, host),
		Switch: s.Cables[i].Switch, Port: s.Cables[i].Port,
	}
}
