package cypher

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// eval computes an expression over the frame of a run.
type eval func(*run) (any, error)

// symbol is a variable: where its value is and what it may be.
type symbol struct {
	slot int
	typ  typ
}

// scope is what names mean at one place of the query.
type scope struct {
	parent *scope
	names  map[string]*symbol
	order  []string
}

func (s *scope) find(name string) *symbol {
	for ; s != nil; s = s.parent {
		if sym := s.names[name]; sym != nil {
			return sym
		}
	}
	return nil
}

func (s *scope) child() *scope { return &scope{parent: s} }

func (s *scope) put(name string, sym *symbol) {
	if s.names == nil {
		s.names = map[string]*symbol{}
	}
	if s.names[name] == nil {
		s.order = append(s.order, name)
	}
	s.names[name] = sym
}

// all returns every name visible, outermost and oldest first.
func (s *scope) all() []string {
	if s == nil {
		return nil
	}
	names := s.parent.all()
	for _, n := range s.order {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// compiler turns clauses into steps and expressions into closures.
type compiler struct {
	st     *statement
	procs  map[string]*procedure
	scope  *scope
	slots  int
	subs   []*subquery
	params map[string]span // and where each is first
	named  map[string]bool // every variable so far, those out of scope too
	uses   []int           // slots read since the caller last cleared it
	work   int             // expressions compiled, some of them more than once

	subst     map[string]*symbol // expressions that are computed already, by canonical text
	agg       *aggregation       // where aggregates are allowed, or nil
	inAgg     bool               // within an aggregate's argument
	patternOK bool               // a pattern may stand here as a predicate
	barrier   *scope             // what this scope and those above it name may not be read
}

func (c *compiler) slot() int {
	c.slots++
	return c.slots - 1
}

// declare makes a new variable in the current scope.
func (c *compiler) declare(name string, t typ) *symbol {
	sym := &symbol{slot: c.slot(), typ: t}
	c.scope.put(name, sym)
	c.named[name] = true
	return sym
}

// fail leaves the compiler; compileStatement catches it.
func (c *compiler) fail(at span, detail, format string, args ...any) {
	panic(bail{c.errorAt(at, SyntaxError, detail, format, args...)})
}

// failType is fail where the TCK demands another type than SyntaxError.
func (c *compiler) failType(at span, typ, format string, args ...any) {
	panic(bail{c.errorAt(at, typ, "InvalidArgumentType", format, args...)})
}

func (c *compiler) errorAt(at span, typ, detail, format string, args ...any) *Error {
	return errorAt(c.st.text, c.st.tokens[at.from].from, typ, detail, format, args...)
}

// text is the query text of a piece.
func (c *compiler) text(at span) string {
	if at.to <= at.from {
		return ""
	}
	return c.st.text[c.st.tokens[at.from].from:c.st.tokens[at.to-1].to]
}

// canonical is the text of a piece independent of white space.
func (c *compiler) canonical(at span) string {
	var b strings.Builder
	for _, t := range c.st.tokens[at.from:at.to] {
		b.WriteByte(byte('0' + t.kind))
		b.WriteString(t.text)
		b.WriteByte(' ')
	}
	return b.String()
}

// compiled is a query ready to be planned and run.
type compiled struct {
	parts   []*pipelineSpec
	all     bool // UNION ALL
	columns []string
	slots   int
	subs    []*subquery
	params  []string
	located map[string]func(error) error // what gives a parameter's errors their place
}

// pipelineSpec is one query without UNION: its steps in order. The last is a
// projectStep with RETURN, or there are no columns.
type pipelineSpec struct {
	steps   []step
	columns []string
	out     []int // the slots of the columns
}

// step is a compiled clause.
type step interface{}

// subquery is a query or pattern within an expression.
type subquery struct {
	kind    string // EXISTS, COUNT, COLLECT
	parts   []*pipelineSpec
	project eval // what COLLECT collects of each match, or nil: the first column
	all     bool
}

// compileStatement compiles a parsed statement.
func compileStatement(st *statement, procs map[string]*procedure) (out *compiled, err error) {
	c := &compiler{st: st, procs: procs, scope: &scope{}, params: map[string]span{}, named: map[string]bool{}}
	defer func() {
		if e := caught(recover()); e != nil {
			out, err = nil, e
		}
	}()
	out = &compiled{all: st.query.all}
	out.parts = c.union(st.query, false)
	out.columns = out.parts[0].columns
	out.slots, out.subs = c.slots, c.subs
	out.params = slices.Sorted(maps.Keys(c.params))
	out.located = map[string]func(error) error{}
	for name, at := range c.params {
		out.located[name] = c.located(at)
	}
	return out, nil
}

// union compiles all parts, each starting from the scope at hand.
func (c *compiler) union(u *union, inner bool) []*pipelineSpec {
	outer := c.scope
	var parts []*pipelineSpec
	for _, s := range u.parts {
		c.scope = outer.child()
		p := c.single(s, inner)
		if len(parts) > 0 && !sameNames(parts[0].columns, p.columns) {
			c.fail(s.loc(), "DifferentColumnsInUnion", "the parts of a UNION must return the same columns: %s and %s", strings.Join(parts[0].columns, ", "), strings.Join(p.columns, ", "))
		}
		if len(parts) > 0 {
			p.reorder(parts[0].columns)
		}
		parts = append(parts, p)
	}
	c.scope = outer
	return parts
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// reorder puts the columns into the order of the UNION's first part.
func (p *pipelineSpec) reorder(columns []string) {
	out := make([]int, len(columns))
	for i, name := range columns {
		out[i] = p.out[slices.Index(p.columns, name)]
	}
	p.columns, p.out = columns, out
}

// single compiles one query. An inner one (of EXISTS and the like) need not
// return anything.
func (c *compiler) single(s *single, inner bool) *pipelineSpec {
	p := &pipelineSpec{}
	for i, cl := range s.clauses {
		last := i == len(s.clauses)-1
		switch cl := cl.(type) {
		case *matchClause:
			p.steps = append(p.steps, c.match(cl))
		case *unwindClause:
			p.steps = append(p.steps, c.unwind(cl))
		case *projectClause:
			step := c.project(cl)
			p.steps = append(p.steps, step)
			if cl.last {
				p.columns, p.out = step.names, step.out
			}
		case *callClause:
			step := c.call(cl, len(s.clauses) == 1)
			p.steps = append(p.steps, step)
			if last && len(s.clauses) == 1 {
				p.columns, p.out = step.names, step.out
			}
		}
	}
	c.markPruning(p)
	if !inner {
		c.checkEnd(s)
	}
	return p
}

// checkEnd demands RETURN at the end of a query that is more than one CALL.
func (c *compiler) checkEnd(s *single) {
	last := s.clauses[len(s.clauses)-1]
	if pc, ok := last.(*projectClause); ok && pc.last {
		return
	}
	if _, ok := last.(*callClause); ok && len(s.clauses) == 1 {
		return
	}
	c.fail(span{s.to, s.to}, "InvalidClauseComposition", "the query must end with RETURN")
}

type unwindStep struct {
	list eval
	slot int
	text string
}

func (c *compiler) unwind(u *unwindClause) step {
	list, t := c.expr(u.list)
	if c.scope.find(u.name) != nil {
		c.fail(span{u.to - 1, u.to}, "VariableAlreadyBound", "the variable %s exists already", u.name)
	}
	elem := anyType
	if t.k&^kNull == kList {
		elem = of(t.elem)
	}
	return &unwindStep{list, c.declare(u.name, elem).slot, c.text(u.loc())}
}

// predicate compiles a WHERE condition, which may hold patterns.
func (c *compiler) predicate(e expr) eval {
	ev, t := c.condition(e)
	if !t.may(kBool) {
		c.fail(e.loc(), "InvalidArgumentType", "WHERE needs a condition that is true or false, not %s", t.k)
	}
	return ev
}

// condition compiles e where a pattern counts as "there is a match".
func (c *compiler) condition(e expr) (eval, typ) {
	was := c.patternOK
	c.patternOK = true
	defer func() { c.patternOK = was }()
	return c.expr(e)
}

// constant compiles SKIP and LIMIT, which may not depend on variables.
func (c *compiler) constant(e expr, what string) eval {
	outer := c.scope
	c.scope = &scope{}
	defer func() {
		c.scope = outer
		if b := recover(); b != nil {
			if bl, ok := b.(bail); ok {
				if err, ok := bl.err.(*Error); ok && err.Detail == "UndefinedVariable" {
					c.fail(e.loc(), "NonConstantExpression", "%s cannot depend on a variable", what)
				}
			}
			panic(b)
		}
	}()
	ev, t := c.expr(e)
	if lit, ok := constantInt(e); ok && lit < 0 {
		c.fail(e.loc(), "NegativeIntegerArgument", "%s cannot be negative", what)
	}
	if !t.may(kInt) || t.k == kNull {
		c.fail(e.loc(), "InvalidArgumentType", "%s needs an integer, not %s", what, t.k)
	}
	return ev
}

func constantInt(e expr) (int64, bool) {
	if lit, ok := e.(*litExpr); ok {
		n, ok := lit.v.(int64)
		return n, ok
	}
	if u, ok := e.(*unaryExpr); ok && u.op == "-" {
		n, ok := constantInt(u.e)
		return -n, ok
	}
	return 0, false
}

// undefined fails for a name nobody declared.
func (c *compiler) undefined(at span, name string) {
	err := c.errorAt(at, SyntaxError, "UndefinedVariable", "the variable %s is not defined here", name)
	if c.named[name] {
		err.Hint = "it was before: only what WITH names goes on, and ORDER BY after an aggregate or DISTINCT knows only the columns"
	} else if n := nearest(name, c.scope.all()); n != "" {
		err.Hint = fmt.Sprintf("did you mean %s?", n)
	} else {
		err.Hint = "text stands in quotes: '" + name + "'"
	}
	panic(bail{err})
}
