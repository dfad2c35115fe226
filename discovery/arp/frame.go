package arp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Heard is what an ARP or NDP frame says: who has which address.
type Heard struct {
	Kind   string     `json:"kind"`             // arp request, arp reply, neighbor solicitation, neighbor advertisement
	MAC    string     `json:"mac"`              // of the sender
	IP     netip.Addr `json:"ip"`               // of the sender; unspecified when it only probes
	Target netip.Addr `json:"target"`           // asked for, or told of
	Owner  string     `json:"owner,omitempty"`  // MAC of the target, where the frame tells it
	Router bool       `json:"router,omitempty"` // the sender says that it is a router
}

// ErrNeither means that a frame is neither ARP nor NDP.
var ErrNeither = errors.New("neither ARP nor NDP")

// Decode reads one Ethernet frame.
func Decode(frame []byte) (Heard, error) {
	const header = 14
	if len(frame) < header {
		return Heard{}, fmt.Errorf("arp: a frame of %d bytes: %w", len(frame), ErrNeither)
	}
	kind, rest := uint16(frame[12])<<8|uint16(frame[13]), frame[header:]
	if kind == 0x8100 && len(rest) >= 4 { // a VLAN tag
		kind, rest = uint16(rest[2])<<8|uint16(rest[3]), rest[4:]
	}
	switch kind {
	case 0x0806:
		return decodeARP(rest)
	case 0x86dd:
		return decodeNDP(frame[6:12], rest)
	}
	return Heard{}, fmt.Errorf("arp: a frame of type %#04x: %w", kind, ErrNeither)
}

// decodeARP reads a packet of RFC 826 for IPv4 over Ethernet:
//
//	| hardware 2 | protocol 2 | lengths 1, 1 | operation 2 | sender MAC 6, IP 4 | target MAC 6, IP 4 |
func decodeARP(b []byte) (Heard, error) {
	const size = 28
	if len(b) < size {
		return Heard{}, fmt.Errorf("arp: %d bytes where %d belong", len(b), size)
	}
	if string(b[:6]) != "\x00\x01\x08\x00\x06\x04" {
		return Heard{}, fmt.Errorf("arp: not of IPv4 over Ethernet: %x", b[:6])
	}
	h := Heard{MAC: mac(b[8:14]), IP: netip.AddrFrom4([4]byte(b[14:18])), Target: netip.AddrFrom4([4]byte(b[24:28]))}
	switch operation := uint16(b[6])<<8 | uint16(b[7]); operation {
	case 1:
		h.Kind = "arp request"
	case 2:
		h.Kind = "arp reply"
		h.Owner = mac(b[18:24])
	default:
		return Heard{}, fmt.Errorf("arp: operation %d is neither request nor reply", operation)
	}
	return h, nil
}

// decodeNDP reads a neighbor solicitation or advertisement of RFC 4861, in an
// IPv6 packet without extension headers, as the RFC's security wants it:
//
//	| IPv6 header 40 | type 1 | code 1 | checksum 2 | flags 4 | target 16 | options: type 1, length 1 in 8 bytes, ... |
func decodeNDP(source, b []byte) (Heard, error) {
	const header, size = 40, 24
	const icmp6, hops = 58, 255
	if len(b) < header+size || b[6] != icmp6 {
		return Heard{}, fmt.Errorf("ndp: %w", ErrNeither)
	}
	message := b[header:min(len(b), header+(int(b[4])<<8|int(b[5])))]
	if len(message) < size {
		return Heard{}, fmt.Errorf("ndp: %d bytes where %d belong", len(message), size)
	}
	h := Heard{MAC: mac(source), IP: netip.AddrFrom16([16]byte(b[8:24])), Target: netip.AddrFrom16([16]byte(message[8:24]))}
	switch message[0] {
	case 135:
		h.Kind = "neighbor solicitation"
	case 136:
		h.Kind = "neighbor advertisement"
		h.Router = message[4]&0x80 != 0
		h.Owner = linkOption(message[size:], 2)
	default:
		return Heard{}, fmt.Errorf("ndp: ICMPv6 type %d: %w", message[0], ErrNeither)
	}
	if b[7] != hops {
		return Heard{}, fmt.Errorf("ndp: it came through a router (hop limit %d), and may not", b[7])
	}
	return h, nil
}

// linkOption is the link-layer address in the options; empty without one.
func linkOption(b []byte, kind byte) string {
	for len(b) >= 8 && b[1] > 0 && int(b[1])*8 <= len(b) {
		if b[0] == kind {
			return mac(b[2:8])
		}
		b = b[int(b[1])*8:]
	}
	return ""
}

func mac(b []byte) string {
	parts := make([]string, len(b))
	for i, c := range b {
		parts[i] = fmt.Sprintf("%02x", c)
	}
	return strings.Join(parts, ":")
}
