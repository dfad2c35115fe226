package bolt

import (
	"context"
	"os"
	"strings"
	"testing"

	"assim/graph"
	"assim/graph/graphtest"
)

// servers are what ASSIM_NEO4J and ASSIM_NEO4J_SECOND name: Neo4j servers
// without authentication whose data may be thrown away. scripts/test-neo4j
// starts both.
func servers(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, name := range []string{"ASSIM_NEO4J", "ASSIM_NEO4J_SECOND"} {
		if uri := os.Getenv(name); uri != "" {
			out = append(out, uri)
		}
	}
	if len(out) == 0 {
		t.Skip("SKIPPED: ASSIM_NEO4J names no Neo4j to test with; make test-neo4j starts one")
	}
	return out
}

// openEmpty throws away what a server has and opens a store on it.
func openEmpty(t testing.TB, uri string) *Store {
	t.Helper()
	s, err := Open(context.Background(), uri, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.rows(context.Background(), "MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNeo4jKeepsTheLaw(t *testing.T) {
	uris := servers(t)
	if len(uris) < 2 {
		t.Skip("SKIPPED: the suite opens two stores at a time, ASSIM_NEO4J_SECOND names no second Neo4j")
	}
	free := make(chan string, len(uris))
	for _, uri := range uris {
		free <- uri
	}
	graphtest.Run(t, func(t testing.TB) graph.Store {
		select {
		case uri := <-free:
			return &borrowed{openEmpty(t, uri), t, func() { free <- uri }}
		default:
			t.Fatal("more stores are open at a time than there are servers")
			return nil
		}
	})
}

// borrowed is checked and gives its server back when it is closed.
type borrowed struct {
	*Store
	t        testing.TB
	giveBack func()
}

func (b *borrowed) Close() error {
	if b.giveBack != nil {
		defer b.giveBack()
		if err := b.Check(context.Background()); err != nil {
			b.t.Error(err)
		}
		b.giveBack = nil
	}
	return b.Store.Close()
}

func TestAWrongAddressIsExplained(t *testing.T) {
	for uri, words := range map[string]string{
		"http://localhost":     "write bolt://HOST:7687",
		"bolt://127.0.0.1:1":   "does Neo4j run there",
		"bolt://no.such.host.": "does Neo4j run there",
	} {
		_, err := Open(t.Context(), uri, Options{})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Open(%q): %v, want a hint with %q", uri, err, words)
		}
	}
}
