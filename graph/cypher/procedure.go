package cypher

import (
	"slices"
	"strings"
)

// procedure is what CALL can call.
type procedure struct {
	args    []procField
	columns []procField
	call    func(rt *run, args []any, yield func(row []any) error) error
}

type procField struct {
	name string
	typ  kind
}

// builtinProcedures tell what names the graph uses, and search it.
var builtinProcedures = map[string]*procedure{
	"db.labels":            {columns: []procField{{"label", kString}}, call: namesOf(func(rt *run) []string { return rt.r.Labels() })},
	"db.relationshipTypes": {columns: []procField{{"relationshipType", kString}}, call: namesOf(func(rt *run) []string { return rt.r.RelTypes() })},
	"db.propertyKeys":      {columns: []procField{{"propertyKey", kString}}, call: namesOf(func(rt *run) []string { return rt.r.PropNames() })},
	"db.search":            {args: []procField{{"words", kString}, {"limit", kInt}}, columns: []procField{{"node", kNode}}, call: search},
}

func namesOf(names func(*run) []string) func(*run, []any, func([]any) error) error {
	return func(rt *run, _ []any, yield func([]any) error) error {
		for _, n := range slices.Sorted(slices.Values(names(rt))) {
			if err := yield([]any{n}); err != nil {
				return err
			}
		}
		return nil
	}
}

// search walks the nodes whose text holds all words, best first.
func search(rt *run, args []any, yield func([]any) error) error {
	words, ok := args[0].(string)
	limit, ok2 := args[1].(int64)
	if !ok || !ok2 {
		return nil
	}
	for v, err := range rt.r.Search(words, int(min(max(limit, 0), 1<<20))) {
		if err != nil {
			return err
		}
		if err := yield([]any{&Node{id: v.ID, v: v, loaded: true}}); err != nil {
			return err
		}
	}
	return nil
}

// callStep is a compiled CALL.
type callStep struct {
	proc   *procedure
	args   []eval
	fill   []int // slot of each column, -1 when not yielded
	filter eval
	names  []string
	out    []int
	text   string
}

// call compiles CALL; alone means the query is nothing else, and all columns
// are the result.
func (c *compiler) call(cl *callClause, alone bool) *callStep {
	proc := c.procs[cl.name]
	if proc == nil {
		err := c.errorAt(cl.loc(), ProcedureError, "ProcedureNotFound", "there is no procedure %s", cl.name)
		names := make([]string, 0, len(c.procs))
		for n := range c.procs {
			names = append(names, n)
		}
		if n := nearest(cl.name, names); n != "" {
			err.Hint = "did you mean " + n + "?"
		} else {
			slices.Sort(names)
			err.Hint = "there are " + strings.Join(names, ", ")
		}
		panic(bail{err})
	}
	s := &callStep{proc: proc, text: c.text(cl.loc()), fill: make([]int, len(proc.columns))}
	c.callArgs(cl, proc, s, alone)
	for i := range s.fill {
		s.fill[i] = -1
	}
	if cl.star && !alone {
		c.fail(cl.loc(), "UnexpectedSyntax", "YIELD * is for a CALL that stands alone; name the columns")
	}
	if !cl.yielded || cl.star {
		if !alone && len(proc.columns) > 0 && !cl.yielded {
			c.fail(cl.loc(), "UndefinedVariable", "the columns of %s must be named with YIELD", cl.name)
		}
		for _, col := range proc.columns {
			cl.yield = append(cl.yield, yieldItem{cl.loc(), col.name, col.name})
		}
	}
	for _, y := range cl.yield {
		c.yield(cl, proc, s, y)
	}
	if cl.filter != nil {
		s.filter = c.predicate(cl.filter)
	}
	return s
}

func (c *compiler) callArgs(cl *callClause, proc *procedure, s *callStep, alone bool) {
	if cl.implicit {
		if !alone {
			c.fail(cl.loc(), "InvalidArgumentPassingMode", "within a query the arguments of %s must be given in parentheses", cl.name)
		}
		for _, a := range proc.args {
			ev, _ := c.param(&paramExpr{cl.loc(), a.name})
			s.args = append(s.args, ev)
		}
		return
	}
	if len(cl.args) != len(proc.args) {
		c.fail(cl.loc(), "InvalidNumberOfArguments", "%s takes %s, not %d", cl.name, arguments(len(proc.args)), len(cl.args))
	}
	for i, a := range cl.args {
		if hasAggregate(a) {
			c.fail(a.loc(), "InvalidAggregation", "the argument of a procedure cannot aggregate")
		}
		ev, t := c.expr(a)
		want := proc.args[i].typ
		if want == kFloat {
			want = kNumber
		}
		if !t.may(want) {
			c.fail(a.loc(), "InvalidArgumentType", "%s of %s must be %s, not %s", proc.args[i].name, cl.name, want, t.k)
		}
		s.args = append(s.args, ev)
	}
}

func (c *compiler) yield(cl *callClause, proc *procedure, s *callStep, y yieldItem) {
	at := slices.IndexFunc(proc.columns, func(f procField) bool { return f.name == y.column })
	if at < 0 {
		c.fail(y.loc(), "UndefinedVariable", "%s has no column %s", cl.name, y.column)
	}
	if c.scope.find(y.name) != nil {
		c.fail(y.loc(), "VariableAlreadyBound", "the variable %s exists already", y.name)
	}
	sym := c.declare(y.name, of(proc.columns[at].typ|kNull))
	s.fill[at] = sym.slot
	s.names = append(s.names, y.name)
	s.out = append(s.out, sym.slot)
}

type callOp struct {
	stage
	*callStep
}

func (o *callOp) push(rt *run) error {
	args := make([]any, len(o.args))
	for i, a := range o.args {
		v, err := a(rt)
		if err != nil {
			return err
		}
		args[i] = v
	}
	if len(o.proc.columns) == 0 {
		if err := o.proc.call(rt, args, func([]any) error { return nil }); err != nil {
			return err
		}
		if _, last := o.next.(*sinkOp); last {
			return nil
		}
		return o.emit(rt)
	}
	return o.proc.call(rt, args, func(row []any) error {
		if err := rt.step(); err != nil {
			return err
		}
		for i, slot := range o.fill {
			if slot >= 0 {
				rt.f[slot] = row[i]
			}
		}
		return o.emit(rt)
	})
}

// kindNamed reads a type as procedures declare it, e.g. "INTEGER?".
func kindNamed(name string) kind {
	switch strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(name)), "?") {
	case "INTEGER":
		return kInt
	case "FLOAT":
		return kFloat
	case "NUMBER":
		return kNumber
	case "STRING":
		return kString
	case "BOOLEAN":
		return kBool
	}
	return kAny
}
