package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// lldpSeconds is how often a switch speaks; real ones take 30 s.
const lldpSeconds = 1

// lldpSocket is where lldpcli finds the lldpd of its cell.
const lldpSocket = "/run/lldpd.socket"

// startSwitches sets up the packet filter and starts the lldpd of every switch.
func (l *Lab) startSwitches(context.Context) error {
	if err := l.applyLoss(); err != nil {
		return err
	}
	return each(l.switchList(), l.startSpeaking)
}

// startSpeaking starts the lldpd of a switch, unless it is a mute one.
func (l *Lab) startSpeaking(s *swtch) error {
	if s.Speaks == Mute {
		return nil
	}
	conf := filepath.Join(l.Dir, s.Name+".lldpd.conf")
	if err := os.WriteFile(conf, []byte(l.lldpConf(s)), 0o644); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	args := []string{"lldpd", "-d"}
	switch s.Speaks { // measured: -cc and up alone turn LLDP off
	case LLDP:
		args = append(args, "-l")
	case CDP:
		args = append(args, "-ccc")
	case Both:
		args = append(args, "-l", "-ccc")
	}
	args = append(args, "-k", "-M", "4", "-u", lldpSocket, "-O", conf)
	p, err := l.startIn(s.cell, s.Name, args)
	if err != nil {
		return err
	}
	s.lldpd = p
	return nil
}

// lldpConf is what a switch says about itself and its ports.
func (l *Lab) lldpConf(s *swtch) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, "configure "+format+"\n", args...) }
	say("system hostname %s.lab", s.Name)
	say("system description \"Lab Switch OS 1.%d\"", s.number)
	say("system platform \"LabSwitch-48T\"")
	say("system interface pattern swp*,to-*")
	say("system capabilities enabled bridge")
	say("system ip management pattern %s", s.addr().Addr())
	say("lldp tx-interval %d", lldpSeconds)
	for _, name := range l.order {
		sys := l.systems[name]
		if sys == nil {
			continue
		}
		for _, n := range sys.nics {
			if n.Switch == s.Name {
				for _, words := range s.portConf(n.Port, name, n.Name) {
					fmt.Fprintf(&b, "%s\n", quoted(words))
				}
			}
		}
	}
	for _, t := range l.plan.Trunks {
		for _, end := range [][2]string{{t.A, t.B}, {t.B, t.A}} {
			if end[0] == s.Name {
				say("ports %s lldp portdescription \"trunk to %s\"", trunkPort(end[1]), end[1])
			}
		}
	}
	return b.String()
}

// quoted writes words as a line of lldpcli.
func quoted(words []string) string {
	line := slices.Clone(words)
	for i, w := range line {
		if strings.Contains(w, " ") {
			line[i] = `"` + w + `"`
		}
	}
	return strings.Join(line, " ")
}

// PortDescription is what a switch tells about the port of a cable.
func PortDescription(system, nic string) string { return system + " " + nic }

// portConf is what a switch says about one port, as lldpcli commands.
func (s *swtch) portConf(port int, system, nic string) [][]string {
	configure := []string{"configure", "ports", PortName(port), "lldp"}
	list := [][]string{
		append(slices.Clone(configure), "portidsubtype", "local", PortID(port)),
		append(slices.Clone(configure), "portdescription", PortDescription(system, nic)),
	}
	if s.VLAN != 0 {
		list = append(list, append(slices.Clone(configure), "custom-tlv", "add", "oui", "00,80,c2", "subtype", "1",
			"oui-info", fmt.Sprintf("%02x,%02x", s.VLAN>>8, s.VLAN&255)))
	}
	return list
}

// noticing is how long lldpd may take until it sees a new interface.
const noticing = 10 * time.Second

// describe tells a running lldpd about a port that was not there when it
// started. lldpd takes about a second to notice the interface, ignores what is
// said about it before, and meanwhile speaks there with the interface's own
// name: so does a real switch that is being configured.
func (l *Lab) describe(s *swtch, port int, system, nic string) error {
	l.mu.Lock()
	lldpd := s.lldpd
	l.mu.Unlock()
	if lldpd == nil || !lldpd.Running() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), noticing)
	defer cancel()
	if err := Until(ctx, fmt.Sprintf("lldpd of %s sees %s", s.Name, PortName(port)), func() error {
		out, err := s.cell.runContext(ctx, "lldpcli", "-u", lldpSocket, "show", "interfaces", "ports", PortName(port))
		if err == nil && !strings.Contains(string(out), "Interface:") {
			err = fmt.Errorf("it sees %q", out)
		}
		return err
	}); err != nil {
		return err
	}
	for _, words := range s.portConf(port, system, nic) {
		if _, err := s.cell.runContext(ctx, append([]string{"lldpcli", "-u", lldpSocket}, words...)...); err != nil {
			return err
		}
	}
	return nil
}
