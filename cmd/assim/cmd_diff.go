package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"assim/api"
)

type diffSettings struct {
	Since string `name:"since" usage:"compare that long ago, or that time, with now (default 24h)"`
	From  string `name:"from" usage:"the earlier time: RFC 3339, a date, or a duration ago"`
	To    string `name:"to" usage:"the later time (default: now)"`
	Store string `name:"store" usage:"compare in this store file or backup, without a CMA"`
}

func diffCommand() command {
	set := &diffSettings{}
	return command{
		name: "diff", args: "[SYSTEM]", short: "what was added, removed or changed between two times",
		long: "SYSTEM is a name or an id. What came and went in between is not told. How far back it goes: the CMA's -retention.",
		examples: "  assim diff\n  assim diff web1 -since 2h\n  assim diff -from 2026-11-24 -to 2026-11-25T08:00:00Z\n" +
			"  assim diff web1 -since 48h -store /var/lib/assim/cma/backups/nightly.db\n" +
			"  assim diff -since 1h -json | jq '.systems[].types[] | select(.type == \"IPAddr\")'",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 1 {
				return usagef("diff takes one system at most: assim diff web1 -since 2h")
			}
			from, to, err := set.times(time.Now())
			if err != nil {
				return err
			}
			return a.from(set.Store, "", func() error { return a.compare(ctx, strings.Join(args, ""), from, to) })
		},
	}
}

func (a *app) compare(ctx context.Context, system string, from, to time.Time) error {
	d, err := a.client.Diff(ctx, system, from, to)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(d)
	}
	a.diff(d)
	return nil
}

// times returns the two times to compare; a zero "to" is now.
func (s *diffSettings) times(now time.Time) (from, to time.Time, err error) {
	if s.Since != "" && (s.From != "" || s.To != "") {
		return from, to, usagef("give -since, or -from and -to, not both")
	}
	if s.To != "" && s.From == "" {
		return from, to, usagef("-to needs -from: assim diff -from 2026-11-24 -to 2026-11-25")
	}
	start := s.From
	switch {
	case s.Since != "":
		start = s.Since
	case start == "":
		start = "24h"
	}
	if from, err = moment(start, now); err != nil {
		return from, to, err
	}
	if to, err = moment(s.To, now); err != nil {
		return from, to, err
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, usagef("-from %s is not before -to %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

// marks show at the start of a line what happened, and their color.
var marks = map[string][2]string{
	"added": {"+", "\x1b[32m"}, "removed": {"-", "\x1b[31m"}, "changed": {"~", "\x1b[33m"},
}

func (a *app) diff(d api.Diff) {
	for _, s := range d.Systems {
		switch {
		case s.System == "":
			a.heading("of no one system")
		case s.Name == s.System:
			a.heading("%s", clip(s.Name))
		default:
			a.heading("%s (%s)", clip(s.Name), s.System)
		}
		for _, t := range s.Types {
			fmt.Fprintf(a.out, "  %s\n", clip(t.Type))
			for _, item := range t.Items {
				a.delta(s, item)
			}
		}
	}
	if len(d.Systems) > 0 {
		fmt.Fprintln(a.out)
	}
	fmt.Fprintf(a.out, "%d added, %d removed, %d changed between %s and %s\n", d.Added, d.Removed, d.Changed,
		d.From.Local().Format(time.DateTime), d.To.Local().Format(time.DateTime))
	if d.Truncated {
		fmt.Fprintln(a.out, "There is more: name a system, or times closer to each other.")
	}
}

func (a *app) delta(s api.SystemDiff, item api.Delta) {
	mark := marks[item.Kind]
	what := short(s, item.Key)
	if item.Key == "" {
		what = short(s, item.From) + " → " + short(s, item.To)
	}
	line := fmt.Sprintf("    %s %s  %s", mark[0], clip(what), item.At.Local().Format(time.DateTime))
	fmt.Fprintln(a.out, a.paint(line, mark[1]))
	for _, f := range item.Fields {
		switch item.Kind {
		case "added":
			fmt.Fprintf(a.out, "        %s: %s\n", clip(f.Name), cell(f.New))
		case "removed":
			fmt.Fprintf(a.out, "        %s: %s\n", clip(f.Name), cell(f.Old))
		default:
			fmt.Fprintf(a.out, "        %s: %s → %s\n", clip(f.Name), cell(f.Old), cell(f.New))
		}
	}
}

// short is a node's key as it reads best below its system: "NIC eth0".
func short(s api.SystemDiff, key string) string {
	label, id, _ := strings.Cut(key, ":")
	if id == s.System {
		return label + " " + s.Name
	}
	return label + " " + strings.TrimPrefix(id, s.System+"/")
}
