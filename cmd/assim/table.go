package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// maxCell bounds a cell of a table for people, in characters. JSON has it all.
const maxCell = 100

// terminal reports whether out is a terminal that may get color, and its width.
func terminal(out io.Writer) (color bool, width int) {
	f, ok := out.(*os.File)
	if !ok {
		return false, 0
	}
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return false, 0
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", int(ws.Col)
}

// printJSON prints v as indented JSON.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows under headings, each column as wide as it needs to be.
func (a *app) table(columns []string, rows [][]any) {
	cells := make([][]string, len(rows))
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = utf8.RuneCountInString(c)
	}
	for r, row := range rows {
		cells[r] = make([]string, len(columns))
		for i := range columns {
			if i < len(row) {
				cells[r][i] = cell(row[i])
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[r][i]))
		}
	}
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = heading(c)
	}
	a.row(head, widths, "\x1b[1m")
	for _, row := range cells {
		a.row(row, widths, statusColor(row))
	}
}

// heading is a column's name in capitals, unless it is an expression.
func heading(column string) string {
	if strings.ContainsAny(column, ".(") {
		return column
	}
	return strings.ToUpper(column)
}

func (a *app) row(cells []string, widths []int, color string) {
	var b strings.Builder
	for i, c := range cells {
		b.WriteString(c)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
	}
	fmt.Fprintln(a.out, a.paint(strings.TrimRight(b.String(), " "), color))
}

// statusColor paints the rows of what is not well.
func statusColor(cells []string) string {
	for _, c := range cells {
		switch c {
		case "dead", "switch unreachable", "system dead", "partition", "nanoprobe stopped":
			return "\x1b[31m"
		case "unresponsive", "unknown", "link down", "path broken", "system deaf":
			return "\x1b[33m"
		}
	}
	return ""
}

func (a *app) paint(s, color string) string {
	if !a.color || color == "" {
		return s
	}
	return color + s + "\x1b[0m"
}

// heading prints the title of a part of a page.
func (a *app) heading(format string, args ...any) {
	fmt.Fprintf(a.out, "\n%s\n", a.paint(fmt.Sprintf(format, args...), "\x1b[1;36m"))
}

// cell turns a JSON value into a table cell: one line, no control characters.
func cell(v any) string {
	var s string
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		s = v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = cell(e)
		}
		s = strings.Join(parts, ", ")
	case map[string]any:
		s = object(v)
	default:
		s = fmt.Sprint(v)
	}
	return clip(s)
}

// object shows a node or relationship as people name it.
func object(v map[string]any) string {
	props, _ := v["properties"].(map[string]any)
	for _, key := range []string{"_key", "_type"} {
		if id, ok := v[key].(string); ok {
			if name, ok := props["name"].(string); ok {
				label, _, _ := strings.Cut(id, ":")
				return label + ":" + name
			}
			return id
		}
	}
	if text := path(v); text != "" {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// path shows a path as it is walked, "System:a -HAS_NIC-> NIC:a/eth0"; empty: v
// is none.
func path(v map[string]any) string {
	nodes, _ := v["nodes"].([]any)
	rels, ok := v["relationships"].([]any)
	if !ok || len(nodes) != len(rels)+1 {
		return ""
	}
	var b strings.Builder
	for i, n := range nodes {
		node, _ := n.(map[string]any)
		b.WriteString(object(map[string]any{"_key": node["key"], "properties": node["properties"]}))
		if i == len(rels) {
			break
		}
		rel, _ := rels[i].(map[string]any)
		if rel["forward"] == true {
			fmt.Fprintf(&b, " -%v-> ", rel["type"])
		} else {
			fmt.Fprintf(&b, " <-%v- ", rel["type"])
		}
	}
	return b.String()
}

// clip bounds a text and replaces what could steer a terminal.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '·'
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxCell {
		return string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}
