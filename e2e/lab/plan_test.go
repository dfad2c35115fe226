package lab

import (
	"strings"
	"testing"
)

func TestAPlanReadsBackWhatItWrites(t *testing.T) {
	for _, p := range []Plan{Spread(3, 7), parsed(t, twoSwitches),
		parsed(t, "switch a mute subnet 7\nswitch b cdp vlan 4094\nrouter r a b/1000\nsystem x b root # alone\n\n")} {
		if err := p.Settle(); err != nil {
			t.Fatal(err)
		}
		back := parsed(t, p.String())
		if back.String() != p.String() {
			t.Errorf("wrote\n%s\nread\n%s", p, back)
		}
	}
}

func TestPortsAskedForByNumberAreKeptAndTheOthersFillTheGaps(t *testing.T) {
	p := parsed(t, "switch sw1\nsystem a sw1\nsystem b sw1/1\nsystem c sw1/3\nsystem d sw1\n")
	var ports []int
	for _, s := range p.Systems {
		ports = append(ports, s.Cables[0].Port)
	}
	for i, want := range []int{2, 1, 3, 4} {
		if ports[i] != want {
			t.Errorf("ports are %v", ports)
		}
	}
}

func TestAWrongPlanIsRefusedWithWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		"switch":                          `line 1: "switch" lacks a name`,
		"swich sw1":                       `"swich" is not one of switch, trunk, cma, system, router`,
		"switch sw1 vlan":                 "switch sw1: vlan lacks its number",
		"switch sw1 vlan x":               `vlan "x" is no number`,
		"switch sw1 vlan 5000":            "VLANs 1 to 4094",
		"switch sw1 subnet 8":             "subnets are 0 to 7",
		"switch sw1 loud":                 `"loud" is not one of lldp, cdp, both, mute, vlan N, subnet N`,
		"switch Sw1":                      `"Sw1" is no name`,
		"switch sw1\nswitch sw1":          "two things named sw1",
		"switch sw1\nsystem h01 sw2":      "cabled to sw2, and there is no such switch",
		"switch sw1\nsystem h01 sw1/0":    `"sw1/0" is no port`,
		"switch sw1\nsystem h01 sw1/1001": "ports of sw1 are 1 to 1000",
		"switch sw1\nsystem h01 sw1/5\nsystem h02 sw1/5":                "port 5 of sw1 is taken by h01 and wanted by h02",
		"switch a\nswitch b\ntrunk a c":                                 "trunk a c: there is no such switch",
		"switch a\nswitch b\ntrunk a":                                   "a trunk joins two switches",
		"switch a\nswitch b\nswitch c\ntrunk a b\ntrunk b c\ntrunk c a": "trunk c a closes a loop",
		"switch a\n\nsystem b a a a a a a a a a":                        "more than 8 cables",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v, want %q", text, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(twoSwitches)
	f.Add("switch a both vlan 1 subnet 2\nrouter r a/3\nsystem x a root")
	f.Add("switch sw1 vlan -1\ntrunk sw1 sw1\nsystem h sw1/99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		back, err := Parse(p.String())
		if err != nil || back.String() != p.String() {
			t.Errorf("%v: wrote %q, read %q", err, p, back)
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(make([]byte, 12), 0x08, 0x00, 0x4f, 0, 0))
	f.Add(append(append(make([]byte, 12), 0x86, 0xdd), make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := Frame{Data: data}
		if frame.String() == "" || len(frame.Packet().Payload) > len(data) {
			t.Error(frame)
		}
	})
}
