package lldp

import (
	"encoding/hex"
	"fmt"
	"net/netip"
)

// snapCDP is the LLC and SNAP header of a CDP frame.
const snapCDP = "\xaa\xaa\x03\x00\x00\x0c\x20\x00"

// CDP is what only CDP says. The protocol has no public standard; what is known
// of it is what tshark and lldpd know.
type CDP struct {
	Addresses  []string `json:"addresses,omitempty"`
	Prefixes   []string `json:"ip_prefixes,omitempty"`
	Gateway    string   `json:"default_gateway,omitempty"` // of on-demand routing
	Platform   string   `json:"platform,omitempty"`
	VTPDomain  *string  `json:"vtp_domain,omitempty"`
	Duplex     string   `json:"duplex,omitempty"`
	VoiceVLAN  *int     `json:"voice_vlan,omitempty"`
	VoiceQuery *int     `json:"voice_vlan_asked,omitempty"`
	Power      *int     `json:"power_consumption_mw,omitempty"`
	Asked      []int    `json:"power_requested_mw,omitempty"`
	Available  []int    `json:"power_available_mw,omitempty"`
	MTU        *uint32  `json:"mtu,omitempty"`
	Trust      *int     `json:"trust,omitempty"`         // 0 = marks of the other end are not trusted
	Untrusted  *int     `json:"untrusted_cos,omitempty"` // class of service given to untrusted ports
	ObjectID   string   `json:"system_object_id,omitempty"`
	Location   string   `json:"location,omitempty"`
	Cluster    *Cluster `json:"cluster,omitempty"`
	Hello      []string `json:"protocol_hello,omitempty"` // of other kinds, hex
	External   string   `json:"external_port_id,omitempty"`
}

// Cluster is Cisco's cluster management as its protocol hello tells it.
type Cluster struct {
	Master    string `json:"master_ip"`
	Commander string `json:"commander_mac"`
	Switch    string `json:"switch_mac"`
	VLAN      int    `json:"management_vlan"`
	Version   string `json:"version"`
	Status    int    `json:"status"`
}

// cdpAbilities are the bits of CDP's capabilities TLV.
var cdpAbilities = []string{"router", "transparent bridge", "source-route bridge", "switch", "host", "igmp", "repeater", "telephone",
	"remotely managed", "cast phone port", "two-port mac relay"}

// cdp reads a CDP packet:
//
//	| version 1 | TTL 1 | checksum 2 | TLVs: type 2, length 2 with this header, value |
func (a *Advert) cdp(b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("cdp: %d bytes: %w", len(b), ErrShort)
	}
	if b[0] == 0 {
		return fmt.Errorf("cdp: there is no version 0")
	}
	a.Version, a.TTL = int(b[0]), int(b[1])
	a.CDP = &CDP{}
	b = b[4:]
	for seen := 0; len(b) >= 4 && seen < maxTLVs; seen++ {
		typ, size := int(be16(b)), int(be16(b[2:]))
		if size < 4 || size > len(b) {
			a.wrong("a TLV of type %d claims %d bytes where %d are left", typ, size, len(b))
			break
		}
		a.cdpTLV(typ, b[4:size])
		b = b[size:]
	}
	if a.ChassisID == "" {
		return fmt.Errorf("cdp: no device id: %w", ErrShort)
	}
	return nil
}

// cdpLeast is how many bytes a TLV of a type has at least.
var cdpLeast = map[int]int{4: 4, 8: 5, 10: 2, 11: 1, 14: 1, 15: 1, 16: 2, 17: 4, 18: 1, 19: 1, 23: 1}

func (a *Advert) cdpTLV(typ int, v []byte) {
	if least := cdpLeast[typ]; len(v) < least {
		a.wrong("CDP type %d has %d bytes where %d belong", typ, len(v), least)
		return
	}
	c := a.CDP
	switch typ {
	case 0x01:
		a.ChassisID, a.ChassisKind = text(v), "device id"
	case 0x02:
		c.Addresses = append(c.Addresses, a.addresses(v)...)
	case 0x03:
		a.PortID, a.PortKind = text(v), "port id"
	case 0x04:
		a.Can = bits(be32(v), cdpAbilities)
	case 0x05:
		a.SystemText = text(v)
	case 0x06:
		c.Platform = text(v)
	case 0x07:
		a.prefixes(v)
	case 0x08:
		a.hello(v)
	case 0x09:
		domain := text(v)
		c.VTPDomain = &domain
	case 0x0a:
		a.dot1(1, v)
	case 0x0b:
		c.Duplex = named(int(v[0]), "half", "full")
	case 0x0e:
		c.VoiceVLAN = voice(v)
	case 0x0f:
		c.VoiceQuery = voice(v)
	case 0x10:
		c.Power = number(be16(v))
	case 0x11:
		mtu := be32(v)
		c.MTU = &mtu
	case 0x12:
		c.Trust = number(uint16(v[0]))
	case 0x13:
		c.Untrusted = number(uint16(v[0]))
	case 0x14:
		a.SystemName = text(v)
	case 0x15:
		c.ObjectID = objectID(v)
	case 0x16:
		for _, addr := range a.addresses(v) {
			a.Management = append(a.Management, Management{Addr: addr, Family: family(addr)})
		}
	case 0x17:
		c.Location = text(v[1:])
	case 0x18:
		c.External = text(v)
	case 0x19:
		c.Asked = milliwatts(v)
	case 0x1a:
		c.Available = milliwatts(v)
	default:
		a.Unknown = append(a.Unknown, Unknown{Type: typ, Value: hex.EncodeToString(v)})
	}
}

