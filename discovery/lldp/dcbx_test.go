package lldp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// organizational writes a TLV of an organization; its value is given in hex.
func organizational(oui string, subtype byte, value string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(oui+fmt.Sprintf("%02x", subtype)+value, " ", ""))
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, 127<<9|uint16(len(raw))), raw...)
}

// rare are TLVs of which no switch at hand makes a capture. They are written as
// their standards draw them, and tshark is the judge of both sides.
var rare = map[string][]byte{
	"ETS in use":              organizational("0080c2", 9, "c7 01234567 0a141e0a0a0a0a0a 0201000200ff0002"),
	"ETS recommended":         organizational("0080c2", 10, "00 00112233 1919191900000000 0202020200000000"),
	"flow control":            organizational("0080c2", 11, "c8 08"),
	"applications":            organizational("0080c2", 12, "00 618906 82 0cbc 0b 12b7"),
	"CEE":                     organizational("001b21", 2, "020a 00 00 00000007 00000009  0411 00 00 80 00 01234567 32320000000000 00 08  0606 00 00 c0 00 08 03  0810 00 00 80 00 8906 001b21 08  0cbc 011b21 10"),
	"802.3bt, giver":          organizational("00120f", 2, "07 01 05 13 01f4 01e0 0102 0103 0104 0105 9cb6 02 0384 06 740014"),
	"802.3bt, taker of class": organizational("00120f", 2, "0a 02 05 61 00ff 00fa 0000 0000 0000 0000 6b7f 09 0000 01 000000"),
}

// frame is a whole LLDP frame with one more TLV.
func frame(tlv []byte) []byte {
	b, _ := hex.DecodeString("0180c200000e" + "02a55a010001" + "88cc" + "02070402a55a010001" + "040605" + "4769312f30" + "06020078")
	return append(append(b, tlv...), 0, 0)
}

func TestDataCenterBridgingAndFourPairPowerEqualWhatTsharkSays(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed (apt-get install tshark); the decoder of these TLVs has no judge here")
	}
	for what, tlv := range rare {
		t.Run(what, func(t *testing.T) {
			a, err := Decode(frame(tlv))
			if err != nil || a.Problems != nil || a.Unknown != nil {
				t.Fatalf("%v, problems %q, unknown %v", err, a.Problems, a.Unknown)
			}
			packets := tshark(t, writePcap(t, frame(tlv)))
			if n := compare(t, a, packets[0]); n < 10 {
				t.Errorf("only %d fields compared", n)
			}
		})
	}
}

