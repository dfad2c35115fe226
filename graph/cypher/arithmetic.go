package cypher

import (
	"math"
	"strings"
)

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
