package lldp

import (
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryFieldOfEveryCaptureEqualsWhatTsharkSays compares each leaf that
// tshark shows of LLDP and CDP frames with what the decoder says of it. A leaf
// that the table below neither compares nor leaves out with a reason is an error,
// so that no field goes unnoticed.
func TestEveryFieldOfEveryCaptureEqualsWhatTsharkSays(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed (apt-get install tshark); captures are not compared with it")
	}
	files, _ := filepath.Glob("testdata/pcap/*.pcap")
	shared, _ := filepath.Glob("../../../shared/fixtures/pcap/*.pcap")
	if len(shared) == 0 {
		t.Log("../shared/fixtures/pcap is not here: captures of real switches are NOT compared, only those of lldpd")
	}
	compared := 0
	for _, name := range append(files, shared...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			frames := readPcap(t, name)
			packets := tshark(t, name)
			if len(frames) != len(packets) {
				t.Fatalf("%d frames, tshark has %d", len(frames), len(packets))
			}
			for i, frame := range frames {
				a, err := Decode(frame)
				if err != nil {
					t.Fatalf("frame %d: %v", i+1, err)
				}
				compared += compare(t, a, packets[i])
			}
		})
	}
	t.Logf("%d fields of %d captures compared", compared, len(files)+len(shared))
	if compared < 100 {
		t.Errorf("only %d fields compared", compared)
	}
}

// passedOver are leaves that carry no fact of their own.
var passedOver = []string{
	"lldp.tlv.type", "lldp.tlv.len", "cdp.tlv.type", "cdp.tlv.len", "lldp.tlv_deprecated", "_ws.", // framing, tshark's remarks
	"lldp.orgtlv.oui", "lldp.ieee.802_1.subtype", "lldp.ieee.802_3.subtype", "lldp.media.subtype", // which TLV it is
	"lldp.mgn.address.len", "lldp.mgn.obj.len", "lldp.ieee.802_1.vlan.name_len", "lldp.media.civic.length", // lengths
	"lldp.ieee.802_1.proto.id_length", "cdp.number_of_addresses", "cdp.address_length", "cdp.protocol_length",
	"cdp.protocol_type", "cdp.protocol", "cdp.oui", "cdp.protocol_id", // how an address or hello is coded
	"lldp.ieee.802_3.pmd_auto_neg_advertised_caps_inv", // the same bits once more, read from the wrong end
	"cdp.checksum",        // of the frame, not about the switch
	"cdp.cluster.ip",      // tshark itself asks "IP?"
	"cdp.cluster.unknown", // and "UNKNOWN"
	"cdp.data",            // of the voice VLAN, without known meaning
	"lldp.ieee.802_3.mdi_power_support", "lldp.ieee.802_3.mac_phy_auto_neg_status", "lldp.ieee.802_1.port_and_vlan_id_flag",
	"lldp.dcbx.proto", "lldp.dcbx.type", "lldp.dcbx.len", "lldp.dcbx.feature.pg.reserved", "lldp.dcbx.ieee.app.reserved", "lldp.ieee.802_3.bt_autoclass_reserved",
	"lldp.ieee.802_3.bt_power_status", "lldp.ieee.802_3.bt_system_setup", "lldp.ieee.802_3.bt_autoclass", "lldp.ieee.802_3.bt_power_down",
	"lldp.ieee.802_3.aggregation_status", "lldp.ieee.802_1.aggregation_status", // bytes whose bits are compared one by one
}

// prefixesOnly are those of passedOver that cover what they begin.
func passed(name string) bool {
	return slices.Contains(passedOver, name) || strings.HasPrefix(name, "_ws.") || strings.HasPrefix(name, "lldp.ieee.802_3.pmd_auto_neg_advertised_caps_inv") ||
		name == "cdp.checksum.status" || name == ""
}

