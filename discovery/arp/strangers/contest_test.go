package strangers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/arp"
	"assim/graph"
	"assim/graph/graphtest"
)

// The parts of the stories about an address.
const (
	macX = "52:54:00:00:00:0a" // the owner's
	macY = "52:54:00:00:00:0b" // another's
)

// owns is a system that carries an address.
func owns(id, mac, ip, status string) graph.Change {
	system := graph.Key{Label: graph.System, ID: id}
	nic, addr := discovery.NICKey(system, nil, "eth0"), graph.Key{Label: graph.IPAddr, ID: ip}
	c := graph.Change{Source: id + "/netconfig", Nodes: []graph.Node{{Key: system, Props: graph.P("status", status)}, {Key: nic, Props: graph.P("mac", mac)}},
		Rels: []graph.Rel{{From: system, Type: graph.HasNIC, To: nic}}}
	if ip != "" {
		c.Nodes = append(c.Nodes, graph.Node{Key: addr})
		c.Rels = append(c.Rels, graph.Rel{From: nic, Type: graph.HasIP, To: addr})
	}
	return c
}

// signed is a system that was heard last at some time from now.
func signed(c graph.Change, ago time.Duration) graph.Change {
	c.Nodes[0].Props["last_sign"] = time.Now().Add(ago).UTC().Format(time.RFC3339)
	return c
}

// sees is what a system tells of 10.0.0.1.
func sees(t *testing.T, store graph.Store, id, mac, was string) {
	t.Helper()
	doc := fmt.Appendf(nil, `{"neighbors":[{"link":"eth0","ip":"10.0.0.1","mac":%q,"was":%q,"scope":"global"}]}`, mac, was)
	c, err := arp.Plugin.Graph(graph.Key{Label: graph.System, ID: id}, doc)
	if err != nil {
		t.Fatal(err)
	}
	c.Source = id + "/arp"
	said(t, store, c)
	said(t, store, sharedOf(t, doc))
}

func TestAnAddressIsContestedWhenItsOwnerHasItStill(t *testing.T) {
	const ip = "10.0.0.1"
	theft := func(t *testing.T, store graph.Store) { sees(t, store, "n-s", macY, macX) }
	for _, c := range []struct {
		story string
		tell  func(t *testing.T, store graph.Store)
		want  []string // parts of what follows; none: nothing does
	}{
		{"stolen by a machine without a nanoprobe", func(t *testing.T, st graph.Store) { said(t, st, owns("n-a", macX, ip, "up")); theft(t, st) },
			[]string{`(NIC:mac-` + macY + `/nic)-[:CONTESTS 10.0.0.1 {"address":"10.0.0.1","mac":"` + macY + `","seen_by":["n-s"]}]->(NIC:n-a/eth0)`,
				`(NIC:mac-` + macY + `/nic)-[:HAS_IP]->(IPAddr:10.0.0.1)`, `"kind":"unknown","name":"10.0.0.1"`}},
		{"stolen by a known system that does not say so", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			said(t, st, owns("n-b", macY, "", "up"))
			theft(t, st)
		}, []string{`(NIC:n-b/eth0)-[:CONTESTS 10.0.0.1 {`}},
		{"others saw it too, and prove nothing alone", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			sees(t, st, "n-r", macY, "")
			theft(t, st)
		}, []string{`"seen_by":["n-r","n-s"]`}},
		{"a neighbor never had it from its owner", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			sees(t, st, "n-s", macY, "")
		}, nil},
		{"the owner's interface was replaced", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macY, ip, "up"))
			theft(t, st)
			sees(t, st, "n-old", macX, "") // not asked since
		}, nil},
		{"a cluster moved its address", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, "", "up"))
			said(t, st, owns("n-b", macY, ip, "up"))
			theft(t, st)
		}, nil},
		{"a cluster moves its address, and who had it is slow to say so", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			said(t, st, owns("n-b", macY, ip, "up"))
			theft(t, st)
		}, nil},
		{"a cluster took it from one that died", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "dead"))
			said(t, st, owns("n-b", macY, ip, "up"))
			theft(t, st)
		}, nil},
		{"a lease of a machine that is long off was given to another", func(t *testing.T, st graph.Store) {
			said(t, st, signed(owns("n-a", macX, ip, "dead"), -time.Hour))
			theft(t, st)
		}, nil},
		{"who lost its address to another seems dead by that", func(t *testing.T, st graph.Store) {
			said(t, st, signed(owns("n-a", macX, ip, "dead"), -10*time.Second))
			theft(t, st)
		}, []string{":CONTESTS 10.0.0.1 {"}},
		{"a lease was given to another machine", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, "10.0.0.99", "up"))
			theft(t, st)
		}, []string{`"name":"10.0.0.1"`}},
		{"a virtual router", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			sees(t, st, "n-s", "00:00:5e:00:01:07", macX)
		}, nil},
		{"the owner answers on another of its interfaces", func(t *testing.T, st graph.Store) {
			two := owns("n-a", macX, ip, "up")
			other := graph.Key{Label: graph.NIC, ID: "n-a/eth1"}
			two.Nodes = append(two.Nodes, graph.Node{Key: other, Props: graph.P("mac_in_use", macY)})
			two.Rels = append(two.Rels, graph.Rel{From: two.Nodes[0].Key, Type: graph.HasNIC, To: other})
			said(t, st, two)
			theft(t, st)
		}, nil},
		{"it was given back", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			theft(t, st)
			derive(t, st)
			sees(t, st, "n-s", macX, macY)
		}, nil},
		{"proven once, and who proved it forgot how it was", func(t *testing.T, st graph.Store) {
			said(t, st, owns("n-a", macX, ip, "up"))
			theft(t, st)
			derive(t, st)
			sees(t, st, "n-s", macY, "")
		}, []string{":CONTESTS 10.0.0.1 {"}},
	} {
		t.Run(c.story, func(t *testing.T) {
			store := graphtest.NewMem()
			defer store.Close()
			c.tell(t, store)
			got := derive(t, store)
			if len(c.want) == 0 && got != "" {
				t.Errorf("it follows\n%s", got)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s is missing in\n%s", want, got)
				}
			}
			if again := derive(t, store); again != got {
				t.Errorf("the second derivation differs:\n%s", again)
			}
		})
	}
}
