package query

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
	"assim/graph/bolt"
	"assim/graph/cypher"
	"assim/graph/graphtest"
)

// ourFunctions are calls that Neo4j has no word for. The answers over the test
// site do not depend on them.
var ourFunctions = regexp.MustCompile(`toString\(last_changed\(\w+\)\)|key\(n\)`)

// TestCannedQueriesAnswerAlikeOnNeo4j asks a running Neo4j, named by
// ASSIM_NEO4J, every canned query over the same site. Its data is thrown away.
func TestCannedQueriesAnswerAlikeOnNeo4j(t *testing.T) {
	uri := os.Getenv("ASSIM_NEO4J")
	if uri == "" {
		t.Skip("ASSIM_NEO4J names no Neo4j to compare with")
	}
	ctx := context.Background()
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(ctx)
	ask := func(text string, params map[string]any) *neo4j.EagerResult {
		t.Helper()
		res, err := neo4j.ExecuteQuery(ctx, driver, text, params, neo4j.EagerResultTransformer)
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			return &neo4j.EagerResult{}
		}
		return res
	}
	s := newSite()
	s.build()
	r := s.view(t, graphtest.NewMem())
	ask("MATCH (n) DETACH DELETE n", nil)
	copyInto(t, ask, r)
	for _, q := range load(t).All() {
		questions := asked[q.Name]
		if questions == nil {
			questions = []map[string]string{nil}
		}
		for _, args := range questions {
			params, err := q.Bind(args)
			if err != nil {
				t.Fatal(err)
			}
			var theirs, own []string
			for _, rec := range ask(ourFunctions.ReplaceAllString(q.Text, "null"), params).Records {
				theirs = append(theirs, neoRow(rec.Values))
			}
			own = ownRows(t, ourFunctions.ReplaceAllString(q.Text, "null"), params, r)
			slices.Sort(theirs)
			slices.Sort(own)
			if !slices.Equal(theirs, own) {
				t.Errorf("%s %v\nNeo4j:\n%s\nours:\n%s", q.Name, args, strings.Join(theirs, "\n"), strings.Join(own, "\n"))
			}
		}
	}
}

func copyInto(t *testing.T, ask func(string, map[string]any) *neo4j.EagerResult, r graph.Reader) {
	t.Helper()
	for v, err := range r.Nodes("") {
		if err != nil {
			t.Fatal(err)
		}
		ask("CREATE (n:"+strings.Join(v.Labels, ":")+") SET n = $p SET n._id = $id", map[string]any{"p": map[string]any(v.Props), "id": int64(v.ID)})
	}
	for e, err := range r.Rels("") {
		if err != nil {
			t.Fatal(err)
		}
		ask("MATCH (a {_id: $a}), (b {_id: $b}) CREATE (a)-[r:"+e.Type+"]->(b) SET r = $p", map[string]any{"a": int64(e.From), "b": int64(e.To), "p": map[string]any(e.Props)})
	}
	ask("MATCH (n) REMOVE n._id", nil)
}

func ownRows(t *testing.T, text string, params map[string]any, r graph.Reader) []string {
	t.Helper()
	q, err := cypher.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := q.Run(context.Background(), r, params, cypher.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, neoRow(row))
	}
	return out
}

func neoRow(row []any) string {
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = neoText(v)
	}
	return strings.Join(parts, " | ")
}

// neoText renders the values of both sides alike; a list of elements is a set.
func neoText(v any) string {
	switch x := v.(type) {
	case neo4j.Node:
		return "(" + strings.Join(x.Labels, ":") + cypher.Text(x.Props) + ")"
	case neo4j.Relationship:
		return "[" + x.Type + cypher.Text(x.Props) + "]"
	case *cypher.Node:
		return "(" + strings.Join(x.Vertex().Labels, ":") + cypher.Text(map[string]any(x.Vertex().Props)) + ")"
	case *cypher.Rel:
		return "[" + x.Edge().Type + cypher.Text(map[string]any(x.Edge().Props)) + "]"
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = neoText(item)
		}
		if len(x) > 0 && strings.HasPrefix(parts[0], "(") || len(x) > 0 && strings.HasPrefix(parts[0], "[") {
			slices.Sort(parts)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return cypher.Text(v)
}

// emptyNeo4j throws away what a Neo4j has and opens our store on it.
func emptyNeo4j(t *testing.T, uri string) graph.Store {
	t.Helper()
	ctx := context.Background()
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(ctx)
	if _, err := neo4j.ExecuteQuery(ctx, driver, "MATCH (n) DETACH DELETE n", nil, neo4j.EagerResultTransformer); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(ctx, uri, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
