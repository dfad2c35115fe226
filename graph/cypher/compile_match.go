package cypher

import (
	"slices"
	"strings"

	"assim/graph"
)

// matchStep is a compiled MATCH: a small graph of slots to fill, and the
// conditions on them. The planner decides the order.
type matchStep struct {
	optional bool
	nodes    []*nodeSpec
	rels     []*relSpec
	paths    []*pathSpec
	filters  []*filterSpec
	fresh    []int // slots this clause fills
	text     string
}

// nodeSpec is a node of the pattern; one per variable.
type nodeSpec struct {
	slot   int
	name   string
	labels []string
	bound  bool // filled before this clause
}

// relSpec is a relationship of the pattern.
type relSpec struct {
	slot     int
	name     string
	from, to int // in matchStep.nodes
	types    []string
	dir      graph.Dir
	variable bool
	min, max int
	props    []propSpec
	bound    bool
	keep     bool   // somebody reads the slot
	shortest string // "", "shortestPath" or "allShortestPaths"
	ends     bool   // only which nodes are reached matters, not how
	disjoint bool   // no other relationship of the clause can be the same
}

type propSpec struct {
	key string
	val eval
}

// pathSpec says how to put a path together.
type pathSpec struct {
	slot  int
	nodes []int
	rels  []int
}

// filterSpec is one condition and the fresh slots it reads.
type filterSpec struct {
	cond eval
	uses []int
	text string

	// For a condition "x.prop = value", "key(x) = value" or "id(x) = value":
	// which slot, and how to compute the value from other slots.
	hint     hintKind
	slot     int
	prop     string
	value    eval
	valueUse []int
	many     bool          // IN: any of a list
	either   []*filterSpec // OR: conditions on the same slot, any of which
}

type hintKind uint8

const (
	hintNone hintKind = iota
	hintProp
	hintKey
	hintID
	hintEither
)

// patternBuilder collects the patterns of one clause.
type patternBuilder struct {
	c      *compiler
	m      *matchStep
	bySlot map[int]int // slot → index in nodes
	fresh  map[int]bool
	local  bool // no new variables: a pattern predicate
}

func (c *compiler) match(cl *matchClause) *matchStep {
	m := c.patterns(cl.patterns, false)
	m.optional = cl.optional
	m.text = c.text(cl.loc())
	if cl.filter != nil {
		c.where(m, cl.filter)
	}
	return m
}

// patterns compiles the patterns of a clause; the caller adds conditions.
func (c *compiler) patterns(list []*pattern, local bool) *matchStep {
	b := &patternBuilder{c: c, m: &matchStep{}, bySlot: map[int]int{}, fresh: map[int]bool{}, local: local}
	b.checkNames(list)
	for _, p := range list {
		b.pattern(p)
	}
	for _, p := range list {
		b.props(p)
	}
	b.markDisjoint()
	return b.m
}

// checkNames refuses a name used for two things within one clause.
func (b *patternBuilder) checkNames(list []*pattern) {
	rels, nodes := map[string]bool{}, map[string]bool{}
	for _, p := range list {
		for _, n := range p.nodes {
			nodes[n.name] = true
		}
		for _, r := range p.rels {
			if r.name == "" {
				continue
			}
			if rels[r.name] {
				b.c.fail(r.loc(), "RelationshipUniquenessViolation", "the relationship %s stands twice in one pattern, but a pattern visits a relationship once", r.name)
			}
			rels[r.name] = true
		}
	}
	for _, p := range list {
		for _, r := range p.rels {
			if r.name != "" && nodes[r.name] {
				b.c.fail(r.loc(), "VariableTypeConflict", "%s cannot be a node and a relationship", r.name)
			}
		}
	}
}

func (b *patternBuilder) pattern(p *pattern) {
	path := &pathSpec{}
	p.firstRel = len(b.m.rels)
	for i, n := range p.nodes {
		p.alone = b.node(n)
		path.nodes = append(path.nodes, b.m.nodes[p.alone].slot)
		if i > 0 {
			r := b.rel(p.rels[i-1], b.bySlot[path.nodes[i-1]], b.bySlot[path.nodes[i]])
			r.shortest = p.shortest
			r.keep = r.keep || p.name != "" || p.shortest != ""
			path.rels = append(path.rels, r.slot)
		}
	}
	if p.name == "" {
		return
	}
	c := b.c
	if c.scope.find(p.name) != nil {
		c.fail(p.loc(), "VariableAlreadyBound", "the variable %s exists already", p.name)
	}
	path.slot = c.declare(p.name, of(kPath)).slot
	b.add(path.slot)
	b.m.paths = append(b.m.paths, path)
}

func (b *patternBuilder) add(slot int) {
	b.fresh[slot] = true
	b.m.fresh = append(b.m.fresh, slot)
}