// writePcap writes one frame as a capture file.
func writePcap(t *testing.T, frame []byte) string {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint64(b, 0), 65535)
	b = le.AppendUint32(b, 1) // Ethernet
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(frame))), uint32(len(frame)))
	name := filepath.Join(t.TempDir(), "frame.pcap")
	if err := os.WriteFile(name, append(b, frame...), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTLVsOfDataCenterBridgingThatAreCutOffAreSaid(t *testing.T) {
	for what, tlv := range rare {
		head := tlv[:2+4+1] // and one byte of its value
		head = append(binary.BigEndian.AppendUint16(nil, 127<<9|uint16(len(head)-2)), head[2:]...)
		a, err := Decode(frame(head))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if len(a.Problems) == 0 && what != "applications" && what != "CEE" {
			t.Errorf("%s: one byte is taken for the whole", what)
		}
	}
}

// dcbx writes data center bridging in tshark's words.
func (w words) dcbx(d *DCBX) {
	if d == nil {
		return
	}
	if c := d.Version; c != nil {
		w.cee(d)
		return
	}
	for _, e := range []*ETS{d.ETS, d.Recommended} {
		if e == nil {
			continue
		}
		if e == d.ETS {
			w.add("lldp.dcbx.ieee.willing", e.Willing)
			w.add("lldp.dcbx.ieee.ets.cbs", e.Shaper)
			w.add("lldp.dcbx.ieee.ets.maxtcs", e.Classes)
		}
		w.classes(e)
		for i, v := range e.Algorithms {
			w.add(fmt.Sprintf("lldp.dcbx.ieee.ets.tsa%d", i), v)
		}
	}
	if p := d.PFC; p != nil {
		w.add("lldp.dcbx.ieee.willing", p.Willing)
		w.add("lldp.dcbx.ieee.pfc.mbc", p.Bypass)
		w.add("lldp.dcbx.ieee.pfc.numtcs", p.Classes)
		w.pausable(p)
	}
	for _, a := range d.Apps {
		w.add("lldp.dcbx.ieee.app.prio", a.Priority)
		w.add("lldp.dcbx.iee.app.sf", a.Selector)
		w.add("lldp.dcbx.feature.app.proto", fmt.Sprintf("0x%04x", a.Protocol))
	}
}

func (w words) classes(e *ETS) {
	for i, v := range e.Assigned {
		w.add(fmt.Sprintf("lldp.dcbx.feature.pg.pgid_prio%d", i), v)
	}
	for i, v := range e.Bandwidth {
		w.add(fmt.Sprintf("lldp.dcbx.feature.pg.per%d", i), v)
	}
}

func (w words) pausable(p *PFC) {
	for i := range 8 {
		w.add(fmt.Sprintf("lldp.dcbx.feature.pfc.prio%d", i), slices.Contains(p.Enabled, i))
	}
}

func (w words) cee(d *DCBX) {
	w.add("lldp.dcbx.version", fmt.Sprintf("0x%02x", d.Version.Operating))
	w.add("lldp.dcbx.max_version", fmt.Sprintf("0x%02x", d.Version.Most))
	w.add("lldp.dcbx.control.seq", d.Version.Sequence)
	w.add("lldp.dcbx.control.ack", d.Version.Ack)
	for _, f := range d.Features {
		w.add("lldp.dcbx.version", fmt.Sprintf("0x%02x", f.Operating))
		w.add("lldp.dcbx.max_version", fmt.Sprintf("0x%02x", f.Most))
		w.add("lldp.dcbx.feature.enabled", f.Enabled)
		w.add("lldp.dcbx.feature.willing", f.Willing)
		w.add("lldp.dcbx.feature.error", f.Error)
		w.add("lldp.dcbx.feature.subtype", fmt.Sprintf("0x%02x", f.Subtype))
	}
	if d.ETS != nil {
		w.classes(d.ETS)
		w.add("lldp.dcbx.feature.pg.numtcs", fmt.Sprintf("0x%02x", d.ETS.Classes))
	}
	if d.PFC != nil {
		w.pausable(d.PFC)
		w.add("lldp.dcbx.feature.pfc.numtcs", fmt.Sprintf("0x%02x", d.PFC.Classes))
	}
	for _, a := range d.Apps {
		w.add("lldp.dcbx.feature.app.proto", fmt.Sprintf("0x%04x", a.Protocol))
		w.add("lldp.dcbx.feature.app.sf", a.Selector)
		w.add("lldp.dcbx.feature.app.oui", fmt.Sprintf("0x%06x", a.OUI))
		for _, p := range a.Priorities {
			w.add("lldp.dcbx.feature.app.prio", p)
		}
	}
}

// fourPair writes 802.3bt in tshark's words.
func (w words) fourPair(p *PowerBT) {
	const bt = "lldp.ieee.802_3.bt_"
	w.add(bt+"ds_pd_requested_power_value_mode_a", p.RequestedA/100)
	w.add(bt+"ds_pd_requested_power_value_mode_b", p.RequestedB/100)
	w.add(bt+"ds_pse_allocated_power_value_alt_a", p.AllocatedA/100)
	w.add(bt+"ds_pse_allocated_power_value_alt_b", p.AllocatedB/100)
	w.add(bt+"pse_powering_status", slices.Index(poweringStates, p.Powering))
	w.add(bt+"pd_powered_status", slices.Index(poweredStates, p.Powered))
	w.add(bt+"pse_power_pairs_ext", slices.Index(pairsUsed, p.PairsUsed))
	w.add(bt+"ds_pwr_class_ext_a", p.ClassA)
	w.add(bt+"ds_pwr_class_ext_b", p.ClassB)
	w.add(bt+"pwr_class_ext_", p.Class)
	w.add(bt+"power_type_ext", slices.Index(typesBT, p.Type))
	w.add(bt+"pse_maximum_available_power_value", p.Available/100)
	w.add(bt+"pse_autoclass_support", p.Autoclass.Supported)
	w.add(bt+"autoclass_completed", p.Autoclass.Completed)
	w.add(bt+"autoclass_request", p.Autoclass.Requested)
	w.add(bt+"power_down_request", p.DownRequest)
	w.add(bt+"power_down_time", p.DownTime)
}
