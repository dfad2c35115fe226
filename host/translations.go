package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// The kernel's table of conversations (conntrack) knows, of each whose
// destination it changes, both whom the client called and who answers. It is
// asked over netlink for those alone:
//
//	nfgenmsg 4 | CTA_TUPLE_ORIG {client, called} | CTA_TUPLE_REPLY {server, ...} | CTA_STATUS
const (
	conntrackGet = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1            // IPCTNL_MSG_CT_GET
	conntrackNow = "/proc/sys/net/netfilter/nf_conntrack_count" // conversations in the table

	ctaOriginal, ctaReply, ctaStatus, ctaStatusMask = 1, 2, 3, 26 // of a conversation
	ctaIP, ctaProto                                 = 1, 2        // of a direction
	ctaProtoNumber, ctaSourcePort, ctaDestPort      = 1, 2, 3     // of its protocol

	answered       = 1 << 1 // bits of the status
	destinationNAT = 1 << 5
)

// maxTranslations is how many conversations are looked at; a router of a large
// site has some 100,000, all to a few servers.
const maxTranslations = 100_000

// Translations lists the conversations whose destination this system changes.
func (h *Host) Translations(ctx context.Context) ([]discovery.Translation, error) {
	if !h.live {
		return nil, discovery.ErrNotHere
	}
	// Asking would load the table's module where there is none.
	if text, err := os.ReadFile(conntrackNow); err != nil || strings.TrimSpace(string(text)) == "0" {
		return nil, discovery.ErrNotHere
	}
	ask := make([]byte, 4, 20)
	ask = conntrackBits(ask, ctaStatus)
	ask = conntrackBits(ask, ctaStatusMask)
	seen := map[discovery.Translation]bool{}
	var list []discovery.Translation
	err := dump(ctx, nil, unix.NETLINK_NETFILTER, conntrackGet, ask, func() { list, seen = nil, map[discovery.Translation]bool{} }, func(data []byte) {
		if t, ok := parseTranslation(data); ok && !seen[t] && len(list) < maxTranslations {
			seen[t] = true
			list = append(list, t)
		}
	})
	switch {
	case errors.Is(err, unix.EPERM):
		h.lacks("Who answers behind translated addresses is not known: asking the kernel needs CAP_NET_ADMIN.")
		return nil, discovery.ErrNotHere
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EINVAL):
		return nil, discovery.ErrNotHere // a kernel that does not tell
	case err != nil:
		return nil, fmt.Errorf("translations: %w", err)
	}
	return list, nil
}

// conntrackBits adds the wish for translated conversations. Kernels before 5.8
// do not know it and tell all.
func conntrackBits(b []byte, attribute byte) []byte {
	b = native.AppendUint16(b, 8)
	b = native.AppendUint16(b, uint16(attribute))
	return append(b, 0, 0, 0, destinationNAT)
}

// parseTranslation reads one conversation. Without the client's port, so that a
// client that calls again and again is one.
func parseTranslation(data []byte) (discovery.Translation, bool) {
	const head = 4 // struct nfgenmsg
	var t discovery.Translation
	status := uint32(0)
	for kind, value := range attrs(data, head) {
		switch kind {
		case ctaOriginal:
			var client netip.AddrPort
			t.Proto, client, t.Called = parseDirection(value)
			t.Client = client.Addr()
		case ctaReply:
			_, t.Server, _ = parseDirection(value)
		case ctaStatus:
			if len(value) >= 4 {
				status = uint32(value[0])<<24 | uint32(value[1])<<16 | uint32(value[2])<<8 | uint32(value[3])
			}
		}
	}
	ok := status&destinationNAT != 0 && status&answered != 0 && t.Proto != "" &&
		t.Client.IsValid() && t.Called.Port() != 0 && t.Server.Port() != 0 && t.Called != t.Server
	return t, ok
}

// parseDirection reads who sends to whom. An invalid address stands for what is
// missing.
func parseDirection(b []byte) (proto string, from, to netip.AddrPort) {
	var source, destination netip.Addr
	var sourcePort, destinationPort uint16
	for kind, value := range attrs(b, 0) {
		switch kind {
		case ctaIP:
			for end, raw := range attrs(value, 0) {
				addr, _ := netip.AddrFromSlice(raw)
				if end == 1 || end == 3 { // of IPv4, of IPv6
					source = addr
				} else {
					destination = addr
				}
			}
		case ctaProto:
			for what, raw := range attrs(value, 0) {
				switch {
				case what == ctaProtoNumber && len(raw) == 1:
					proto = map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[raw[0]]
				case what == ctaSourcePort && len(raw) == 2:
					sourcePort = uint16(raw[0])<<8 | uint16(raw[1])
				case what == ctaDestPort && len(raw) == 2:
					destinationPort = uint16(raw[0])<<8 | uint16(raw[1])
				}
			}
		}
	}
	return proto, netip.AddrPortFrom(source, sourcePort), netip.AddrPortFrom(destination, destinationPort)
}
