package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"assim/api"
)

// part is one table of the page about a system.
type part struct {
	title, query string
}

// systemParts make the page; each query gets $id, the system's id.
var systemParts = []part{
	{"Incidents (assim incidents says what to do)", `
MATCH (s:System {id: $id})<-[:ABOUT]-(i:Incident {state: 'open'})
RETURN i.kind AS kind, i.since AS since, i.text AS what, i.cause AS cause ORDER BY since`},
	{"Network", `
MATCH (s:System {id: $id})-[:HAS_NIC]->(n:NIC)
OPTIONAL MATCH (n)-[:HAS_IP]->(ip:IPAddr)
WITH n, collect(ip.addr) AS addresses
OPTIONAL MATCH (n)-[:CABLED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(sw:System)
RETURN n.ifname AS nic, n.mac AS mac, n.carrier AS carrier, n.mtu AS mtu, addresses,
       coalesce(sw.name, sw.id) AS switch, p.port AS port, p.description AS description, p.vlan AS vlan
ORDER BY nic`},
	{"Listens", `
MATCH (s:System {id: $id})-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
RETURN p.name AS process, p.user AS user, e.proto AS proto, collect(DISTINCT e.addr) AS addresses, e.port AS port, p.exe AS exe
ORDER BY process, proto, port`},
	{"Uses", `
MATCH (s:System {id: $id})-[:RUNS]->(p:Process)-[:CONNECTS_TO]->(e:Endpoint)
OPTIONAL MATCH (e)<-[:LISTENS_ON]-(q:Process)<-[:RUNS]-(t:System)
RETURN p.name AS process, e.proto AS proto, e.addr AS addr, e.port AS port, q.name AS serves, t.name AS on
ORDER BY process, addr, port`},
	{"Used by", `
MATCH (s:System {id: $id})-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)<-[:CONNECTS_TO]-(q:Process)<-[:RUNS]-(t:System)
RETURN DISTINCT p.name AS process, e.port AS port, q.name AS client, t.name AS on
ORDER BY process, port, on`},
	{"Failing", `
MATCH (s:System {id: $id})-[r:FAILS]->(d:DiscoveryType)
RETURN d.name AS type, r.since AS since, r.error AS error ORDER BY type`},
	{"Resting", `
MATCH (s:System {id: $id})-[r:RESTS]->(d:DiscoveryType)
RETURN d.name AS type, r.until AS until, r.cost_ms AS cost_ms ORDER BY type`},
	{"Watched by", `
MATCH (s:System {id: $id})-[w:WATCHES]-(t:System)
RETURN DISTINCT t.name AS neighbor, w.ring AS ring, t.status AS status ORDER BY ring, neighbor`},
}

type systemSettings struct {
	At string `name:"at" usage:"as it was then: RFC 3339 time, or a duration ago such as 2h"`
}

func systemCommand() command {
	set := &systemSettings{}
	return command{
		name: "system", args: "NAME", short: "everything known of one system, on one screen",
		long:     "NAME is a name, an id (n-…), an address or a MAC address.",
		examples: "  assim system web1\n  assim system 10.0.0.5\n  assim system web1 -json\n  assim system web1 -at 2026-11-24T22:00:00Z",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) != 1 {
				return usagef("system takes one name, id or address: assim system web1")
			}
			at, err := moment(set.At, time.Now())
			if err != nil {
				return err
			}
			return a.system(ctx, args[0], at)
		},
	}
}

// findSystem returns the one system that who names, as the properties of its node.
func (a *app) findSystem(ctx context.Context, who string, at time.Time) (map[string]any, error) {
	r, err := a.client.Query(ctx, api.QueryRequest{
		Query: `
MATCH (s:System) WHERE s.id = $who OR toLower(s.name) = toLower($who) RETURN s
UNION MATCH (:IPAddr {addr: $who})<-[:HAS_IP]-(:NIC)<-[:HAS_NIC]-(s:System) RETURN s
UNION MATCH (:NIC {mac: toLower($who)})<-[:HAS_NIC]-(s:System) RETURN s`,
		Params: map[string]any{"who": who}, At: at,
	})
	if err != nil {
		return nil, err
	}
	switch len(r.Rows) {
	case 0:
		return nil, fmt.Errorf("no system has the name, id or address %q; assim systems lists all", who)
	case 1:
		node, _ := r.Rows[0][0].(map[string]any)
		props, _ := node["properties"].(map[string]any)
		return props, nil
	}
	var ids []string
	for _, row := range r.Rows {
		node, _ := row[0].(map[string]any)
		props, _ := node["properties"].(map[string]any)
		ids = append(ids, fmt.Sprint(props["id"]))
	}
	return nil, fmt.Errorf("%q names %d systems: name one by its id: %s", who, len(ids), strings.Join(ids, ", "))
}

func (a *app) system(ctx context.Context, who string, at time.Time) error {
	props, err := a.findSystem(ctx, who, at)
	if err != nil {
		return err
	}
	params := map[string]any{"id": props["id"]}
	tables := make([]api.QueryResult, len(systemParts))
	for i, p := range systemParts {
		if tables[i], err = a.client.Query(ctx, api.QueryRequest{Query: p.query, Params: params, At: at}); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(p.title), err)
		}
	}
	docs, err := a.client.Docs(ctx, fmt.Sprint(props["id"]), "", at)
	if err != nil {
		return err
	}
	if a.JSON {
		page := map[string]any{"system": props, "documents": docs}
		for i, p := range systemParts {
			title, _, _ := strings.Cut(p.title, " (")
			page[strings.ReplaceAll(strings.ToLower(title), " ", "_")] = tables[i]
		}
		return a.printJSON(page)
	}
	a.systemHead(props)
	for i, p := range systemParts {
		if len(tables[i].Rows) > 0 {
			a.heading("%s", p.title)
			a.table(tables[i].Columns, tables[i].Rows)
		}
	}
	if len(docs) > 0 {
		a.heading("Documents (assim docs %v TYPE shows one)", props["name"])
		a.table([]string{"type", "instance", "since", "bytes"}, documentRows(docs))
	}
	return nil
}

func (a *app) systemHead(props map[string]any) {
	status := cell(props["status"])
	fmt.Fprintf(a.out, "%s  %s\n", a.paint(cell(props["name"]), "\x1b[1m"), a.paint(status, statusColor([]string{status})))
	for _, name := range sortedKeys(props) {
		if name != "name" && name != "status" {
			fmt.Fprintf(a.out, "  %-16s %s\n", name, cell(props[name]))
		}
	}
}
