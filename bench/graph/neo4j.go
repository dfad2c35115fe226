package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
	"assim/graph/bolt"
)

const (
	group         = 1000 // changes in one transaction, as the CMA's committer gathers them
	slowOneByOne  = 300  // a sample of what takes milliseconds each
	slowQuestions = 500
)

// emptyNeo4j throws away what a server has.
func emptyNeo4j(ctx context.Context, uri string) (neo4j.Driver, error) {
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		return nil, err
	}
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	res, err := session.Run(ctx, "MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS", nil)
	if err == nil {
		_, err = res.Consume(ctx)
	}
	return driver, err
}

// measureNeo4j measures our store on the Neo4j at uri, which it empties first.
// Memory and disk are the server's own matter and not looked at.
func measureNeo4j(ctx context.Context, n int, uri string, pid int) (figures, error) {
	f := figures{server: pid, Engine: "neo4j", Systems: n, OneByOneSample: min(slowOneByOne, n/2)}
	driver, err := emptyNeo4j(ctx, uri)
	if err != nil {
		return f, err
	}
	defer driver.Close(ctx)
	s, err := bolt.Open(ctx, uri, bolt.Options{})
	if err != nil {
		return f, err
	}
	take := inGroups(func(changes []graph.Change) error {
		_, err := s.Apply(ctx, changes...)
		return err
	})
	if err := f.takeIn(n, group, take); err != nil {
		return f, err
	}
	if err := ask(ctx, s, n, slowQuestions, &f); err != nil {
		return f, err
	}
	f.PeakRSSMB = peakRSS()
	if err := s.Close(); err != nil {
		return f, err
	}
	opened := time.Now()
	if s, err = bolt.Open(ctx, uri, bolt.Options{}); err != nil {
		return f, err
	}
	f.OpenMillis = float64(time.Since(opened).Microseconds()) / 1000
	return f, s.Close()
}

// inGroups makes of apply what takes discoveries in, so many at a time.
func inGroups(apply func([]graph.Change) error) func([]graph.Change, int) error {
	return func(changes []graph.Change, size int) error {
		for part := range slices.Chunk(changes, size) {
			if err := apply(part); err != nil {
				return err
			}
		}
		return nil
	}
}

// measureDriver is what a plain loop over the driver reaches on the same
// server: merge every node and relationship by its key. It knows no sources,
// so nothing ever ceases, and no history, search or "unchanged".
func measureDriver(ctx context.Context, n int, uri string, pid int) (figures, error) {
	f := figures{server: pid, Engine: "driver", Systems: n, OneByOneSample: min(slowOneByOne, n/2)}
	driver, err := emptyNeo4j(ctx, uri)
	if err != nil {
		return f, err
	}
	defer driver.Close(ctx)
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	run := func(text string, params map[string]any) error {
		res, err := session.Run(ctx, text, params)
		if err != nil {
			return err
		}
		_, err = res.Consume(ctx)
		return err
	}
	for _, l := range []string{graph.System, graph.NIC, graph.IPAddr, graph.Subnet, graph.SwitchPort, graph.Process, graph.Endpoint, "Plain"} {
		if err := run("CREATE CONSTRAINT plain_"+strings.ToLower(l)+" IF NOT EXISTS FOR (x:"+l+") REQUIRE x._plain IS UNIQUE", nil); err != nil {
			return f, err
		}
		defer run("DROP CONSTRAINT plain_"+strings.ToLower(l), nil) // what it leaves behind would cost the others
	}
	err = f.takeIn(n, group, inGroups(func(changes []graph.Change) error { return plainly(ctx, session, changes) }))
	f.PeakRSSMB = peakRSS()
	return f, err
}

func plainly(ctx context.Context, session neo4j.Session, changes []graph.Change) error {
	statements := map[string][]any{}
	add := func(text string, row map[string]any) { statements[text] = append(statements[text], row) }
	for _, c := range changes {
		said, err := graph.Say(c)
		if err != nil {
			return err
		}
		for _, n := range said.Nodes {
			add("1 MERGE (n:"+n.Key.Label+" {_plain: x.id}) SET n += x.p", map[string]any{"id": n.Key.ID, "p": map[string]any(n.Props)})
		}
		for _, r := range said.Rels {
			add("2 MATCH (a:"+r.From.Label+" {_plain: x.a}) MATCH (b:"+r.To.Label+" {_plain: x.b}) MERGE (a)-[r:"+r.Type+"]->(b) SET r += x.p",
				map[string]any{"a": r.From.ID, "b": r.To.ID, "p": map[string]any(r.Props)})
		}
		d := c.Document
		add("3 MERGE (d:Plain {_plain: x.hash}) SET d.json = x.json", map[string]any{"hash": d.Hash, "json": string(d.JSON)})
	}
	_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		for _, text := range slices.Sorted(maps.Keys(statements)) {
			res, err := tx.Run(ctx, "UNWIND $rows AS x "+text[2:], map[string]any{"rows": statements[text]})
			if err != nil {
				return nil, err
			}
			if _, err := res.Consume(ctx); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}
