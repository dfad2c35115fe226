package nanoprobe

import (
	"context"
	"net/netip"
	"os"
	"slices"

	"assim/discovery"
	"assim/version"
	"assim/wire"
)

// about is what this nanoprobe says of itself.
func (n *Nanoprobe) about() wire.Announce {
	host, err := os.Hostname()
	if err != nil {
		host = "unnamed"
	}
	return wire.Announce{
		Name: host, Version: version.Version, Machine: n.identity.Machine.Hash(), Addrs: n.addresses(),
	}
}

// addresses lists where neighbors reach this nanoprobe, steady global ones
// first.
func (n *Nanoprobe) addresses() []netip.AddrPort {
	links, err := n.host.Links(context.Background())
	if err != nil {
		return nil
	}
	var four, six []netip.AddrPort
	for _, a := range n.outsideAddrs(links) {
		at := netip.AddrPortFrom(a.Prefix.Addr(), n.udp.Port())
		if a.Prefix.Addr().Is4() {
			four = append(four, at)
		} else {
			six = append(six, at)
		}
	}
	return append(four, six...)
}

// outsideAddrs are the steady addresses by which others reach this system.
func (n *Nanoprobe) outsideAddrs(links []discovery.Link) []discovery.Addr {
	routes, err := n.host.Routes(context.Background())
	if err != nil {
		return nil
	}
	addrs, err := n.host.Addrs(context.Background())
	if err != nil {
		return nil
	}
	internal := discovery.Internal(links, routes)
	return slices.DeleteFunc(addrs, func(a discovery.Addr) bool {
		return a.Temporary || discovery.ScopeOf(a.Prefix.Addr(), internal[a.Link]) != "global"
	})
}

// outsideLinks are the interfaces with such an address.
func (n *Nanoprobe) outsideLinks(links []discovery.Link) map[string]bool {
	outside := map[string]bool{}
	for _, a := range n.outsideAddrs(links) {
		outside[a.Link] = true
	}
	return outside
}
