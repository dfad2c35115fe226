package cypher

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

func textFunction(name string, f func(string) string) function {
	return function{1, 1, []kind{kString}, of(kString), false, func(_ *run, a []any) (any, error) {
		s, ok := a[0].(string)
		if !ok {
			return nil, wrongArg(name, a[0])
		}
		return f(s), nil
	}}
}

const kScalar = kNumber | kString | kBool

var textFunctions = map[string]function{
	"toUpper": textFunction("toUpper", strings.ToUpper),
	"upper":   textFunction("upper", strings.ToUpper),
	"toLower": textFunction("toLower", strings.ToLower),
	"lower":   textFunction("lower", strings.ToLower),
	"trim":    textFunction("trim", strings.TrimSpace),
	"btrim":   textFunction("btrim", strings.TrimSpace),
	"lTrim":   textFunction("lTrim", func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }),
	"rTrim":   textFunction("rTrim", func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }),
	"left": {2, 2, []kind{kString, kInt}, of(kString), false, func(_ *run, a []any) (any, error) {
		return substring("left", a[0], int64(0), a[1])
	}},
	"right": {2, 2, []kind{kString, kInt}, of(kString), false, func(_ *run, a []any) (any, error) {
		s, ok := a[0].(string)
		n, ok2 := a[1].(int64)
		if !ok || !ok2 || n < 0 {
			return nil, failed(ArgumentError, "InvalidArgumentValue", "right() needs a string and a length that is not negative")
		}
		r := []rune(s)
		return string(r[max(0, len(r)-int(min(n, int64(len(r))))):]), nil
	}},
	"substring": {2, 3, []kind{kString, kInt, kInt}, of(kString), false, func(_ *run, a []any) (any, error) {
		if len(a) == 2 {
			return substring("substring", a[0], a[1], int64(math.MaxInt32))
		}
		return substring("substring", a[0], a[1], a[2])
	}},
	"replace": {3, 3, []kind{kString}, of(kString), false, func(rt *run, a []any) (any, error) {
		s, ok := a[0].(string)
		old, ok2 := a[1].(string)
		by, ok3 := a[2].(string)
		if !ok || !ok2 || !ok3 {
			return nil, failed(TypeError, "InvalidArgumentType", "replace() needs three strings")
		}
		if old == "" {
			return s, nil
		}
		if err := rt.size(int64(len(s)) + int64(strings.Count(s, old))*int64(len(by))); err != nil {
			return nil, err
		}
		return strings.ReplaceAll(s, old, by), nil
	}},
	"split": {2, 2, []kind{kString, kString | kList}, typ{kList, kString}, false, func(_ *run, a []any) (any, error) {
		s, ok := a[0].(string)
		sep, ok2 := a[1].(string)
		if !ok || !ok2 {
			return nil, failed(TypeError, "InvalidArgumentType", "split() needs two strings")
		}
		return anyList(strings.Split(s, sep)), nil
	}},
	"toString":        {1, 1, []kind{kScalar | kTemporal | kDuration}, of(kString), false, toStringCall},
	"toStringOrNull":  {1, 1, []kind{kAny}, of(kString), false, orNull(toStringCall)},
	"toInteger":       {1, 1, []kind{kScalar}, of(kInt), false, toInteger},
	"toInt":           {1, 1, []kind{kScalar}, of(kInt), false, toInteger},
	"toIntegerOrNull": {1, 1, []kind{kAny}, of(kInt), false, orNull(toInteger)},
	"toFloat":         {1, 1, []kind{kScalar}, of(kFloat), false, toFloat},
	"toFloatOrNull":   {1, 1, []kind{kAny}, of(kFloat), false, orNull(toFloat)},
	"toBoolean":       {1, 1, []kind{kString | kBool | kInt}, of(kBool), false, toBoolean},
	"toBooleanOrNull": {1, 1, []kind{kAny}, of(kBool), false, orNull(toBoolean)},
}

func orNull(f func(*run, []any) (any, error)) func(*run, []any) (any, error) {
	return func(rt *run, a []any) (any, error) {
		v, err := f(rt, a)
		if err != nil {
			return nil, nil
		}
		return v, nil
	}
}

// substring counts characters from 0.
func substring(name string, text, start, length any) (any, error) {
	s, ok := text.(string)
	from, ok2 := start.(int64)
	n, ok3 := length.(int64)
	if !ok || !ok2 || !ok3 {
		return nil, failed(TypeError, "InvalidArgumentType", "%s() needs a string and integers", name)
	}
	if from < 0 || n < 0 {
		return nil, failed(ArgumentError, "InvalidArgumentValue", "%s() cannot take negative numbers", name)
	}
	r := []rune(s)
	if from >= int64(len(r)) {
		return "", nil
	}
	return string(r[from:min(int64(len(r)), from+min(n, int64(len(r))))]), nil
}

// toText is how values read within text: 1, 2.5, true, 2015-07-21.
func toText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return formatFloat(x)
	case fmt.Stringer:
		return x.String()
	}
	return fmt.Sprint(v)
}

func toStringCall(_ *run, a []any) (any, error) {
	switch a[0].(type) {
	case string, int64, float64, bool:
		return toText(a[0]), nil
	}
	if isTemporal(a[0]) {
		return toText(a[0]), nil
	}
	return nil, wrongArg("toString", a[0])
}

func toInteger(_ *run, a []any) (any, error) {
	switch x := a[0].(type) {
	case int64:
		return x, nil
	case float64:
		if math.IsNaN(x) || math.Abs(x) >= 1<<63 {
			return nil, nil
		}
		return int64(x), nil
	case bool:
		return int64(truthRank(x)), nil
	case string:
		s := strings.TrimSpace(x)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXpP_") && math.Abs(f) < 1<<63 {
			return int64(f), nil
		}
		return nil, nil
	}
	return nil, wrongArg("toInteger", a[0])
}

func toFloat(_ *run, a []any) (any, error) {
	switch x := a[0].(type) {
	case int64:
		return float64(x), nil
	case float64:
		return x, nil
	case string:
		s := strings.TrimSpace(x)
		if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXpP_") {
			return f, nil
		}
		return nil, nil
	}
	return nil, wrongArg("toFloat", a[0])
}

func toBoolean(_ *run, a []any) (any, error) {
	switch x := a[0].(type) {
	case bool:
		return x, nil
	case int64:
		return x != 0, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(x)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, nil
	}
	return nil, wrongArg("toBoolean", a[0])
}
