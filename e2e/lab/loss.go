package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Drop loses percent of the frames to a system, and percent of those from it.
// A ping is answered with probability (1-p)². 0 mends it. LLDP is not touched:
// it is not forwarded anyway.
func (l *Lab) Drop(system string, percent float64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.cellLocked(system); err != nil {
		return err
	}
	if percent < 0 || percent > 100 {
		return fmt.Errorf("lab: %v %% is not between 0 and 100", percent)
	}
	l.loss[system] = percent
	return l.applyLoss()
}

// DropAll is Drop for every system: a frame between two of them is then lost
// with probability 1-(1-p)².
func (l *Lab) DropAll(percent float64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if percent < 0 || percent > 100 {
		return fmt.Errorf("lab: %v %% is not between 0 and 100", percent)
	}
	for _, name := range l.order {
		l.loss[name] = percent
	}
	return l.applyLoss()
}

// Partition splits the network: systems of different groups do not hear each
// other. A system in no group hears everybody. It replaces an earlier one.
func (l *Lab) Partition(groups ...[]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[string]bool{}
	for _, g := range groups {
		for _, name := range g {
			if l.systems[name] == nil || seen[name] {
				return fmt.Errorf("lab: %s is no system, or in two groups", name)
			}
			seen[name] = true
		}
	}
	l.groups = groups
	return l.applyLoss()
}

// Heal ends the partition and all loss.
func (l *Lab) Heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = nil
	clear(l.loss)
	return l.applyLoss()
}

// applyLoss writes what the lab wants into the packet filter of every switch,
// in one transaction each.
func (l *Lab) applyLoss() error {
	return each(l.switchList(), func(s *swtch) error {
		if s.cell == nil {
			return nil
		}
		_, err := s.cell.run(allNamespaces, l.rules(s), "nft", "-f", "-")
		return err
	})
}

// rules is the packet filter of one switch.
func (l *Lab) rules(s *swtch) string {
	var b strings.Builder
	// Naming the table first makes the deletion work the first time, too.
	b.WriteString("table bridge lab\ndelete table bridge lab\n")
	b.WriteString("table bridge lab {\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy accept;\n")
	// The bridge keeps LLDP to itself; CDP it would flood to everybody.
	b.WriteString("\t\tether daddr 01:00:0c:cc:cc:cc drop\n")
	for _, name := range slices.Sorted(maps.Keys(l.loss)) {
		for _, port := range l.portsOf([]string{name}, s) {
			if n := int(l.loss[name]*100 + 0.5); n >= 10000 {
				fmt.Fprintf(&b, "\t\tiifname %q drop\n\t\toifname %q drop\n", port, port)
			} else if n > 0 {
				fmt.Fprintf(&b, "\t\tiifname %q numgen random mod 10000 < %d drop\n", port, n)
				fmt.Fprintf(&b, "\t\toifname %q numgen random mod 10000 < %d drop\n", port, n)
			}
		}
	}
	for i, mine := range l.groups {
		ports := l.portsOf(mine, s)
		if len(ports) == 0 {
			continue
		}
		to := "\t\toifname { " + strings.Join(ports, ", ") + " } "
		for j, others := range l.groups {
			if i == j || len(others) == 0 {
				continue
			}
			// By hardware address what comes through bridges, by IP address what
			// came through a router.
			macs, v4, v6 := l.addressesOf(others)
			if len(macs) == 0 {
				continue
			}
			fmt.Fprintf(&b, "%sether saddr { %s } drop\n", to, strings.Join(macs, ", "))
			fmt.Fprintf(&b, "%sip saddr { %s } drop\n", to, strings.Join(v4, ", "))
			fmt.Fprintf(&b, "%sip6 saddr { %s } drop\n", to, strings.Join(v6, ", "))
		}
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// portsOf lists the ports of a switch that lead to the named systems.
func (l *Lab) portsOf(names []string, s *swtch) []string {
	var ports []string
	for _, name := range names {
		sys := l.systems[name]
		if sys == nil || sys.gone {
			continue
		}
		for _, n := range sys.nics {
			if n.Switch == s.Name {
				ports = append(ports, PortName(n.Port))
			}
		}
	}
	return ports
}

func (l *Lab) addressesOf(names []string) (macs, v4, v6 []string) {
	for _, name := range names {
		for _, n := range l.systems[name].nics {
			macs = append(macs, n.MAC)
			v4 = append(v4, n.Addr.Addr().String())
			v6 = append(v6, n.Addr6.Addr().String())
		}
	}
	return macs, v4, v6
}
