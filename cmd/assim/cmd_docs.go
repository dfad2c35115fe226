package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"assim/api"
)

type docsSettings struct {
	At string `name:"at" usage:"as it was then: RFC 3339 time, or a duration ago such as 2h"`
}

func docsCommand() command {
	set := &docsSettings{}
	return command{
		name: "docs", args: "SYSTEM [TYPE]", short: "the stored discovery documents of a system (JSON)",
		examples: "  assim docs web1\n  assim docs web1 netconfig\n  assim docs web1 listeners -json\n  assim docs web1 packages -at 24h",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("docs takes a system and, if you like, a discovery type: assim docs web1 os")
			}
			typ := ""
			if len(args) == 2 {
				typ = args[1]
			}
			at, err := moment(set.At, time.Now())
			if err != nil {
				return err
			}
			return a.docs(ctx, args[0], typ, at)
		},
	}
}

func (a *app) docs(ctx context.Context, system, typ string, at time.Time) error {
	docs, err := a.client.Docs(ctx, system, typ, at)
	if err != nil {
		return err
	}
	if typ != "" && len(docs) == 0 {
		return fmt.Errorf("%s has no document of type %q; assim docs %s lists those it has", system, typ, system)
	}
	switch {
	case a.JSON:
		return a.printJSON(docs)
	case typ == "":
		a.table([]string{"type", "instance", "since", "bytes"}, documentRows(docs))
		return nil
	}
	for _, d := range docs {
		var b bytes.Buffer
		if err := json.Indent(&b, d.JSON, "", "  "); err != nil {
			return fmt.Errorf("document %s of %s: %w", d.Type, system, err)
		}
		fmt.Fprintln(a.out, b.String())
	}
	return nil
}

func documentRows(docs []api.Document) [][]any {
	rows := make([][]any, len(docs))
	for i, d := range docs {
		rows[i] = []any{d.Type, d.Instance, d.At.Local().Format(time.DateTime), len(d.JSON)}
	}
	return rows
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
