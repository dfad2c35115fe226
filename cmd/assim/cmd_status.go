package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assim/api"
)

func statusCommand() command {
	return command{
		name: "status", short: "health of the CMA: queues, last errors, rates",
		long:     "Exit status 4 when the CMA answers and something is wrong with it.",
		examples: "  assim status\n  assim status -json | jq .queues",
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("status takes no arguments; for one system: assim system %s", args[0])
			}
			s, err := a.client.Status(ctx)
			if err != nil {
				return err
			}
			// The graph may be what is wrong: its silence hides nothing else.
			rests, unknown := a.client.Query(ctx, api.QueryRequest{Query: resting})
			if a.JSON {
				err = a.printJSON(statusPage{s, restsOf(rests, unknown)})
			} else {
				a.status(s, a.broken(ctx))
				a.resting(rests, unknown)
			}
			if err == nil && troubled(s) {
				return errTrouble
			}
			return err
		},
	}
}

// resting asks which systems look less often than they are to. It begins at the
// few types that rest, so that it costs nothing while none does.
const resting = "MATCH (d:DiscoveryType)<-[r:RESTS]-(s:System) RETURN s.name AS system, d.name AS type, r.until AS until, r.cost_ms AS cost_ms ORDER BY system, type LIMIT 100"

// rest is a discovery type that a system holds back.
type rest struct {
	System any `json:"system"`
	Type   any `json:"type"`
	Until  any `json:"until"`
	CostMS any `json:"cost_ms"`
}

// statusPage is what -json prints.
type statusPage struct {
	api.Status
	Resting []rest `json:"resting"` // 100 at most; null when the graph does not answer
}

func restsOf(r api.QueryResult, unknown error) []rest {
	if unknown != nil {
		return nil
	}
	all := []rest{}
	for _, row := range r.Rows {
		all = append(all, rest{row[0], row[1], row[2], row[3]})
	}
	return all
}

// resting prints what restsOf has. That is no trouble of the CMA.
func (a *app) resting(r api.QueryResult, unknown error) {
	switch {
	case unknown != nil:
		fmt.Fprintf(a.out, "\n  What rests because it costs too much is not known: %v\n", unknown)
	case len(r.Rows) > 0:
		a.heading("Resting: discovery that is due and waits, because its last look cost too much CPU (100 at most)")
		a.table(r.Columns, r.Rows)
	}
}

// troubled reports whether a person should look at the CMA.
func troubled(s api.Status) bool {
	for _, q := range s.Queues {
		if q.Length >= q.Limit {
			return true
		}
	}
	return len(s.SetAside) > 0 || len(s.Malformed) > 0 || time.Since(s.LastErrorAt) < 10*time.Minute
}

// broken counts the open incidents in words, which are nothing if the graph does
// not answer.
func (a *app) broken(ctx context.Context) string {
	r, err := a.client.Query(ctx, api.QueryRequest{Query: "MATCH (i:Incident {state: 'open'}) RETURN count(i)"})
	if err != nil || len(r.Rows) != 1 {
		return ""
	}
	switch n := cell(r.Rows[0][0]); n {
	case "0":
		return "nothing"
	case "1":
		return "1 thing: assim incidents"
	default:
		return n + " things: assim incidents"
	}
}

func (a *app) status(s api.Status, broken string) {
	fmt.Fprintln(a.out, s.Version)
	var systems []string
	for _, state := range slices.Sorted(maps.Keys(s.Systems)) {
		systems = append(systems, fmt.Sprintf("%d %s", s.Systems[state], state))
	}
	a.facts([][2]string{
		{"running since", s.Started.Local().Format(time.DateTime) + " (" + time.Since(s.Started).Round(time.Second).String() + ")"},
		{"listens on", s.Listen}, {"store", s.Store},
		{"memory", fmt.Sprintf("%.1f MB", float64(s.RSS)/1e6)},
		{"systems", strings.Join(systems, ", ")}, {"broken", broken}, {"rings", fmt.Sprint(s.Rings)},
	})
	if s.Recovery != "" {
		fmt.Fprintf(a.out, "  The recovery key lies on the CMA itself (%s): assim recovery-key take FILE\n", s.Recovery)
	}
	a.heading("Queues")
	rows := make([][]any, len(s.Queues))
	for i, q := range s.Queues {
		rows[i] = []any{q.Name, q.Length, q.Limit, q.Dropped}
	}
	a.table([]string{"queue", "waiting", "limit", "dropped"}, rows)
	a.heading("Since the start, and per minute now")
	rows = rows[:0]
	for _, name := range slices.Sorted(maps.Keys(s.Counters)) {
		rows = append(rows, []any{name, s.Counters[name], fmt.Sprintf("%.1f", s.Rates[name])})
	}
	a.table([]string{"what", "total", "per minute"}, rows)
	if len(s.SetAside) > 0 {
		a.heading("Set aside: documents that could not be turned into graph (kept, tried again after an upgrade)")
		rows = rows[:0]
		for _, d := range s.SetAside {
			rows = append(rows, []any{d.System, d.Type, d.At.Local().Format(time.DateTime), d.Reason})
		}
		a.table([]string{"system", "type", "since", "why"}, rows)
	}
	if len(s.Malformed) > 0 {
		a.heading("Systems that send what cannot be read (listed until ten minutes after the last)")
		rows = rows[:0]
		for _, m := range s.Malformed {
			rows = append(rows, []any{m.Name, m.Since.Local().Format(time.DateTime), m.Last.Local().Format(time.DateTime), m.Count, m.Reason})
		}
		a.table([]string{"system", "since", "last", "times", "why"}, rows)
	}
	if s.LastError != "" {
		a.heading("Last error")
		fmt.Fprintf(a.out, "  %s  %s\n", s.LastErrorAt.Local().Format(time.DateTime), clip(s.LastError))
	}
}

func (a *app) facts(facts [][2]string) {
	for _, f := range facts {
		if f[1] != "" {
			fmt.Fprintf(a.out, "  %-14s %s\n", f[0], f[1])
		}
	}
}
