package cypher

import (
	"math"
	"strings"
)

func (c *compiler) unary(e *unaryExpr, patternOK bool) (eval, typ) {
	if e.op == "NOT" {
		c.patternOK = patternOK
		ev, t := c.expr(e.e)
		c.patternOK = false
		if !t.may(kBool) {
			c.fail(e.e.loc(), "InvalidArgumentType", "NOT needs a boolean, not %s", t.k)
		}
		return func(rt *run) (any, error) {
			v, err := ev(rt)
			if err != nil || v == nil {
				return nil, err
			}
			b, ok := v.(bool)
			if !ok {
				return nil, failed(TypeError, "InvalidArgumentType", "NOT needs a boolean, not %s", typeName(v))
			}
			return !b, nil
		}, of(kBool | kNull)
	}
	ev, t := c.expr(e.e)
	if !t.may(kNumber | kDuration) {
		c.fail(e.e.loc(), "InvalidArgumentType", "%s needs a number, not %s", e.op, t.k)
	}
	negate := e.op == "-"
	return func(rt *run) (any, error) {
		v, err := ev(rt)
		if err != nil || v == nil {
			return nil, err
		}
		switch x := v.(type) {
		case int64:
			if negate {
				if x == math.MinInt64 {
					return nil, overflow("-", x, 0)
				}
				return -x, nil
			}
			return x, nil
		case float64:
			if negate {
				return -x, nil
			}
			return x, nil
		case Duration:
			if negate {
				return x.times(-1), nil
			}
			return x, nil
		}
		return nil, failed(TypeError, "InvalidArgumentType", "%s cannot be negated", typeName(v))
	}, t
}

func (c *compiler) binary(e *binaryExpr, patternOK bool) (eval, typ) {
	boolean := e.op == "AND" || e.op == "OR" || e.op == "XOR"
	c.patternOK = patternOK && boolean
	l, tl := c.expr(e.l)
	c.patternOK = patternOK && boolean
	r, tr := c.expr(e.r)
	c.patternOK = false
	if boolean {
		for _, side := range []struct {
			t typ
			e expr
		}{{tl, e.l}, {tr, e.r}} {
			if !side.t.may(kBool) {
				c.fail(side.e.loc(), "InvalidArgumentType", "%s needs booleans, not %s", e.op, side.t.k)
			}
		}
		return logic(e.op, l, r), of(kBool | kNull)
	}
	if e.op == "IN" && !tr.may(kList) {
		c.fail(e.r.loc(), "InvalidArgumentType", "IN needs a list, not %s", tr.k)
	}
	op, result := c.operator(e, tl, tr)
	located := c.located(e.loc())
	if e.op == "=~" {
		return c.regexp(e, l, r), result
	}
	return func(rt *run) (any, error) {
		a, err := l(rt)
		if err != nil {
			return nil, err
		}
		b, err := r(rt)
		if err != nil {
			return nil, err
		}
		v, err := op(rt, a, b)
		if err != nil {
			return nil, located(err)
		}
		return v, nil
	}, result
}

// logic is the three-valued AND, OR and XOR.
func logic(op string, l, r eval) eval {
	decisive := op == "OR" // the value that settles the result
	return func(rt *run) (any, error) {
		a, err := l(rt)
		if err != nil {
			return nil, err
		}
		if err := boolOrNull(op, a); err != nil {
			return nil, err
		}
		if op != "XOR" && a == decisive {
			return decisive, nil
		}
		b, err := r(rt)
		if err != nil {
			return nil, err
		}
		if err := boolOrNull(op, b); err != nil {
			return nil, err
		}
		switch {
		case op != "XOR" && b == decisive:
			return decisive, nil
		case a == nil || b == nil:
			return nil, nil
		case op == "XOR":
			return a != b, nil
		}
		return !decisive, nil
	}
}

func boolOrNull(op string, v any) error {
	switch v.(type) {
	case bool, nil:
		return nil
	}
	return failed(TypeError, "InvalidArgumentType", "%s needs booleans, not %s", op, typeName(v))
}

type binaryOp func(rt *run, a, b any) (any, error)

// operator finds what a binary operator does and what it results in.
func (c *compiler) operator(e *binaryExpr, tl, tr typ) (binaryOp, typ) {
	arith := func(f binaryOp) (binaryOp, typ) {
		allowed := kNumber | kDuration | kTemporal | kString
		for _, side := range []struct {
			t typ
			e expr
		}{{tl, e.l}, {tr, e.r}} {
			if !side.t.may(allowed) || side.t.k == kString {
				c.fail(side.e.loc(), "InvalidArgumentType", "%s needs numbers, not %s", e.op, side.t.k)
			}
		}
		return f, arithType(tl, tr)
	}
	switch e.op {
	case "+":
		return add, sumType(tl, tr)
	case "-":
		return arith(subtract)
	case "*":
		return arith(multiply)
	case "/":
		return arith(divide)
	case "%":
		return arith(modulo)
	case "^":
		_, _ = arith(power)
		return power, of(kFloat | kNull)
	case "IN":
		return func(_ *run, a, b any) (any, error) { return in(a, b) }, of(kBool | kNull)
	case "STARTS":
		return stringOp(strings.HasPrefix), of(kBool | kNull)
	case "ENDS":
		return stringOp(strings.HasSuffix), of(kBool | kNull)
	case "CONTAINS":
		return stringOp(strings.Contains), of(kBool | kNull)
	}
	return nil, of(kBool | kNull)
}

