package cypher

import (
	"math"
)

func floatFunction(name string, f func(float64) float64) function {
	return function{1, 1, []kind{kNumber}, of(kFloat), false, func(_ *run, a []any) (any, error) {
		x, ok := number(a[0])
		if !ok {
			return nil, wrongArg(name, a[0])
		}
		return f(x), nil
	}}
}

func constantFunction(v float64) function {
	return function{0, 0, []kind{kAny}, of(kFloat), true, func(*run, []any) (any, error) { return v, nil }}
}

var numberFunctions = map[string]function{
	"ceil":    floatFunction("ceil", math.Ceil),
	"floor":   floatFunction("floor", math.Floor),
	"sqrt":    floatFunction("sqrt", math.Sqrt),
	"exp":     floatFunction("exp", math.Exp),
	"log":     floatFunction("log", math.Log),
	"log10":   floatFunction("log10", math.Log10),
	"sin":     floatFunction("sin", math.Sin),
	"cos":     floatFunction("cos", math.Cos),
	"tan":     floatFunction("tan", math.Tan),
	"cot":     floatFunction("cot", func(x float64) float64 { return 1 / math.Tan(x) }),
	"asin":    floatFunction("asin", math.Asin),
	"acos":    floatFunction("acos", math.Acos),
	"atan":    floatFunction("atan", math.Atan),
	"degrees": floatFunction("degrees", func(x float64) float64 { return x * 180 / math.Pi }),
	"radians": floatFunction("radians", func(x float64) float64 { return x * math.Pi / 180 }),
	"haversin": floatFunction("haversin", func(x float64) float64 {
		s := math.Sin(x / 2)
		return s * s
	}),
	"pi": constantFunction(math.Pi),
	"e":  constantFunction(math.E),
	"atan2": {2, 2, []kind{kNumber}, of(kFloat), false, func(_ *run, a []any) (any, error) {
		y, ok := number(a[0])
		x, ok2 := number(a[1])
		if !ok || !ok2 {
			return nil, wrongArg("atan2", a[0])
		}
		return math.Atan2(y, x), nil
	}},
	"round": {1, 2, []kind{kNumber, kInt}, of(kFloat), false, round},
	"abs": {1, 1, []kind{kNumber}, typ{}, false, func(_ *run, a []any) (any, error) {
		switch x := a[0].(type) {
		case int64:
			if x == math.MinInt64 {
				return nil, overflow("abs", x, "")
			}
			return abs(x), nil
		case float64:
			return math.Abs(x), nil
		}
		return nil, wrongArg("abs", a[0])
	}},
	"sign": {1, 1, []kind{kNumber}, of(kInt), false, func(_ *run, a []any) (any, error) {
		x, ok := number(a[0])
		if !ok {
			return nil, wrongArg("sign", a[0])
		}
		return int64(cmp(x, 0)), nil
	}},
	"isNaN": {1, 1, []kind{kNumber}, of(kBool), false, func(_ *run, a []any) (any, error) { return isNaN(a[0]), nil }},
	"rand":  {0, 0, []kind{kAny}, of(kFloat), true, func(rt *run, _ []any) (any, error) { return rt.random(), nil }},
}

// round rounds half up, to a number of decimals if one is given.
func round(_ *run, a []any) (any, error) {
	x, ok := number(a[0])
	if !ok {
		return nil, wrongArg("round", a[0])
	}
	if len(a) == 1 {
		return math.Floor(x + 0.5), nil
	}
	n, ok := a[1].(int64)
	if !ok || n < 0 || n > 300 {
		return nil, failed(ArgumentError, "InvalidArgumentValue", "round() needs a number of decimals from 0 to 300")
	}
	scale := math.Pow(10, float64(n))
	if scaled := x * scale; !math.IsInf(scaled, 0) {
		return math.Round(scaled) / scale, nil
	}
	return x, nil
}
