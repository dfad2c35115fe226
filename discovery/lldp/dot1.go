package lldp

import "encoding/hex"

// Dot1 is what IEEE 802.1's TLVs say (802.1Q, annex D).
type Dot1 struct {
	PortVLAN       *int         `json:"port_vlan,omitempty"` // 0 = the port knows none
	ProtocolVLANs  []ProtoVLAN  `json:"protocol_vlans,omitempty"`
	VLANs          []VLAN       `json:"vlans,omitempty"`
	Protocols      []string     `json:"protocols,omitempty"` // first bytes of each, hex
	Digest         *uint32      `json:"vlan_digest,omitempty"`
	ManagementVLAN *int         `json:"management_vlan,omitempty"`
	Aggregation    *Aggregation `json:"link_aggregation,omitempty"`
}

// ProtoVLAN is a port-and-protocol VLAN.
type ProtoVLAN struct {
	ID        int  `json:"id"`
	Supported bool `json:"supported"`
	Enabled   bool `json:"enabled"`
}

// VLAN is a VLAN with its name.
type VLAN struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// Aggregation says whether the port is part of a link aggregation.
type Aggregation struct {
	Capable bool   `json:"capable"`
	Enabled bool   `json:"enabled"`
	Port    uint32 `json:"port"`                // of the aggregation; 0 = none
	Type    int    `json:"port_type,omitempty"` // 802.1 only: 1 = from the aggregation, 2 = from it and its ports
}

// dot1 reads a TLV of 802.1 and reports whether it knows the subtype.
func (a *Advert) dot1(subtype int, v []byte) bool {
	least := map[int]int{1: 2, 2: 3, 3: 3, 4: 1, 5: 4, 6: 2, 7: 5}[subtype]
	if least == 0 {
		return false
	}
	if len(v) < least {
		a.wrong("802.1 subtype %d has %d bytes where %d belong", subtype, len(v), least)
		return true
	}
	if a.Dot1 == nil {
		a.Dot1 = &Dot1{}
	}
	d := a.Dot1
	switch subtype {
	case 1:
		d.PortVLAN = number(be16(v))
	case 2:
		d.ProtocolVLANs = append(d.ProtocolVLANs, ProtoVLAN{ID: int(be16(v[1:])), Supported: v[0]&2 != 0, Enabled: v[0]&4 != 0})
	case 3:
		if size := int(v[2]); len(v) >= 3+size {
			d.VLANs = append(d.VLANs, VLAN{ID: int(be16(v)), Name: text(v[3 : 3+size])})
		} else {
			a.wrong("VLAN name: %d bytes where %d belong", len(v), 3+size)
		}
	case 4:
		d.Protocols = append(d.Protocols, hex.EncodeToString(v[1:min(1+int(v[0]), len(v))]))
	case 5:
		digest := be32(v)
		d.Digest = &digest
	case 6:
		d.ManagementVLAN = number(be16(v))
	case 7:
		d.Aggregation = aggregation(v)
	}
	return true
}

func number(v uint16) *int {
	n := int(v)
	return &n
}

// aggregation is the same in 802.1 and 802.3: status 1, port 4.
func aggregation(v []byte) *Aggregation {
	return &Aggregation{Capable: v[0]&1 != 0, Enabled: v[0]&2 != 0, Type: int(v[0] >> 2 & 3), Port: be32(v[1:])}
}
