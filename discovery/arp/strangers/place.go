package strangers

import (
	"errors"
	"strings"

	"assim/graph"
)

// Where a stranger is can be known in two ways without asking a switch:
//
//   - It speaks LLDP, and a system hears it beside a switch. No switch passes LLDP
//     on, so that both are on one segment, below one port: a small switch that
//     knows nothing of LLDP, or a telephone, stands between.
//   - It is a virtual machine of a system that knows its hardware address.
//
// Of all others it is known who sees them, and no more: which port an address is
// behind, only its switch knows.

// station is the System that LLDP made of a stranger, if there is one.
func (f *finder) station(mac string) (graph.Vertex, bool, error) {
	v, err := f.r.Find(graph.Key{Label: graph.System, ID: "sw-" + mac})
	if errors.Is(err, graph.ErrNotFound) {
		return graph.Vertex{}, false, nil
	}
	return v, err == nil && v.Props["kind"] == "unknown", err
}

// port is the port of a switch that a station hangs off, beside those that hear
// both.
func (f *finder) port(station graph.Vertex) (graph.Key, bool, error) {
	var found []graph.Key
	err := f.walk(station.ID, graph.Out, graph.HasPort, func(own graph.Vertex) error {
		return f.walk(own.ID, graph.In, graph.CabledTo, func(hears graph.Vertex) error {
			return f.walk(hears.ID, graph.Out, graph.CabledTo, func(port graph.Vertex) error {
				return f.walk(port.ID, graph.In, graph.HasPort, func(sw graph.Vertex) error {
					known := len(found) > 0 && found[0] == port.Key
					if sw.Props["kind"] == "switch" && !known {
						found = append(found, port.Key)
					}
					return nil
				})
			})
		})
	})
	if err != nil || len(found) != 1 { // of two, one is wrong
		return graph.Key{}, false, err
	}
	return found[0], true, nil
}

// walk calls each with the nodes at the other end of a node's relationships.
func (f *finder) walk(from graph.NodeID, dir graph.Dir, typ string, each func(graph.Vertex) error) error {
	for rel, err := range f.r.Expand(from, dir, typ) {
		if err != nil {
			return err
		}
		end := rel.To
		if dir == graph.In {
			end = rel.From
		}
		v, err := f.r.Node(end)
		if err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

// guests finds the virtual machines by hardware address.
func (f *finder) guests() (map[string]graph.Vertex, error) {
	by := map[string]graph.Vertex{}
	for v, err := range f.r.Nodes(graph.VirtualMachine) {
		if err != nil {
			return nil, err
		}
		list, _ := v.Props["macs"].([]any)
		for _, m := range list {
			if mac, ok := m.(string); ok {
				by[strings.ToLower(mac)] = v
			}
		}
	}
	return by, nil
}

// places says where a stranger is.
func (f *finder) places(system, nic graph.Key, mac string, guests map[string]graph.Vertex) ([]graph.Rel, error) {
	var rels []graph.Rel
	station, speaks, err := f.station(mac)
	if err != nil {
		return nil, err
	}
	if speaks {
		port, known, err := f.port(station)
		if err != nil {
			return nil, err
		}
		if known {
			rels = append(rels, graph.Rel{From: nic, Type: graph.CabledTo, To: port, Props: graph.P("via", "a segment that others share")})
		}
	}
	if vm, ok := guests[mac]; ok {
		err := f.walk(vm.ID, graph.Out, graph.HostedBy, func(host graph.Vertex) error {
			rels = append(rels, graph.Rel{From: system, Type: graph.HostedBy, To: host.Key, Props: graph.P("mac", mac)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rels, nil
}
