package cypher

import (
	"strings"
)

// expr compiles an expression and says what it may be.
func (c *compiler) expr(e expr) (eval, typ) {
	if c.work++; c.work > workPerToken*(len(c.st.tokens)+64) {
		panic(tooMuch{c.errorAt(e.loc(), SyntaxError, "NestedTooDeep", "the query is too tangled to be compiled")})
	}
	if c.subst != nil {
		if sym := c.subst[c.canonical(e.loc())]; sym != nil && !c.shadowed(e) {
			return readSlot(sym.slot), sym.typ
		}
	}
	patternOK := c.patternOK
	c.patternOK = false
	defer func() { c.patternOK = patternOK }()
	switch e := e.(type) {
	case *litExpr:
		v := e.v
		return func(*run) (any, error) { return v, nil }, typeOf(v)
	case *paramExpr:
		return c.param(e)
	case *varExpr:
		return c.variable(e)
	case *propExpr:
		return c.property(e)
	case *indexExpr:
		return c.index(e)
	case *sliceExpr:
		return c.slice(e)
	case *listExpr:
		return c.list(e)
	case *mapExpr:
		return c.mapLiteral(e)
	case *unaryExpr:
		return c.unary(e, patternOK)
	case *binaryExpr:
		return c.binary(e, patternOK)
	case *compareExpr:
		return c.compare(e)
	case *nullExpr:
		ev, _ := c.expr(e.e)
		not := e.not
		return func(rt *run) (any, error) {
			v, err := ev(rt)
			return (v == nil) != not, err
		}, of(kBool)
	case *labelsExpr:
		return c.hasLabels(e)
	case *callExpr:
		if isAggregate(e) {
			return c.aggregate(e)
		}
		return c.function(e)
	case *caseExpr:
		return c.caseExpr(e)
	case *listCompExpr:
		return c.listComp(e)
	case *quantExpr:
		return c.quantifier(e)
	case *reduceExpr:
		return c.reduce(e)
	case *patternExpr:
		return c.patternExpr(e, patternOK)
	case *subExpr:
		return c.subExpr(e)
	case *projectExpr:
		return c.mapProjection(e)
	}
	c.fail(e.loc(), "UnexpectedSyntax", "this expression is not supported")
	return nil, anyType
}

// shadowed reports whether a variable of the same text is a local one, e.g.
// that of a list comprehension.
func (c *compiler) shadowed(e expr) bool {
	v, ok := e.(*varExpr)
	if !ok {
		return false
	}
	for s := c.scope; s != nil && s != c.barrier; s = s.parent {
		if s.names[v.name] != nil {
			return true
		}
	}
	return false
}

func readSlot(slot int) eval {
	return func(rt *run) (any, error) { return rt.f[slot], nil }
}

func (c *compiler) param(e *paramExpr) (eval, typ) {
	name := e.name
	if _, ok := c.params[name]; !ok {
		c.params[name] = e.loc()
	}
	return func(rt *run) (any, error) { return rt.params[name], nil }, anyType
}

func (c *compiler) variable(e *varExpr) (eval, typ) {
	sym := c.scope.find(e.name)
	if sym == nil {
		c.undefined(e.loc(), e.name)
	}
	if c.barrier != nil && !c.shadowed(e) {
		c.fail(e.loc(), "AmbiguousAggregationExpression", "%s stands beside an aggregate but is not a grouping key; project it by itself first", e.name)
	}
	c.uses = append(c.uses, sym.slot)
	return readSlot(sym.slot), sym.typ
}

func (c *compiler) property(e *propExpr) (eval, typ) {
	name := e.name
	ev, t := c.expr(e.e)
	if !t.may(kNode | kRel | kMap | kTemporal | kDuration) {
		if t.may(kPath) {
			c.fail(e.loc(), "InvalidArgumentType", "a path has no properties; its nodes(p) and relationships(p) do")
		}
		c.failType(e.loc(), TypeError, "%s has no properties", t.k)
	}
	if v, ok := e.e.(*varExpr); ok && c.subst == nil {
		if sym := c.scope.find(v.name); sym != nil {
			slot := sym.slot
			return func(rt *run) (any, error) { return rt.property(rt.f[slot], name) }, anyType
		}
	}
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if err != nil {
			return nil, err
		}
		return rt.property(v, name)
	}, anyType
}

