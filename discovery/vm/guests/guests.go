// Package guests joins virtual machines with the systems in them by hardware
// address, where they did not meet by UUID: a guest may not be permitted to read
// its own, or its host gave it none. It is apart from package vm because only the
// CMA needs it.
//
//	(System guest)-[:HAS_NIC]->(NIC {mac})  =  (VirtualMachine {macs})-[:HOSTED_BY]->(System host)
//	(System guest)-[:HOSTED_BY {mac}]->(System host)
package guests

import (
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Source is the source of what Derive says.
const Source = "derive/guests"

// Derive works out which systems are the virtual machines that hosts tell of.
func Derive(r graph.Reader) (graph.Change, error) {
	c := graph.Change{Source: Source}
	said := map[string]bool{} // guest and host
	for v, err := range r.Nodes(graph.VirtualMachine) {
		if err != nil {
			return graph.Change{}, err
		}
		if err := join(r, v, &c, said); err != nil {
			return graph.Change{}, err
		}
	}
	discovery.Sort(c.Rels, func(a, b graph.Rel) int {
		return strings.Compare(a.From.ID+" "+a.To.ID, b.From.ID+" "+b.To.ID)
	})
	return c, nil
}

// join says who a virtual machine is, unless that one knows it by itself.
func join(r graph.Reader, v graph.Vertex, c *graph.Change, said map[string]bool) error {
	macs, _ := v.Props["macs"].([]any)
	if inside, err := ends(r, v.ID, graph.In, graph.Is); err != nil || len(inside) > 0 || len(macs) == 0 {
		return err
	}
	hosts, err := ends(r, v.ID, graph.Out, graph.HostedBy)
	if err != nil {
		return err
	}
	for _, m := range macs {
		mac, _ := m.(string)
		guest, ok, err := owner(r, mac)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			if id := guest.ID + " " + host.ID; ok && guest != host && !said[id] {
				said[id] = true
				c.Rels = append(c.Rels, graph.Rel{From: guest, Type: graph.HostedBy, To: host, Props: graph.P("mac", mac)})
			}
		}
	}
	return nil
}

// ends are the keys at the other end of a node's relationships.
func ends(r graph.Reader, id graph.NodeID, dir graph.Dir, typ string) ([]graph.Key, error) {
	var keys []graph.Key
	for rel, err := range r.Expand(id, dir, typ) {
		if err != nil {
			return nil, err
		}
		end := rel.To
		if dir == graph.In {
			end = rel.From
		}
		v, err := r.Node(end)
		if err != nil {
			return nil, err
		}
		keys = append(keys, v.Key)
	}
	return keys, nil
}

// owner is the one known system with a nanoprobe of its own that has a hardware
// address: a permanent one, for bonds and bridges borrow theirs.
func owner(r graph.Reader, mac string) (graph.Key, bool, error) {
	var found graph.Key
	for nic, err := range r.NodesWith(graph.NIC, "mac", mac) {
		if err != nil {
			return graph.Key{}, false, err
		}
		id, _, _ := strings.Cut(nic.Key.ID, "/")
		if !strings.HasPrefix(id, "n-") || found.ID == id {
			continue
		}
		if found.ID != "" {
			return graph.Key{}, false, nil // clones
		}
		found = graph.Key{Label: graph.System, ID: id}
	}
	return found, found.ID != "", nil
}
