package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/api"
)

const ringsQuery = `
MATCH (s:System)-[m:MEMBER_OF]->(r:Ring)
RETURN r.level AS level, r.name AS ring, m.position AS position, s.name AS system, s.status AS status,
       m.deputy AS deputy, r.version AS version
ORDER BY level, ring, position`

// ringsEvents is how many events stand below the rings.
const ringsEvents = 5

type ringsSettings struct {
	Dot bool   `name:"dot" usage:"print a Graphviz graph"`
	At  string `name:"at" usage:"as it was then: RFC 3339 time, or a duration ago such as 2h"`
}

func ringsCommand() command {
	set := &ringsSettings{}
	return command{
		name: "rings", short: "who heartbeats with whom",
		examples: "  assim rings\n  assim rings -dot | dot -Tsvg > rings.svg\n  assim rings -json",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("rings takes no arguments")
			}
			at, err := moment(set.At, time.Now())
			if err != nil {
				return err
			}
			r, err := a.client.Query(ctx, api.QueryRequest{Query: ringsQuery, At: at})
			if err != nil {
				return err
			}
			switch {
			case a.JSON:
				return a.printJSON(r)
			case set.Dot:
				a.ringsDot(groupRings(r.Rows))
			default:
				a.ringsText(groupRings(r.Rows))
				return a.ringsNews(ctx, set.At)
			}
			return nil
		},
	}
}

// ringTable is one ring with its members in order.
type ringTable struct {
	level, name, version string
	members              []ringMember
}

type ringMember struct {
	name, status string
	deputy       bool
}

func groupRings(rows [][]any) []ringTable {
	var rings []ringTable
	for _, row := range rows {
		level, name := cell(row[0]), cell(row[1])
		if n := len(rings); n == 0 || rings[n-1].level != level || rings[n-1].name != name {
			rings = append(rings, ringTable{level: level, name: name, version: cell(row[6])})
		}
		r := &rings[len(rings)-1]
		r.members = append(r.members, ringMember{cell(row[3]), cell(row[4]), row[5] == true})
	}
	return rings
}

// ringsText draws each ring as a line that comes back to its start.
func (a *app) ringsText(rings []ringTable) {
	if len(rings) == 0 {
		fmt.Fprintln(a.out, "No rings yet: a ring needs a nanoprobe; assim status tells who has joined.")
	}
	company := slices.ContainsFunc(rings, func(r ringTable) bool { return len(r.members) > 1 })
	for i, r := range rings {
		if len(r.members) == 1 && (company || i > 0) {
			continue // a deputy that waits for others: nobody heartbeats there
		}
		a.heading("%s ring %s, %d members, roster version %s", r.level, r.name, len(r.members), r.version)
		line, width := "  ╭─", max(a.width, 80)-8
		var lines []string
		for _, m := range r.members {
			text := a.member(m)
			if len([]rune(line))+len([]rune(m.name))+5 > width {
				lines = append(lines, line)
				line = "  │ "
			}
			line += " " + text + " ──"
		}
		lines = append(lines, line)
		fmt.Fprintln(a.out, strings.Join(lines, "\n")+"╮")
		fmt.Fprintln(a.out, "  ╰"+strings.Repeat("─", 8)+" back to the first")
		if !company {
			fmt.Fprintln(a.out, "  It has no neighbor yet: a second nanoprobe gives it one.")
		}
	}
}

// ringsNews ends the picture: what the marks mean, and what happened last.
func (a *app) ringsNews(ctx context.Context, at string) error {
	fmt.Fprintln(a.out, "\n  o member   ◆ also in the ring above   ✗ not up   ? not known, behind something that is broken: assim incidents")
	if at != "" {
		return nil // The newest events are not of then.
	}
	list, _, err := a.lastEvents(ctx, eventsSettings{Last: ringsEvents})
	if err != nil || len(list) == 0 {
		return err
	}
	a.heading("Last events (assim events shows more)")
	for _, e := range list {
		if err := a.event(e); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) member(m ringMember) string {
	mark := "o"
	if m.deputy {
		mark = "◆"
	}
	switch m.status {
	case "up":
	case "unknown":
		mark = "?"
	default:
		mark = "✗"
	}
	return a.paint(mark+" "+m.name, statusColor([]string{m.status}))
}

// levelLooks are the color and the length of the lines of each level of rings: rings
// stand apart from each other.
var levelLooks = map[string]struct {
	color string
	long  int
}{"switch": {"steelblue", 1}, "subnet": {"darkorange", 5}, "top": {"purple", 5}}

// ringsDot draws the rings as a graph. Who is also in a ring above is told from the
// others by its shape, who is not up by its color; the legend says so.
func (a *app) ringsDot(rings []ringTable) {
	fmt.Fprintln(a.out, "graph rings {\n  layout=neato; overlap=false; splines=true; node [shape=box style=\"rounded,filled\" fillcolor=white];")
	drawn := map[string]bool{}
	for _, r := range rings {
		for i, m := range r.members {
			if next := r.members[(i+1)%len(r.members)]; len(r.members) > 2 || len(r.members) == 2 && i == 0 {
				look := levelLooks[r.level]
				fmt.Fprintf(a.out, "  %q -- %q [color=%s len=%d];\n", m.name, next.name, cmp.Or(look.color, "black"), max(look.long, 1))
			}
			if m.deputy {
				fmt.Fprintf(a.out, "  %q [shape=diamond style=filled];\n", m.name)
			}
			if color := dotColor(m.status); color != "" && !drawn[m.name] {
				fmt.Fprintf(a.out, "  %q [fillcolor=%s];\n", m.name, color)
			}
			drawn[m.name] = true
		}
	}
	fmt.Fprintf(a.out, "  label=<%s>; labelloc=b;\n}\n", dotLegend(rings))
}

// dotColor fills the box of a system that is not up.
func dotColor(status string) string {
	switch status {
	case "up":
		return ""
	case "unknown":
		return "lightgray"
	case "shutdown":
		return "lightblue"
	}
	return "tomato"
}

// dotLegend says what the lines, shapes and colors mean.
func dotLegend(rings []ringTable) string {
	var said []string
	for _, level := range []string{"switch", "subnet", "top"} {
		if slices.ContainsFunc(rings, func(r ringTable) bool { return r.level == level && len(r.members) > 1 }) {
			said = append(said, fmt.Sprintf(`<font color="%s">━━</font> %s ring`, levelLooks[level].color, level))
		}
	}
	said = append(said, "◇ deputy: also in the ring above", `<font color="tomato">■</font> not up`,
		`<font color="lightblue">■</font> shut down`, `<font color="gray">■</font> not known`)
	return strings.Join(said, " &#160; ")
}