func (c *compiler) index(e *indexExpr) (eval, typ) {
	ev, t := c.expr(e.e)
	at, ti := c.expr(e.i)
	if !t.may(kList | kMap | kNode | kRel) {
		c.failType(e.loc(), TypeError, "%s cannot be subscripted", t.k)
	}
	if t.k&^kNull == kList && !ti.may(kInt) {
		c.failType(e.i.loc(), TypeError, "a list is subscripted by an integer, not %s", ti.k)
	}
	elem := anyType
	if t.k&^kNull == kList {
		elem = of(t.elem | kNull)
	}
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if err != nil {
			return nil, err
		}
		i, err := at(rt)
		if err != nil {
			return nil, err
		}
		return rt.subscript(v, i)
	}, elem
}

func (c *compiler) optional(e expr) eval {
	if e == nil {
		return nil
	}
	ev, _ := c.expr(e)
	return ev
}

func (c *compiler) slice(e *sliceExpr) (eval, typ) {
	ev, t := c.expr(e.e)
	if !t.may(kList) {
		c.fail(e.loc(), "InvalidArgumentType", "%s cannot be sliced", t.k)
	}
	low, high := c.optional(e.low), c.optional(e.high)
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if err != nil || v == nil {
			return nil, err
		}
		list, ok := v.([]any)
		if !ok {
			return nil, failed(TypeError, "InvalidArgumentType", "%s cannot be sliced", typeName(v))
		}
		from, okLow, err := rt.sliceEnd(low, 0, len(list))
		if err != nil || !okLow {
			return nil, err
		}
		to, okHigh, err := rt.sliceEnd(high, len(list), len(list))
		if err != nil || !okHigh {
			return nil, err
		}
		if from >= to {
			return []any{}, nil
		}
		return list[from:to:to], nil
	}, t
}

func (c *compiler) exprs(list []expr) ([]eval, []typ) {
	evs, types := make([]eval, len(list)), make([]typ, len(list))
	for i, e := range list {
		evs[i], types[i] = c.expr(e)
	}
	return evs, types
}

func (c *compiler) list(e *listExpr) (eval, typ) {
	items, types := c.exprs(e.items)
	var elem kind
	for _, t := range types {
		elem |= t.k
	}
	if len(items) == 0 {
		elem = kAny
	}
	return func(rt *run) (any, error) {
		out := make([]any, len(items))
		for i, item := range items {
			v, err := item(rt)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}, typ{kList, elem}
}

func (c *compiler) mapLiteral(e *mapExpr) (eval, typ) {
	values, _ := c.exprs(e.values)
	keys := e.keys
	return func(rt *run) (any, error) {
		out := make(map[string]any, len(keys))
		for i, v := range values {
			val, err := v(rt)
			if err != nil {
				return nil, err
			}
			out[keys[i]] = val
		}
		return out, nil
	}, of(kMap)
}

func (c *compiler) mapProjection(e *projectExpr) (eval, typ) {
	base, t := c.variable(&varExpr{span{e.from, e.from + 1}, e.name})
	if !t.may(kNode | kRel | kMap) {
		c.fail(e.loc(), "InvalidArgumentType", "a map projection starts from a node, relationship or map, not %s", t.k)
	}
	values, _ := c.exprs(e.exprs)
	keys, all := e.keys, e.all
	return func(rt *run) (any, error) {
		v, err := base(rt)
		if err != nil || v == nil {
			return nil, err
		}
		out := map[string]any{}
		if all {
			props, err := rt.props(v)
			if err != nil {
				return nil, err
			}
			for k, p := range props {
				out[k] = p
			}
		}
		for i, ev := range values {
			if out[keys[i]], err = ev(rt); err != nil {
				return nil, err
			}
		}
		return out, nil
	}, of(kMap)
}

func (c *compiler) hasLabels(e *labelsExpr) (eval, typ) {
	ev, t := c.expr(e.e)
	if !t.may(kNode | kRel) {
		c.fail(e.loc(), "InvalidArgumentType", "%s has no labels", t.k)
	}
	labels := e.labels
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if err != nil {
			return nil, err
		}
		switch x := v.(type) {
		case nil:
			return nil, nil
		case *Node:
			return rt.hasLabels(x, labels)
		case *Rel:
			return len(labels) == 1 && x.e.Type == labels[0], nil
		}
		return nil, failed(TypeError, "InvalidArgumentType", "%s has no labels", typeName(v))
	}, of(kBool | kNull)
}

