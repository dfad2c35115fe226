package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assim/api"
)

// Limits of the page that tells how things are on one screen.
const (
	maxBroken = 8   // incidents that are shown; assim incidents has all
	maxTold   = 3   // rows of each table; -all has all
	maxRests  = 100 // that are asked for, and as many that fail
)

type statusSettings struct {
	All bool `name:"all" usage:"also every queue, every counter, and all that the page leaves out"`
}

func statusCommand() command {
	set := &statusSettings{}
	return command{
		name: "status", short: "what is broken, how many systems there are, and the CMA's own health",
		long:     "One screen; -all and -json have every queue, counter and rate.\nExit status 4 when the CMA answers and something is wrong with it.",
		examples: "  assim status\n  assim status -all\n  assim status -json | jq .queues",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("status takes no arguments; for one system: assim system %s", args[0])
			}
			page, err := a.statusPage(ctx)
			if err != nil {
				return err
			}
			if a.JSON {
				err = a.printJSON(page)
			} else {
				a.status(page, set.All)
			}
			if err == nil && troubled(page.Status) {
				return errTrouble
			}
			return err
		},
	}
}

// resting asks which systems look less often than they are to. It begins at the
// few types that rest, so that it costs nothing while none does.
var resting = fmt.Sprintf("MATCH (d:DiscoveryType)<-[r:RESTS]-(s:System) RETURN s.name AS system, d.name AS type, r.until AS until, r.cost_ms AS cost_ms ORDER BY system, type LIMIT %d", maxRests)

// failing asks which systems cannot look, in the same way.
var failing = fmt.Sprintf("MATCH (d:DiscoveryType)<-[r:FAILS]-(s:System) RETURN s.name AS system, d.name AS type, r.since AS since, r.error AS error ORDER BY system, type LIMIT %d", maxRests)

// openIncidents and countIncidents ask what is broken.
var (
	openIncidents  = fmt.Sprintf("MATCH (i:Incident {state: 'open'}) RETURN i.kind AS kind, i.text AS text, i.opened AS opened ORDER BY opened DESC LIMIT %d", maxBroken)
	countIncidents = "MATCH (i:Incident {state: 'open'}) RETURN count(i) AS n"
)

// rest is a discovery type that a system holds back.
type rest struct {
	System any `json:"system"`
	Type   any `json:"type"`
	Until  any `json:"until"`
	CostMS any `json:"cost_ms"`
}

// failure is a discovery type that a system cannot look at.
type failure struct {
	System any `json:"system"`
	Type   any `json:"type"`
	Since  any `json:"since"`
	Error  any `json:"error"`
}

// fault is an open incident.
type fault struct {
	Kind   any `json:"kind"`
	Text   any `json:"text"`
	Opened any `json:"opened"`
}

// statusPage is what -json prints.
type statusPage struct {
	api.Status
	Broken    []fault   `json:"broken"`            // the newest; null when the graph does not answer
	Incidents int       `json:"incidents"`         // all that are open
	Resting   []rest    `json:"resting"`           // 100 at most; null when the graph does not answer
	Failing   []failure `json:"failing"`           // 100 at most; null when the graph does not answer
	Pending   int       `json:"pending"`           // systems that wait for a person
	Unknown   string    `json:"unknown,omitempty"` // why the graph does not answer
}

