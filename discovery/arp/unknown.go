package arp

import (
	"errors"
	"slices"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// UnknownSource is the source of what Unknown says.
const UnknownSource = "derive/unknown"

// maxUnknown is how many unknown systems are kept; a scan of a /16 answered by a
// misconfigured router makes 65,000.
const maxUnknown = 100_000

// Unknown derives the systems that others see by ARP and nobody else tells of: a
// MAC that no interface in the graph has, answering for an address that no
// interface carries. Each is a System of kind unknown, "mac-<mac>", with one NIC
// and the addresses it answers for. Who enrolls later has that MAC on a NIC of
// its own, and the unknown system ceases with the next derivation.
func Unknown(r graph.Reader) (graph.Change, error) {
	found := map[string][]graph.Key{} // addresses by MAC
	owned := map[graph.NodeID]bool{}
	for rel, err := range r.Rels(graph.Sees) {
		if err != nil {
			return graph.Change{}, err
		}
		mac, _ := rel.Props["mac"].(string)
		if mac == "" {
			continue
		}
		address, err := r.Node(rel.To)
		if errors.Is(err, graph.ErrNotFound) {
			continue
		}
		if err != nil {
			return graph.Change{}, err
		}
		if address.Key.Label != graph.IPAddr || slices.Contains(found[mac], address.Key) {
			continue
		}
		has, known := owned[rel.To]
		if !known {
			if has, err = carried(r, rel.To); err != nil {
				return graph.Change{}, err
			}
			owned[rel.To] = has
		}
		if !has && (found[mac] != nil || len(found) < maxUnknown) {
			found[mac] = append(found[mac], address.Key)
		}
	}
	return unknownChange(r, found)
}

// isUnknown tells the keys that this derivation makes.
func isUnknown(k graph.Key) bool { return strings.HasPrefix(k.ID, "mac-") }

// carried reports whether an interface of a known system carries the address.
func carried(r graph.Reader, address graph.NodeID) (bool, error) {
	for rel, err := range r.Expand(address, graph.In, graph.HasIP) {
		if err != nil {
			return false, err
		}
		nic, err := r.Node(rel.From)
		if err != nil {
			return false, err
		}
		if !isUnknown(nic.Key) {
			return true, nil
		}
	}
	return false, nil
}

func unknownChange(r graph.Reader, found map[string][]graph.Key) (graph.Change, error) {
	c := graph.Change{Source: UnknownSource}
	macs := make([]string, 0, len(found))
	for mac := range found {
		macs = append(macs, mac)
	}
	slices.Sort(macs)
	for _, mac := range macs {
		known, err := hasMAC(r, mac)
		if err != nil {
			return graph.Change{}, err
		}
		if known {
			continue
		}
		addresses := found[mac]
		discovery.Sort(addresses, func(a, b graph.Key) int { return strings.Compare(a.ID, b.ID) })
		system := graph.Key{Label: graph.System, ID: "mac-" + mac}
		nic := graph.Key{Label: graph.NIC, ID: system.ID + "/nic"}
		c.Nodes = append(c.Nodes,
			graph.Node{Key: system, Props: graph.P("id", system.ID, "name", unscoped(addresses[0].ID), "kind", "unknown", "status", "unknown")},
			graph.Node{Key: nic, Props: graph.P("mac", mac)})
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.HasNIC, To: nic})
		for _, a := range addresses {
			c.Rels = append(c.Rels, graph.Rel{From: nic, Type: graph.HasIP, To: a})
		}
	}
	return c, nil
}

func hasMAC(r graph.Reader, mac string) (bool, error) {
	for _, prop := range []string{"mac", "mac_in_use"} {
		for nic, err := range r.NodesWith(graph.NIC, prop, mac) {
			if err != nil {
				return false, err
			}
			if !isUnknown(nic.Key) {
				return true, nil
			}
		}
	}
	return false, nil
}

// unscoped is the address in the id of an IPAddr.
func unscoped(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
