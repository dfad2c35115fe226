package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func (s *swtch) addr() netip.Prefix  { return addr4(s.Subnet, firstSwitch+s.number) }
func (s *swtch) addr6() netip.Prefix { return addr6(s.Subnet, firstSwitch+s.number) }

// trunkPort is the interface of a trunk to another switch.
func trunkPort(to string) string { return "to-" + to }

// farIndex begins the interface numbers of ports. The kernel tells a bridge
// about the carrier of a port at once when the two ends of the cable have
// different numbers, and only after a second when they happen to be the same,
// each in its own network.
const farIndex = 10_000

// wire makes the bridges, the trunks and the cables.
func (l *Lab) wire(context.Context) error {
	if err := each(l.switchList(), func(s *swtch) error {
		return s.cell.ip(
			"link set lo up",
			// Learning which multicast groups are wanted takes queries that
			// these bridges do not send: so they flood.
			fmt.Sprintf("link add br0 address %s type bridge stp_state 0 mcast_snooping 0", portMAC(s.number, 0)),
			"link set br0 up",
			fmt.Sprintf("addr add %s dev br0", s.addr()),
			fmt.Sprintf("addr add %s dev br0 nodad", s.addr6()),
		)
	}); err != nil {
		return err
	}
	if err := l.wireTrunks(); err != nil {
		return err
	}
	var all []*system
	for _, name := range l.order {
		all = append(all, l.systems[name])
	}
	return l.plugIn(all)
}

func (l *Lab) switchList() []*swtch {
	var list []*swtch
	for _, s := range l.plan.Switches {
		list = append(list, l.switches[s.Name])
	}
	return list
}

func (l *Lab) wireTrunks() error {
	for i, t := range l.plan.Trunks {
		a, b := l.switches[t.A], l.switches[t.B]
		if err := a.cell.ipHere(fmt.Sprintf("link add %s index %d address %s netns %d type veth peer name %s address %s netns %d",
			trunkPort(t.B), farIndex+maxPort+1+i, portMAC(a.number, maxPort+1+i), a.cell.pid(),
			trunkPort(t.A), portMAC(b.number, maxPort+1+i), b.cell.pid())); err != nil {
			return err
		}
		for _, end := range []struct {
			s  *swtch
			to string
		}{{a, t.B}, {b, t.A}} {
			if err := end.s.cell.ip("link set " + trunkPort(end.to) + " master br0 up"); err != nil {
				return err
			}
		}
	}
	return nil
}

// plugIn connects systems to their ports and gives them their addresses.
func (l *Lab) plugIn(systems []*system) error {
	cables := map[*swtch][]string{} // made from within the switch
	ports := map[*swtch][]string{}
	for _, s := range systems {
		for _, n := range s.nics {
			sw := l.switches[n.Switch]
			cables[sw] = append(cables[sw], fmt.Sprintf("link add %s index %d address %s netns %d type veth peer name %s address %s netns %d",
				PortName(n.Port), farIndex+n.Port, portMAC(sw.number, n.Port), sw.cell.pid(), n.Name, n.MAC, s.cell.pid()))
			ports[sw] = append(ports[sw], fmt.Sprintf("link set %s master br0 up", PortName(n.Port)))
		}
	}
	if err := each(l.switchList(), func(sw *swtch) error {
		if err := sw.cell.ipHere(cables[sw]...); err != nil {
			return err
		}
		return sw.cell.ip(ports[sw]...)
	}); err != nil {
		return err
	}
	return each(systems, func(s *system) error {
		if s.Router {
			if _, err := s.cell.run(allNamespaces, "", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"); err != nil {
				return err
			}
		}
		return s.cell.ip(l.addresses(s)...)
	})
}

// addresses are the ip commands that a system's own network is set up with.
func (l *Lab) addresses(s *system) []string {
	list := []string{"link set lo up"}
	for i, n := range s.nics {
		list = append(list,
			fmt.Sprintf("link set %s up", n.Name),
			fmt.Sprintf("addr add %s dev %s", n.Addr, n.Name),
			fmt.Sprintf("addr add %s dev %s nodad", n.Addr6, n.Name))
		if i == 0 {
			// Multicast leaves by the first card, with or without a router.
			list = append(list, "route add 224.0.0.0/4 dev "+n.Name)
		}
		if r := l.routerFor(n); r != nil && !s.Router {
			list = append(list,
				fmt.Sprintf("route add default via %s metric %d", r.Addr.Addr(), 1+i),
				fmt.Sprintf("route add default via %s metric %d", r.Addr6.Addr(), 1024+i))
		}
	}
	return list
}

// routerFor is the router's card in the subnet of n.
func (l *Lab) routerFor(n NIC) *NIC {
	for _, s := range l.systems {
		if !s.Router || s.gone {
			continue
		}
		if i := slices.IndexFunc(s.nics, func(r NIC) bool { return r.Addr.Masked() == n.Addr.Masked() }); i >= 0 {
			return &s.nics[i]
		}
	}
	return nil
}

// ip runs ip commands inside the cell.
func (c *cell) ip(commands ...string) error { return c.ipBatch(allNamespaces, commands) }

// ipHere runs ip commands in the cell's network, with this machine's process
// numbers, by which they name other cells.
func (c *cell) ipHere(commands ...string) error { return c.ipBatch(onlyNetwork, commands) }

func (c *cell) ipBatch(namespaces int, commands []string) error {
	if len(commands) == 0 {
		return nil
	}
	out, err := c.run(namespaces, strings.Join(commands, "\n")+"\n", "ip", "-batch", "-")
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
