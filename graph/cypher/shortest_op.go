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
	s := shortestSearch{op: o, rt: rt, out: newSide(from.id, o.dir), back: newSide(to.id, reverse(o.dir))}
	met, err := s.meet()
	if err != nil {
		return err
	}
	for _, m := range met {
		if err := s.out.trace(m, nil, func(head []any) error { return s.finish(m, head) }); err != nil {
			return err
		}
		if !o.all {
			break
		}
	}
	return nil
}

// hop is a way a node was reached by: from where, over what.
type hop struct {
	from graph.NodeID
	edge graph.Edge
}

// searchSide is one of the two breadth-first searches that go towards each
// other, so that a long path through a wide graph costs twice a half of it.
type searchSide struct {
	start graph.NodeID
	dir   graph.Dir
	level map[graph.NodeID]int
	hops  map[graph.NodeID][]hop
	front []graph.NodeID
	depth int
}

func newSide(start graph.NodeID, dir graph.Dir) *searchSide {
	return &searchSide{start: start, dir: dir, level: map[graph.NodeID]int{start: 0}, hops: map[graph.NodeID][]hop{}, front: []graph.NodeID{start}}
}

type shortestSearch struct {
	op        *shortestOp
	rt        *run
	out, back *searchSide
}

// meet grows the smaller side until the two touch, and returns the nodes in
// the middle of all shortest paths.
func (s *shortestSearch) meet() ([]graph.NodeID, error) {
	for s.op.rel.max < 0 || s.out.depth+s.back.depth < s.op.rel.max {
		side, other := s.out, s.back
		if len(s.back.front) < len(s.out.front) {
			side, other = s.back, s.out
		}
		if len(side.front) == 0 {
			return nil, nil
		}
		if err := s.grow(side); err != nil {
			return nil, err
		}
		var met []graph.NodeID
		for _, n := range side.front {
			if _, ok := other.level[n]; ok {
				met = append(met, n)
			}
		}
		if met != nil {
			return met, nil
		}
		if err := s.rt.size(int64(len(s.out.level)+len(s.back.level)) * 200); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// grow takes one side a level further.
func (s *shortestSearch) grow(side *searchSide) error {
	front := side.front
	side.front = nil
	side.depth++
	for _, at := range front {
		for e, err := range s.rt.r.Expand(at, side.dir, s.op.rel.types...) {
			if err != nil {
				return err
			}
			if err := s.rt.step(); err != nil {
				return err
			}
			other := e.To
			if other == at {
				other = e.From
			}
			l, known := side.level[other]
			if known && (l < side.depth || !s.op.all) || visited(s.rt, s.op.others, e.ID) {
				continue
			}
			if ok, err := s.op.allowed(s.rt, e); err != nil {
				return err
			} else if !ok {
				continue
			}
			if !known {
				side.level[other] = side.depth
				side.front = append(side.front, other)
			}
			side.hops[other] = append(side.hops[other], hop{at, e})
		}
	}
	return nil
}

// trace walks from at back to the side's start and hands over what it passed,
// nearest to at first.
func (side *searchSide) trace(at graph.NodeID, passed []any, use func([]any) error) error {
	if at == side.start {
		return use(passed)
	}
	for _, h := range side.hops[at] {
		if err := side.trace(h.from, append(passed, &Rel{h.edge}), use); err != nil {
			return err
		}
	}
	return nil
}

// finish joins the first half of a path with all second halves.
func (s *shortestSearch) finish(middle graph.NodeID, head []any) error {
	return s.back.trace(middle, nil, func(tail []any) error {
		list := make([]any, 0, len(head)+len(tail))
		list = append(list, head...)
		slices.Reverse(list)
		s.rt.f[s.op.rel.slot] = append(list, tail...)
		return s.op.emit(s.rt)
	})
}
