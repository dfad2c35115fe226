package cypher

import (
	"context"
	"os"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph/bolt"
)

// TestNeo4jAnswersWhatTryingEverythingAnswers asks Neo4j itself, in its own
// Cypher, so that it is known that the naive evaluator means what openCypher
// does. It needs ASSIM_NEO4J; the data there are thrown away.
func TestNeo4jAnswersWhatTryingEverythingAnswers(t *testing.T) {
	driver := emptyNeo4j(t, "ASSIM_NEO4J")
	holdAgainstNaive(t, neo4jSeeds(), func(g tinyGraph, text string) ([][]any, error) {
		var rows [][]any
		for _, statement := range []string{"MATCH (n) DETACH DELETE n", g.create(), text} {
			res, err := neo4j.ExecuteQuery(t.Context(), driver, statement, nil, neo4j.EagerResultTransformer)
			if err != nil {
				return nil, err
			}
			rows = nil
			for _, r := range res.Records {
				rows = append(rows, r.Values)
			}
		}
		return rows, nil
	})
}

// TestTheEngineAnswersSoOverNeo4j asks our engine over our store in Neo4j.
func TestTheEngineAnswersSoOverNeo4j(t *testing.T) {
	emptyNeo4j(t, "ASSIM_NEO4J")
	store, err := bolt.Open(t.Context(), os.Getenv("ASSIM_NEO4J"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(store)
	w.done = func() { _ = store.Close() }
	defer w.close()
	holdAgainstNaive(t, neo4jSeeds(), nowAndThen(w))
}

// neo4jSeeds is how many questions there is time for: Neo4j plans each for half a
// second.
func neo4jSeeds() uint64 {
	if testing.Short() {
		return min(3, *storeSeeds/3)
	}
	return *storeSeeds / 3
}

// emptyNeo4j returns a driver of a server whose nodes are gone.
func emptyNeo4j(t *testing.T, variable string) neo4j.Driver {
	t.Helper()
	uri := os.Getenv(variable)
	if uri == "" {
		t.Skipf("SKIPPED: %s names no Neo4j to compare with; make test-neo4j starts one", variable)
	}
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = driver.Close(context.Background()) })
	if _, err := neo4j.ExecuteQuery(t.Context(), driver, "MATCH (n) DETACH DELETE n", nil, neo4j.EagerResultTransformer); err != nil {
		t.Fatal(err)
	}
	return driver
}