func (c *compiler) caseExpr(e *caseExpr) (eval, typ) {
	var test eval
	if e.test != nil {
		test, _ = c.expr(e.test)
	}
	when := make([]eval, len(e.when))
	for i, w := range e.when {
		if test == nil {
			when[i], _ = c.condition(w)
		} else {
			when[i], _ = c.expr(w)
		}
	}
	then, types := c.exprs(e.then)
	other := func(*run) (any, error) { return nil, nil }
	result := of(kNull)
	if e.other != nil {
		other, result = c.expr(e.other)
	}
	for _, t := range types {
		result = result.or(t)
	}
	return func(rt *run) (any, error) {
		var subject any
		var err error
		if test != nil {
			if subject, err = test(rt); err != nil {
				return nil, err
			}
		}
		for i, w := range when {
			v, err := w(rt)
			if err != nil {
				return nil, err
			}
			if test != nil {
				v = equal(subject, v)
			}
			if v == true {
				return then[i](rt)
			}
		}
		return other(rt)
	}, result
}

// local declares a variable of an expression, e.g. of a list comprehension,
// for as long as compile runs.
func (c *compiler) local(name string, t typ, compile func(slot int)) {
	scope, agg := c.scope, c.agg
	defer func() { c.scope, c.agg = scope, agg }()
	c.scope, c.agg = scope.child(), nil
	compile(c.declare(name, t).slot)
}

// listArg compiles an expression that must be a list.
func (c *compiler) listArg(e expr, what string) (eval, typ) {
	ev, t := c.expr(e)
	if !t.may(kList) {
		c.fail(e.loc(), "InvalidArgumentType", "%s needs a list, not %s", what, t.k)
	}
	elem := anyType
	if t.k&^kNull == kList {
		elem = of(t.elem)
	}
	return ev, elem
}

func (c *compiler) listComp(e *listCompExpr) (eval, typ) {
	list, elem := c.listArg(e.list, "a list comprehension")
	result := elem
	var slot int
	var where, project eval
	c.local(e.name, elem, func(s int) {
		slot = s
		if e.where != nil {
			where = c.predicate(e.where)
		}
		if e.project != nil {
			project, result = c.expr(e.project)
		}
	})
	return func(rt *run) (any, error) {
		items, ok, err := rt.items(list)
		if err != nil || !ok {
			return nil, err
		}
		out, made := make([]any, 0, len(items)), int64(0)
		for _, item := range items {
			if err := rt.step(); err != nil {
				return nil, err
			}
			rt.f[slot] = item
			if where != nil {
				if keep, err := where(rt); err != nil {
					return nil, err
				} else if keep != true {
					continue
				}
			}
			if project != nil {
				if item, err = project(rt); err != nil {
					return nil, err
				}
				made += 16 + sizeOf(item)
				if err := rt.size(made); err != nil {
					return nil, err
				}
			}
			out = append(out, item)
		}
		return out, nil
	}, typ{kList | kNull, result.k}
}

func (c *compiler) quantifier(e *quantExpr) (eval, typ) {
	list, elem := c.listArg(e.list, e.kind+"()")
	var slot int
	var where eval
	c.local(e.name, elem, func(s int) { slot, where = s, c.predicate(e.where) })
	kind := e.kind
	return func(rt *run) (any, error) {
		items, ok, err := rt.items(list)
		if err != nil || !ok {
			return nil, err
		}
		var yes, no, unknown int
		for _, item := range items {
			if err := rt.step(); err != nil {
				return nil, err
			}
			rt.f[slot] = item
			v, err := where(rt)
			if err != nil {
				return nil, err
			}
			switch v {
			case true:
				yes++
			case false:
				no++
			default:
				unknown++
			}
			if kind == "any" && yes > 0 || kind == "all" && no > 0 || kind == "none" && yes > 0 || kind == "single" && yes > 1 {
				break
			}
		}
		return quantify(kind, yes, no, unknown), nil
	}, of(kBool | kNull)
}

