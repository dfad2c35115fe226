package host

import (
	"net/netip"
	"testing"

	"assim/discovery"
)

// attribute writes one netlink attribute, and its padding.
func attribute(kind uint16, value ...byte) []byte {
	b := native.AppendUint16(nil, uint16(4+len(value)))
	b = append(native.AppendUint16(b, kind), value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// direction is who sends to whom over TCP, both IPv4.
func direction(kind uint16, from, to string) []byte {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	port := func(p uint16) []byte { return []byte{byte(p >> 8), byte(p)} }
	return attribute(kind, join(
		attribute(ctaIP, join(attribute(1, a.Addr().AsSlice()...), attribute(2, b.Addr().AsSlice()...))...),
		attribute(ctaProto, join(attribute(ctaProtoNumber, 6), attribute(ctaSourcePort, port(a.Port())...), attribute(ctaDestPort, port(b.Port())...))...))...)
}

func TestAConversationWithAChangedDestinationIsReadAndOthersAreNot(t *testing.T) {
	original, reply := direction(ctaOriginal, "10.0.0.9:40000", "10.0.0.1:8080"), direction(ctaReply, "172.17.0.2:80", "10.0.0.9:40000")
	head := []byte{2, 0, 0, 0}
	got, ok := parseTranslation(join(head, original, reply, attribute(ctaStatus, 0, 0, 0, answered|destinationNAT)))
	want := discovery.Translation{Proto: "tcp", Client: netip.MustParseAddr("10.0.0.9"), Called: netip.MustParseAddrPort("10.0.0.1:8080"), Server: netip.MustParseAddrPort("172.17.0.2:80")}
	if !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	for what, data := range map[string][]byte{
		"never answered":          join(head, original, reply, attribute(ctaStatus, 0, 0, 0, destinationNAT)),
		"only its source changed": join(head, original, direction(ctaReply, "10.0.0.1:8080", "192.0.2.1:40000"), attribute(ctaStatus, 0, 0, 0, answered)),
		"no answer in it":         join(head, original, attribute(ctaStatus, 0, 0, 0, answered|destinationNAT)),
		"cut off":                 join(head, original[:20]),
	} {
		if got, ok := parseTranslation(data); ok {
			t.Errorf("%s: got %+v", what, got)
		}
	}
}
