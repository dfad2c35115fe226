package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"assim/api"
	"assim/query"
)

// oneFormat refuses two formats at once.
func (f querySettings) oneFormat(asJSON bool) error {
	n := 0
	for _, on := range []bool{asJSON, f.CSV, f.Template != "", f.Lines} {
		if on {
			n++
		}
	}
	if n > 1 {
		return usagef("choose one of -json, -csv, -template and -lines")
	}
	return nil
}

// answer prints an answer as the settings say; name is the canned question's.
func (a *app) answer(ctx context.Context, f querySettings, name string, r api.QueryResult) error {
	switch {
	case a.JSON:
		return a.printJSON(r)
	case f.CSV:
		return a.csv(r)
	case f.Template != "":
		return a.lines(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(f.Template), r)
	case f.Lines:
		template, err := a.lineOf(ctx, name)
		if err != nil {
			return err
		}
		return a.lines(template, r)
	}
	a.table(r.Columns, r.Rows)
	more := ""
	if r.Truncated {
		more = ", and more: raise -limit (:limit in the shell)"
	}
	rows := "rows"
	if len(r.Rows) == 1 {
		rows = "row"
	}
	fmt.Fprintf(a.out, "%d %s, %.1f ms%s\n", len(r.Rows), rows, r.Millis, more)
	for _, note := range r.Notes {
		fmt.Fprintln(a.out, clip(note))
	}
	return nil
}

// lineOf returns the template that belongs to a canned question.
func (a *app) lineOf(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", usagef("-lines is for canned questions; for Cypher: -template '${column} ...'")
	}
	list, err := a.client.Queries(ctx)
	if err != nil {
		return "", err
	}
	for _, q := range list {
		if q.Name == name && q.Line != "" {
			return q.Line, nil
		}
	}
	return "", fmt.Errorf("%s has no line of its own; give one: -template '${column} ...'", name)
}

func (a *app) lines(template string, r api.QueryResult) error {
	for _, row := range r.Rows {
		values := make([]any, len(row))
		for i, v := range row {
			values[i] = clean(query.Plain(named(v)))
		}
		line, err := query.Format(template, r.Columns, values)
		if err != nil {
			return usageError{err}
		}
		fmt.Fprintln(a.out, line)
	}
	return nil
}

// named replaces nodes and relationships by what people call them.
func named(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return object(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = named(e)
		}
		return out
	}
	return v
}

// clean takes out what could steer a terminal or begin another line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '·'
		}
		return r
	}, s)
}

func (a *app) csv(r api.QueryResult) error {
	w := csv.NewWriter(a.out)
	if err := w.Write(r.Columns); err != nil {
		return err
	}
	fields := make([]string, len(r.Columns))
	for _, row := range r.Rows {
		for i := range fields {
			fields[i] = ""
			if i < len(row) {
				text, err := csvField(row[i])
				if err != nil {
					return err
				}
				fields[i] = text
			}
		}
		if err := w.Write(fields); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// csvField is a value as a program reads it: a null is empty, text is itself,
// all else is JSON.
func csvField(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}
