package connections

import (
	"cmp"
	"net/netip"

	"assim/discovery"
	"assim/discovery/proc"
	"assim/graph"
)

// maxForwards bounds the forwards of a document; a load balancer of a large
// site has some hundred services on some thousand servers.
const maxForwards = 2048

// Forward says that this system sends what is called at one endpoint to
// another: a published port, a router's, a load balancer's.
type Forward struct {
	Called proc.Endpoint `json:"called"`
	Server proc.Endpoint `json:"server"`
}

// translate takes in the kernel's conversations with changed destinations.
//
// A client of this system or of its containers gets a pair with who answers it
// in truth, beside the one with what it called. What others call at an address
// of this system becomes a Forward. The redirection of all that passes through,
// whatever was called, is neither.
func (m *memory) translate(snap *proc.Snapshot, list []discovery.Translation) {
	own := map[netip.Addr]bool{}
	for _, a := range snap.Addrs {
		own[a.Addr] = true
	}
	answers := map[discovery.Translation][]netip.AddrPort{} // by all but the server
	for _, t := range list {
		if own[t.Called.Addr()] && !t.Called.Addr().IsLoopback() {
			f := Forward{endpoint(snap, t.Proto, t.Called), endpoint(snap, t.Proto, t.Server)}
			if _, known := m.forwards[f]; known || len(m.forwards) < maxForwards {
				m.forwards[f] = int64(snap.Uptime)
			}
		}
		server := t.Server
		t.Server = netip.AddrPort{}
		answers[t] = append(answers[t], server)
	}
	for _, p := range snap.Peers {
		called := netip.AddrPortFrom(p.Addr, p.Port)
		for _, server := range answers[discovery.Translation{Proto: p.Proto, Client: p.Local, Called: called}] {
			m.pairs[Connection{p.Process.ID, endpoint(snap, p.Proto, server)}] = &pair{p.Process, int64(snap.Uptime)}
		}
	}
	for f, seen := range m.forwards {
		if int64(snap.Uptime) > seen+forgetAfter {
			delete(m.forwards, f)
		}
	}
}

func endpoint(snap *proc.Snapshot, proto string, a netip.AddrPort) proc.Endpoint {
	return proc.Endpoint{Proto: proto, Addr: a.Addr(), Port: a.Port(), Scope: snap.Scope(a.Addr())}
}

// forwarded lists the forwards in order.
func (m *memory) forwarded() []Forward {
	var list []Forward
	for f := range m.forwards {
		list = append(list, f)
	}
	discovery.Sort(list, func(a, b Forward) int {
		return cmp.Or(proc.CompareEndpoints(a.Called, b.Called), proc.CompareEndpoints(a.Server, b.Server))
	})
	return list
}

// forwardGraph says which endpoints of a system lead to others.
func forwardGraph(system graph.Key, list []Forward, c *graph.Change) {
	said := map[graph.Key]bool{}
	node := func(e proc.Endpoint) graph.Key {
		n := e.Node(system)
		if !said[n.Key] {
			said[n.Key] = true
			c.Nodes = append(c.Nodes, n)
		}
		return n.Key
	}
	claimed := map[graph.Key]bool{}
	for i, f := range list {
		if i == maxForwards {
			return
		}
		if !f.Called.Valid() || !f.Server.Valid() || f.Called == f.Server {
			continue
		}
		called, server := node(f.Called), node(f.Server)
		if !claimed[called] {
			claimed[called] = true
			c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Translates, To: called})
		}
		c.Rels = append(c.Rels, graph.Rel{From: called, Type: graph.ForwardsTo, To: server})
	}
}