func quantify(kind string, yes, no, unknown int) any {
	switch {
	case kind == "all" && no > 0, kind == "none" && yes > 0, kind == "single" && yes > 1:
		return false
	case kind == "any" && yes > 0:
		return true
	case unknown > 0:
		return nil
	case kind == "any":
		return false
	case kind == "single":
		return yes == 1
	}
	return true
}

func (c *compiler) reduce(e *reduceExpr) (eval, typ) {
	start, t := c.expr(e.start)
	list, elem := c.listArg(e.list, "reduce()")
	var acc, slot int
	var body eval
	c.local(e.acc, anyType, func(a int) {
		acc = a
		c.local(e.name, elem, func(s int) {
			slot = s
			var bt typ
			body, bt = c.expr(e.body)
			t = t.or(bt)
		})
	})
	return func(rt *run) (any, error) {
		v, err := start(rt)
		if err != nil {
			return nil, err
		}
		items, ok, err := rt.items(list)
		if err != nil || !ok {
			return nil, err
		}
		for _, item := range items {
			if err := rt.step(); err != nil {
				return nil, err
			}
			rt.f[acc], rt.f[slot] = v, item
			if v, err = body(rt); err != nil {
				return nil, err
			}
		}
		return v, nil
	}, t
}

// patternExpr compiles a pattern used as a condition, or a comprehension.
func (c *compiler) patternExpr(e *patternExpr, allowed bool) (eval, typ) {
	if e.pattern.shortest != "" {
		return c.shortestExpr(e)
	}
	if e.project == nil && !allowed {
		c.fail(e.loc(), "UnexpectedSyntax", "a pattern is a condition and cannot be used as a value; use [pattern | value] or EXISTS { }")
	}
	scope, barrier, subst := c.scope, c.barrier, c.subst
	defer func() { c.scope, c.barrier, c.subst = scope, barrier, subst }()
	c.scope = scope.child()
	m := c.patterns([]*pattern{e.pattern}, e.project == nil)
	sub := &subquery{kind: "EXISTS", parts: []*pipelineSpec{{steps: []step{m}}}}
	result := of(kBool)
	if e.where != nil {
		c.where(m, e.where)
	}
	if e.project != nil {
		sub.kind = "COLLECT"
		var t typ
		sub.project, t = c.expr(e.project)
		result = typ{kList, t.k}
	} else {
		m.prune()
	}
	return c.sub(sub), result
}

// shortestExpr compiles shortestPath((a)-[*]-(b)) used as a value.
func (c *compiler) shortestExpr(e *patternExpr) (eval, typ) {
	scope := c.scope
	defer func() { c.scope = scope }()
	c.scope = scope.child()
	const name = " shortest"
	p := *e.pattern
	p.name = name
	m := c.patterns([]*pattern{&p}, false)
	sub := &subquery{kind: "COLLECT", parts: []*pipelineSpec{{steps: []step{m}}}}
	sub.project = readSlot(c.scope.find(name).slot)
	ev := c.sub(sub)
	if p.shortest == "allShortestPaths" {
		return ev, typ{kList, kPath}
	}
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if list, ok := v.([]any); ok && len(list) > 0 {
			return list[0], err
		}
		return nil, err
	}, of(kPath | kNull)
}

func (c *compiler) sub(s *subquery) eval {
	n := len(c.subs)
	c.subs = append(c.subs, s)
	return func(rt *run) (any, error) { return rt.sub(n) }
}

func (c *compiler) subExpr(e *subExpr) (eval, typ) {
	agg, subst, inAgg := c.agg, c.subst, c.inAgg
	c.agg, c.subst, c.inAgg = nil, nil, false
	defer func() { c.agg, c.subst, c.inAgg = agg, subst, inAgg }()
	sub := &subquery{kind: strings.ToUpper(e.kind), all: e.query.all}
	sub.parts = c.union(e.query, true)
	if sub.kind == "COLLECT" && len(sub.parts[0].columns) != 1 {
		c.fail(e.loc(), "InvalidClauseComposition", "COLLECT { } must return exactly one column")
	}
	result := of(kBool)
	switch sub.kind {
	case "COUNT":
		result = of(kInt)
	case "COLLECT":
		result = typ{kList, kAny}
	}
	return c.sub(sub), result
}
