package bolt

import (
	"slices"
	"strings"
)

// What the driver returns, as what the store knows it to be.

func number(v any) int64 {
	n, _ := v.(int64)
	return n
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// bytesOf never returns nil: an empty value is a value.
func bytesOf(v any) []byte {
	switch v := v.(type) {
	case []byte:
		if v != nil {
			return v
		}
	case string:
		return []byte(v)
	}
	return []byte{}
}

// sortRows orders rows by the text in their first column.
func sortRows(rows [][]any) {
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(text(a[0]), text(b[0])) })
}
