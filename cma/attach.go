package cma

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"assim/graph"
	"assim/verdict"
	"assim/wire"
)

// stored is told of every document that has become durable. Where a system's
// cables and addresses are decides its place in the rings.
func (c *CMA) stored(from wire.ID, typ string) {
	c.deriver.changed(from.String(), typ)
	if typ != "netconfig" && typ != "lldp" {
		return
	}
	ctx := context.Background()
	links, names, err := attachments(ctx, c.store, from)
	if err != nil {
		c.health.failed("where "+from.String()+" is attached", err)
		return
	}
	c.brain.post(func() {
		names.tell(c.brain.auth)
		c.brain.attach(from, links)
	})
}

// attach tells the authority; the address that the nanoprobe speaks from comes
// first, since its rings use it.
func (b *brain) attach(id wire.ID, links []verdict.Link) {
	heard, _ := b.sess.Route(id)
	spoken := heard.To.Addr()
	if r, ok := b.auth.Record(id); ok && spoken.IsLoopback() {
		spoken = r.Addr.Addr()
	}
	slices.SortStableFunc(links, func(x, y verdict.Link) int { return rank(x, spoken) - rank(y, spoken) })
	b.auth.Attach(b.now(), id, links, &b.out)
}

func rank(l verdict.Link, spoken netip.Addr) int {
	switch {
	case l.Addr == spoken:
		return 0
	case l.Switch != "":
		return 1
	}
	return 2
}

// attachments reads from the graph which addresses a system has on which
// switch ports, and what those switches are called.
func attachments(ctx context.Context, store graph.Store, id wire.ID) ([]verdict.Link, switchNames, error) {
	view, err := store.View(ctx, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	defer view.Close()
	system, err := view.Find(systemKey(id))
	if err != nil {
		return nil, nil, err
	}
	var links []verdict.Link
	names := switchNames{}
	for nic, err := range neighbors(view, system.ID, graph.Out, graph.HasNIC) {
		if err != nil {
			return nil, nil, err
		}
		on := verdict.Link{Name: text(nic.node.Props["ifname"])}
		if id := strings.TrimPrefix(nic.node.Key.ID, system.Key.ID+"/"); id != on.Name {
			on.NIC = id
		}
		if on.Switch, on.Port, err = port(view, nic.node.ID, names); err != nil {
			return nil, nil, err
		}
		for ip, err := range neighbors(view, nic.node.ID, graph.Out, graph.HasIP) {
			if err != nil {
				return nil, nil, err
			}
			addr, perr := netip.ParseAddr(text(ip.node.Props["addr"]))
			bits, ok := ip.edge.Props["prefix_len"].(int64)
			if perr != nil || !ok || ip.node.Props["scope"] != "global" {
				continue
			}
			on.Addr = addr
			on.Subnet, _ = addr.Prefix(int(bits)) // Invalid when the document lies: then it has no subnet.
			links = append(links, on)
		}
	}
	return links, names, nil
}

// port is the switch and port that a NIC is cabled to, if that is known.
func port(view graph.Reader, nic graph.NodeID, names switchNames) (chassis, name string, err error) {
	for p, err := range neighbors(view, nic, graph.Out, graph.CabledTo) {
		if err != nil {
			return "", "", err
		}
		for sw, err := range neighbors(view, p.node.ID, graph.In, graph.HasPort) {
			if err != nil {
				return "", "", err
			}
			names.learn(sw.node)
			return strings.TrimPrefix(sw.node.Key.ID, "sw-"), text(p.node.Props["port"]), nil
		}
	}
	return "", "", nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// met is a relationship with the node at its other end.
type met struct {
	edge graph.Edge
	node graph.Vertex
}

// neighbors walks what a node is related to in one direction by one type.
func neighbors(view graph.Reader, id graph.NodeID, dir graph.Dir, typ string) func(func(met, error) bool) {
	return func(yield func(met, error) bool) {
		for e, err := range view.Expand(id, dir, typ) {
			other := e.To
			if dir == graph.In {
				other = e.From
			}
			m := met{edge: e}
			if err == nil {
				m.node, err = view.Node(other)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}
