package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// CutCable pulls the plug of a system's network card: both ends lose their
// carrier.
func (l *Lab) CutCable(name, nic string) error { return l.setCable(name, nic, true) }

// MendCable puts it back.
func (l *Lab) MendCable(name, nic string) error { return l.setCable(name, nic, false) }

func (l *Lab) setCable(name, nic string, cut bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.nicLocked(name, nic)
	if err != nil {
		return err
	}
	n.Cut = cut
	return l.switches[n.Switch].cell.ip("link set " + PortName(n.Port) + upDown(!cut))
}

func upDown(up bool) string {
	if up {
		return " up"
	}
	return " down"
}

func (l *Lab) nicLocked(name, nic string) (*NIC, error) {
	s := l.systems[name]
	if s == nil || s.gone {
		return nil, fmt.Errorf("lab: there is no system %s (any more)", name)
	}
	i := slices.IndexFunc(s.nics, func(n NIC) bool { return n.Name == nic })
	if i < 0 {
		return nil, fmt.Errorf("lab: system %s has no network card %s", name, nic)
	}
	return &s.nics[i], nil
}

// MoveCable plugs a system's network card into another port, perhaps of another
// switch; port 0 is the next free one. The system keeps its addresses.
func (l *Lab) MoveCable(name, nic, to string, port int) error {
	port, err := l.replug(name, nic, to, port)
	if err != nil {
		return err
	}
	l.mu.Lock()
	into := l.switches[to]
	l.mu.Unlock()
	return l.describe(into, port, name, nic)
}

// replug moves the interface and returns the port it ended at.
func (l *Lab) replug(name, nic, to string, port int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.nicLocked(name, nic)
	if err != nil {
		return 0, err
	}
	from, into := l.switches[n.Switch], l.switches[to]
	if into == nil {
		return 0, fmt.Errorf("lab: there is no switch %s", to)
	}
	if port, err = l.freePort(to, port); err != nil {
		return 0, err
	}
	if err := from.cell.ipHere(
		"link set "+PortName(n.Port)+" nomaster down",
		fmt.Sprintf("link set %s netns %d name %s", PortName(n.Port), into.cell.pid(), PortName(port))); err != nil {
		return 0, err
	}
	if err := into.cell.ip(fmt.Sprintf("link set %s address %s", PortName(port), portMAC(into.number, port)),
		"link set "+PortName(port)+" master br0 up"); err != nil {
		return 0, err
	}
	n.Switch, n.Port, n.Cut = to, port, false
	return port, l.applyLoss()
}

// freePort checks a port, or finds one when port is 0.
func (l *Lab) freePort(sw string, port int) (int, error) {
	taken := map[int]string{}
	for name, s := range l.systems {
		for _, n := range s.nics {
			if n.Switch == sw && !s.gone {
				taken[n.Port] = name
			}
		}
	}
	if port == 0 {
		for port = 1; taken[port] != ""; port++ {
		}
	}
	if port < 1 || port > maxPort {
		return 0, fmt.Errorf("lab: ports of %s are 1 to %d", sw, maxPort)
	}
	if taken[port] != "" {
		return 0, fmt.Errorf("lab: port %d of %s is taken by %s", port, sw, taken[port])
	}
	return port, nil
}

// RemoveSystem is a loss of power: its links go down and its programs die at
// the same moment. It does not come back; AddSystem brings a new one.
func (l *Lab) RemoveSystem(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.systems[name]
	if s == nil || s.gone {
		return fmt.Errorf("lab: there is no system %s (any more)", name)
	}
	var errs []error
	for _, n := range s.nics {
		errs = append(errs, l.switches[n.Switch].cell.ip("link del "+PortName(n.Port)))
	}
	s.gone = true
	s.cell.close()
	return errors.Join(append(errs, l.applyLoss())...)
}

