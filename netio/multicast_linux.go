package netio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// MulticastHops is how far group traffic may travel: this site's routers
// included.
const MulticastHops = 8

// Join makes the socket a member of group on every interface that can
// multicast and is up. Interfaces it is a member on already are fine; call it
// again when links change. It returns how many interfaces took part; none is
// an error.
func (u *UDP) Join(group netip.Addr) (int, error) {
	links, err := multicastLinks()
	if err != nil {
		return 0, err
	}
	joined := 0
	var failed []error
	for _, l := range links {
		err := u.join(group, l.Index)
		if err == nil || errors.Is(err, unix.EADDRINUSE) {
			joined++
			continue
		}
		failed = append(failed, fmt.Errorf("netio: %s on %s: %w", group, l.Name, err))
	}
	if joined == 0 {
		return 0, errors.Join(append(failed, fmt.Errorf("netio: no interface takes part in multicast of %s", group))...)
	}
	return joined, nil
}

func (u *UDP) join(group netip.Addr, ifindex int) (failed error) {
	err := u.raw.Control(func(fd uintptr) {
		if group.Is4() {
			failed = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
				&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(ifindex)})
			return
		}
		failed = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(ifindex)})
	})
	return errors.Join(err, failed)
}

// WriteGroup sends data to a group on every interface that is up, and returns
// on how many it left.
func (u *UDP) WriteGroup(data []byte, group netip.AddrPort) (int, error) {
	links, err := multicastLinks()
	if err != nil {
		return 0, err
	}
	sent := 0
	var failed []error
	for _, l := range links {
		if err := u.writeGroup(data, group, l.Index); err != nil {
			failed = append(failed, err)
			continue
		}
		sent++
	}
	if sent == 0 {
		return 0, errors.Join(append(failed, fmt.Errorf("netio: no interface took a datagram to %s", group))...)
	}
	return sent, nil
}

// writeGroup chooses the interface by socket option: it holds for both
// families, whichever the socket is of.
func (u *UDP) writeGroup(data []byte, group netip.AddrPort, ifindex int) error {
	var failed error
	err := u.raw.Control(func(fd uintptr) {
		s := int(fd)
		if group.Addr().Is4() {
			failed = errors.Join(
				unix.SetsockoptIPMreqn(s, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(ifindex)}),
				unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, MulticastHops))
			return
		}
		failed = errors.Join(
			unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, ifindex),
			unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, MulticastHops))
	})
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("netio: multicast by interface %d: %w", ifindex, err)
	}
	return u.Write(Packet{Data: data, Peer: group})
}

func multicastLinks() ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("netio: listing interfaces: %w", err)
	}
	var out []net.Interface
	for _, l := range all {
		if l.Flags&net.FlagUp != 0 && l.Flags&net.FlagMulticast != 0 {
			out = append(out, l)
		}
	}
	return out, nil
}
