package attack

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/api"
	"assim/trust/bulk"
	"assim/wire"
	"assim/wire/pack"
)

// A join string lets systems join. It reads nothing, and who joined by it reads
// nothing of others: there is no question that a nanoprobe could ask.
func TestALeakedJoinStringReadsNothing(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	token, err := s.client().CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	// The same place, pin and secret, as an operator's string.
	thief, err := api.NewClient("assim-op1" + strings.TrimPrefix(token.Join, "assim1"))
	if err != nil {
		t.Fatal(err)
	}
	for what, ask := range map[string]func() error{
		"status":    func() error { _, err := thief.Status(t.Context()); return err },
		"documents": func() error { _, err := thief.Docs(t.Context(), "victim", "os", time.Time{}); return err },
		"graph": func() error {
			_, err := thief.Query(t.Context(), api.QueryRequest{Query: "MATCH (s:System) RETURN s.name"})
			return err
		},
		"events":   func() error { _, err := thief.Events(t.Context(), 0, 10); return err },
		"tokens":   func() error { _, err := thief.Tokens(t.Context(), api.ToJoin); return err },
		"recovery": func() error { _, err := thief.Recover(t.Context(), "assim-recovery1:x"); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "operator string") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// On bulk, too, a member is who its key says and nobody else.
func TestAMemberIsNobodyElseOnBulk(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	victim, evil := s.join("victim"), s.join("evil")
	victim.quiet()
	evil.quiet()
	pretender := *evil.id
	pretender.ID = victim.id.ID
	var r wire.Refused
	if c, err := bulk.Dial(t.Context(), &pretender, s.at.String()); !errors.As(err, &r) || r.Code != wire.CodeUnknownNode {
		t.Errorf("got %v, %v", c, err)
	}
}

// state is what the graph says of a system itself.
func (s *server) state(name string) string {
	s.t.Helper()
	r, err := s.client().Query(s.t.Context(), api.QueryRequest{Params: map[string]any{"name": name}, Query: `
		MATCH (s:System {name: $name}) OPTIONAL MATCH (s)-[:HAS_NIC]->(n:NIC) OPTIONAL MATCH (n)-[h:HAS_IP]->(ip:IPAddr)
		RETURN s.id, s.name, s.hostname, s.kind, s.os, n.ifname, n.mac, ip.addr, h.prefix_len ORDER BY n.ifname, ip.addr`})
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(r.Rows)
}

// Somebody who has taken a member over says that another's addresses, switch
// ports and services are its own. What the other says of itself stands; the lie
// carries the liar's name, and both are to be seen.
func TestAMembersLiesAboutAnotherAreItsOwn(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	victim, evil := s.join("victim"), s.join("evil")
	say := func(a *actor, typ, text string) {
		t.Helper()
		d, err := pack.Pack(typ, "", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		a.session.Put(d, false)
		a.quiet()
	}
	card := `{"links":[{"addrs":[{"prefix":"192.0.2.7/24","scope":"global"}],"carrier":true,"kind":"device","mac":"%s","mtu":1500,"name":"%s","up":true}]}`
	say(victim, "netconfig", fmt.Sprintf(card, "52:54:00:00:00:07", "eth0"))
	say(victim, "os", `{"hostname":"victim","id":"debian","kernel":"6.1"}`)
	honest := s.state("victim")
	if !strings.Contains(honest, "192.0.2.7") || !strings.Contains(honest, "52:54:00:00:00:07") {
		t.Fatalf("its own facts are not in the graph, nothing is shown: %s", honest)
	}

	id := victim.id.ID.String()
	say(evil, "arp", `{"neighbors":[{"ip":"192.0.2.7","link":"eth0","mac":"66:66:66:66:66:66","scope":"global","router":true}]}`)
	say(evil, "netconfig", fmt.Sprintf(card, "66:66:66:66:66:66", "eth0"))
	say(evil, "netconfig", fmt.Sprintf(card, "66:66:66:66:66:66", "../"+id+"/eth0"))
	say(evil, "os", `{"hostname":"victim","id":"evil","kernel":"6.6.6"}`)
	for _, kind := range []string{"local", "mac", "interface name"} {
		for _, chassis := range []string{id, "52:54:00:00:00:07"} {
			say(evil, "lldp", fmt.Sprintf(`{"neighbors":[{"link":"eth0","lldp":{"chassis_id":%q,"chassis_id_kind":%q,"port_id":"eth0","port_id_kind":"interface name",
				"system_name":"victim","system_description":"evil","source":"52:54:00:00:00:07","ttl_s":120}}]}`, chassis, kind))
		}
	}
	lies, err := s.client().Query(t.Context(), api.QueryRequest{Query: "MATCH (n:NIC)-[:CABLED_TO]->(p:SwitchPort) RETURN p.port"})
	if err != nil || len(lies.Rows) == 0 {
		t.Errorf("no lie is in the graph, nothing is shown: %v, %v", lies.Rows, err)
	}
	// The switch that the lie makes up has the same name: ask by id.
	r, err := s.client().Query(t.Context(), api.QueryRequest{Params: map[string]any{"id": id}, Query: `
		MATCH (s:System {id: $id}) OPTIONAL MATCH (s)-[:HAS_NIC]->(n:NIC) OPTIONAL MATCH (n)-[h:HAS_IP]->(ip:IPAddr)
		RETURN s.id, s.name, s.hostname, s.kind, s.os, n.ifname, n.mac, ip.addr, h.prefix_len ORDER BY n.ifname, ip.addr`})
	if err != nil {
		t.Fatal(err)
	}
	if now := fmt.Sprint(r.Rows); now != honest {
		t.Errorf("the victim was\n%s and is\n%s", honest, now)
	}
	// The conflict is to be seen, with the name of who says what.
	r, err = s.client().Query(t.Context(), api.QueryRequest{Query: `
		MATCH (s:System)-[:HAS_NIC]->(n:NIC)-[:HAS_IP]->(ip:IPAddr {addr: '192.0.2.7'}) RETURN s.id, n.mac ORDER BY n.mac`})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([][]any{{id, "52:54:00:00:00:07"}, {evil.id.ID.String(), "66:66:66:66:66:66"}})
	if got := fmt.Sprint(r.Rows); got != want {
		t.Errorf("both claims on the address: got %s, want %s", got, want)
	}
}
