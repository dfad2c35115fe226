package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxPlanText bounds the text of a plan.
const maxPlanText = 1 << 20

// speeches are the words for the ways a switch speaks, by Speech.
var speeches = []string{"lldp", "cdp", "both", "mute"}

// Parse reads a plan, one thing per line:
//
//	# comment
//	switch sw1 [lldp|cdp|both|mute] [vlan 100] [subnet 1]
//	trunk  sw1 sw2
//	cma    cma sw1
//	system h01 sw1            next free port
//	system h02 sw1/7 sw2/7    dual-homed, at port 7 of both
//	system h03 sw2 root       with a root file system of its own
//	router r1 sw1 sw3         between the subnets of these switches
//	router r2 sw1 sw1         ... and that of the second cards on sw1
func Parse(text string) (Plan, error) {
	var p Plan
	if len(text) > maxPlanText {
		return p, fmt.Errorf("lab: a plan of %d bytes is longer than %d", len(text), maxPlanText)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := p.line(words); err != nil {
			return Plan{}, fmt.Errorf("lab: line %d: %w", n, err)
		}
	}
	return p, p.Settle()
}

func (p *Plan) line(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("%q lacks a name", words[0])
	}
	kind, name, rest := words[0], words[1], words[2:]
	switch kind {
	case "switch":
		return p.switchLine(name, rest)
	case "trunk":
		if len(rest) != 1 {
			return fmt.Errorf("a trunk joins two switches: trunk sw1 sw2")
		}
		p.Trunks = append(p.Trunks, Trunk{name, rest[0]})
		return nil
	case "cma", "system", "router":
		return p.systemLine(System{Name: name, CMA: kind == "cma", Router: kind == "router"}, rest)
	}
	return fmt.Errorf("%q is not one of switch, trunk, cma, system, router", kind)
}

func (p *Plan) switchLine(name string, rest []string) error {
	s := Switch{Name: name}
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		if i := slices.Index(speeches, word); i >= 0 {
			s.Speaks = Speech(i)
			continue
		}
		if word != "vlan" && word != "subnet" {
			return fmt.Errorf("switch %s: %q is not one of %s, vlan N, subnet N", name, word, strings.Join(speeches, ", "))
		}
		if len(rest) == 0 {
			return fmt.Errorf("switch %s: %s lacks its number", name, word)
		}
		number, err := strconv.Atoi(rest[0])
		if err != nil {
			return fmt.Errorf("switch %s: %s %q is no number", name, word, rest[0])
		}
		rest = rest[1:]
		if word == "vlan" {
			s.VLAN = number
		} else {
			s.Subnet = number
		}
	}
	p.Switches = append(p.Switches, s)
	return nil
}

func (p *Plan) systemLine(s System, rest []string) error {
	for _, word := range rest {
		if word == "root" {
			s.Root = true
			continue
		}
		sw, port, given := strings.Cut(word, "/")
		c := Cable{Switch: sw}
		if given {
			n, err := strconv.Atoi(port)
			if err != nil || n < 1 {
				return fmt.Errorf("%s: %q is no port: write SWITCH/NUMBER", s.Name, word)
			}
			c.Port = n
		}
		s.Cables = append(s.Cables, c)
	}
	p.Systems = append(p.Systems, s)
	return nil
}