// AddSystem brings a system into the running lab: a new one, or one with the
// name of a removed one, which gets its old addresses. The other systems find
// its name in their /etc/hosts only if it was in the plan.
func (l *Lab) AddSystem(s System) error {
	nics, err := l.addSystem(s)
	if err != nil {
		return err
	}
	for _, n := range nics {
		l.mu.Lock()
		sw := l.switches[n.Switch]
		l.mu.Unlock()
		if err := l.describe(sw, n.Port, s.Name, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) addSystem(s System) ([]NIC, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.systems[s.Name]
	if old != nil && !old.gone || l.switches[s.Name] != nil || !validName.MatchString(s.Name) {
		return nil, fmt.Errorf("lab: %q is no name for a new system: it is taken or not made of letters, digits and dashes", s.Name)
	}
	s.Cables = slices.Clone(s.Cables)
	for i := range s.Cables {
		c := &s.Cables[i]
		if l.switches[c.Switch] == nil {
			return nil, fmt.Errorf("lab: there is no switch %s", c.Switch)
		}
		port, err := l.freePort(c.Switch, c.Port)
		if err != nil {
			return nil, err
		}
		c.Port = port
	}
	n := l.number(s)
	var err error
	if n.cell, err = l.cellFor(s.Name, s.Root); err == nil {
		err = l.plugIn([]*system{n})
	}
	if err != nil {
		n.gone = true
		if n.cell != nil {
			n.cell.close()
		}
		return nil, err
	}
	return slices.Clone(n.nics), l.applyLoss()
}

// Silence is a way in which a switch falls silent.
type Silence uint8

// The ways of a switch to fall silent.
const (
	StopSpeaking Silence = iota // lldpd ends in order and says that its neighbors shall forget it
	KillSpeaking                // lldpd dies; what it said ages
	PortsDown                   // every port loses its carrier, trunks too: the switch lost its power
	BridgeDown                  // ports keep their carrier, nothing is forwarded
)

// SilenceSwitch makes a switch fall silent in one more way.
func (l *Lab) SilenceSwitch(ctx context.Context, name string, how Silence) error {
	l.mu.Lock()
	s := l.switches[name]
	if s == nil {
		l.mu.Unlock()
		return fmt.Errorf("lab: there is no switch %s", name)
	}
	s.silent = append(s.silent, how)
	lldpd := s.lldpd
	l.mu.Unlock()
	switch how {
	case StopSpeaking, KillSpeaking:
		if lldpd == nil {
			return nil
		}
		if how == KillSpeaking {
			return s.killSpeaking()
		}
		_, err := lldpd.Stop(ctx)
		return err
	case PortsDown:
		return l.setPorts(s, false)
	}
	return s.cell.ip("link set br0 down")
}

// killSpeaking kills lldpd's two processes. Each would say goodbye when it sees
// the other die, so both are stopped first.
func (s *swtch) killSpeaking() error {
	const script = `for signal in STOP KILL; do for p in /proc/[0-9]*; do
	if [ "$(cat $p/comm 2>/dev/null)" = lldpd ]; then kill -$signal ${p#/proc/}; fi
done; done; rm -f `
	if _, err := s.cell.run(allNamespaces, "", "sh", "-c", script+lldpSocket); err != nil {
		return err
	}
	return s.lldpd.Kill()
}

// WakeSwitch ends all silence of a switch. Cut cables stay cut.
func (l *Lab) WakeSwitch(name string) error {
	l.mu.Lock()
	s := l.switches[name]
	if s == nil {
		l.mu.Unlock()
		return fmt.Errorf("lab: there is no switch %s", name)
	}
	silent := s.silent
	s.silent = nil
	l.mu.Unlock()
	if slices.Contains(silent, BridgeDown) {
		if err := s.cell.ip("link set br0 up"); err != nil {
			return err
		}
	}
	if slices.Contains(silent, PortsDown) {
		if err := l.setPorts(s, true); err != nil {
			return err
		}
	}
	if s.lldpd != nil && !s.lldpd.Running() {
		return l.startSpeaking(s)
	}
	return nil
}

// setPorts brings all ports of a switch down, or up those that are not cut.
func (l *Lab) setPorts(s *swtch, up bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var commands []string
	for _, t := range l.plan.Trunks {
		if t.A == s.Name {
			commands = append(commands, "link set "+trunkPort(t.B)+upDown(up))
		} else if t.B == s.Name {
			commands = append(commands, "link set "+trunkPort(t.A)+upDown(up))
		}
	}
	for _, sys := range l.systems {
		for _, n := range sys.nics {
			if n.Switch == s.Name && !sys.gone && !n.Cut {
				commands = append(commands, "link set "+PortName(n.Port)+upDown(up))
			}
		}
	}
	return s.cell.ip(commands...)
}

// CutTrunk and MendTrunk do to a trunk what CutCable does to a cable.
func (l *Lab) CutTrunk(a, b string) error { return l.setTrunk(a, b, false) }

// MendTrunk puts a cut trunk back.
func (l *Lab) MendTrunk(a, b string) error { return l.setTrunk(a, b, true) }

func (l *Lab) setTrunk(a, b string, up bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.plan.Trunks, Trunk{a, b}) && !slices.Contains(l.plan.Trunks, Trunk{b, a}) {
		return fmt.Errorf("lab: there is no trunk between %s and %s", a, b)
	}
	if err := l.switches[a].cell.ip("link set " + trunkPort(b) + upDown(up)); err != nil || !up {
		return err
	}
	return l.switches[b].cell.ip("link set " + trunkPort(a) + upDown(up)) // whichever end was cut
}
