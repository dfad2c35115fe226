package cypher

import (
	"slices"

	"assim/graph"
)

// maxHops bounds a variable-length walk that names no upper end.
const maxHops = 10_000

// walkOp walks a variable-length relationship, depth first, every way that
// takes no relationship twice.
type walkOp struct {
	expandOp
	trail []any // *Rel
}

func (o *walkOp) push(rt *run) error {
	from, ok := rt.f[o.from].(*Node)
	if !ok {
		return notNode(rt.f[o.from])
	}
	if o.toBound {
		if _, ok := rt.f[o.to].(*Node); !ok {
			return notNode(rt.f[o.to])
		}
	}
	if o.rel.bound {
		return o.follow(rt, from)
	}
	trail := o.trail
	o.trail = nil
	defer func() { o.trail = trail }()
	return o.walk(rt, from, 0)
}

func (o *walkOp) walk(rt *run, at *Node, depth int) error {
	if depth >= o.rel.min {
		if err := o.arrive(rt, at); err != nil {
			return err
		}
	}
	if depth == o.rel.max || depth >= maxHops {
		return nil
	}
	for e, err := range rt.r.Expand(at.id, o.dir, o.rel.types...) {
		if err != nil {
			return err
		}
		if err := rt.step(); err != nil {
			return err
		}
		if usesRel(o.trail, e.ID) || visited(rt, o.others, e.ID) {
			continue
		}
		if ok, err := o.allowed(rt, e); err != nil {
			return err
		} else if !ok {
			continue
		}
		other := e.To
		if other == at.id {
			other = e.From
		}
		o.trail = append(o.trail, &Rel{e})
		if err := o.walk(rt, &Node{id: other}, depth+1); err != nil {
			return err
		}
		o.trail = o.trail[:len(o.trail)-1]
	}
	return nil
}

// allowed checks the properties the pattern demands of every relationship.
func (o *expandOp) allowed(rt *run, e graph.Edge) (bool, error) {
	for _, p := range o.rel.props {
		want, err := p.val(rt)
		if err != nil {
			return false, err
		}
		if equal(e.Props[p.key], want) != true {
			return false, nil
		}
	}
	return true, nil
}

// arrive pushes on when at may be the walk's end.
func (o *walkOp) arrive(rt *run, at *Node) error {
	if ok, err := o.fits(rt, at); err != nil || !ok {
		return err
	}
	if o.rel.keep || !o.rel.disjoint {
		rt.f[o.rel.slot] = slices.Clone(o.trail)
		if o.trail == nil {
			rt.f[o.rel.slot] = []any{}
		}
		if err := rt.size(int64(len(o.trail)) * 16); err != nil {
			return err
		}
	}
	return o.emit(rt)
}

// fits checks the end of a walk and, when it is new, puts it into its slot.
func (o *expandOp) fits(rt *run, at *Node) (bool, error) {
	if o.toBound {
		to, ok := rt.f[o.to].(*Node)
		return ok && to.id == at.id, nil
	}
	if len(o.toLabels) > 0 {
		if ok, err := rt.hasLabels(at, o.toLabels); err != nil || !ok {
			return false, err
		}
	}
	rt.f[o.to] = at
	return true, nil
}

// follow walks the list of relationships the variable holds already.
func (o *walkOp) follow(rt *run, from *Node) error {
	list, ok := rt.f[o.rel.slot].([]any)
	if !ok {
		return nil
	}
	at := from.id
	for _, item := range list {
		r, ok := item.(*Rel)
		switch {
		case !ok:
			return nil
		case r.e.From == at && o.dir&graph.Out != 0:
			at = r.e.To
		case r.e.To == at && o.dir&graph.In != 0:
			at = r.e.From
		default:
			return nil
		}
	}
	if len(list) < o.rel.min || o.rel.max >= 0 && len(list) > o.rel.max {
		return nil
	}
	if ok, err := o.fits(rt, &Node{id: at}); err != nil || !ok {
		return err
	}
	return o.emit(rt)
}

// reachOp walks a variable-length relationship breadth first, each node once,
// where only the nodes reached matter.
type reachOp struct{ expandOp }

