package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assim/api"
	"assim/graph"
	"assim/graph/embedded"
)

func TestAStoreFileIsAskedWithoutACMA(t *testing.T) {
	path := storeFile(t)
	site := filepath.Join(t.TempDir(), "queries.d")
	if err := os.Mkdir(site, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(site, "ours.cypher"), []byte("// short: our own\nMATCH (s:System) RETURN s.name AS ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(want string, args ...string) {
		t.Helper()
		code, out, errs := offline(args...)
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("%q: exit %d, %s%s; want %q", args, code, out, errs, want)
		}
	}
	everybody := func(t *testing.T) {
		ask("web", "query", "-store", path, "MATCH (s:System) RETURN s.name AS name")
		ask("0 rows", "query", "-store", path, "MATCH (s:System) RETURN s.name AS name", "-at", "2026-01-01")
		ask("name\nweb\n", "query", "-store", path, "MATCH (s:System {name: $n}) RETURN s.name AS name", "n=web", "-csv")
		ask("switchpath", "query", "-store", path)
		ask("System", "query", "-store", path, "nodecount")
		ask("web", "query", "-store", path, "-queries", site, "ours")
		ask("1 added, 0 removed, 0 changed", "diff", "-store", path, "-since", "2026-01-01")
		ask("System web", "diff", "-store", path, "-since", "2026-01-01", "web")
		var d api.Diff
		if _, out, _ := offline("diff", "-store", path, "-since", "2026-01-01", "-json"); json.Unmarshal([]byte(out), &d) != nil || d.Added != 1 {
			t.Errorf("as JSON: %s", out)
		}
	}
	ask("0 rows", "query", "-store", path, "MATCH (s:Sytem)-[:HAS_NIC]->(:NIC) RETURN s")
	ask("there is no label Sytem; did you mean System?\nthe graph has no label NIC at this time\nthe graph has no relationship HAS_NIC", "query", "-store", path, "MATCH (s:Sytem)-[:HAS_NIC]->(:NIC) RETURN s")
	ask("there is no relationship HAS_NICS; did you mean HAS_NIC?", "query", "-store", path, "MATCH (s:System)-[:HAS_NICS|IS]->() RETURN s")
	ask("there is no property nmae; did you mean name?", "query", "-store", path, "MATCH (s:System) RETURN s.nmae")
	ask("nothing writes Finding so far", "query", "-store", path, "totalscores")
	if _, out, _ := offline("query", "-store", path, "MATCH (s:System) WHERE s.name = 'no' RETURN s"); strings.Contains(out, "System") {
		t.Errorf("a label that is there is noted: %s", out)
	}
	t.Run("that nobody has open", everybody)
	s, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Run("that somebody writes", everybody)
	if _, err := s.Apply(t.Context(), graph.Change{Source: "n-2/os", Nodes: []graph.Node{{Key: graph.Key{Label: graph.System, ID: "n-2"}, Props: graph.P("name", "new")}}}); err != nil {
		t.Fatal(err)
	}
	ask("new", "query", "-store", path, "MATCH (s:System) RETURN s.name AS name")
}

func TestWhatIsAskedOfNoStoreIsSaidPlainly(t *testing.T) {
	path, dir := storeFile(t), t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a store\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		store string
		args  []string
		code  int
		says  string
	}{
		{filepath.Join(dir, "none"), []string{"query", "down"}, exitFailed, "there is no store"},
		{dir, []string{"query", "down"}, exitFailed, "is not a file; a CMA's store is"},
		{text, []string{"query", "down"}, exitFailed, "it is not a database"},
		{text, []string{"diff"}, exitFailed, "it is not a database"},
		{"bolt://localhost:7687", []string{"query", "down"}, exitUsage, "asked through its CMA"},
		{path, []string{"query", "dwon"}, exitFailed, "did you mean down?"},
		{path, []string{"query", "MATCH (n) SET n.x = 1"}, exitFailed, "SET would write"},
		{path, []string{"query", "MATCH (n)\nRETRUN n"}, exitFailed, "\n  RETRUN n\n  ^"},
		{path, []string{"diff", "wbe"}, exitFailed, "wbe"},
	} {
		code, out, errs := offline(append(c.args, "-store", c.store)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%q on %s: exit %d, %q, %s; want %d and %q", c.args, c.store, code, out, errs, c.code, c.says)
		}
	}
}
