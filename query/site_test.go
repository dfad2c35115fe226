package query

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/embedded"
	"assim/graph/graphtest"
)

// site is a small installation, as its discoveries would tell it:
//
//	sw1 ── web1 ─ nginx ──▶ app1:8080          sw1/Gi1 "web1 eth0"
//	 │ ─── web2 ─ nginx ──▶ app1:8080          web2 is dead
//	 │ ─── app1 ─ java ───▶ db1:5432           app1 is a guest on host1
//	 └──── host1
//	sw2 ── db1 ── postgres                     db1 also has a cable to sw1
//	                                           old1 was shut down
type site struct {
	changes []graph.Change
	now     time.Time
}

func newSite() *site { return &site{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func sys(name string) graph.Key { return graph.Key{Label: graph.System, ID: "n-" + name} }

func (s *site) say(source string, nodes []graph.Node, rels ...graph.Rel) {
	s.changes = append(s.changes, graph.Change{Source: source, At: s.now, Nodes: nodes, Rels: rels})
}

func (s *site) system(name, kind, status string) {
	s.say("cma/seat/"+name, []graph.Node{{Key: sys(name), Props: graph.P("id", "n-"+name, "name", name, "kind", kind, "status", status,
		"nanoprobe", kind != "switch", "os", "Debian GNU/Linux 12", "kernel", "6.1.0", "arch", "x86_64")}})
}

func (s *site) nic(name, ifname, mac, addr string) {
	nic := graph.Key{Label: graph.NIC, ID: "n-" + name + "/" + ifname}
	ip := graph.Key{Label: graph.IPAddr, ID: addr}
	subnet := graph.Key{Label: graph.Subnet, ID: "10.0.0.0/24"}
	s.say(name+"/netconfig/"+ifname, []graph.Node{
		{Key: nic, Props: graph.P("ifname", ifname, "mac", mac, "virtual", false, "carrier", true)},
		{Key: ip, Props: graph.P("addr", addr, "scope", "global", "version", 4)},
		{Key: subnet, Props: graph.P("prefix", "10.0.0.0/24")},
	}, graph.Rel{From: sys(name), Type: graph.HasNIC, To: nic}, graph.Rel{From: nic, Type: graph.HasIP, To: ip, Props: graph.P("prefix_len", 24)},
		graph.Rel{From: ip, Type: graph.InSubnet, To: subnet})
}

func (s *site) cable(name, ifname, sw, port string) {
	p := graph.Key{Label: graph.SwitchPort, ID: "n-" + sw + "/" + port}
	s.say(name+"/lldp/"+ifname, []graph.Node{{Key: p, Props: graph.P("port", port, "description", name+" "+ifname, "vlan", 100)}},
		graph.Rel{From: sys(sw), Type: graph.HasPort, To: p},
		graph.Rel{From: graph.Key{Label: graph.NIC, ID: "n-" + name + "/" + ifname}, Type: graph.CabledTo, To: p})
}

func endpoint(addr string, port int) graph.Key {
	return graph.Key{Label: graph.Endpoint, ID: fmt.Sprintf("tcp/%s:%d", addr, port)}
}

func proc(name, exe string) graph.Key {
	return graph.Key{Label: graph.Process, ID: "n-" + name + "/" + exe + "/1"}
}

func (s *site) listens(name, process, addr string, port int) {
	p, e := proc(name, process), endpoint(addr, port)
	s.say(name+"/listeners/"+process, []graph.Node{
		{Key: p, Props: graph.P("name", process, "exe", "/usr/sbin/"+process, "user", process)},
		{Key: e, Props: graph.P("proto", "tcp", "addr", addr, "port", port, "scope", "global")},
	}, graph.Rel{From: sys(name), Type: graph.Runs, To: p}, graph.Rel{From: p, Type: graph.ListensOn, To: e})
}

func (s *site) connects(name, process, other, otherProcess, addr string, port int) {
	p := proc(name, process)
	s.say(name+"/connections/"+process, []graph.Node{{Key: p, Props: graph.P("name", process, "exe", "/usr/sbin/"+process, "user", process)}},
		graph.Rel{From: sys(name), Type: graph.Runs, To: p}, graph.Rel{From: p, Type: graph.ConnectsTo, To: endpoint(addr, port)})
	s.say("derive/depends/"+name, nil, graph.Rel{From: sys(name), Type: graph.DependsOn, To: sys(other)},
		graph.Rel{From: p, Type: graph.DependsOn, To: proc(other, otherProcess)})
}

func (s *site) packages(hash string, systems []string, versions map[string]string) {
	set := graph.Key{Label: graph.PackageSet, ID: hash}
	nodes := []graph.Node{{Key: set, Props: graph.P("hash", hash)}}
	var rels []graph.Rel
	for name, version := range versions {
		p := graph.Key{Label: graph.Package, ID: "dpkg/" + name + "/" + version + "/amd64"}
		nodes = append(nodes, graph.Node{Key: p, Props: graph.P("name", name, "version", version, "arch", "amd64", "manager", "dpkg")})
		rels = append(rels, graph.Rel{From: set, Type: graph.Contains, To: p})
	}
	for _, name := range systems {
		rels = append(rels, graph.Rel{From: sys(name), Type: graph.HasPackages, To: set})
	}
	s.say("packages/"+hash, nodes, rels...)
}

func (s *site) check(name, id, state string, target graph.Key) {
	c := graph.Key{Label: graph.Check, ID: id}
	s.say("monitor/"+id, []graph.Node{{Key: c, Props: graph.P("class", "ocf", "type", name, "state", state, "interval", 10)}},
		graph.Rel{From: c, Type: graph.Monitors, To: target})
}

func (s *site) finding(name, rule, area, state string, score int) {
	f := graph.Key{Label: graph.Finding, ID: name + "/" + rule}
	r := graph.Key{Label: graph.Rule, ID: rule}
	s.say("audit/"+name+"/"+rule, []graph.Node{
		{Key: f, Props: graph.P("state", state, "score", score)},
		{Key: r, Props: graph.P("id", rule, "area", area)},
	}, graph.Rel{From: sys(name), Type: graph.HasFinding, To: f}, graph.Rel{From: f, Type: graph.Of, To: r})
}

func (s *site) build() {
	s.system("sw1", "switch", "up")
	s.system("sw2", "switch", "up")
	for i, name := range []string{"web1", "web2", "app1", "db1", "host1", "old1"} {
		kind, status := "server", "up"
		switch name {
		case "web2":
			status = "dead"
		case "old1":
			status = "shutdown"
		case "app1":
			kind = "vm"
		}
		s.system(name, kind, status)
		s.nic(name, "eth0", fmt.Sprintf("00:16:3e:00:00:%02x", i+1), fmt.Sprintf("10.0.0.%d", i+11))
	}
	s.nic("db1", "eth1", "00:16:3e:00:01:04", "10.0.0.24")
	s.cable("web1", "eth0", "sw1", "Gi1")
	s.cable("web2", "eth0", "sw1", "Gi2")
	s.cable("host1", "eth0", "sw1", "Gi3")
	s.cable("db1", "eth1", "sw1", "Gi4")
	s.cable("db1", "eth0", "sw2", "Gi1")
	s.listens("web1", "nginx", "10.0.0.11", 443)
	s.listens("web2", "nginx", "10.0.0.12", 443)
	s.listens("app1", "java", "10.0.0.13", 8080)
	s.listens("db1", "postgres", "10.0.0.14", 5432)
	s.connects("web1", "nginx", "app1", "java", "10.0.0.13", 8080)
	s.connects("web2", "nginx", "app1", "java", "10.0.0.13", 8080)
	s.connects("app1", "java", "db1", "postgres", "10.0.0.14", 5432)
	s.say("app1/guest", nil, graph.Rel{From: sys("app1"), Type: graph.HostedBy, To: sys("host1")})
	stranger := graph.Key{Label: graph.IPAddr, ID: "10.0.0.99"}
	table := graph.Key{Label: graph.NeighborSet, ID: "cccc"}
	s.say("arp/cccc", []graph.Node{{Key: stranger, Props: graph.P("addr", "10.0.0.99", "scope", "global", "version", 4)}, {Key: table}},
		graph.Rel{From: table, Type: graph.Contains, To: stranger, ID: "eth0", Props: graph.P("mac", "de:ad:be:ef:00:01", "link", "eth0")})
	s.say("db1/arp/eth0", nil,
		graph.Rel{From: graph.Key{Label: graph.NIC, ID: "n-db1/eth0"}, Type: graph.Sees, To: table},
		graph.Rel{From: graph.Key{Label: graph.NIC, ID: "n-db1/eth0"}, Type: graph.Sees, To: graph.Key{Label: graph.IPAddr, ID: "10.0.0.13"}, Props: graph.P("mac", "00:16:3e:00:00:03")})
	s.packages("aaaa", []string{"web1", "web2"}, map[string]string{"openssl": "3.0.11", "nginx": "1.22.1", "bash": "5.2"})
	s.packages("bbbb", []string{"db1"}, map[string]string{"openssl": "3.0.9", "postgresql-15": "15.5", "bash": "5.2"})
	s.check("nginx", "c1", "ok", proc("web1", "nginx"))
	s.check("pgsql", "c2", "failed", proc("db1", "postgres"))
	s.check("ping", "c3", "ok", sys("db1"))
	s.finding("web1", "sshd-root-login", "security", "fail", 5)
	s.finding("web1", "tcp-syncookies", "networking", "pass", 2)
	s.finding("db1", "sshd-root-login", "security", "pass", 5)
	s.finding("db1", "sysctl-rp-filter", "networking", "fail", 2)
	s.finding("db1", "password-age", "security", "fail", 1)
}

// engines are the stores that must give the same answers.
func engines(t *testing.T) map[string]graph.Store {
	t.Helper()
	e, err := embedded.Open(filepath.Join(t.TempDir(), "site.graph"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	all := map[string]graph.Store{"memory": graphtest.NewMem(), "embedded": e}
	if uri := os.Getenv("ASSIM_NEO4J"); uri != "" {
		all["neo4j"] = emptyNeo4j(t, uri)
	}
	return all
}

// view applies the site to a store and returns a reader of it.
func (s *site) view(t *testing.T, store graph.Store) graph.Reader {
	t.Helper()
	if _, err := store.Apply(context.Background(), s.changes...); err != nil {
		t.Fatal(err)
	}
	r, err := store.View(context.Background(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}