func arithType(l, r typ) typ {
	if (l.k|r.k)&^kInt == 0 {
		return of(kInt)
	}
	if (l.k|r.k)&^(kNumber|kNull) == 0 {
		return of(kNumber | kNull)
	}
	return of(kNumber | kNull | kDuration | kTemporal)
}

func sumType(l, r typ) typ {
	if l.k == kString && r.k == kString {
		return of(kString)
	}
	if l.k&^kNull == kList || r.k&^kNull == kList {
		return typ{kList | kNull, kAny}
	}
	if (l.k|r.k)&^(kNumber|kNull) == 0 {
		return arithType(l, r)
	}
	return anyType
}

func stringOp(f func(s, part string) bool) binaryOp {
	return func(_ *run, a, b any) (any, error) {
		x, ok := a.(string)
		y, ok2 := b.(string)
		if !ok || !ok2 {
			return nil, nil
		}
		return f(x, y), nil
	}
}

// in is three-valued membership.
func in(a, b any) (any, error) {
	if b == nil {
		return nil, nil
	}
	list, ok := b.([]any)
	if !ok {
		return nil, failed(TypeError, "InvalidArgumentType", "IN needs a list, not %s", typeName(b))
	}
	var result any = false
	for _, item := range list {
		switch equal(a, item) {
		case true:
			return true, nil
		case nil:
			result = nil
		}
	}
	return result, nil
}

// regexp compiles "=~": the whole string must match.
func (c *compiler) regexp(e *binaryExpr, l, r eval) eval {
	located := c.located(e.r.loc())
	return func(rt *run) (any, error) {
		a, err := l(rt)
		if err != nil {
			return nil, err
		}
		b, err := r(rt)
		if err != nil {
			return nil, err
		}
		text, ok := a.(string)
		pattern, ok2 := b.(string)
		if !ok || !ok2 {
			return nil, nil
		}
		re, err := rt.regexp(pattern)
		if err != nil {
			return nil, located(err)
		}
		return re.MatchString(text), nil
	}
}

// compare compiles chains such as 1 < x <= 3.
func (c *compiler) compare(e *compareExpr) (eval, typ) {
	args, _ := c.exprs(e.args)
	ops := e.ops
	if len(ops) == 1 {
		l, r, op := args[0], args[1], ops[0]
		return func(rt *run) (any, error) {
			a, err := l(rt)
			if err != nil {
				return nil, err
			}
			b, err := r(rt)
			if err != nil {
				return nil, err
			}
			return compareOp(op, a, b), nil
		}, of(kBool | kNull)
	}
	return func(rt *run) (any, error) {
		var result any = true
		a, err := args[0](rt)
		if err != nil {
			return nil, err
		}
		for i, op := range ops {
			b, err := args[i+1](rt)
			if err != nil {
				return nil, err
			}
			switch compareOp(op, a, b) {
			case false:
				return false, nil
			case nil:
				result = nil
			}
			a = b
		}
		return result, nil
	}, of(kBool | kNull)
}

func compareOp(op string, a, b any) any {
	switch op {
	case "=":
		return equal(a, b)
	case "<>":
		v := equal(a, b)
		if v == nil {
			return nil
		}
		return v == false
	}
	c, known := compare(a, b)
	if !known {
		if isNaN(a) && isNumber(b) || isNaN(b) && isNumber(a) {
			return false
		}
		if c, known = compareText(a, b); !known {
			return nil
		}
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func isNumber(v any) bool { _, ok := number(v); return ok }

// compareText compares a temporal value with one in string form, which is how
// properties hold them.
func compareText(a, b any) (int, bool) {
	if s, ok := a.(string); ok && isTemporal(b) {
		if v, err := parseTemporal(kindOf(b), s); err == nil {
			return compare(v, b)
		}
	}
	if s, ok := b.(string); ok && isTemporal(a) {
		if v, err := parseTemporal(kindOf(a), s); err == nil {
			return compare(a, v)
		}
	}
	return 0, false
}

// kindOf is the function that makes values like v.
func kindOf(v any) string {
	switch v.(type) {
	case Date:
		return "date"
	case LocalTime:
		return "localtime"
	case Time:
		return "time"
	case LocalDateTime:
		return "localdatetime"
	case DateTime:
		return "datetime"
	}
	return "duration"
}
