package graph

import (
	"fmt"
	"time"
)

// Normalize turns an ordinary Go value into one that Props may hold: every
// integer becomes int64, float32 becomes float64, time.Time an RFC 3339 string
// in UTC, typed slices []any. It returns an error that names the type for
// anything else.
func Normalize(v any) (any, error) {
	switch v := v.(type) {
	case bool, int64, float64, string:
		return v, nil
	case int:
		return int64(v), nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case uint64:
		return int64(v), nil
	case uint:
		return int64(v), nil
	case float32:
		return float64(v), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	case fmt.Stringer:
		return v.String(), nil
	case []string:
		return normalizeList(v)
	case []int:
		return normalizeList(v)
	case []int64:
		return normalizeList(v)
	case []any:
		return normalizeList(v)
	}
	return nil, fmt.Errorf("graph: a property cannot hold a %T", v)
}

func normalizeList[T any](in []T) (any, error) {
	out := make([]any, len(in))
	for i, v := range in {
		n, err := Normalize(v)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// P builds Props from name, value pairs, leaving out nil values, empty strings
// and what Normalize refuses: P("mac", mac, "mtu", 1500).
func P(pairs ...any) Props {
	p := make(Props, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok || pairs[i+1] == nil || pairs[i+1] == "" {
			continue
		}
		if v, err := Normalize(pairs[i+1]); err == nil {
			p[name] = v
		}
	}
	return p
}
