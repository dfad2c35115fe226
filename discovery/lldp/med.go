package lldp

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// MED is what ANSI/TIA-1057's TLVs say.
type MED struct {
	Capabilities []string  `json:"capabilities,omitempty"`
	Device       string    `json:"device,omitempty"`
	Policies     []Policy  `json:"policies,omitempty"`
	Location     *Location `json:"location,omitempty"`
	Power        *MEDPower `json:"power,omitempty"`
	Hardware     string    `json:"hardware_revision,omitempty"`
	Firmware     string    `json:"firmware_revision,omitempty"`
	Software     string    `json:"software_revision,omitempty"`
	Serial       string    `json:"serial,omitempty"`
	Maker        string    `json:"manufacturer,omitempty"`
	Model        string    `json:"model,omitempty"`
	Asset        string    `json:"asset,omitempty"`
}

// Policy is a network policy for one kind of application.
type Policy struct {
	Application string `json:"application"`
	Unknown     bool   `json:"unknown,omitempty"`
	Tagged      bool   `json:"tagged"`
	VLAN        int    `json:"vlan"`
	Priority    int    `json:"priority"`
	DSCP        int    `json:"dscp"`
}

// Location is where the port is.
type Location struct {
	Latitude  string            `json:"latitude,omitempty"` // degrees
	Longitude string            `json:"longitude,omitempty"`
	Altitude  string            `json:"altitude,omitempty"`
	Bits      []int             `json:"resolution_bits,omitempty"` // of latitude, longitude, altitude: how many count
	AltKind   string            `json:"altitude_kind,omitempty"`   // meters or floors
	Datum     string            `json:"datum,omitempty"`
	What      string            `json:"what,omitempty"` // whose address: dhcp server, network element, client
	Country   string            `json:"country,omitempty"`
	Civic     map[string]string `json:"civic,omitempty"` // by type of RFC 4776
	ELIN      string            `json:"elin,omitempty"`  // emergency call number
	Other     string            `json:"other,omitempty"` // hex
}

// MEDPower is extended power via MDI.
type MEDPower struct {
	Type     string `json:"type"`
	Source   string `json:"source"`
	Priority string `json:"priority"`
	Value    int    `json:"value_mw"`
}

// med reads a TLV of LLDP-MED and reports whether it knows the subtype.
func (a *Advert) med(subtype int, v []byte) bool {
	least := map[int]int{1: 3, 2: 4, 3: 1, 4: 3}[subtype]
	if subtype < 1 || subtype > 11 {
		return false
	}
	if len(v) < least {
		a.wrong("LLDP-MED subtype %d has %d bytes where %d belong", subtype, len(v), least)
		return true
	}
	if a.MED == nil {
		a.MED = &MED{}
	}
	m := a.MED
	switch subtype {
	case 1:
		m.Capabilities = bits(uint32(be16(v)), []string{"capabilities", "policy", "location", "power pse", "power pd", "inventory"})
		m.Device = named(int(v[2]), "not defined", "endpoint class 1", "endpoint class 2", "endpoint class 3", "network connectivity")
	case 2:
		m.Policies = append(m.Policies, policy(v))
	case 3:
		a.location(v)
	case 4:
		m.Power = medPower(v)
	case 5:
		m.Hardware = text(v)
	case 6:
		m.Firmware = text(v)
	case 7:
		m.Software = text(v)
	case 8:
		m.Serial = text(v)
	case 9:
		m.Maker = text(v)
	case 10:
		m.Model = text(v)
	case 11:
		m.Asset = text(v)
	}
	return true
}

// policy reads | application 8 | unknown 1 | tagged 1 | 1 | VLAN 12 | priority 3 | DSCP 6 |, in bits.
func policy(v []byte) Policy {
	b := be32(v)
	return Policy{
		Application: named(int(v[0]), "", "voice", "voice signaling", "guest voice", "guest voice signaling", "softphone voice",
			"video conferencing", "streaming video", "video signaling"),
		Unknown:  b>>23&1 != 0,
		Tagged:   b>>22&1 != 0,
		VLAN:     int(b >> 9 & 0xfff),
		Priority: int(b >> 6 & 7),
		DSCP:     int(b & 0x3f),
	}
}

