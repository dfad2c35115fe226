package query

import (
	"fmt"
	"slices"
	"strings"

	"assim/graph/cypher"
)

// Format fills a template with a row: "${name} is ${status}". A null and an
// empty list are "-", a list is its items with commas between. A dollar sign that begins no ${...}
// stands for itself.
func Format(template string, columns []string, row []any) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("template: ${%s is not closed by }", rest)
		}
		i := slices.Index(columns, name)
		if i < 0 {
			return "", fmt.Errorf("template: there is no column %q; the columns are %s", name, strings.Join(columns, ", "))
		}
		b.WriteString(Plain(row[i]))
		template = after
	}
}

// Plain renders a value for a line of text: strings without quotes.
func Plain(v any) string {
	switch x := v.(type) {
	case nil:
		return "-"
	case string:
		return x
	case []any:
		if len(x) == 0 {
			return "-"
		}
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = Plain(item)
		}
		return strings.Join(parts, ", ")
	case fmt.Stringer:
		return x.String()
	}
	return cypher.Text(v)
}