// statusPage asks for all of it. The graph may be what is wrong: its silence hides
// nothing else.
func (a *app) statusPage(ctx context.Context) (statusPage, error) {
	s, err := a.client.Status(ctx)
	if err != nil {
		return statusPage{}, err
	}
	page := statusPage{Status: s}
	if waiting, err := a.client.Pending(ctx); err == nil {
		page.Pending = len(waiting)
	}
	count, err := a.client.Query(ctx, api.QueryRequest{Query: countIncidents})
	broken, err2 := a.client.Query(ctx, api.QueryRequest{Query: openIncidents})
	rests, err3 := a.client.Query(ctx, api.QueryRequest{Query: resting})
	fails, err4 := a.client.Query(ctx, api.QueryRequest{Query: failing})
	if err := errors.Join(err, err2, err3, err4); err != nil {
		page.Unknown, _, _ = strings.Cut(err.Error(), "\n") // The others say the same.
		return page, nil
	}
	page.Broken, page.Resting, page.Failing = []fault{}, []rest{}, []failure{}
	for _, row := range broken.Rows {
		page.Broken = append(page.Broken, fault{row[0], row[1], row[2]})
	}
	for _, row := range rests.Rows {
		page.Resting = append(page.Resting, rest{row[0], row[1], row[2], row[3]})
	}
	for _, row := range fails.Rows {
		page.Failing = append(page.Failing, failure{row[0], row[1], row[2], row[3]})
	}
	if len(count.Rows) == 1 {
		n, _ := count.Rows[0][0].(float64)
		page.Incidents = int(n)
	}
	return page, nil
}

// troubled reports whether a person should look at the CMA.
func troubled(s api.Status) bool {
	return len(full(s)) > 0 || len(s.SetAside) > 0 || len(s.Malformed) > 0 || time.Since(s.LastErrorAt) < 10*time.Minute
}

// full are the queues that take nothing more.
func full(s api.Status) (queues []api.Queue) {
	for _, q := range s.Queues {
		if q.Length >= q.Limit {
			queues = append(queues, q)
		}
	}
	return queues
}

// status prints the page: what is broken first, then what there is.
func (a *app) status(p statusPage, all bool) {
	a.broken(p)
	a.troubles(p.Status, all)
	fmt.Fprintln(a.out)
	a.facts([][2]string{
		{"systems", byState(p.Systems)}, {"to accept", waiting(p.Pending)}, {"rings", fmt.Sprint(p.Rings)}, {"documents", documents(p.Status)},
		{"queues", queues(p.Queues)}, {"store", p.Store},
		{"CMA", fmt.Sprintf("on %s since %s (%s), %.1f MB", p.Listen, p.Started.Local().Format(time.DateTime), time.Since(p.Started).Round(time.Second), float64(p.RSS)/1e6)},
		{"version", p.Version},
	})
	if p.Recovery != "" {
		fmt.Fprintf(a.out, "  The recovery key lies on the CMA itself (%s): assim recovery-key take FILE\n", p.Recovery)
	}
	a.idle(p, all)
	if all {
		a.figures(p.Status)
	}
}

// broken prints what is wrong with systems, switches and networks.
func (a *app) broken(p statusPage) {
	switch {
	case p.Unknown != "":
		fmt.Fprintf(a.out, "%s %s\n", a.paint("What is broken, and what rests, is not known:", "\x1b[31m"), clip(p.Unknown))
	case p.Incidents == 0:
		fmt.Fprintln(a.out, a.paint("Nothing is broken.", "\x1b[32m"))
	default:
		what := "1 thing is broken"
		if p.Incidents > 1 {
			what = fmt.Sprintf("%d things are broken", p.Incidents)
		}
		fmt.Fprintln(a.out, a.paint(what, "\x1b[1;31m")+"; why, and what to do: assim incidents")
		for _, f := range p.Broken {
			fmt.Fprintf(a.out, "  %s  %s\n", clock(f.Opened), a.paint(whenHere(cell(f.Text)), statusColor([]string{cell(f.Kind)})))
		}
		a.more(p.Incidents-len(p.Broken), "assim incidents")
	}
}

