package main

import (
	"slices"
	"strings"
	"testing"

	"assim/api"
)

func knownNames() names {
	n := schemaNames()
	n.labels = append(n.labels, "Siteown")
	n.canned = []api.Canned{{Name: "allservers"}, {Name: "hostipports", Args: []api.Arg{{Name: "host", Type: "host"}, {Name: "port", Type: "integer"}}}}
	n.values = func(typ, prefix string) []string {
		if typ == "host" {
			return []string{"web1", "web2"}
		}
		return nil
	}
	n.sort()
	return n
}

func TestTabCompletesWhatFitsThere(t *testing.T) {
	n := knownNames()
	for _, c := range []struct{ text, has, lacks string }{
		{"", "MATCH allservers", "System"},
		{"MA", "MATCH", "RETURN"},
		{"ma", "match", "MATCH"},
		{"alls", "allservers", "MATCH"},
		{"MATCH (s:", "System NIC Siteown", "HAS_NIC MATCH"},
		{"MATCH (s:Sy", "System", "NIC"},
		{"MATCH (s:sy", "system", "NIC"}, // the rest of it follows what is there
		{"MATCH (s:System)-[:", "HAS_NIC RUNS", "System"},
		{"MATCH (s:System)-[r:HAS_NIC|RU", "RUNS", "HAS_NIC"},
		{"MATCH (s:System)-[:HAS_NIC]->(n:N", "NIC", "RUNS"},
		{"MATCH (s:System) RETURN s.", "name status", "mtu carrier"},
		{"MATCH (n:NIC) RETURN n.mt", "mtu", "name"},
		{"MATCH (x) RETURN x.", "name mtu", "System"},
		{"MATCH (s:System {", "name status", "System"},
		{"MATCH (s:System {name: 'a', sta", "status", "name"},
		{"MATCH (server:System) RETURN ser", "server", "System"},
		{"MATCH (s:System) RETURN cou", "count(", "System"},
		{"MATCH (s:System)\nWHERE s.name = 'x (' RET", "RETURN", "System"},
		{"hostipports ", "host= port=", "MATCH"},
		{"hostipports host=web1 ", "port=", "host="},
		{"hostipports host=we", "web1 web2", "MATCH"},
		{":", "help quit", "MATCH"},
	} {
		got, have := n.complete(c.text)
		for _, want := range strings.Fields(c.has) {
			if !slices.Contains(got, want) {
				t.Errorf("%q completes to %.200q, which lacks %q", c.text, got, want)
			}
		}
		for _, not := range strings.Fields(c.lacks) {
			if slices.Contains(got, not) {
				t.Errorf("%q completes to %q", c.text, not)
			}
		}
		for _, o := range got {
			if typed := []rune(c.text); len([]rune(o)) < have || !strings.HasSuffix(c.text, o[:len(string(typed[len(typed)-have:]))]) {
				t.Fatalf("%q: option %q does not go on from the %d characters that are there", c.text, o, have)
			}
		}
	}
}

func TestAStatementEndsWithASemicolonThatIsOne(t *testing.T) {
	for text, want := range map[string]bool{
		"RETURN 1;":                     true,
		"RETURN 1; ":                    true,
		"RETURN 1":                      false,
		"RETURN ';":                     false,
		"RETURN ';'":                    false,
		"RETURN 'it\\'s;":               false,
		"RETURN 'it\\'s';":              true,
		"RETURN 'a\\\\';":               true,
		"MATCH (n:`odd;":                false,
		"RETURN 1 // not yet;":          false,
		"RETURN 1 // done\n;":           true,
		"RETURN 1; // done":             true,
		"RETURN /* ; */ 1":              false,
		"RETURN 1 /* it isn't */;":      true,
		"RETURN \"say 'no'\";":          true,
		"MATCH (n)\nRETURN n\nLIMIT 1;": true,
	} {
		if got := ended(text); got != want {
			t.Errorf("%q: ended is %v", text, got)
		}
	}
}

func FuzzComplete(f *testing.F) {
	for _, s := range []string{"MATCH (s:System {name: '", "hostipports host=", ":at", "[{(", "é.ü", "K:k"} {
		f.Add(s)
	}
	n := knownNames()
	f.Fuzz(func(t *testing.T, text string) {
		options, have := n.complete(text)
		for _, o := range options {
			if len([]rune(o)) < have {
				t.Errorf("%q: %q is shorter than the %d characters that are there", text, o, have)
			}
		}
		ended(text)
	})
}
