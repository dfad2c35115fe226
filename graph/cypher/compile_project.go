package cypher

import (
	"slices"
	"strings"
)

// projectStep is a compiled WITH or RETURN.
type projectStep struct {
	items    []projected
	agg      *aggregation // nil when nothing is aggregated
	distinct bool
	order    []sortSpec
	skip     eval
	limit    eval
	filter   eval
	names    []string
	out      []int // the slot of each name
	live     []int // slots that must survive sorting
	text     string
}

// projected is one item that has to be computed into a slot.
type projected struct {
	val     eval
	slot    int
	grouped bool // holds an aggregate: computed once per group
}

type sortSpec struct {
	val  eval
	desc bool
}

// aggregation is what a grouping projection computes per group.
type aggregation struct {
	keys  []int // slots of the grouping items
	specs []*aggSpec
	pre   *scope

	slots    map[string]int // of the aggregates, by canonical text
	complete bool           // ORDER BY cannot add aggregates
}

// aggSpec is one aggregate call.
type aggSpec struct {
	name     string
	arg      eval // nil for count(*)
	fraction eval // the second argument of percentileCont and percentileDisc
	distinct bool
	slot     int
	text     string
}

// dedups reports whether more of the same rows cannot alter the result.
func (p *projectStep) dedups() bool {
	if p.agg == nil {
		return p.distinct
	}
	for _, s := range p.agg.specs {
		if !s.distinct && s.name != "min" && s.name != "max" {
			return false
		}
	}
	return true
}

func (c *compiler) project(cl *projectClause) *projectStep {
	p := &projectStep{distinct: cl.distinct, text: c.text(cl.loc())}
	pre := c.scope
	items := c.expandStar(cl)
	c.checkItems(cl, items)
	post := &scope{parent: pre.parent}
	if slices.ContainsFunc(items, func(it item) bool { return hasAggregate(it.e) }) {
		p.agg = &aggregation{pre: pre}
	}
	keys := map[string]*symbol{}
	for _, it := range items {
		if p.agg == nil || !hasAggregate(it.e) {
			c.plainItem(p, post, keys, it)
		}
	}
	for _, it := range items {
		if p.agg != nil && hasAggregate(it.e) {
			c.groupedItem(p, post, keys, it)
		}
	}
	for _, it := range items {
		p.names = append(p.names, it.name)
		p.out = append(p.out, post.names[it.name].slot)
	}
	c.tail(p, cl, post, keys)
	c.checkAliases(cl, items)
	c.scope = post
	return p
}

// expandStar replaces * by all variables of the scope.
func (c *compiler) expandStar(cl *projectClause) []item {
	if !cl.star {
		return cl.items
	}
	var items []item
	for _, name := range c.scope.order {
		items = append(items, item{cl.loc(), &varExpr{cl.loc(), name}, name, true})
	}
	if len(items) == 0 && cl.last {
		c.fail(cl.loc(), "NoVariablesInScope", "there is no variable that * could stand for")
	}
	return append(items, cl.items...)
}

func (c *compiler) checkItems(cl *projectClause, items []item) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.name] {
			c.fail(it.loc(), "ColumnNameConflict", "two columns are called %s; rename one with AS", it.name)
		}
		seen[it.name] = true
	}
}

// checkAliases demands names of WITH's expressions.
func (c *compiler) checkAliases(cl *projectClause, items []item) {
	for _, it := range items {
		if !cl.last && !it.aliased {
			c.fail(it.loc(), "NoExpressionAlias", "WITH needs a name for %s: write %s AS name", it.name, it.name)
		}
	}
}

// plainItem compiles an item without aggregates. A variable keeps its slot.
func (c *compiler) plainItem(p *projectStep, post *scope, keys map[string]*symbol, it item) {
	var sym *symbol
	if v, ok := it.e.(*varExpr); ok && c.scope.find(v.name) != nil {
		old := c.scope.find(v.name)
		c.uses = append(c.uses, old.slot)
		sym = &symbol{slot: old.slot, typ: old.typ}
		keys["1"+v.name+" "] = sym
	} else {
		val, t := c.expr(it.e)
		sym = &symbol{slot: c.slot(), typ: t}
		p.items = append(p.items, projected{val: val, slot: sym.slot})
		keys[c.canonical(it.e.loc())] = sym
	}
	post.put(it.name, sym)
	if p.agg != nil {
		p.agg.keys = append(p.agg.keys, sym.slot)
	}
}

