package cypher

import (
	"slices"

	"assim/graph"
)

// shortestOp finds shortest paths between two known nodes.
type shortestOp struct {
	expandOp
	all bool
}

// step is how a node was reached in a breadth-first search.
type hop struct {
	from graph.NodeID
	edge graph.Edge
}

func (o *shortestOp) push(rt *run) error {
	from, ok := rt.f[o.from].(*Node)
	to, ok2 := rt.f[o.to].(*Node)
	if !ok || !ok2 {
		return nil
	}
	if o.rel.min > 1 {
		return failed(ArgumentError, "InvalidArgumentValue", "%s cannot have a minimal length above 1", o.rel.shortest)
	}
	if from.id == to.id {
		if o.rel.min > 0 {
			return nil
		}
		rt.f[o.rel.slot] = []any{}
		return o.emit(rt)
	}
	hops, err := o.search(rt, from.id, to.id)
	if err != nil || hops[to.id] == nil {
		return err
	}
	err = o.unwind(rt, hops, from.id, to.id, nil)
	if err == errStop && !o.all {
		return nil
	}
	return err
}

// search goes breadth first until the target's level is complete.
func (o *shortestOp) search(rt *run, from, to graph.NodeID) (map[graph.NodeID][]hop, error) {
	level := map[graph.NodeID]int{from: 0}
	hops := map[graph.NodeID][]hop{}
	front := []graph.NodeID{from}
	for depth := 0; len(front) > 0 && depth != o.rel.max && hops[to] == nil; depth++ {
		var next []graph.NodeID
		for _, at := range front {
			for e, err := range rt.r.Expand(at, o.dir, o.rel.types...) {
				if err != nil {
					return nil, err
				}
				if err := rt.step(); err != nil {
					return nil, err
				}
				other := e.To
				if other == at {
					other = e.From
				}
				l, known := level[other]
				if known && (l <= depth || !o.all) || o.visited(rt, e.ID) {
					continue
				}
				if ok, err := o.allowed(rt, e); err != nil {
					return nil, err
				} else if !ok {
					continue
				}
				if !known {
					level[other] = depth + 1
					next = append(next, other)
				}
				hops[other] = append(hops[other], hop{at, e})
				if other == to && !o.all {
					return hops, nil
				}
			}
		}
		if err := rt.size(int64(len(level)) * 200); err != nil {
			return nil, err
		}
		front = next
	}
	return hops, nil
}

// unwind walks back from at to the start and pushes every path.
func (o *shortestOp) unwind(rt *run, hops map[graph.NodeID][]hop, from, at graph.NodeID, tail []any) error {
	if at == from {
		list := slices.Clone(tail)
		slices.Reverse(list)
		rt.f[o.rel.slot] = list
		return o.emit(rt)
	}
	for _, h := range hops[at] {
		if err := o.unwind(rt, hops, from, h.from, append(tail, &Rel{h.edge})); err != nil {
			return err
		}
		if !o.all {
			break
		}
	}
	return nil
}
