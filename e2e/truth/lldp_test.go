package truth

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"assim/e2e/lab"
)

// lldpSocket is of the lldpd that runs beside the nanoprobe for the comparison.
const lldpSocket = "/run/truth-lldpd.socket"

// neighbor compares what is heard of the switch with what lldpd hears beside us.
func (s *subject) neighbor() {
	if _, err := s.Lab.Start("h01", "lldpd", "-d", "-l", "-c", "-r", "-u", lldpSocket); err != nil {
		s.t.Fatal(err)
	}
	var theirs map[string]string
	err := lab.Until(within(s.t, patience), "lldpd has heard the switch by LLDP", func() error {
		out, err := s.Lab.Run(within(s.t, patience), "h01", "lldpcli", "-u", lldpSocket, "-f", "keyvalue", "show", "neighbors", "details")
		if err != nil {
			return err
		}
		theirs = keys(out, "LLDP")
		if theirs["chassis.name"] == "" {
			return errors.New("nothing yet")
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	type advert struct {
		ChassisID  string   `json:"chassis_id"`
		PortID     string   `json:"port_id"`
		PortText   string   `json:"port_description"`
		Name       string   `json:"system_name"`
		Text       string   `json:"system_description"`
		TTL        int      `json:"ttl_s"`
		Can        []string `json:"capabilities"`
		Does       []string `json:"enabled"`
		Management []struct{ Addr string }
		Dot1       struct {
			PortVLAN int `json:"port_vlan"`
		}
		Dot3 struct {
			MaxFrame int `json:"max_frame_bytes"`
		}
	}
	type document struct {
		Neighbors []struct {
			Link string
			LLDP *advert
		}
	}
	out := s.tool("sh", "-c", filepath.Join(s.bin, "nanoprobe")+" discover lldp --json -wait 12s 2>/dev/null")
	for _, n := range decode[document](s.t, "lldp", out).Neighbors {
		a := n.LLDP
		if a == nil {
			continue
		}
		s.same("lldp", "interface", n.Link, theirs["interface"])
		s.same("lldp", "chassis", a.ChassisID, theirs["chassis.mac"]+theirs["chassis.local"])
		s.same("lldp", "name", a.Name, theirs["chassis.name"])
		s.same("lldp", "description", a.Text, theirs["chassis.descr"])
		s.same("lldp", "port", a.PortID, theirs["port.local"]+theirs["port.ifname"]+theirs["port.mac"])
		s.same("lldp", "port description", a.PortText, theirs["port.descr"])
		s.same("lldp", "time to live", a.TTL, theirs["port.ttl"])
		s.same("lldp", "port VLAN", a.Dot1.PortVLAN, theirs["vlan.vlan-id"])
		s.same("lldp", "bridge", strings.Contains(strings.Join(a.Does, " "), "bridge"), theirs["chassis.Bridge.enabled"] == "on")
		s.same("lldp", "router", strings.Contains(strings.Join(a.Does, " "), "router"), theirs["chassis.Router.enabled"] == "on")
		for _, m := range a.Management {
			s.same("lldp", "management address "+m.Addr, strings.Contains(theirs["chassis.mgmt-ip"], m.Addr), true)
		}
		s.same("lldp", "management addresses", len(a.Management), len(strings.Fields(theirs["chassis.mgmt-ip"])))
	}
}

// keys reads lldpcli's form lldp.eth0.chassis.name=sw1.lab of the neighbor that
// was heard by a protocol; what comes twice has blanks between.
func keys(out []byte, protocol string) map[string]string {
	m, blocks := map[string]string{}, []map[string]string{}
	for _, line := range lines(out) {
		key, value, ok := strings.Cut(line, "=")
		part := strings.SplitN(key, ".", 3)
		if !ok || len(part) < 3 {
			continue
		}
		if part[2] == "via" {
			m = map[string]string{"interface": part[1]}
			blocks = append(blocks, m)
		}
		m[part[2]] = strings.TrimSpace(m[part[2]] + " " + value)
	}
	for _, b := range blocks {
		if strings.HasPrefix(fmt.Sprint(b["via"]), protocol) {
			return b
		}
	}
	return nil
}
