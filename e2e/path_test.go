package e2e

import (
	"fmt"
	"testing"
)

const office = `
switch sw1 vlan 100
switch sw2 both vlan 200
trunk sw1 sw2
cma cma sw1
system web1 sw1
system web2 sw2
system db sw1/9
system app1 sw2/11
system app2 sw1
`

// serve starts real services and clients that stay connected to them.
func (w *world) serve() {
	w.t.Helper()
	for _, name := range []string{"web1", "web2"} {
		if _, err := w.Nginx(name, 80); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.Redis("db", 6379); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"app1", "app2"} {
		if _, err := w.Lab.Start(name, "redis-cli", "-h", w.Addr("db").String(), "SUBSCRIBE", "news"); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestOneQueryLeadsFromTheSwitchPortToTheClientsSystem(t *testing.T) {
	t.Parallel()
	w := start(t, office)
	w.serve()

	var cables [][]any
	for _, name := range w.Systems() {
		for _, n := range w.NICs(name) {
			cables = append(cables, []any{n.Switch + ".lab", fmt.Sprintf("Gi1/0/%d", n.Port), name, n.Name, n.MAC})
		}
	}
	w.wants("every card is cabled to its port",
		`MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(n:NIC)<-[:HAS_NIC]-(s:System)
		RETURN sw.name, p.port, s.name, n.ifname, n.mac`, cables)

	port := w.NICs("db")[0].Port
	var path [][]any
	for _, client := range []string{"app1", "app2"} {
		path = append(path, []any{"sw1.lab", fmt.Sprintf("Gi1/0/%d", port), "eth0", "db", "redis-server", float64(6379), "redis-cli", client})
	}
	w.wants("the path is whole",
		`MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(n:NIC)<-[:HAS_NIC]-(s:System)
		MATCH (s)-[:RUNS]->(d:Process)-[:LISTENS_ON]->(e:Endpoint)<-[:CONNECTS_TO]-(c:Process)<-[:RUNS]-(client:System)
		WHERE e.port = 6379
		RETURN DISTINCT sw.name, p.port, n.ifname, s.name, d.name, e.port, c.name, client.name`, path)
	w.wants("both web servers are known",
		`MATCH (s:System)-[:RUNS]->(p:Process {name: 'nginx'})-[:LISTENS_ON]->(e:Endpoint {port: 80})
		RETURN DISTINCT s.name, p.name, e.port`,
		[][]any{{"web1", "nginx", float64(80)}, {"web2", "nginx", float64(80)}})
}

func TestAVanishedListenerVanishesFromTheGraph(t *testing.T) {
	t.Parallel()
	w := start(t, "switch sw1\ncma cma sw1\nsystem db sw1\n")
	redis, err := w.Redis("db", 6379)
	if err != nil {
		t.Fatal(err)
	}
	const listeners = `MATCH (s:System {name: 'db'})-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint {port: 6379}) RETURN DISTINCT s.name, p.name`
	w.wants("redis is in the graph", listeners, [][]any{{"db", "redis-server"}})
	if _, err := redis.Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.wants("redis is out of the graph", listeners, nil)
}

func TestAMovedCableMovesInTheGraphAndIsNews(t *testing.T) {
	t.Parallel()
	w := start(t, "switch sw1\nswitch sw2\ntrunk sw1 sw2\ncma cma sw1\nsystem web1 sw1/4\nsystem web2 sw1\n")
	const cable = `MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(:NIC)<-[:HAS_NIC]-(s:System {name: 'web1'}) RETURN sw.name, p.port`
	w.wants("web1 is at its first port", cable, [][]any{{"sw1.lab", "Gi1/0/4"}})
	before := w.events()
	if err := w.MoveCable("web1", "eth0", "sw2", 8); err != nil {
		t.Fatal(err)
	}
	w.wants("web1 is at its new port", cable, [][]any{{"sw2.lab", "Gi1/0/8"}})
	w.happens(before, "cable moved", "web1")
}