// addresses reads | count 4 | and as often | kind 1 | length 1 | protocol | length 2 | address |.
func (a *Advert) addresses(v []byte) []string {
	if len(v) < 4 {
		a.wrong("addresses: %d bytes where 4 belong at least", len(v))
		return nil
	}
	var list []string
	count, b := be32(v), v[4:]
	for ; count > 0; count-- {
		if len(b) < 2 || len(b) < 4+int(b[1]) {
			a.wrong("addresses: %d are missing", count)
			return list
		}
		protocol := string(b[2 : 2+int(b[1])])
		b = b[2+int(b[1]):]
		size := int(be16(b))
		if len(b) < 2+size {
			a.wrong("addresses: one claims %d bytes where %d are left", size, len(b)-2)
			return list
		}
		list = append(list, cdpAddress(protocol, b[2:2+size]))
		b = b[2+size:]
	}
	return list
}

func cdpAddress(protocol string, b []byte) string {
	ip, ok := netip.AddrFromSlice(b)
	switch {
	case ok && protocol == "\xcc" && ip.Is4(), ok && protocol == "\xaa\xaa\x03\x00\x00\x00\x08\x00" && ip.Is4():
		return ip.String()
	case ok && protocol == "\xaa\xaa\x03\x00\x00\x00\x86\xdd" && ip.Is6():
		return ip.String()
	}
	return hex.EncodeToString([]byte(protocol)) + " " + hex.EncodeToString(b)
}

func family(addr string) string {
	ip, err := netip.ParseAddr(addr)
	switch {
	case err != nil:
		return "other"
	case ip.Is4():
		return "ipv4"
	}
	return "ipv6"
}

// prefixes reads networks of 4 bytes and a length each; 4 bytes alone are a
// default gateway.
func (a *Advert) prefixes(v []byte) {
	if len(v) == 4 {
		a.CDP.Gateway = netip.AddrFrom4([4]byte(v)).String()
		return
	}
	for ; len(v) >= 5; v = v[5:] {
		a.CDP.Prefixes = append(a.CDP.Prefixes, fmt.Sprintf("%s/%d", netip.AddrFrom4([4]byte(v)), v[4]))
	}
}

// hello reads a protocol hello; that of cluster management is the one in use:
//
//	| OUI 3 | protocol 2 | master 4 | 4 | version 1, 1 | status 1 | 1 | commander 6 | switch 6 | 1 | VLAN 2 |
func (a *Advert) hello(v []byte) {
	const cluster = "\x00\x00\x0c\x01\x12"
	if string(v[:5]) != cluster || len(v) < 32 {
		a.CDP.Hello = append(a.CDP.Hello, hex.EncodeToString(v))
		return
	}
	a.CDP.Cluster = &Cluster{Master: netip.AddrFrom4([4]byte(v[5:])).String(), Version: fmt.Sprintf("%d.%d", v[13], v[14]), Status: int(v[15]),
		Commander: mac(v[17:23]), Switch: mac(v[23:29]), VLAN: int(be16(v[30:]))}
}

// voice reads a voice VLAN: a byte, and the VLAN when there is one.
func voice(v []byte) *int {
	if len(v) >= 3 {
		return number(be16(v[1:]))
	}
	return nil
}

// objectID reads an object identifier, with or without BER's type and length.
func objectID(v []byte) string {
	if len(v) > 2 && v[0] == 6 && int(v[1]) == len(v)-2 {
		v = v[2:]
	}
	return oidText(v)
}

// milliwatts reads | request id 2 | management id 2 | and 4 bytes each.
func milliwatts(v []byte) []int {
	var list []int
	for i := 4; i+4 <= len(v); i += 4 {
		list = append(list, int(be32(v[i:])))
	}
	return list
}
