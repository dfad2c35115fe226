package cypher

import (
	"slices"
	"unicode/utf8"
)

var listFunctions = map[string]function{
	"coalesce": {1, manyArgs, []kind{kAny}, typ{}, true, func(_ *run, a []any) (any, error) {
		for _, v := range a {
			if v != nil {
				return v, nil
			}
		}
		return nil, nil
	}},
	"head": {1, 1, []kind{kList}, typ{}, false, func(_ *run, a []any) (any, error) {
		list, ok := a[0].([]any)
		if !ok {
			return nil, wrongArg("head", a[0])
		}
		if len(list) == 0 {
			return nil, nil
		}
		return list[0], nil
	}},
	"last": {1, 1, []kind{kList}, typ{}, false, func(_ *run, a []any) (any, error) {
		list, ok := a[0].([]any)
		if !ok {
			return nil, wrongArg("last", a[0])
		}
		if len(list) == 0 {
			return nil, nil
		}
		return list[len(list)-1], nil
	}},
	"tail": {1, 1, []kind{kList}, typ{}, false, func(_ *run, a []any) (any, error) {
		list, ok := a[0].([]any)
		if !ok {
			return nil, wrongArg("tail", a[0])
		}
		if len(list) == 0 {
			return []any{}, nil
		}
		return list[1:], nil
	}},
	"size":             {1, 1, []kind{kList | kString | kMap}, of(kInt), false, size},
	"char_length":      {1, 1, []kind{kString}, of(kInt), false, size},
	"character_length": {1, 1, []kind{kString}, of(kInt), false, size},
	"length": {1, 1, []kind{kPath}, of(kInt), false, func(_ *run, a []any) (any, error) {
		if p, ok := a[0].(*Path); ok {
			return int64(len(p.Rels)), nil
		}
		return nil, wrongArg("length", a[0])
	}},
	"isEmpty": {1, 1, []kind{kList | kString | kMap}, of(kBool), false, func(rt *run, a []any) (any, error) {
		n, err := size(rt, a)
		return n == int64(0), err
	}},
	"range": {2, 3, []kind{kInt}, typ{kList, kInt}, false, rangeList},
	"reverse": {1, 1, []kind{kList | kString}, typ{}, false, func(_ *run, a []any) (any, error) {
		switch x := a[0].(type) {
		case []any:
			out := slices.Clone(x)
			slices.Reverse(out)
			return out, nil
		case string:
			r := []rune(x)
			slices.Reverse(r)
			return string(r), nil
		}
		return nil, wrongArg("reverse", a[0])
	}},
}

func size(_ *run, a []any) (any, error) {
	switch x := a[0].(type) {
	case []any:
		return int64(len(x)), nil
	case string:
		return int64(utf8.RuneCountInString(x)), nil
	case map[string]any:
		return int64(len(x)), nil
	}
	return nil, wrongArg("size", a[0])
}

func rangeList(rt *run, a []any) (any, error) {
	from, ok := a[0].(int64)
	to, ok2 := a[1].(int64)
	by, ok3 := int64(1), true
	if len(a) == 3 {
		by, ok3 = a[2].(int64)
	}
	if !ok || !ok2 || !ok3 {
		return nil, failed(ArgumentError, "InvalidArgumentType", "range() needs integers")
	}
	if by == 0 {
		return nil, failed(ArgumentError, "NumberOutOfRange", "the step of range() cannot be 0")
	}
	if by > 0 && from > to || by < 0 && from < to {
		return []any{}, nil
	}
	distance := uint64(to) - uint64(from)
	stride := uint64(by)
	if by < 0 {
		distance, stride = uint64(from)-uint64(to), -uint64(by)
	}
	n := distance/stride + 1
	if n == 0 || n > uint64(rt.lim.Memory)/24 {
		return nil, rt.size(rt.lim.Memory + 1)
	}
	out := make([]any, n)
	for i := range out {
		out[i] = from
		from += by
	}
	return out, nil
}
