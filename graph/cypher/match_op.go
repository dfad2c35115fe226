package cypher

import (
	"iter"

	"assim/graph"
)

// scanOp finds the candidates for a node: by key, handle, property, label, or
// all there are.
type scanOp struct {
	stage
	slot   int
	label  string
	hint   *filterSpec // nil: all of the label
	labels []string    // that remain to be checked
	bound  bool        // the slot is filled: only check the labels
	either []*scanOp   // for an OR: the ways to find candidates
	tried  map[graph.NodeID]bool
}

func (o *scanOp) push(rt *run) error {
	if o.bound {
		n, ok := rt.f[o.slot].(*Node)
		if !ok {
			return notNode(rt.f[o.slot])
		}
		return o.try(rt, n)
	}
	if o.either != nil {
		return o.pushEither(rt)
	}
	return o.find(rt)
}

// pushEither finds by one way after the other what was not found before.
func (o *scanOp) pushEither(rt *run) error {
	was := o.tried
	o.tried = map[graph.NodeID]bool{}
	defer func() { o.tried = was }()
	for _, way := range o.either {
		way.next, way.tried, way.labels = o.next, o.tried, o.labels
		if err := way.find(rt); err != nil {
			return err
		}
		o.rows = 0
		for _, w := range o.either {
			o.rows += w.rows
		}
	}
	return nil
}

// find pushes all candidates.
func (o *scanOp) find(rt *run) error {
	if o.hint == nil {
		return o.each(rt, rt.r.Nodes(o.label))
	}
	v, err := o.hint.value(rt)
	if err != nil || v == nil {
		return err
	}
	if !o.hint.many {
		return o.lookUp(rt, v)
	}
	list, ok := v.([]any)
	if !ok {
		return failed(TypeError, "InvalidArgumentType", "IN needs a list, not %s", typeName(v))
	}
	var tried distinctSet
	for _, item := range list {
		if item == nil {
			continue
		}
		if fresh, err := tried.addValue(rt, item); err != nil {
			return err
		} else if !fresh {
			continue
		}
		if err := o.lookUp(rt, item); err != nil {
			return err
		}
	}
	return nil
}

func notNode(v any) error {
	if v == nil {
		return nil
	}
	return failed(TypeError, "InvalidArgumentType", "a pattern's node cannot be %s", typeName(v))
}

func (o *scanOp) lookUp(rt *run, v any) error {
	switch o.hint.hint {
	case hintProp:
		if !indexable(v) {
			return o.each(rt, rt.r.Nodes(o.label))
		}
		return o.each(rt, graph.NodesBefore(rt.r, o.hops(), o.label, o.hint.prop, v))
	case hintKey:
		s, ok := v.(string)
		if !ok {
			return nil
		}
		return o.one(rt, func() (graph.Vertex, error) { return rt.r.Find(graph.ParseKey(s)) })
	}
	id, ok := v.(int64)
	if !ok {
		return nil
	}
	return o.one(rt, func() (graph.Vertex, error) { return rt.r.Node(graph.NodeID(id)) })
}

// hops are the steps that follow from the node found here, one after the other.
func (o *scanOp) hops() (hops []graph.Hop) {
	at := o.slot
	for op := o.next; ; op = op.base().next {
		switch op := op.(type) {
		case *filterOp:
		case *expandOp:
			if op.from != at || op.toBound {
				return hops
			}
			hops = append(hops, graph.Hop{Dir: op.dir, Types: op.rel.types})
			at = op.to
		default:
			return hops
		}
	}
}

// indexable reports whether a store can look v up.
func indexable(v any) bool {
	switch v.(type) {
	case string, int64, bool, float64:
		return true
	}
	return false
}

func (o *scanOp) one(rt *run, find func() (graph.Vertex, error)) error {
	rt.reads++
	v, err := find()
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return o.try(rt, &Node{id: v.ID, v: v, loaded: true})
}

func (o *scanOp) each(rt *run, nodes iter.Seq2[graph.Vertex, error]) error {
	for v, err := range nodes {
		if err != nil {
			return err
		}
		if err := o.try(rt, &Node{id: v.ID, v: v, loaded: true}); err != nil {
			return err
		}
	}
	return nil
}

