package proc

import (
	"net/netip"
	"strconv"

	"assim/discovery"
	"assim/graph"
)

// Scope says who can mean an address.
type Scope string

// The scopes. Only a global address names the same thing on two systems.
const (
	Global   Scope = discovery.ScopeGlobal
	Internal Scope = "internal"          // behind a bridge of this system: containers, virtual machines
	Link     Scope = discovery.ScopeLink // fe80::/10, 169.254/16
	Local    Scope = discovery.ScopeHost // loopback
)

// Endpoint is an address and port where somebody listens, as seen from one
// network namespace of one system.
type Endpoint struct {
	Proto string     `json:"proto"` // "tcp" or "udp"
	Addr  netip.Addr `json:"addr"`
	Port  uint16     `json:"port"`
	Scope Scope      `json:"scope"`
	Netns string     `json:"netns,omitempty"` // names another network namespace of this system; empty for its main one
}

// Key names e in the graph. A global endpoint is "tcp/10.0.0.5:80" wherever it
// is seen from, so that a server and its client meet in it without a search.
// One that only means something on a system holds the system's id, and a
// loopback one of a container also the container.
func (e Endpoint) Key(system graph.Key) graph.Key {
	if e.Netns != "" && e.Scope != Internal {
		system.ID += "/" + e.Netns
	}
	return discovery.EndpointKey(system, e.Proto, netip.AddrPortFrom(e.Addr, e.Port), e.Scope.reach())
}

// reach is the scope in the graph, where all that stays on a system is "host".
func (s Scope) reach() string {
	if s == Internal {
		return discovery.ScopeHost
	}
	return string(s)
}

// Node returns the node of e.
func (e Endpoint) Node(system graph.Key) graph.Node {
	return graph.Node{Key: e.Key(system), Props: graph.P(
		"name", e.Proto+"/"+strconv.Itoa(int(e.Port)),
		"proto", e.Proto,
		"addr", e.Addr.String(),
		"port", int64(e.Port),
		"scope", e.Scope.reach(),
	)}
}