// node returns the index of a node pattern's spec, new or met before.
func (b *patternBuilder) node(n *nodePattern) int {
	c := b.c
	slot, bound := -1, false
	if n.name != "" {
		sym := c.scope.find(n.name)
		if sym == nil {
			if b.local {
				c.undefined(n.loc(), n.name)
			}
			sym = c.declare(n.name, of(kNode))
			b.add(sym.slot)
		} else if sym.typ.k&kNode == 0 && sym.typ.k != kNull {
			c.fail(n.loc(), "VariableTypeConflict", "%s is %s and cannot be a node", n.name, sym.typ.k)
		}
		c.uses = append(c.uses, sym.slot)
		slot, bound = sym.slot, !b.fresh[sym.slot]
	} else {
		slot = c.slot()
		b.add(slot)
	}
	i, known := b.bySlot[slot]
	if !known {
		i = len(b.m.nodes)
		b.bySlot[slot] = i
		b.m.nodes = append(b.m.nodes, &nodeSpec{slot: slot, name: n.name, bound: bound})
	}
	for _, l := range n.labels {
		if !slices.Contains(b.m.nodes[i].labels, l) {
			b.m.nodes[i].labels = append(b.m.nodes[i].labels, l)
		}
	}
	return i
}

func (b *patternBuilder) rel(r *relPattern, from, to int) *relSpec {
	c := b.c
	spec := &relSpec{name: r.name, from: from, to: to, types: slices.Compact(slices.Clone(r.types)), dir: r.dir, variable: r.variable, min: r.min, max: r.max}
	if r.name == "" {
		spec.slot = c.slot()
		b.add(spec.slot)
		b.m.rels = append(b.m.rels, spec)
		return spec
	}
	spec.keep = true
	want := of(kRel)
	if r.variable {
		want = typ{kList, kRel}
	}
	sym := c.scope.find(r.name)
	switch {
	case sym == nil:
		if b.local {
			c.undefined(r.loc(), r.name)
		}
		sym = c.declare(r.name, want)
		b.add(sym.slot)
	case sym.typ.k&want.k == 0 && sym.typ.k != kNull:
		c.fail(r.loc(), "VariableTypeConflict", "%s is %s and cannot be a relationship here", r.name, sym.typ.k)
	default:
		spec.bound = true
	}
	c.uses = append(c.uses, sym.slot)
	spec.slot = sym.slot
	b.m.rels = append(b.m.rels, spec)
	return spec
}

// props turns {name: value} of nodes into conditions and of relationships into
// checks made while walking.
func (b *patternBuilder) props(p *pattern) {
	c := b.c
	for _, n := range p.nodes {
		m, ok := n.props.(*mapExpr)
		if !ok {
			continue
		}
		slot := b.nodeSlot(p, n)
		for i, key := range m.keys {
			b.m.filters = append(b.m.filters, c.propFilter(slot, key, m.values[i], b.m.fresh))
		}
	}
	for _, r := range p.rels {
		m, ok := r.props.(*mapExpr)
		if !ok {
			continue
		}
		spec := b.relOf(p, r)
		for i, key := range m.keys {
			if !spec.variable {
				spec.keep = true
				b.m.filters = append(b.m.filters, c.propFilter(spec.slot, key, m.values[i], b.m.fresh))
				continue
			}
			val, _ := c.expr(m.values[i])
			spec.props = append(spec.props, propSpec{key, val})
		}
	}
}

// nodeSlot finds the slot a node pattern was given: named ones by name, the
// others by their order in the clause.
func (b *patternBuilder) nodeSlot(p *pattern, n *nodePattern) int {
	if n.name != "" {
		return b.c.scope.find(n.name).slot
	}
	return b.m.nodes[b.anonymous(p, n)].slot
}

// anonymous relies on specs being made in the order of the chain.
func (b *patternBuilder) anonymous(p *pattern, n *nodePattern) int {
	at := slices.Index(p.nodes, n)
	if at > 0 {
		return b.relOf(p, p.rels[at-1]).to
	}
	if len(p.rels) > 0 {
		return b.relOf(p, p.rels[0]).from
	}
	return p.alone
}

func (b *patternBuilder) relOf(p *pattern, r *relPattern) *relSpec {
	return b.m.rels[p.firstRel+slices.Index(p.rels, r)]
}

// propFilter is the condition slot.key = value.
func (c *compiler) propFilter(slot int, key string, value expr, fresh []int) *filterSpec {
	uses := c.uses
	c.uses = nil
	val, _ := c.expr(value)
	need := fromFresh(c.uses, fresh)
	c.uses = append(uses, c.uses...)
	f := &filterSpec{hint: hintProp, slot: slot, prop: key, value: val, valueUse: need, uses: union2(need, fromFresh([]int{slot}, fresh)), text: "." + key + " = " + c.text(value.loc())}
	f.cond = func(rt *run) (any, error) {
		want, err := val(rt)
		if err != nil {
			return nil, err
		}
		have, err := rt.property(rt.f[slot], key)
		if err != nil {
			return nil, err
		}
		return equal(have, want), nil
	}
	return f
}