func (o *reachOp) push(rt *run) error {
	from, ok := rt.f[o.from].(*Node)
	if !ok {
		return notNode(rt.f[o.from])
	}
	if o.toBound {
		if _, ok := rt.f[o.to].(*Node); !ok {
			return notNode(rt.f[o.to])
		}
	}
	seen := map[graph.NodeID]bool{}
	if o.rel.min == 0 {
		seen[from.id] = true
		if err := o.arrive(rt, from.id); err != nil {
			return err
		}
	}
	front := []graph.NodeID{from.id}
	for depth := 0; len(front) > 0 && depth != o.rel.max; depth++ {
		var next []graph.NodeID
		for _, at := range front {
			more, err := o.neighbors(rt, at, seen)
			if err != nil {
				return err
			}
			for _, n := range more {
				if err := o.arrive(rt, n); err != nil {
					return err
				}
			}
			next = append(next, more...)
		}
		front = next
	}
	return nil
}

// neighbors returns the nodes next to at that were not seen before.
func (o *reachOp) neighbors(rt *run, at graph.NodeID, seen map[graph.NodeID]bool) ([]graph.NodeID, error) {
	var fresh []graph.NodeID
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
		if seen[other] {
			continue
		}
		if ok, err := o.allowed(rt, e); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		seen[other] = true
		fresh = append(fresh, other)
	}
	return fresh, rt.size(int64(len(seen)) * 24)
}

func (o *reachOp) arrive(rt *run, id graph.NodeID) error {
	if ok, err := o.fits(rt, &Node{id: id}); err != nil || !ok {
		return err
	}
	return o.emit(rt)
}

// pathOp puts a path together from what was walked.
type pathOp struct {
	stage
	path *pathSpec
}

func (o *pathOp) push(rt *run) error {
	first, ok := rt.f[o.path.nodes[0]].(*Node)
	if !ok {
		return nil
	}
	p := &Path{Nodes: []*Node{first}}
	for i, slot := range o.path.rels {
		switch x := rt.f[slot].(type) {
		case *Rel:
			p.Rels = append(p.Rels, x)
		case []any:
			p.extend(x)
		}
		if to, ok := rt.f[o.path.nodes[i+1]].(*Node); ok && len(p.Nodes) <= len(p.Rels) {
			p.Nodes = append(p.Nodes, to)
		}
	}
	rt.f[o.path.slot] = p
	return o.emit(rt)
}

// extend adds relationships and the nodes between them, but not the last node.
func (p *Path) extend(rels []any) {
	for i, item := range rels {
		r, ok := item.(*Rel)
		if !ok {
			return
		}
		p.Rels = append(p.Rels, r)
		if i == len(rels)-1 {
			return
		}
		at := p.Nodes[len(p.Nodes)-1].id
		next := r.e.To
		if next == at {
			next = r.e.From
		}
		p.Nodes = append(p.Nodes, &Node{id: next})
	}
}

// walkBackOp is a walk from the pattern's right end, whose list of
// relationships is turned round to read as written.
type walkBackOp struct{ walkOp }

func (o *walkBackOp) push(rt *run) error {
	turn := &turnOp{of: o}
	turn.next = o.next
	inner := o.walkOp
	inner.next = turn
	if o.rel.bound {
		return o.pushBound(rt, &inner)
	}
	return inner.push(rt)
}

// pushBound follows a known list from its end.
func (o *walkBackOp) pushBound(rt *run, inner *walkOp) error {
	list, ok := rt.f[o.rel.slot].([]any)
	if !ok {
		return nil
	}
	back := slices.Clone(list)
	slices.Reverse(back)
	rt.f[o.rel.slot] = back
	defer func() { rt.f[o.rel.slot] = list }()
	return inner.push(rt)
}

type turnOp struct {
	stage
	of *walkBackOp
}

func (o *turnOp) push(rt *run) error {
	o.of.rows++
	list, ok := rt.f[o.of.rel.slot].([]any)
	if ok {
		back := slices.Clone(list)
		slices.Reverse(back)
		rt.f[o.of.rel.slot] = back
	}
	err := o.next.push(rt)
	rt.f[o.of.rel.slot] = any(list)
	return err
}
