package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

// emptyNeo4j returns the address of a Neo4j that has nothing.
func emptyNeo4j(t *testing.T) string {
	t.Helper()
	uri := os.Getenv("ASSIM_NEO4J")
	if uri == "" {
		t.Skip("SKIPPED: ASSIM_NEO4J names no Neo4j; make test-neo4j starts one")
	}
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(t.Context())
	if _, err := neo4j.ExecuteQuery(t.Context(), driver, "MATCH (n) DETACH DELETE n", nil, neo4j.EagerResultTransformer); err != nil {
		t.Fatal(err)
	}
	return uri
}

func TestAnInstallationMovesToNeo4jAndBack(t *testing.T) {
	uri := emptyNeo4j(t)
	from, back := storeFile(t), filepath.Join(t.TempDir(), "back.db")
	hash := func(args ...string) string {
		t.Helper()
		code, out, errs := offline(append([]string{"store", "copy"}, args...)...)
		if code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, code, errs)
		}
		return out[strings.LastIndexByte(strings.TrimSpace(out), ' ')+1:]
	}
	there := hash(from, uri)
	if here := hash(uri, back); here != there {
		t.Errorf("there the hash is %s, and back it is %s", there, here)
	}
	if code, _, errs := offline("store", "copy", from, uri); code != exitFailed || !strings.Contains(errs, "empty it or name another") {
		t.Errorf("over a graph that is there: exit %d, %s", code, errs)
	}
	if code, _, errs := offline("restore", from, "-store", uri); code != exitUsage || !strings.Contains(errs, "assim store copy "+from+" "+uri) {
		t.Errorf("restored over it: exit %d, %s", code, errs)
	}
	if code, out, errs := offline("check", "-store", uri); code != exitOK || !strings.HasPrefix(out, "sound: 1 nodes") {
		t.Errorf("checked there: exit %d, %s%s", code, out, errs)
	}
}

func TestCheckTakesThePasswordOfNeo4jFromAFile(t *testing.T) {
	uri := os.Getenv("ASSIM_NEO4J_AUTH")
	if uri == "" {
		t.Skip("SKIPPED: ASSIM_NEO4J_AUTH names no Neo4j with passwords; make test-neo4j starts one")
	}
	file := filepath.Join(t.TempDir(), "password")
	// The first password of a new Neo4j: it is taken, and must be changed first.
	if err := os.WriteFile(file, []byte("neo4j\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := offline("check", "-store", uri); code != exitFailed || !strings.Contains(errs, "it wants a user and a password") {
		t.Errorf("without: exit %d, %s", code, errs)
	}
	if code, _, errs := offline("check", "-store", uri, "-store-password-file", file); code != exitFailed || !strings.Contains(errs, "the first password must be changed") {
		t.Errorf("with it: exit %d, %s", code, errs)
	}
	t.Setenv("ASSIM_STORE_PASSWORD_FILE", file)
	if code, _, errs := offline("check", "-store", uri); code != exitFailed || !strings.Contains(errs, "the first password must be changed") {
		t.Errorf("with it in the environment: exit %d, %s", code, errs)
	}
}

func TestADayOfChangesComesBackFromNeo4jExactly(t *testing.T) {
	store, err := openStore(t.Context(), emptyNeo4j(t), "", true)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	every := 1
	if testing.Short() {
		every = 10
	}
	aDay(t, store, every)
}
