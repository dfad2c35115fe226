package main

import (
	"context"
	"time"

	"assim/api"
)

const systemsQuery = `
MATCH (s:System)
OPTIONAL MATCH (s)-[:HAS_NIC]->(n:NIC)-[:HAS_IP]->(ip:IPAddr) WHERE ip.scope = 'global'
WITH s, collect(DISTINCT ip.addr) AS addresses
OPTIONAL MATCH (s)-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(sw:System)
WITH s, addresses, collect(DISTINCT coalesce(sw.name, sw.id) + ' ' + p.port) AS ports
RETURN s.name AS name, s.status AS status, s.kind AS kind, s.os AS os,
       addresses, ports AS ` + "`switch port`" + `, s.id AS id
ORDER BY name, id`

type systemsSettings struct {
	Status string `name:"status" usage:"only systems in this state: up, unresponsive, dead, stopped, shutdown, revoked, unknown"`
	At     string `name:"at" usage:"as it was then: RFC 3339 time, or a duration ago such as 2h"`
}

func systemsCommand() command {
	set := &systemsSettings{}
	return command{
		name: "systems", short: "all systems, with state, addresses and switch ports",
		examples: "  assim systems\n  assim systems -status dead\n  assim systems -at 2h\n  assim systems -json | jq -r '.rows[][0]'",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("systems takes no arguments; for one system: assim system %s", args[0])
			}
			at, err := moment(set.At, time.Now())
			if err != nil {
				return err
			}
			r, err := a.client.Query(ctx, api.QueryRequest{Query: systemsQuery, At: at})
			if err != nil {
				return err
			}
			if set.Status != "" {
				r.Rows = rowsWhere(r.Rows, 1, set.Status)
			}
			if a.JSON {
				return a.printJSON(r)
			}
			a.table(r.Columns, r.Rows)
			return nil
		},
	}
}

func rowsWhere(rows [][]any, column int, value string) [][]any {
	kept := rows[:0]
	for _, row := range rows {
		if row[column] == any(value) {
			kept = append(kept, row)
		}
	}
	return kept
}