func compare(t *testing.T, a *Advert, says map[string][]string) int {
	t.Helper()
	ours := inTsharksWords(a)
	n := 0
	for name, values := range says {
		if passed(name) {
			continue
		}
		n += len(values)
		have, ok := ours[name]
		switch {
		case !ok:
			t.Errorf("%s = %q is neither compared nor passed over", name, values)
		case !slices.Equal(sorted(have), sorted(values)):
			t.Errorf("%s: we say %q, tshark says %q", name, have, values)
		}
	}
	for name, values := range ours {
		if _, ok := says[name]; !ok && len(values) > 0 {
			t.Errorf("%s: we say %q, tshark says nothing", name, values)
		}
	}
	return n
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// words collects values by tshark's name of the field.
type words map[string][]string

func (w words) add(name string, value any) {
	text := fmt.Sprint(value)
	switch v := value.(type) {
	case bool:
		text = map[bool]string{true: "1", false: "0"}[v]
	case string:
		if v == "" {
			return
		}
	}
	w[name] = append(w[name], text)
}

// place is where a name stands in a list, as a number on the wire.
func place(name string, names ...string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	n, _ := strconv.Atoi(name)
	return n
}

// flags writes each named bit and the whole.
func (w words) flags(whole, format string, set []string, ours []string, theirs []string) {
	value := 0
	for i, name := range ours {
		on := slices.Contains(set, name)
		if on {
			value |= 1 << i
		}
		if i < len(theirs) && theirs[i] != "" {
			w.add(whole+"."+theirs[i], on)
		}
	}
	w.add(whole, fmt.Sprintf(format, value))
}

func inTsharksWords(a *Advert) words {
	w := words{}
	if a.Protocol() == "cdp" {
		w.cdp(a)
		return w
	}
	w.add("lldp.chassis.subtype", place(a.ChassisKind, "", "chassis component", "interface alias", "port component", "mac", "network address", "interface name", "local"))
	if a.ChassisKind == "mac" {
		w.add("lldp.chassis.id.mac", a.ChassisID)
	} else {
		w.add("lldp.chassis.id", a.ChassisID)
	}
	w.add("lldp.port.subtype", place(a.PortKind, "", "interface alias", "port component", "mac", "network address", "interface name", "agent circuit id", "local"))
	if a.PortKind == "mac" {
		w.add("lldp.port.id.mac", a.PortID)
	} else {
		w.add("lldp.port.id", a.PortID)
	}
	w.add("lldp.time_to_live", a.TTL)
	w.add("lldp.port.desc", a.PortText)
	w.add("lldp.tlv.system.name", a.SystemName)
	w.add("lldp.tlv.system.desc", a.SystemText)
	if a.Can != nil || a.Does != nil {
		theirs := []string{"other", "repeater", "bridge", "wlan_access_pt", "router", "telephone", "docsis_cable_device", "station_only"}
		w.flags("lldp.tlv.system_cap", "0x%04x", a.Can, abilities, theirs)
		w.flags("lldp.tlv.enable_system_cap", "0x%04x", a.Does, abilities, theirs)
	}
	for _, m := range a.Management {
		w.add("lldp.mgn.address.subtype", map[string]int{"ipv4": 1, "ipv6": 2, "mac": 6}[m.Family])
		w.add(map[string]string{"ipv4": "lldp.mgn.addr.ip4", "ipv6": "lldp.mgn.addr.ip6", "mac": "lldp.mgn.addr.hex"}[m.Family], m.Addr)
		w.add("lldp.mgn.interface.subtype", place(m.Interface, "", "unknown", "ifindex", "system port"))
		w.add("lldp.mgn.interface.number", m.Number)
	}
	for _, u := range a.Unknown {
		if u.OUI != "" {
			w.add("lldp.unknown_subtype", u.Subtype)
			raw, _ := hex.DecodeString(u.Value)
			w.add("lldp.unknown_subtype.content", mac(raw))
		}
	}
	w.dot1(a.Dot1)
	w.dot3(a.Dot3)
	w.dcbx(a.DCBX)
	w.med(a.MED)
	return w
}

func (w words) dot1(d *Dot1) {
	if d == nil {
		return
	}
	if d.PortVLAN != nil {
		w.add("lldp.ieee.802_1.port_vlan.id", *d.PortVLAN)
	}
	for _, v := range d.ProtocolVLANs {
		w.add("lldp.ieee.802_1.port_and_vlan_id_flag.supported", v.Supported)
		w.add("lldp.ieee.802_1.port_and_vlan_id_flag.enabled", v.Enabled)
		w.add("lldp.ieee.802_1.port_proto_vlan.id", v.ID)
	}
	for _, v := range d.VLANs {
		w.add("lldp.ieee.802_1.vlan.id", v.ID)
		w.add("lldp.ieee.802_1.vlan.name", v.Name)
	}
	for _, p := range d.Protocols {
		raw, _ := hex.DecodeString(p)
		w.add("lldp.ieee.802_1.proto.id", mac(raw))
	}
	// tshark 4.0 names VID digest and management VLAN and shows no value;
	// TestFieldsThatTsharkDoesNotShow reads them.
	if g := d.Aggregation; g != nil {
		w.add("lldp.ieee.802_1.aggregation_status.cap", g.Capable)
		w.add("lldp.ieee.802_1.aggregation_status.enabled", g.Enabled)
		w.add("lldp.ieee.802_1.aggregation_status.porttype", g.Type)
		w.add("lldp.ieee.802_1.aggregated_port_id", g.Port)
	}
}

func (w words) dot3(d *Dot3) {
	if d == nil {
		return
	}
	if n := d.Autonegotiation; n != nil {
		w.add("lldp.ieee.802_3.mac_phy_auto_neg_status.supported", n.Supported)
		w.add("lldp.ieee.802_3.mac_phy_auto_neg_status.enabled", n.Enabled)
		w.flags("lldp.ieee.802_3.pmd_auto_neg_advertised_caps", "0x%04x", n.Advertised, modes, []string{"1000base_tfd", "1000base_t", "1000base_xfd",
			"1000base_x", "fdx_bpause", "fdx_spause", "fdx_apause", "fdx_pause", "100base_t2fd", "100base_t2", "100base_txfd", "100base_tx",
			"100base_t4", "10base_tfd", "10base_t", "other"})
		w.add("lldp.ieee.802_3.pmd_mau_type", fmt.Sprintf("0x%04x", n.MAU))
	}
	if p := d.Power; p != nil {
		w.add("lldp.ieee.802_3.mdi_power_support.port_class", p.Class == "pse")
		w.add("lldp.ieee.802_3.mdi_power_support.supported", p.Supported)
		w.add("lldp.ieee.802_3.mdi_power_support.enabled", p.Enabled)
		w.add("lldp.ieee.802_3.mdi_power_support.pse_pairs", p.PairsCtl)
		w.add("lldp.ieee.802_3.mdi_pse_pair", place(p.Pairs, "", "signal", "spare"))
		w.add("lldp.ieee.802_3.mdi_power_class", place(p.PowerKind, "", "class 0", "class 1", "class 2", "class 3", "class 4"))
		if p.Requested != nil {
			w.add("lldp.ieee.802_3.mdi_power_type", place(p.Type, "type 2 pse", "type 2 pd", "type 1 pse", "type 1 pd"))
			w.add("lldp.ieee.802_3.mdi_power_source", max(place(p.Source, "unknown", "primary", "backup"), place(p.Source, "unknown", "pse", "local")))
			w.add("lldp.ieee.802_3.mdi_power_priority", place(p.Priority, "unknown", "critical", "high", "low"))
			w.add("lldp.ieee.802_3.mdi_pde_requested", *p.Requested/100)
			w.add("lldp.ieee.802_3.mdi_pse_allocated", *p.Allocated/100)
		}
		if p.FourPair != nil {
			w.fourPair(p.FourPair)
		}
	}
	if g := d.Aggregation; g != nil {
		w.add("lldp.ieee.802_3.aggregation_status.cap", g.Capable)
		w.add("lldp.ieee.802_3.aggregation_status.enabled", g.Enabled)
		w.add("lldp.ieee.802_3.aggregated_port_id", g.Port)
	}
	if d.MaxFrame > 0 {
		w.add("lldp.ieee.802_3.max_frame_size", d.MaxFrame)
	}
	if e := d.EEE; e != nil {
		w.add("lldp.ieee.802_3.eee.transmit", e.Transmit)
		w.add("lldp.ieee.802_3.eee.receive", e.Receive)
		w.add("lldp.ieee.802_3.eee.fallback_receive", e.Fallback)
		w.add("lldp.ieee.802_3.eee.echo_transmit", e.EchoTransmit)
		w.add("lldp.ieee.802_3.eee.echo_receive", e.EchoReceive)
	}
}

func (w words) med(m *MED) {
	if m == nil {
		return
	}
	w.flags("lldp.media.subtype.caps", "0x%04x", m.Capabilities, []string{"capabilities", "policy", "location", "power pse", "power pd", "inventory"},
		[]string{"llpd", "network_policy", "location_id", "mdi_pse", "mid_pd", "inventory"})
	w.add("lldp.media.subtype.class", place(m.Device, "not defined", "endpoint class 1", "endpoint class 2", "endpoint class 3", "network connectivity"))
	for _, p := range m.Policies {
		w.add("lldp.media.app_type", place(p.Application, "", "voice", "voice signaling", "guest voice", "guest voice signaling"))
		w.add("lldp.media.policy_flag", p.Unknown)
		w.add("lldp.media.tag_flag", p.Tagged)
		w.add("lldp.media.vlan_id", p.VLAN)
		w.add("lldp.media.l2_prio", p.Priority)
		w.add("lldp.media.dscp", p.DSCP)
	}
	if l := m.Location; l != nil {
		w.location(l)
	}
	if p := m.Power; p != nil {
		w.add("lldp.media.power.type", place(p.Type, "pse", "pd"))
		w.add("lldp.media.power.source", place(p.Source, "unknown", "primary", "backup"))
		w.add("lldp.media.power.prio", place(p.Priority, "unknown", "critical", "high", "low"))
		w.add("lldp.media.power.value", p.Value/100)
	}
	w.add("lldp.media.hardware", m.Hardware)
	w.add("lldp.media.firmware", m.Firmware)
	w.add("lldp.media.software", m.Software)
	w.add("lldp.media.sn", m.Serial)
	w.add("lldp.media.manufacturer", m.Maker)
	w.add("lldp.media.model", m.Model)
	w.add("lldp.media.asset", m.Asset)
}

func (w words) location(l *Location) {
	if l.Latitude != "" {
		w.add("lldp.media.loc.data_format", 1)
		w.add("lldp.media.loc.lat_resolution", l.Bits[0])
		w.add("lldp.media.loc.long_resolution", l.Bits[1])
		w.add("lldp.media.loc.alt_resolution", l.Bits[2])
		w.add("lldp.media.loc.latitude", pointed(l.Latitude, l.Bits[0], 25))
		w.add("lldp.media.loc.longitude", pointed(l.Longitude, l.Bits[1], 25))
		w.add("lldp.media.loc.altitude", pointed(l.Altitude, 0, 8))
		w.add("lldp.media.loc.alt_type", place(l.AltKind, "", "meters", "floors"))
		w.add("lldp.media.loc.datum", place(l.Datum, "", "WGS84"))
	}
	if l.Country != "" {
		w.add("lldp.media.loc.data_format", 2)
		w.add("lldp.media.civic.what", place(l.What, "dhcp server", "network element", "client"))
		w.add("lldp.media.civic.country", l.Country)
		for name, value := range l.Civic {
			for kind := range 256 {
				if civicName(kind) == name {
					w.add("lldp.media.civic.type", kind)
				}
			}
			w.add("lldp.media.civic.value", value)
		}
	}
	if l.ELIN != "" {
		w.add("lldp.media.loc.data_format", 3)
		w.add("lldp.media.ecs", l.ELIN)
	}
}

// pointed turns degrees back into the fixed point number, with the 6 bits of
// resolution before it, as tshark shows it.
func pointed(text string, resolution, behind int) int64 {
	f, _ := strconv.ParseFloat(text, 64)
	n := f * float64(int64(1)<<behind)
	return int64(resolution)<<34 + int64(n+0.5)
}

func (w words) cdp(a *Advert) {
	c := a.CDP
	w.add("cdp.version", a.Version)
	w.add("cdp.ttl", a.TTL)
	w.add("cdp.deviceid", a.ChassisID)
	w.add("cdp.portid", a.PortID)
	w.add("cdp.platform", c.Platform)
	for l := range strings.SplitSeq(a.SystemText, "\n") {
		w.add("cdp.software_version", l)
	}
	w.flags("cdp.capabilities", "0x%08x", a.Can, cdpAbilities, []string{"router", "trans_bridge", "src_bridge", "switch", "host", "igmp_capable", "repeater", "voip_phone", "remote", "cvta", "mac_relay"})
	for _, addr := range c.Addresses {
		w.add("cdp.nrgyz.ip_address", addr)
	}
	for _, m := range a.Management {
		w.add("cdp.nrgyz.ip_address", m.Addr)
	}
	if a.Dot1 != nil {
		w.add("cdp.native_vlan", *a.Dot1.PortVLAN)
	}
	if c.VTPDomain != nil {
		w.add("cdp.vtp_management_domain", *c.VTPDomain)
	}
	if c.Duplex != "" {
		w.add("cdp.duplex", c.Duplex == "full")
	}
	if c.VoiceVLAN != nil {
		w.add("cdp.voice_vlan", *c.VoiceVLAN)
	}
	if c.Trust != nil {
		w.add("cdp.trust_bitmap", fmt.Sprintf("0x%02x", *c.Trust))
	}
	if c.Untrusted != nil {
		w.add("cdp.untrusted_port_cos", fmt.Sprintf("0x%02x", *c.Untrusted))
	}
	if k := c.Cluster; k != nil {
		var major, minor int
		fmt.Sscanf(k.Version, "%d.%d", &major, &minor)
		w.add("cdp.cluster.master_ip", k.Master)
		w.add("cdp.cluster.version", fmt.Sprintf("0x%02x", major))
		w.add("cdp.cluster.sub_version", fmt.Sprintf("0x%02x", minor))
		w.add("cdp.cluster.status", fmt.Sprintf("0x%02x", k.Status))
		w.add("cdp.cluster.commander_mac", k.Commander)
		w.add("cdp.cluster.switch_mac", k.Switch)
		w.add("cdp.cluster.management_vlan", k.VLAN)
	}
}

// node is an element of tshark's PDML.
type node struct {
	Name   string `xml:"name,attr"`
	Show   string `xml:"show,attr"`
	Fields []node `xml:"field"`
}

// tshark returns, for each packet, the values of each field by name.
func tshark(t *testing.T, file string) []map[string][]string {
	t.Helper()
	out, err := exec.Command("tshark", "-r", file, "-T", "pdml").Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("tshark %s: %v", file, err)
	}
	var doc struct {
		Packets []struct {
			Protos []node `xml:"proto"`
		} `xml:"packet"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		t.Fatalf("tshark %s: %v", file, err)
	}
	var packets []map[string][]string
	for _, p := range doc.Packets {
		values := map[string][]string{}
		for _, proto := range p.Protos {
			if proto.Name == "lldp" || proto.Name == "cdp" {
				gather(values, proto.Fields)
			}
		}
		packets = append(packets, values)
	}
	return packets
}

func gather(values map[string][]string, fields []node) {
	for _, f := range fields {
		if f.Name != "" && f.Show != "" {
			values[f.Name] = append(values[f.Name], strings.TrimRight(f.Show, "\x00"))
		}
		gather(values, f.Fields)
	}
}

// readPcap reads a capture file of the classic form, of either byte order.
func readPcap(t testing.TB, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || len(b) < 24 {
		t.Fatalf("%s: %v", name, err)
	}
	little := b[0] == 0xd4 || b[0] == 0x4d
	size := func(b []byte) int {
		if little {
			return int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		}
		return int(be32(b))
	}
	var frames [][]byte
	for b = b[24:]; len(b) >= 16; {
		n := size(b[8:])
		if len(b) < 16+n {
			t.Fatalf("%s is cut off", name)
		}
		frames = append(frames, b[16:16+n])
		b = b[16+n:]
	}
	return frames
}
