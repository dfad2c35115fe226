package bolt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
)

// The first version of Neo4j that has all that the store uses. Later ones are
// numbered by year.
const (
	oldestMajor = 5
	oldestMinor = 26
)

// textIndex is the name of the index that Search asks.
const textIndex = "assim2_text"

// createIndexes creates what is missing of constraints and indexes and waits
// until they answer.
func (s *Store) createIndexes(ctx context.Context) error {
	have := map[string]bool{}
	rows, err := s.rows(ctx, "SHOW INDEXES YIELD name", nil)
	if err != nil {
		return err
	}
	for _, row := range rows {
		have[text(row[0])] = true
	}
	created := false
	for _, w := range wantedIndexes() {
		if have[w.name] {
			continue
		}
		if _, err := s.rows(ctx, w.cypher, nil); err != nil {
			return fmt.Errorf("creating %s: %w", w.name, err)
		}
		created = true
	}
	if created {
		_, err = s.rows(ctx, fmt.Sprintf("CALL db.awaitIndexes(%d)", indexTime), nil)
	}
	return err
}

type namedIndex struct{ name, cypher string }

func wantedIndexes() []namedIndex {
	var out []namedIndex
	unique := func(label string, props ...string) {
		name := "assim" + strconv.Itoa(format) + "_" + strings.ToLower(label)
		out = append(out, namedIndex{name, fmt.Sprintf("CREATE CONSTRAINT %s IF NOT EXISTS FOR (x:%s) REQUIRE (%s) IS UNIQUE", name, label, "x."+strings.Join(props, ", x."))})
	}
	index := func(label, prop string) {
		name := "assim" + strconv.Itoa(format) + "_" + strings.ToLower(label) + "_" + prop
		out = append(out, namedIndex{name, fmt.Sprintf("CREATE INDEX %s IF NOT EXISTS FOR (x:%s) ON (x.%s)", name, quote(label), quote(prop))})
	}
	unique("AssimMeta", "name")
	unique("AssimNode", "_key")
	unique("AssimSource", "name")
	unique("AssimDocument", "hash")
	unique("AssimRecord", "bucket", "name")
	unique("AssimClaim", "key")
	index("AssimNode", "_id")
	index("AssimSource", "number")
	for _, p := range []string{"id", "elem", "to", "till"} {
		index("AssimOldNode", p)
	}
	for _, p := range []string{"id", "to", "till", "a", "b"} {
		index("AssimOldRel", p)
	}
	index("AssimDocRef", "ref")
	index("AssimDocRef", "hash")
	index("AssimCommit", "time")
	for _, l := range graph.Labels {
		for _, p := range l.Index {
			index(l.Label, p)
		}
	}
	return append(out, namedIndex{textIndex, "CREATE FULLTEXT INDEX " + textIndex + " IF NOT EXISTS FOR (x:AssimSource) ON EACH [x.words] OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: true}}"})
}

// checkVersion refuses servers that are too old or of another kind.
func (s *Store) checkVersion(ctx context.Context) error {
	rows, err := s.rows(ctx, "CALL dbms.components() YIELD name, versions RETURN name, versions", nil)
	if err != nil {
		return err
	}
	for _, row := range rows {
		versions, _ := row[1].([]any)
		if !strings.HasPrefix(text(row[0]), "Neo4j") || len(versions) == 0 {
			continue
		}
		if version := text(versions[0]); !recent(version) {
			return fmt.Errorf("it is Neo4j %s: version %d.%d or newer is needed", version, oldestMajor, oldestMinor)
		}
		return nil
	}
	return fmt.Errorf("it is no Neo4j: it calls itself %v", rows)
}

func recent(version string) bool {
	var major, minor int
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || n != 2 {
		return false
	}
	return major > oldestMajor || major == oldestMajor && minor >= oldestMinor
}

// explain says where an error came from and what to do about it.
func (s *Store) explain(err error) error {
	if err == nil || errors.Is(err, graph.ErrNotFound) || errors.Is(err, graph.ErrClosed) {
		return err
	}
	hint := ""
	var server *neo4j.Neo4jError
	var network *neo4j.ConnectivityError
	switch {
	case errors.As(err, &server):
		switch {
		case strings.HasSuffix(server.Code, ".Unauthorized"):
			hint = "; user or password are wrong"
			if s.opt.User == "" {
				hint = "; it wants a user and a password: name the user in the address (bolt://USER@HOST) and a file that holds the password"
			}
		case strings.HasSuffix(server.Code, ".CredentialsExpired"):
			hint = "; the first password must be changed: ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new' on database system"
		case strings.HasSuffix(server.Code, ".AuthenticationRateLimit"):
			hint = "; too many wrong passwords, wait some seconds"
		case strings.HasSuffix(server.Code, ".DatabaseNotFound"):
			hint = fmt.Sprintf("; there is no database %q", s.opt.Database)
		case strings.Contains(server.Code, "DiskFull") || strings.Contains(server.Msg, "No space left"):
			err = errors.Join(graph.ErrFull, err)
		}
	case strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls:"):
		hint = "; is its certificate of an authority that this system trusts (SSL_CERT_FILE names others), and for this name? With +ssc instead of +s any certificate is taken"
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		hint = "; does Neo4j run there, and is it its Bolt port (7687)?"
	}
	return fmt.Errorf("graph: Neo4j at %s: %w%s", s.uri, err, hint)
}
