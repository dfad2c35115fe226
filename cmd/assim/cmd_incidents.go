package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"assim/api"
	"assim/event"
)

// incidentsQuery lists faults, the newest last. What affects thousands is counted.
const incidentsQuery = `
MATCH (i:Incident) %s
OPTIONAL MATCH (i)-[:ABOUT]->(s:System)
WITH i, s ORDER BY s.name
RETURN i.kind AS kind, i.name AS name, i.text AS text, i.cause AS cause, i.evidence AS evidence, i.confidence AS confidence,
       i.since AS since, i.opened AS opened, i.closed AS closed, collect(s.name)[0..%d] AS systems, count(s) AS affected
ORDER BY opened`

// maxAffected bounds the systems that are named for each incident.
const maxAffected = 20

// next says what a person does about an incident, by its kind.
var next = map[event.Kind]string{
	event.SystemDead:        "is it powered, does its console answer? Its neighbors are in: assim system NAME",
	event.NanoprobeStopped:  "the host answers: log in there, and start the nanoprobe (systemctl status nanoprobe)",
	event.LinkDown:          "the system lives by another cable: look at this one and its switch port before that one fails, too",
	event.PathBroken:        "both live: look at what is between the two (VLAN, filter, a trunk that loses packets)",
	event.SystemDeaf:        "it sends and does not receive: packet filter, half-broken cable or card of that system",
	event.SwitchUnreachable: "look at the switch and its uplink; the systems behind it are not accused, and are judged when it is back",
	event.Partition:         "look at what joins the two sides: router, trunk, provider; each side watches itself meanwhile",
	event.CMAIsolated:       "look at the network of the CMA itself; nobody else is accused",
	event.TwoCMAs:           "find the other CMA (a copied disk, a restored backup) and stop one of the two",
}

type incidentsSettings struct {
	All bool   `name:"all" usage:"also those that are over"`
	At  string `name:"at" usage:"as it was then: RFC 3339 time, or a duration ago such as 2h"`
}

func incidentsCommand() command {
	set := &incidentsSettings{}
	return command{
		name: "incidents", short: "what is broken now, why it is thought so, and what to do",
		examples: "  assim incidents\n  assim incidents -all\n  assim incidents -at 2h\n  assim incidents -json | jq '.rows[][0:2]'",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("incidents takes no arguments; for one system: assim system %s", args[0])
			}
			at, err := moment(set.At, time.Now())
			if err != nil {
				return err
			}
			which := "WHERE i.state = 'open'"
			if set.All {
				which = ""
			}
			r, err := a.client.Query(ctx, api.QueryRequest{Query: fmt.Sprintf(incidentsQuery, which, maxAffected), At: at})
			if err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(r)
			}
			a.incidents(r.Rows)
			return nil
		},
	}
}

func (a *app) incidents(rows [][]any) {
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "Nothing is broken.")
	}
	for i, row := range rows {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		kind := event.Kind(cell(row[0]))
		over := row[8] != nil
		head := fmt.Sprintf("%s  %s", clock(row[7]), whenHere(cell(row[2])))
		if over {
			head += ", until " + clock(row[8])
		}
		fmt.Fprintln(a.out, a.paint(head, statusColor([]string{string(kind)})))
		if cause := cell(row[3]); cause != cell(row[2]) {
			a.facts([][2]string{{"cause", whenHere(cause)}})
		}
		evidence, _ := row[4].([]any)
		for _, e := range evidence {
			a.facts([][2]string{{"seen", whenHere(cell(e))}})
		}
		a.facts([][2]string{{"confidence", cell(row[5])}, {"affects", affects(row[9], row[10])}})
		if !over {
			a.facts([][2]string{{"next", next[kind]}})
		}
	}
}

// affects names the first of the systems that suffer.
func affects(first, count any) string {
	list, _ := first.([]any)
	names := make([]string, 0, len(list))
	for _, n := range list {
		names = append(names, cell(n))
	}
	all, _ := count.(float64)
	text := strings.Join(names, ", ")
	if more := int(all) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
