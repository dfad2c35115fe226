package lldp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Advert is what one frame says of its sender, from LLDP (IEEE 802.1AB) or CDP.
// What CDP calls otherwise has LLDP's name here: its Device ID is the chassis
// id, its native VLAN the port VLAN.
type Advert struct {
	Source      string `json:"source"`            // MAC of the sending port
	Destination string `json:"destination"`       // multicast group it was sent to
	Version     int    `json:"version,omitempty"` // of CDP
	TTL         int    `json:"ttl_s"`             // seconds it holds; 0 = the sender takes its leave

	ChassisID   string       `json:"chassis_id"`
	ChassisKind string       `json:"chassis_id_kind,omitempty"` // mac, local, interface name, ...
	PortID      string       `json:"port_id"`
	PortKind    string       `json:"port_id_kind,omitempty"`
	PortText    string       `json:"port_description,omitempty"`
	SystemName  string       `json:"system_name,omitempty"`
	SystemText  string       `json:"system_description,omitempty"`
	Can         []string     `json:"capabilities,omitempty"`
	Does        []string     `json:"enabled,omitempty"` // capabilities in use; CDP does not tell them apart
	Management  []Management `json:"management,omitempty"`

	Dot1 *Dot1 `json:"dot1,omitempty"`
	Dot3 *Dot3 `json:"dot3,omitempty"`
	MED  *MED  `json:"med,omitempty"`
	DCBX *DCBX `json:"dcbx,omitempty"`
	CDP  *CDP  `json:"cdp,omitempty"`

	Unknown  []Unknown `json:"unknown,omitempty"`  // TLVs that nobody here knows
	Problems []string  `json:"problems,omitempty"` // TLVs that are not as their standard says
	Raw      []byte    `json:"raw,omitempty"`      // the whole frame
}

// Management is an address under which the sender can be managed.
type Management struct {
	Addr      string `json:"addr"`
	Family    string `json:"family"`                   // ipv4, ipv6, mac, or a number of IANA's
	Interface string `json:"interface_kind,omitempty"` // ifindex, system port
	Number    uint32 `json:"interface,omitempty"`
	OID       string `json:"oid,omitempty"`
}

// Unknown is a TLV of a kind that is not decoded.
type Unknown struct {
	Type    int    `json:"type"`
	OUI     string `json:"oui,omitempty"` // aa:bb:cc, of type 127
	Subtype int    `json:"subtype,omitempty"`
	Value   string `json:"value"` // hex
}

// Limits on frames.
const (
	headerSize = 14   // destination, source, type or length
	maxFrame   = 1600 // larger than any that Ethernet carries without jumbo frames
	maxTLVs    = 256
)

// Errors about frames.
var (
	ErrNeither = errors.New("neither LLDP nor CDP")
	ErrShort   = errors.New("it ends too early")
)

// Decode reads one Ethernet frame.
func Decode(frame []byte) (*Advert, error) {
	if len(frame) < headerSize {
		return nil, fmt.Errorf("lldp: a frame of %d bytes: %w", len(frame), ErrShort)
	}
	if len(frame) > maxFrame {
		return nil, fmt.Errorf("lldp: a frame of %d bytes is over the limit of %d", len(frame), maxFrame)
	}
	a := &Advert{Destination: mac(frame[0:6]), Source: mac(frame[6:12])}
	kind, rest := be16(frame[12:]), frame[headerSize:]
	if kind == 0x8100 && len(rest) >= 4 { // a priority tag
		kind, rest = be16(rest[2:]), rest[4:]
	}
	switch {
	case kind == etherLLDP:
		return a, a.lldp(rest)
	case kind <= 1500 && len(rest) >= 8 && string(rest[:8]) == snapCDP:
		if int(kind) > len(rest) {
			a.wrong("the frame is cut off: %d of %d bytes", len(rest), kind)
		}
		// The rest of a short frame is padding.
		return a, a.cdp(rest[8:max(8, min(int(kind), len(rest)))])
	}
	return nil, fmt.Errorf("lldp: a frame of type %#04x: %w", kind, ErrNeither)
}

// Protocol is "lldp" or "cdp".
func (a *Advert) Protocol() string {
	if a.Version > 0 {
		return "cdp"
	}
	return "lldp"
}

// wrong notes a TLV that is not as its standard says; the others still count.
func (a *Advert) wrong(format string, args ...any) {
	const most = 16
	if len(a.Problems) < most {
		a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
	}
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }
func be32(b []byte) uint32 { return uint32(be16(b))<<16 | uint32(be16(b[2:])) }

// mac writes bytes as aa:bb:cc:dd:ee:ff.
func mac(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// text returns what people wrote; bytes that are no text are written as hex.
// Trailing zeros are C's, not people's.
func text(b []byte) string {
	s := strings.TrimRight(string(b), "\x00")
	if !utf8.ValidString(s) {
		return hex.EncodeToString(b)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return hex.EncodeToString(b)
		}
	}
	return s
}

// address writes an address of one of IANA's address families.
func address(family int, b []byte) (addr, name string) {
	switch {
	case family == 1 && len(b) == 4, family == 2 && len(b) == 16:
		ip, _ := netip.AddrFromSlice(b)
		if family == 1 {
			return ip.String(), "ipv4"
		}
		return ip.String(), "ipv6"
	case family == 6 && len(b) == 6:
		return mac(b), "mac"
	case family == 16:
		return text(b), "dns"
	}
	return hex.EncodeToString(b), fmt.Sprint(family)
}

// bits names the bits that are set, the lowest first; a bit without a name is
// named by its number.
func bits(value uint32, names []string) []string {
	var set []string
	for i := range 32 {
		if value&(1<<i) == 0 {
			continue
		}
		if i < len(names) && names[i] != "" {
			set = append(set, names[i])
		} else {
			set = append(set, fmt.Sprintf("bit %d", i))
		}
	}
	return set
}

// named returns names[i], or the number where there is no name.
func named(i int, names ...string) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprint(i)
}