// groupedItem compiles an item with aggregates: outside of them it may read
// only grouping keys.
func (c *compiler) groupedItem(p *projectStep, post *scope, keys map[string]*symbol, it item) {
	var t typ
	val := c.after(p, c.scope, true, c.simpleKeys(p, keys), func() (ev eval) {
		ev, t = c.expr(it.e)
		return ev
	})
	sym := &symbol{slot: c.slot(), typ: t}
	p.items = append(p.items, projected{val, sym.slot, true})
	keys[c.canonical(it.e.loc())] = sym
	post.put(it.name, sym)
}

// after compiles something that is computed once rows are grouped.
func (c *compiler) after(p *projectStep, in *scope, strict bool, keys map[string]*symbol, compile func() eval) eval {
	scope, subst, agg, barrier := c.scope, c.subst, c.agg, c.barrier
	defer func() { c.scope, c.subst, c.agg, c.barrier = scope, subst, agg, barrier }()
	c.scope, c.subst, c.agg, c.barrier = in, keys, p.agg, nil
	if strict {
		c.barrier = in
	}
	return compile()
}

// tail compiles ORDER BY, SKIP, LIMIT and WHERE.
func (c *compiler) tail(p *projectStep, cl *projectClause, post *scope, keys map[string]*symbol) {
	pre, view := c.scope, post
	grouping := p.agg != nil || p.distinct
	if !grouping {
		view = &scope{parent: pre}
		for _, name := range post.order {
			view.put(name, post.names[name])
		}
	}
	p.live = slices.Clone(p.out)
	for _, s := range cl.order {
		if p.agg == nil && hasAggregate(s.e) {
			c.fail(s.e.loc(), "InvalidAggregation", "ORDER BY can aggregate only where the items do")
		}
		known := keys
		if p.agg != nil && hasAggregate(s.e) && keys[c.canonical(s.e.loc())] == nil {
			known = c.simpleKeys(p, keys)
			c.checkOrderAggregate(s.e, cl, post, known)
			p.agg.complete = true
		}
		val := c.after(p, view, false, known, func() eval { ev, _ := c.expr(s.e); return ev })
		p.order = append(p.order, sortSpec{val, s.desc})
	}
	if cl.skip != nil {
		p.skip = c.constant(cl.skip, "SKIP")
	}
	if cl.limit != nil {
		p.limit = c.constant(cl.limit, "LIMIT")
	}
	if cl.filter == nil {
		return
	}
	if hasAggregate(cl.filter) {
		c.fail(cl.filter.loc(), "InvalidAggregation", "WHERE cannot aggregate; aggregate in the items of WITH and compare their names")
	}
	uses := c.uses
	c.uses = nil
	p.filter = c.after(p, view, false, keys, func() eval { return c.predicate(cl.filter) })
	for _, u := range c.uses {
		if !slices.Contains(p.live, u) && !grouping {
			p.live = append(p.live, u)
		}
	}
	c.uses = append(uses, c.uses...)
}

// simpleKeys are the keys that may stand beside an aggregate: variables and
// their properties, and aggregates. A longer expression that is a key as a
// whole may not: whether it is meant to be grouped by would be a guess.
func (c *compiler) simpleKeys(p *projectStep, keys map[string]*symbol) map[string]*symbol {
	simple := map[string]*symbol{}
	for text, sym := range keys {
		if strings.Count(text, " ") == 1 || strings.Count(text, " ") == 3 && strings.Contains(text, " 7. ") {
			simple[text] = sym
		}
	}
	for text, slot := range p.agg.slots {
		simple[text] = &symbol{slot: slot, typ: anyType}
	}
	return simple
}

// checkOrderAggregate demands that everything ORDER BY reads outside of its
// aggregates is projected by itself.
func (c *compiler) checkOrderAggregate(e expr, cl *projectClause, post *scope, known map[string]*symbol) {
	walkOutside(e, func(e expr) bool { return known[c.canonical(e.loc())] != nil }, func(v *varExpr) {
		for _, it := range cl.items {
			walk(it.e, func(e expr) bool {
				if o, ok := e.(*varExpr); ok && o.name == v.name && post.find(v.name) == nil && !hasAggregate(it.e) {
					c.fail(v.loc(), "AmbiguousAggregationExpression", "%s stands beside an aggregate but is not projected by itself", v.name)
				}
				return true
			})
		}
	})
}