func medPower(v []byte) *MEDPower {
	kind := int(v[0] >> 6)
	p := &MEDPower{Type: named(kind, "pse", "pd"), Value: int(be16(v[1:])) * 100}
	if kind == 0 {
		p.Source = named(int(v[0]>>4&3), "unknown", "primary", "backup", "reserved")
	} else {
		p.Source = named(int(v[0]>>4&3), "unknown", "pse", "local", "pse and local")
	}
	p.Priority = named(int(v[0]&15), "unknown", "critical", "high", "low")
	return p
}

func (a *Advert) location(v []byte) {
	if a.MED.Location == nil {
		a.MED.Location = &Location{}
	}
	l, data := a.MED.Location, v[1:]
	switch {
	case v[0] == 1 && len(data) >= 16:
		l.coordinates(data)
	case v[0] == 2 && len(data) >= 4:
		a.civic(l, data)
	case v[0] == 3:
		l.ELIN = text(data)
	default:
		l.Other = hex.EncodeToString(v)
	}
}

// coordinates reads RFC 6225's form, in bits:
//
//	| resolution 6 | latitude 34 | resolution 6 | longitude 34 | kind 4 | resolution 6 | altitude 30 | datum 8 |
func (l *Location) coordinates(b []byte) {
	latitude := uint64(be32(b))<<8 | uint64(b[4])
	longitude := uint64(be32(b[5:]))<<8 | uint64(b[9])
	altitude := uint64(be32(b[10:]))<<8 | uint64(b[14])
	l.Latitude = fixed(latitude, 34, 25)
	l.Longitude = fixed(longitude, 34, 25)
	l.Altitude = fixed(altitude, 30, 8)
	l.Bits = []int{int(latitude >> 34), int(longitude >> 34), int(altitude >> 30 & 63)}
	l.AltKind = named(int(altitude>>36&15), "", "meters", "floors")
	l.Datum = named(int(b[15]), "", "WGS84", "NAD83/NAVD88", "NAD83/MLLW")
}

// fixed writes a two's complement number of the given bits, some of them behind
// the point, with 8 decimals.
func fixed(v uint64, bits, behind int) string {
	n := int64(v<<(64-bits)) >> (64 - bits)
	f := float64(n) / math.Exp2(float64(behind))
	return strconv.FormatFloat(f, 'f', 8, 64)
}

// civic reads | length 1 | what 1 | country 2 | type 1, length 1, text ... |
func (a *Advert) civic(l *Location, b []byte) {
	l.What = named(int(b[1]), "dhcp server", "network element", "client")
	l.Country = text(b[2:4])
	rest := b[4:max(4, min(1+int(b[0]), len(b)))]
	for len(rest) >= 2 {
		size := int(rest[1])
		if len(rest) < 2+size {
			a.wrong("civic location: an element claims %d bytes where %d are left", size, len(rest)-2)
			return
		}
		if l.Civic == nil {
			l.Civic = map[string]string{}
		}
		l.Civic[civicName(int(rest[0]))] = text(rest[2 : 2+size])
		rest = rest[2+size:]
	}
}

// civicName is the short name of an element (RFC 4776, 3.4).
func civicName(kind int) string {
	names := map[int]string{0: "language", 1: "A1", 2: "A2", 3: "A3", 4: "A4", 5: "A5", 6: "A6", 16: "PRD", 17: "POD", 18: "STS", 19: "HNO",
		20: "HNS", 21: "LMK", 22: "LOC", 23: "NAM", 24: "PC", 25: "building", 26: "unit", 27: "floor", 28: "room", 29: "place type",
		30: "PCN", 31: "PO box", 32: "additional code", 33: "seat", 34: "primary road", 128: "script"}
	if name, ok := names[kind]; ok {
		return name
	}
	return fmt.Sprintf("type %d", kind)
}