// troubles prints what is wrong with the CMA itself, or with what it is sent.
func (a *app) troubles(s api.Status, all bool) {
	var rows [][]any
	for _, q := range full(s) {
		rows = append(rows, []any{q.Name, q.Length, q.Dropped})
	}
	a.short("Queues that are full: the CMA cannot follow", []string{"queue", "waiting", "dropped"}, rows, true)
	if s.LastError != "" && (all || time.Since(s.LastErrorAt) < 10*time.Minute) {
		a.heading("Last error")
		fmt.Fprintf(a.out, "  %s  %s\n", s.LastErrorAt.Local().Format(time.DateTime), clip(s.LastError))
	}
	rows = nil
	for _, d := range s.SetAside {
		rows = append(rows, []any{d.System, d.Type, d.At.Local().Format(time.DateTime), d.Reason})
	}
	a.short("Set aside: documents that could not be turned into graph (kept, tried again after an upgrade)", []string{"system", "type", "since", "why"}, rows, all)
	rows = nil
	for _, m := range s.Malformed {
		rows = append(rows, []any{m.Name, m.Since.Local().Format(time.DateTime), m.Last.Local().Format(time.DateTime), m.Count, m.Reason})
	}
	a.short("Systems that send what cannot be read (listed until ten minutes after the last)", []string{"system", "since", "last", "times", "why"}, rows, all)
}

// idle prints which discovery does not look as it is to. That is no trouble of the
// CMA.
func (a *app) idle(p statusPage, all bool) {
	var rows [][]any
	for _, f := range p.Failing {
		rows = append(rows, []any{f.System, f.Type, fmt.Sprintf("fails since %v", f.Since), f.Error})
	}
	for _, r := range p.Resting {
		what := "takes its time"
		if r.Until != nil && r.Until != "" {
			what = fmt.Sprintf("waits until %v", r.Until)
		}
		rows = append(rows, []any{r.System, r.Type, what, fmt.Sprintf("its last look took %v ms of CPU", r.CostMS)})
	}
	a.short(fmt.Sprintf("Resting or failing: discovery that looks less often than it is to, or in vain (%d of each at most)", maxRests), []string{"system", "type", "what", "why"}, rows, all)
}

// short prints the first rows of a table, or all of them; nothing if there are
// none.
func (a *app) short(title string, columns []string, rows [][]any, all bool) {
	if len(rows) == 0 {
		return
	}
	n := len(rows)
	if !all {
		n = min(n, maxTold)
	}
	a.heading("%s", title)
	a.table(columns, rows[:n])
	a.more(len(rows)-n, "assim status -all")
}

func (a *app) more(n int, where string) {
	if n > 0 {
		fmt.Fprintf(a.out, "  and %d more: %s\n", n, where)
	}
}

// figures prints every queue and counter.
func (a *app) figures(s api.Status) {
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
}

func byState(systems map[string]int) string {
	var list []string
	for _, state := range slices.Sorted(maps.Keys(systems)) {
		list = append(list, fmt.Sprintf("%d %s", systems[state], state))
	}
	if len(list) == 0 {
		return "none yet: assim join-token create"
	}
	return strings.Join(list, ", ")
}

func waiting(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d: assim pending", n)
}

// documents tells of what discovery sends in one line.
func documents(s api.Status) string {
	text := fmt.Sprintf("%d since the start, %.1f a minute now", s.Counters["documents"], s.Rates["documents"])
	if n := len(s.SetAside); n > 0 {
		text += fmt.Sprintf(", %d set aside", n)
	}
	return text
}

// queues tells of all of them in one line.
func queues(list []api.Queue) string {
	parts, dropped := make([]string, len(list)), uint64(0)
	for i, q := range list {
		parts[i] = fmt.Sprintf("%d %s", q.Length, q.Name)
		dropped += q.Dropped
	}
	if text := strings.Join(parts, ", "); dropped > 0 {
		return fmt.Sprintf("%s waiting; %d dropped since the start", text, dropped)
	} else if text != "" {
		return text + " waiting"
	}
	return ""
}

func (a *app) facts(facts [][2]string) {
	for _, f := range facts {
		if f[1] != "" {
			fmt.Fprintf(a.out, "  %-14s %s\n", f[0], f[1])
		}
	}
}