var aggregates = map[string]bool{"count": true, "sum": true, "avg": true, "min": true, "max": true, "collect": true,
	"stdev": true, "stdevp": true, "percentilecont": true, "percentiledisc": true}

func isAggregate(c *callExpr) bool { return c.star || aggregates[strings.ToLower(c.name)] }

// hasAggregate looks for an aggregate call in e, not entering subqueries.
func hasAggregate(e expr) bool {
	found := false
	walk(e, func(e expr) bool {
		if call, ok := e.(*callExpr); ok && isAggregate(call) {
			found = true
		}
		return !found
	})
	return found
}

// walkOutside visits the variables of e that are outside of aggregates and of
// what skip accepts.
func walkOutside(e expr, skip func(expr) bool, visit func(*varExpr)) {
	walk(e, func(e expr) bool {
		if call, ok := e.(*callExpr); ok && isAggregate(call) || skip(e) {
			return false
		}
		if v, ok := e.(*varExpr); ok {
			visit(v)
		}
		return true
	})
}

// walk visits e and what is below it while visit returns true.
func walk(e expr, visit func(expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	each := func(list ...expr) {
		for _, x := range list {
			if x != nil {
				walk(x, visit)
			}
		}
	}
	switch e := e.(type) {
	case *propExpr:
		each(e.e)
	case *indexExpr:
		each(e.e, e.i)
	case *sliceExpr:
		each(e.e, e.low, e.high)
	case *listExpr:
		each(e.items...)
	case *mapExpr:
		each(e.values...)
	case *unaryExpr:
		each(e.e)
	case *binaryExpr:
		each(e.l, e.r)
	case *compareExpr:
		each(e.args...)
	case *nullExpr:
		each(e.e)
	case *labelsExpr:
		each(e.e)
	case *callExpr:
		each(e.args...)
	case *caseExpr:
		each(e.test, e.other)
		each(e.when...)
		each(e.then...)
	case *listCompExpr:
		each(e.list, e.where, e.project)
	case *quantExpr:
		each(e.list, e.where)
	case *reduceExpr:
		each(e.start, e.list, e.body)
	case *patternExpr:
		each(e.where, e.project)
	case *projectExpr:
		each(e.exprs...)
	}
}

// aggregate compiles an aggregate call: its value is in a slot when the group
// is complete.
func (c *compiler) aggregate(e *callExpr) (eval, typ) {
	if c.inAgg {
		c.fail(e.loc(), "NestedAggregation", "an aggregate cannot be within another")
	}
	if c.agg == nil {
		c.fail(e.loc(), "InvalidAggregation", "%s() aggregates, which only the items of WITH and RETURN can do", e.name)
	}
	if c.agg.complete {
		c.fail(e.loc(), "UndefinedVariable", "ORDER BY can use only aggregates that are projected, and %s is not", c.text(e.loc()))
	}
	spec := &aggSpec{name: strings.ToLower(e.name), distinct: e.distinct, slot: c.slot(), text: c.text(e.loc())}
	read := func(rt *run) (any, error) { return rt.f[spec.slot], nil }
	c.agg.specs = append(c.agg.specs, spec)
	if c.agg.slots == nil {
		c.agg.slots = map[string]int{}
	}
	c.agg.slots[c.canonical(e.loc())] = spec.slot
	if e.star {
		return read, of(kInt)
	}
	want := 1
	if strings.HasPrefix(spec.name, "percentile") {
		want = 2
	}
	if len(e.args) != want {
		c.fail(e.loc(), "InvalidNumberOfArguments", "%s() takes %s, not %d", e.name, arguments(want), len(e.args))
	}
	scope, subst, barrier := c.scope, c.subst, c.barrier
	c.scope, c.subst, c.barrier, c.inAgg = c.agg.pre, nil, nil, true
	arg, t := c.expr(e.args[0])
	spec.arg = arg
	if want == 2 {
		spec.fraction, _ = c.expr(e.args[1])
	}
	c.scope, c.subst, c.barrier, c.inAgg = scope, subst, barrier, false
	if call, ok := e.args[0].(*callExpr); ok && strings.EqualFold(call.name, "rand") {
		c.fail(e.loc(), "NonConstantExpression", "%s() cannot aggregate rand(): put it into a WITH first", e.name)
	}
	switch spec.name {
	case "count":
		return read, of(kInt)
	case "collect":
		return read, typ{kList, t.k}
	case "min", "max":
		return read, t
	}
	return read, of(kNull | kNumber | kDuration)
}
