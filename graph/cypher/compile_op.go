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
		return op(rt, a, b)
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
			return nil, err
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

func overflow(op string, a, b any) error {
	return failed(ArithmeticError, "NumberOutOfRange", "%v %s %v does not fit into 64 bits", a, op, b)
}

func badOperands(op string, a, b any) error {
	return failed(TypeError, "InvalidArgumentType", "%s cannot be applied to %s and %s", op, typeName(a), typeName(b))
}

func add(rt *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			sum := x + y
			if (sum > x) != (y > 0) && y != 0 {
				return nil, overflow("+", x, y)
			}
			return sum, nil
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return x + y, nil
		}
	}
	if v, ok, err := concat(rt, a, b); ok {
		return v, err
	}
	return addTemporal(a, b)
}

// concat joins lists and strings.
func concat(rt *run, a, b any) (any, bool, error) {
	la, okA := a.([]any)
	lb, okB := b.([]any)
	if okA || okB {
		if !okA {
			la = []any{a}
		}
		if !okB {
			lb = []any{b}
		}
		if err := rt.size(int64(len(la)+len(lb)) * 16); err != nil {
			return nil, true, err
		}
		out := make([]any, 0, len(la)+len(lb))
		return append(append(out, la...), lb...), true, nil
	}
	sa, okA := a.(string)
	sb, okB := b.(string)
	switch {
	case okA && okB:
	case okA && isNumber(b):
		sb = toText(b)
	case okB && isNumber(a):
		sa = toText(a)
	default:
		return nil, false, nil
	}
	if err := rt.size(int64(len(sa) + len(sb))); err != nil {
		return nil, true, err
	}
	return sa + sb, true, nil
}

func addTemporal(a, b any) (any, error) {
	if d, ok := asDuration(a); ok {
		if e, ok := b.(Duration); ok {
			return d.plus(e), nil
		}
	}
	if d, ok := a.(Duration); ok {
		if e, ok := asDuration(b); ok {
			return d.plus(e), nil
		}
		a, b = b, d
	}
	if s, ok := a.(string); ok {
		if _, isDuration := b.(Duration); isDuration {
			if v := anyTemporal(s); v != nil {
				a = v
			}
		}
	}
	if d, ok := asDuration(b); ok && isTemporal(a) {
		return addDuration(a, d, 1)
	}
	return nil, badOperands("+", a, b)
}

// asDuration takes a duration or its string form.
func asDuration(v any) (Duration, bool) {
	switch x := v.(type) {
	case Duration:
		return x, true
	case string:
		if d, err := parseDuration(x); err == nil {
			return d, true
		}
	}
	return Duration{}, false
}

// anyTemporal reads a string as the temporal value it looks like, or nil.
func anyTemporal(s string) any {
	if len(s) < 2 || len(s) > 64 {
		return nil
	}
	kinds := []string{"datetime", "date", "time", "localtime"}
	if s[0] == 'P' || s[0] == '-' && s[1] == 'P' {
		kinds = []string{"duration"}
	} else if _, _, rest, err := parseDateTime(s); err == nil && rest == "" && strings.Contains(s, "T") {
		kinds = []string{"localdatetime"}
	} else if !strings.Contains(s, "T") && strings.Contains(s, ":") {
		kinds = []string{"localtime", "time"}
	} else if strings.Count(s, "-") == 2 && !strings.Contains(s, "T") {
		kinds = []string{"date"}
	} else if !strings.Contains(s, "T") {
		return nil
	}
	for _, k := range kinds {
		if v, err := parseTemporal(k, s); err == nil {
			return v
		}
	}
	return nil
}

func subtract(_ *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			diff := x - y
			if (diff < x) != (y > 0) && y != 0 {
				return nil, overflow("-", x, y)
			}
			return diff, nil
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return x - y, nil
		}
	}
	d, ok := asDuration(b)
	if !ok {
		return nil, badOperands("-", a, b)
	}
	if e, ok := asDuration(a); ok {
		return e.plus(d.times(-1)), nil
	}
	if s, ok := a.(string); ok {
		if v := anyTemporal(s); v != nil {
			a = v
		}
	}
	if !isTemporal(a) {
		return nil, badOperands("-", a, b)
	}
	return addDuration(a, d, -1)
}

func multiply(_ *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			product := x * y
			if x != 0 && (product/x != y || x == -1 && y == math.MinInt64) {
				return nil, overflow("*", x, y)
			}
			return product, nil
		}
	}
	x, okA := number(a)
	y, okB := number(b)
	if okA && okB {
		return x * y, nil
	}
	if d, ok := asDuration(a); ok && okB {
		return d.scaled(y)
	}
	if d, ok := asDuration(b); ok && okA {
		return d.scaled(x)
	}
	return nil, badOperands("*", a, b)
}

func divide(_ *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			if y == 0 {
				return nil, failed(ArithmeticError, "DivisionByZero", "%d / 0 has no result", x)
			}
			if x == math.MinInt64 && y == -1 {
				return nil, overflow("/", x, y)
			}
			return x / y, nil
		}
	}
	x, okA := number(a)
	y, okB := number(b)
	if okA && okB {
		return x / y, nil
	}
	if d, ok := asDuration(a); ok && okB {
		return d.scaled(1 / y)
	}
	return nil, badOperands("/", a, b)
}

func modulo(_ *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			if y == 0 {
				return nil, failed(ArithmeticError, "DivisionByZero", "%d %% 0 has no result", x)
			}
			if y == -1 {
				return int64(0), nil
			}
			return x % y, nil
		}
	}
	x, okA := number(a)
	y, okB := number(b)
	if !okA || !okB {
		return nil, badOperands("%", a, b)
	}
	return math.Mod(x, y), nil
}

func power(_ *run, a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	x, okA := number(a)
	y, okB := number(b)
	if !okA || !okB {
		return nil, badOperands("^", a, b)
	}
	return math.Pow(x, y), nil
}
