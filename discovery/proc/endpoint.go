package proc

import (
	"net/netip"
	"strconv"

	"assim/graph"
)

// Scope says who can mean an address.
type Scope string

// The scopes. Only a global address names the same thing on two systems.
const (
	Global   Scope = "global"
	Internal Scope = "internal" // behind a bridge of this system: containers, virtual machines
	Link     Scope = "link"     // fe80::/10, 169.254/16
	Local    Scope = "host"     // loopback
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
// One that only means something on a system begins with the system's id, and a
// loopback one of a container also with the container.
func (e Endpoint) Key(system graph.Key) graph.Key {
	id := e.Proto + "/" + netip.AddrPortFrom(e.Addr, e.Port).String()
	switch {
	case e.Scope == Global:
	case e.Netns != "" && e.Scope != Internal:
		id = system.ID + "/" + e.Netns + "/" + id
	default:
		id = system.ID + "/" + id
	}
	return graph.Key{Label: graph.Endpoint, ID: id}
}

// Node returns the node of e.
func (e Endpoint) Node(system graph.Key) graph.Node {
	return graph.Node{Key: e.Key(system), Props: graph.P(
		"name", e.Proto+"/"+strconv.Itoa(int(e.Port)),
		"proto", e.Proto,
		"addr", e.Addr.String(),
		"port", int64(e.Port),
		"scope", string(e.Scope),
	)}
}