func (o *scanOp) try(rt *run, n *Node) error {
	if err := rt.step(); err != nil {
		return err
	}
	if len(o.labels) > 0 {
		if ok, err := rt.hasLabels(n, o.labels); err != nil || !ok {
			return err
		}
	}
	if o.tried != nil {
		if o.tried[n.id] {
			return nil
		}
		o.tried[n.id] = true
	}
	rt.f[o.slot] = n
	return o.emit(rt)
}

// relScanOp starts from all relationships of some types.
type relScanOp struct {
	stage
	types    []string
	slot     int
	from, to int
	dir      graph.Dir
	loop     bool       // both ends are one variable
	others   []*relSpec // walked before in this clause; none may be walked twice
}

func (o *relScanOp) push(rt *run) error {
	types := o.types
	if len(types) == 0 {
		types = []string{""}
	}
	for _, t := range types {
		for e, err := range rt.r.Rels(t) {
			if err != nil {
				return err
			}
			if err := o.try(rt, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *relScanOp) try(rt *run, e graph.Edge) error {
	if err := rt.step(); err != nil {
		return err
	}
	if o.loop && e.From != e.To || visited(rt, o.others, e.ID) {
		return nil
	}
	rt.f[o.slot] = &Rel{e}
	from, to := e.From, e.To
	if o.dir == graph.In {
		from, to = to, from
	}
	if err := o.ends(rt, from, to); err != nil {
		return err
	}
	if o.dir == graph.Both && from != to {
		return o.ends(rt, to, from)
	}
	return nil
}

func (o *relScanOp) ends(rt *run, from, to graph.NodeID) error {
	rt.f[o.from] = &Node{id: from}
	if !o.loop {
		rt.f[o.to] = &Node{id: to}
	}
	return o.emit(rt)
}

// expandOp walks one relationship from a node that is known.
type expandOp struct {
	stage
	rel      *relSpec
	from, to int // slots, in the direction walked
	dir      graph.Dir
	toBound  bool
	toLabels []string
	others   []*relSpec // walked before in this clause; none may be walked twice
}

func (o *expandOp) push(rt *run) error {
	from, ok := rt.f[o.from].(*Node)
	if !ok {
		return notNode(rt.f[o.from])
	}
	var target graph.NodeID
	if o.toBound {
		to, ok := rt.f[o.to].(*Node)
		if !ok {
			return notNode(rt.f[o.to])
		}
		target = to.id
	}
	var want *Rel
	if o.rel.bound {
		if want, ok = rt.f[o.rel.slot].(*Rel); !ok {
			return nil
		}
	}
	for e, err := range rt.r.Expand(from.id, o.dir, o.rel.types...) {
		if err != nil {
			return err
		}
		if err := rt.step(); err != nil {
			return err
		}
		other := e.To
		if other == from.id {
			other = e.From
		}
		if o.toBound && other != target || want != nil && want.e.ID != e.ID || visited(rt, o.others, e.ID) {
			continue
		}
		if err := o.reach(rt, e, other); err != nil {
			return err
		}
	}
	return nil
}

func (o *expandOp) reach(rt *run, e graph.Edge, other graph.NodeID) error {
	if !o.toBound {
		n := &Node{id: other}
		if len(o.toLabels) > 0 {
			if ok, err := rt.hasLabels(n, o.toLabels); err != nil || !ok {
				return err
			}
		}
		rt.f[o.to] = n
	}
	if (o.rel.keep || !o.rel.disjoint) && !o.rel.bound {
		rt.f[o.rel.slot] = &Rel{e}
	}
	return o.emit(rt)
}

// visited reports whether one of others has walked the relationship.
func visited(rt *run, others []*relSpec, id graph.RelID) bool {
	for _, r := range others {
		if usesRel(rt.f[r.slot], id) {
			return true
		}
	}
	return false
}

// usesRel reports whether v, a relationship or a list of them, has id.
func usesRel(v any, id graph.RelID) bool {
	switch x := v.(type) {
	case *Rel:
		return x.e.ID == id
	case []any:
		for _, item := range x {
			if usesRel(item, id) {
				return true
			}
		}
	}
	return false
}
