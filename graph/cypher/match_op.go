package cypher

import (
	"iter"
	"slices"

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
		return o.each(rt, rt.r.NodesWith(o.label, o.hint.prop, v))
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
	loop     bool // both ends are one variable
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
	if o.loop && e.From != e.To {
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
		if o.toBound && other != target || want != nil && want.e.ID != e.ID || o.visited(rt, e.ID) {
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

func (o *expandOp) visited(rt *run, id graph.RelID) bool {
	for _, r := range o.others {
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
		if usesRel(o.trail, e.ID) || o.visited(rt, e.ID) {
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
