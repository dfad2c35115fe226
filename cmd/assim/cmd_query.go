package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"assim/api"
)

type querySettings struct {
	At       string `name:"at" usage:"ask about a past moment: RFC 3339 time, or a duration ago such as 2h"`
	Limit    int    `name:"limit" usage:"rows at most"`
	CSV      bool   `name:"csv" usage:"print comma-separated values (RFC 4180), nodes and lists as JSON"`
	Template string `name:"template" usage:"print one line per row: '${column} is ${other}', \\t is a tab"`
	Lines    bool   `name:"lines" usage:"print one line per row as the canned question likes it"`
	Store    string `name:"store" usage:"ask this store file or backup, without a CMA; it is only read"`
	Queries  string `name:"queries" default:"/etc/assim/queries.d" usage:"with -store: directory of the site's own canned questions"`
}

func queryCommand() command {
	set := &querySettings{}
	return command{
		name: "query", args: "['CYPHER' | NAME [ARG=VALUE ...]]", short: "ask the graph in Cypher, or a canned question by name",
		long: `Without an argument it is a shell on a terminal, and lists the canned questions elsewhere.
ARG=VALUE gives their arguments, or the $parameters of Cypher text.
With -store no CMA is asked: the file is that of a CMA, running or stopped, or a backup.`,
		examples: "  assim query\n  assim query switchpath\n  assim query 'MATCH (s:System) RETURN s.name, s.status'\n  assim query 'MATCH (s:System {name: $n}) RETURN s' n=web1 -json\n" +
			"  assim query down -store /var/lib/assim/cma/backups/nightly.db\n  assim query allservers -csv > servers.csv\n  assim query 'MATCH (s:System) RETURN s.name AS n, s.status AS is' -template '${n} is ${is}'",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if err := set.oneFormat(a.JSON); err != nil {
				return err
			}
			return a.from(set.Store, set.Queries, func() error {
				switch {
				case len(args) == 0 && !a.JSON && a.interactive():
					return a.shell(ctx, *set)
				case len(args) == 0:
					return a.listQueries(ctx)
				}
				return a.query(ctx, *set, args[0], args[1:])
			})
		},
	}
}

func (a *app) listQueries(ctx context.Context) error {
	list, err := a.client.Queries(ctx)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(list)
	}
	rows := make([][]any, len(list))
	for i, q := range list {
		var args []string
		for _, arg := range q.Args {
			name := arg.Name + "=" + strings.ToUpper(arg.Type)
			if arg.Optional {
				name = "[" + name + "]"
			}
			args = append(args, name)
		}
		rows[i] = []any{q.Name, strings.Join(args, " "), q.Short}
	}
	a.table([]string{"name", "arguments", "answers"}, rows)
	return nil
}

func (a *app) query(ctx context.Context, set querySettings, text string, args []string) error {
	req := api.QueryRequest{Limit: set.Limit}
	given := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return usagef("%q is not NAME=VALUE", arg)
		}
		given[name] = value
	}
	if strings.ContainsAny(text, " \t\n(") {
		req.Query, req.Params = text, params(given)
	} else {
		req.Name, req.Args = text, given
	}
	var err error
	if req.At, err = moment(set.At, time.Now()); err != nil {
		return err
	}
	r, err := a.client.Query(ctx, req)
	if err != nil {
		return pointAt(text, err)
	}
	return a.answer(ctx, set, req.Name, r)
}

// params reads each value as JSON if it is JSON, otherwise as a string.
func params(given map[string]string) map[string]any {
	out := make(map[string]any, len(given))
	for name, text := range given {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			v = text
		}
		out[name] = v
	}
	return out
}

// moment reads a point in time: RFC 3339, a date, or a duration before now.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%q is neither a time (2026-11-25T08:00:00Z, 2026-11-25) nor a duration ago (2h, 30m)", text)
}

// pointAt shows the place of an error in the text of a query.
func pointAt(text string, err error) error {
	var e *api.Error
	if !errors.As(err, &e) || e.Line < 1 {
		return err
	}
	lines := strings.Split(text, "\n")
	if e.Line > len(lines) {
		return err
	}
	return fmt.Errorf("%w\n  %s\n  %s^", err, lines[e.Line-1], strings.Repeat(" ", max(0, e.Column-1)))
}