func union2(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// fromFresh keeps those of uses that the clause itself fills.
func fromFresh(uses, fresh []int) []int {
	var out []int
	for _, u := range uses {
		if slices.Contains(fresh, u) && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// where splits a condition at its ANDs, so that each part is checked as early
// as its variables are known.
func (c *compiler) where(m *matchStep, e expr) {
	if b, ok := e.(*binaryExpr); ok && b.op == "AND" {
		c.where(m, b.l)
		c.where(m, b.r)
		return
	}
	uses := c.uses
	c.uses = nil
	f := &filterSpec{cond: c.predicate(e), text: c.text(e.loc())}
	f.uses = fromFresh(c.uses, m.fresh)
	c.uses = append(uses, c.uses...)
	c.hint(m, f, e)
	m.filters = append(m.filters, f)
}

// hint recognizes conditions an index or a key can answer.
func (c *compiler) hint(m *matchStep, f *filterSpec, e expr) {
	var l, r expr
	switch e := e.(type) {
	case *compareExpr:
		if len(e.ops) != 1 || e.ops[0] != "=" {
			return
		}
		l, r = e.args[0], e.args[1]
	case *binaryExpr:
		if e.op == "OR" {
			c.hintEither(m, f, e)
			return
		}
		if e.op != "IN" {
			return
		}
		l, r, f.many = e.l, e.r, true
	default:
		return
	}
	if c.hintSide(m, f, l, r) || f.many {
		return
	}
	c.hintSide(m, f, r, l)
}

// hintEither recognizes conditions such as x.name = $a OR x.id = $a.
func (c *compiler) hintEither(m *matchStep, f *filterSpec, e *binaryExpr) {
	left, right := &filterSpec{text: c.text(e.l.loc())}, &filterSpec{text: c.text(e.r.loc())}
	c.hint(m, left, e.l)
	c.hint(m, right, e.r)
	if left.hint == hintNone || right.hint == hintNone || left.slot != right.slot {
		return
	}
	f.hint, f.slot, f.valueUse = hintEither, left.slot, union2(left.valueUse, right.valueUse)
	for _, side := range []*filterSpec{left, right} {
		if side.hint == hintEither {
			f.either = append(f.either, side.either...)
		} else {
			f.either = append(f.either, side)
		}
	}
}

func (c *compiler) hintSide(m *matchStep, f *filterSpec, target, value expr) bool {
	kind, prop := hintProp, ""
	var v expr
	switch t := target.(type) {
	case *propExpr:
		v, prop = t.e, t.name
	case *callExpr:
		if len(t.args) != 1 {
			return false
		}
		switch strings.ToLower(t.name) {
		case "key":
			kind = hintKey
		case "id":
			kind = hintID
		default:
			return false
		}
		v = t.args[0]
	default:
		return false
	}
	name, ok := v.(*varExpr)
	if !ok {
		return false
	}
	sym := c.scope.find(name.name)
	if sym == nil || sym.typ.k != kNode || !slices.Contains(m.fresh, sym.slot) {
		return false
	}
	uses := c.uses
	c.uses = nil
	val, _ := c.expr(value)
	f.valueUse = fromFresh(c.uses, m.fresh)
	c.uses = uses
	if slices.Contains(f.valueUse, sym.slot) {
		return false
	}
	f.hint, f.slot, f.prop, f.value = kind, sym.slot, prop, val
	return true
}

// markDisjoint finds the relationships that can be no other's of the clause,
// because their types differ: they need no check for being visited twice.
func (b *patternBuilder) markDisjoint() {
	for i, r := range b.m.rels {
		r.disjoint = true
		for j, o := range b.m.rels {
			if i != j && overlap(r.types, o.types) {
				r.disjoint = false
			}
		}
	}
}

func overlap(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	for _, x := range a {
		if slices.Contains(b, x) {
			return true
		}
	}
	return false
}

// markPruning finds variable-length relationships of which only the nodes
// reached matter, because what follows removes duplicates anyway. They are
// walked breadth first, each node once, instead of path by path.
func (c *compiler) markPruning(p *pipelineSpec) {
	for i := 0; i+1 < len(p.steps); i++ {
		m, ok := p.steps[i].(*matchStep)
		next, isProject := p.steps[i+1].(*projectStep)
		if !ok || !isProject || !next.dedups() {
			continue
		}
		m.prune()
	}
}

func (m *matchStep) prune() {
	for _, r := range m.rels {
		if r.variable && !r.keep && !r.bound && r.disjoint && r.shortest == "" && r.min <= 1 && (r.dir != graph.Both || r.min == 0) {
			r.ends = true
		}
	}
}
