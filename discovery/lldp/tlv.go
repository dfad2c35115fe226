package lldp

import (
	"encoding/hex"
	"fmt"
	"strings"
)

const etherLLDP = 0x88cc

// The types of LLDP's own TLVs (IEEE 802.1AB-2016, clause 8).
const (
	tlvEnd          = 0
	tlvChassis      = 1
	tlvPort         = 2
	tlvTTL          = 3
	tlvPortText     = 4
	tlvSystemName   = 5
	tlvSystemText   = 6
	tlvCapabilities = 7
	tlvManagement   = 8
	tlvOrganization = 127
)

// lldp reads an LLDPDU, a list of TLVs:
//
//	| type 7 bits | length 9 bits | value: length bytes |
//
// The first three are chassis id, port id and time to live, the last is the end.
func (a *Advert) lldp(b []byte) error {
	seen := 0
	for {
		if len(b) < 2 {
			return a.complete(seen, true)
		}
		head := be16(b)
		typ, size := int(head>>9), int(head&0x1ff)
		if len(b) < 2+size {
			a.wrong("a TLV of type %d claims %d bytes where %d are left", typ, size, len(b)-2)
			return a.complete(seen, true)
		}
		value := b[2 : 2+size]
		b = b[2+size:]
		if typ == tlvEnd || seen >= maxTLVs {
			return a.complete(seen, false)
		}
		if err := a.mandatory(seen, typ, size); err != nil {
			return err
		}
		seen++
		a.tlv(typ, value)
	}
}

// mandatory holds the first three TLVs to their places and sizes, and lets none
// of them come twice.
func (a *Advert) mandatory(place, typ, size int) error {
	if place > 2 {
		if typ <= tlvTTL {
			return fmt.Errorf("lldp: TLV of type %d comes twice", typ)
		}
		return nil
	}
	least := 2
	if want := place + 1; typ != want {
		return fmt.Errorf("lldp: TLV %d has type %d where %d belongs", want, typ, want)
	}
	if size < least || typ != tlvTTL && size > 256 {
		return fmt.Errorf("lldp: TLV of type %d has a value of %d bytes; 2 to 256 are right", typ, size)
	}
	return nil
}

func (a *Advert) complete(seen int, noEnd bool) error {
	if seen < 3 {
		return fmt.Errorf("lldp: only %d TLVs; chassis id, port id and time to live are a must: %w", seen, ErrShort)
	}
	if noEnd {
		a.wrong("the end TLV is missing")
	}
	return nil
}

func (a *Advert) tlv(typ int, v []byte) {
	switch typ {
	case tlvChassis:
		a.ChassisKind = named(int(v[0]), "", "chassis component", "interface alias", "port component", "mac", "network address", "interface name", "local")
		a.ChassisID = identity(a.ChassisKind, v[1:])
	case tlvPort:
		a.PortKind = named(int(v[0]), "", "interface alias", "port component", "mac", "network address", "interface name", "agent circuit id", "local")
		a.PortID = identity(a.PortKind, v[1:])
	case tlvTTL:
		a.TTL = int(be16(v))
	case tlvPortText:
		a.PortText = text(v)
	case tlvSystemName:
		a.SystemName = text(v)
	case tlvSystemText:
		a.SystemText = text(v)
	case tlvCapabilities:
		a.capabilities(v)
	case tlvManagement:
		a.management(v)
	case tlvOrganization:
		a.organization(v)
	default:
		a.Unknown = append(a.Unknown, Unknown{Type: typ, Value: hex.EncodeToString(v)})
	}
}

// identity writes a chassis or port id.
func identity(kind string, v []byte) string {
	switch {
	case kind == "mac" && len(v) == 6:
		return mac(v)
	case kind == "network address" && len(v) > 1:
		addr, _ := address(int(v[0]), v[1:])
		return addr
	}
	return text(v)
}

// abilities are the bits of the capabilities TLV.
var abilities = []string{"other", "repeater", "bridge", "wlan access point", "router", "telephone", "docsis cable device", "station",
	"c-vlan component", "s-vlan component", "two-port mac relay"}

func (a *Advert) capabilities(v []byte) {
	if len(v) < 4 {
		a.wrong("capabilities: %d bytes where 4 belong", len(v))
		return
	}
	a.Can = bits(uint32(be16(v)), abilities)
	a.Does = bits(uint32(be16(v[2:])), abilities)
}

// management reads one management address:
//
//	| length 1 | family 1 | address | interface kind 1 | number 4 | OID length 1 | OID |
func (a *Advert) management(v []byte) {
	if len(v) < 2 || v[0] < 1 || len(v) < 1+int(v[0])+6 {
		a.wrong("management address: %d bytes are too few", len(v))
		return
	}
	size := int(v[0])
	m := Management{}
	m.Addr, m.Family = address(int(v[1]), v[2:1+size])
	rest := v[1+size:]
	m.Interface = named(int(rest[0]), "", "unknown", "ifindex", "system port")
	m.Number = be32(rest[1:])
	if oid := rest[6:]; int(rest[5]) <= len(oid) {
		m.OID = oidText(oid[:rest[5]])
	}
	a.Management = append(a.Management, m)
}

// oidText writes an object identifier in BER's base 128 as 1.3.6.1...
func oidText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var out []string
	value := uint64(0)
	for i, c := range b {
		if value > 1<<50 {
			return hex.EncodeToString(b)
		}
		value = value<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			if i == len(b)-1 {
				return hex.EncodeToString(b)
			}
			continue
		}
		if out == nil {
			top := min(value/40, 2)
			out = append(out, fmt.Sprint(top))
			value -= 40 * top
		}
		out = append(out, fmt.Sprint(value))
		value = 0
	}
	return strings.Join(out, ".")
}

// organization hands a TLV to the organization that defined it.
func (a *Advert) organization(v []byte) {
	if len(v) < 4 {
		a.wrong("an organization's TLV has %d bytes where 4 belong at least", len(v))
		return
	}
	oui, subtype, rest := string(v[:3]), int(v[3]), v[4:]
	known := false
	switch oui {
	case "\x00\x80\xc2":
		known = a.dot1(subtype, rest) || a.dcbx(subtype, rest)
	case "\x00\x1b\x21":
		known = a.cee(subtype, rest)
	case "\x00\x12\x0f":
		known = a.dot3(subtype, rest)
	case "\x00\x12\xbb":
		known = a.med(subtype, rest)
	}
	if !known {
		a.Unknown = append(a.Unknown, Unknown{Type: tlvOrganization, OUI: mac(v[:3]), Subtype: subtype, Value: hex.EncodeToString(rest)})
	}
}
