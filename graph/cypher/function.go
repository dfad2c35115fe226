package cypher

import (
	"slices"
	"strings"
)

// function is a built-in function: how many arguments it takes, what they may
// be, what it results in. Unless it wants nulls, a null argument is a null
// result.
type function struct {
	min, max int
	args     []kind // the last one stands for all that follow
	result   typ
	nulls    bool
	call     func(rt *run, args []any) (any, error)
}

// functions by lower-case name. It is built once and only read.
var functions = joinFunctions(graphFunctions, listFunctions, textFunctions, numberFunctions, temporalFunctions)

func joinFunctions(groups ...map[string]function) map[string]function {
	all := map[string]function{}
	for _, g := range groups {
		for name, f := range g {
			all[strings.ToLower(name)] = f
		}
	}
	return all
}

func (c *compiler) function(e *callExpr) (eval, typ) {
	name := strings.ToLower(e.name)
	if name == "exists" {
		return c.existsCall(e)
	}
	f, ok := functions[name]
	if !ok {
		err := c.errorAt(e.loc(), SyntaxError, "UnknownFunction", "there is no function %s()", e.name)
		if there := foreignFunctions[name]; there != "" {
			err.Hint = "here it is " + there
		} else if n := nearest(name, functionNames()); n != "" {
			err.Hint = "did you mean " + n + "()?"
		}
		panic(bail{err})
	}
	if e.distinct {
		c.fail(e.loc(), "InvalidAggregation", "DISTINCT is for aggregates, and %s() is none", e.name)
	}
	if len(e.args) < f.min || len(e.args) > f.max {
		c.fail(e.loc(), "InvalidNumberOfArguments", "%s() takes %s, not %d", e.name, argCount(f), len(e.args))
	}
	args, types := c.exprs(e.args)
	for i, t := range types {
		want := f.args[min(i, len(f.args)-1)]
		if !t.may(want) || t.k == kNull && want == 0 {
			typ := SyntaxError
			if name == "range" {
				typ = ArgumentError
			}
			c.failType(e.args[i].loc(), typ, "%s() needs %s here, not %s", e.name, want, t.k)
		}
	}
	result := f.result
	switch {
	case f.result.k == 0 && len(types) > 0:
		result = passedOn(name, types)
	case !f.nulls:
		result.k |= kNull
	}
	return callFunction(f, args, c.located(e.loc())), result
}

// passedOn is the type of functions that return one of their arguments.
func passedOn(name string, types []typ) typ {
	switch name {
	case "head", "last":
		if types[0].k&^kNull == kList {
			return of(types[0].elem | kNull)
		}
		return anyType
	case "coalesce":
		t := types[0]
		for _, u := range types[1:] {
			t = t.or(u)
		}
		return t
	}
	return typ{types[0].k | kNull, types[0].elem}
}

func argCount(f function) string {
	switch {
	case f.min == f.max:
		return arguments(f.min)
	case f.max >= manyArgs:
		return "at least " + arguments(f.min)
	}
	return itoa(f.min) + " to " + itoa(f.max) + " arguments"
}

// manyArgs is the most arguments any function takes.
const manyArgs = 1000

func functionNames() []string {
	names := make([]string, 0, len(functions))
	for n := range functions {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// callFunction calls f; its errors get their place from located.
func callFunction(f function, args []eval, located func(error) error) eval {
	call := func(rt *run, args []any) (any, error) {
		v, err := f.call(rt, args)
		if err != nil {
			return nil, located(err)
		}
		return v, nil
	}
	if len(args) == 1 && !f.nulls {
		arg := args[0]
		return func(rt *run) (any, error) {
			v, err := arg(rt)
			if err != nil || v == nil {
				return nil, err
			}
			return call(rt, []any{v})
		}
	}
	return func(rt *run) (any, error) {
		values := make([]any, len(args))
		for i, a := range args {
			v, err := a(rt)
			if err != nil {
				return nil, err
			}
			if v == nil && !f.nulls {
				return nil, nil
			}
			values[i] = v
		}
		return call(rt, values)
	}
}

// existsCall is exists(n.prop) and exists((a)-->(b)).
func (c *compiler) existsCall(e *callExpr) (eval, typ) {
	if len(e.args) != 1 {
		c.fail(e.loc(), "InvalidNumberOfArguments", "exists() takes 1 argument, not %d", len(e.args))
	}
	if p, ok := e.args[0].(*patternExpr); ok && p.project == nil {
		return c.condition(p)
	}
	switch e.args[0].(type) {
	case *propExpr, *indexExpr:
	default:
		c.fail(e.loc(), "InvalidArgumentType", "exists() needs a property or a pattern")
	}
	ev, _ := c.expr(e.args[0])
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		return v != nil, err
	}, of(kBool)
}

// wrongArg is what a function says of a value that got past the compiler.
func wrongArg(name string, v any) error {
	err := failed(TypeError, "InvalidArgumentValue", "%s() cannot take %s", name, typeName(v))
	if name == "length" {
		err.Hint = "it is for paths; size() is for lists and text"
	}
	return err
}
