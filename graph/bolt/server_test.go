package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/graphtest"
)

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// says is a change of one system with a name.
func says(source string, minute int, id, name string) graph.Change {
	return graph.Change{Source: source, At: t0.Add(time.Duration(minute) * time.Minute),
		Nodes: []graph.Node{{Key: graph.Key{Label: graph.System, ID: id}, Props: graph.P("name", name)}}}
}

func apply(t testing.TB, s *Store, changes ...graph.Change) graph.Result {
	t.Helper()
	res, err := s.Apply(t.Context(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func dump(t testing.TB, s graph.Store) string {
	t.Helper()
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return strings.Join(graphtest.Dump(t, r), "\n")
}

func TestAnUnchangedHashNeverReachesTheServer(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	apply(t, s, says("a", 0, "a", "alpha"))
	if err := s.driver.Close(t.Context()); err != nil { // from here on the server cannot be asked
		t.Fatal(err)
	}
	if res := apply(t, s, says("a", 1, "a", "alpha")); res != (graph.Result{Unchanged: 1}) {
		t.Fatalf("%+v, want one unchanged", res)
	}
	if _, err := s.Apply(t.Context(), says("a", 2, "a", "beta")); err == nil {
		t.Fatal("a change was acknowledged without a server")
	}
}

func TestWhatAnotherProcessWroteIsTakenIntoAccount(t *testing.T) {
	one := openEmpty(t, servers(t)[0])
	defer one.Close()
	apply(t, one, says("a", 0, "a", "alpha"))
	other, err := Open(t.Context(), servers(t)[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	apply(t, other, says("a", 1, "b", "beta"))
	apply(t, one, says("c", 2, "c", "gamma")) // notices
	if res := apply(t, one, says("a", 3, "a", "alpha")); res != (graph.Result{Nodes: 1, Removed: 1}) {
		t.Fatalf("the source's change after another process wrote: %+v, want one node and one removed", res)
	}
	again, err := Open(t.Context(), servers(t)[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if a, b := dump(t, one), dump(t, again); a != b || strings.Count(a, "\n") != 1 {
		t.Fatalf("the writer shows\n%s\nand who opens it anew\n%s", a, b)
	}
}

func TestHistoryIsKeptAsLongAsAsked(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	if empty, err := s.Empty(t.Context()); err != nil || !empty {
		t.Fatalf("Empty: %v, %v", empty, err)
	}
	for minute, name := range []string{"alpha", "beta", "gamma", "delta"} {
		c := says("a", minute, "a", name)
		sum := sha256.Sum256([]byte(name))
		c.Document = &graph.Document{System: c.Nodes[0].Key, Type: "os", Hash: hex.EncodeToString(sum[:]), JSON: []byte(name)}
		apply(t, s, c)
	}
	if empty, err := s.Empty(t.Context()); err != nil || empty {
		t.Fatalf("Empty: %v, %v", empty, err)
	}
	horizon := t0.Add(90 * time.Second)
	if err := s.Prune(t.Context(), horizon); err != nil {
		t.Fatal(err)
	}
	if _, err := s.View(t.Context(), t0.Add(time.Minute)); !errors.Is(err, graph.ErrTooOld) {
		t.Errorf("before the horizon: %v, want ErrTooOld", err)
	}
	r, err := s.View(t.Context(), horizon)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := strings.Join(graphtest.Dump(t, r), "\n"); !strings.Contains(got, "beta") {
		t.Errorf("at the horizon: %s, want beta", got)
	}
	for label, want := range map[string]int64{"AssimOldNode": 2, "AssimDocRef": 3, "AssimDocument": 3, "AssimCommit": 3} {
		rows, err := s.rows(t.Context(), "MATCH (x:"+label+") RETURN count(x)", nil)
		if err != nil || number(rows[0][0]) != want {
			t.Errorf("%d %s are left, %v, want %d", number(rows[0][0]), label, err, want)
		}
	}
}

func TestStrangeNamesStayNames(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	for i, name := range []string{"a`b", `\u0060) DETACH DELETE n //`, "'", `"`, `\`, "ünï", "a b", "_key", "__x", "1", "`", "AssimNode2"} {
		from, to := graph.Key{Label: name, ID: name}, graph.Key{Label: "L", ID: fmt.Sprint(i)}
		c := graph.Change{Source: name, At: t0, Nodes: []graph.Node{{Key: from, Labels: []string{name + "2"}, Props: graph.Props{name: "v"}}},
			Rels: []graph.Rel{{From: from, Type: name, To: to, ID: name, Props: graph.Props{name: []any{"x", int64(1)}}}}}
		apply(t, s, c)
		mem := graphtest.NewMem()
		if _, err := mem.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got, want := dump(t, s), dump(t, mem); got != want {
			t.Fatalf("with the name %q:\n%s\nwant\n%s", name, got, want)
		}
		r, err := s.View(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.PropNames()); got != fmt.Sprint([]string{name}) {
			t.Fatalf("properties %s, want %q", got, name)
		}
		v, err := r.Find(from)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range r.Expand(v.ID, graph.Out, name) {
			n++
		}
		for range r.Nodes(name + "2") {
			n++
		}
		if n != 2 {
			t.Fatalf("with the name %q: %d of label and type, want 2", name, n)
		}
		r.Close()
		apply(t, s, graph.Change{Source: name, At: t0})
	}
}

func TestPasswordsAreCheckedAndExplained(t *testing.T) {
	uri := os.Getenv("ASSIM_NEO4J_AUTH")
	if uri == "" {
		t.Skip("SKIPPED: ASSIM_NEO4J_AUTH names no fresh Neo4j with passwords; make test-neo4j starts one")
	}
	for _, c := range []struct {
		opt   Options
		words string
	}{
		{Options{}, "it wants a user and a password"},
		{Options{User: "neo4j", Password: "wrong"}, "user or password are wrong"},
		{Options{User: "neo4j", Password: "neo4j"}, "the first password must be changed"},
	} {
		began := time.Now()
		_, err := Open(t.Context(), uri, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("Open as %q: %v, want a hint with %q", c.opt.User, err, c.words)
		}
		if took := time.Since(began); took > connectTime/2 {
			t.Errorf("the refusal took %s: what cannot pass must not be retried", took)
		}
	}
}

func TestACrashLosesNothingAcknowledged(t *testing.T) {
	uri := servers(t)[0]
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	first := os.Getenv("GRAPHTEST_CRASH_DIR") == ""
	if first {
		if err := openEmpty(t, uri).Close(); err != nil {
			t.Fatal(err)
		}
	}
	graphtest.RunCrash(t, rounds, func(string) (graph.Store, error) {
		return Open(context.Background(), uri, Options{})
	})
}

func TestEncryptedAndRoutedAddressesWork(t *testing.T) {
	plain, cert := os.Getenv("ASSIM_NEO4J_TLS"), os.Getenv("ASSIM_NEO4J_CERT")
	if plain == "" || cert == "" {
		t.Skip("SKIPPED: ASSIM_NEO4J_TLS and ASSIM_NEO4J_CERT name no Neo4j that speaks TLS; make test-neo4j starts one")
	}
	_, host, _ := strings.Cut(plain, "://")
	if os.Getenv("SSL_CERT_FILE") == cert { // the process below
		for _, scheme := range []string{"bolt+s", "neo4j+s"} {
			readsItsOwnWrites(t, scheme+"://"+host)
		}
		return
	}
	for _, scheme := range []string{"neo4j", "bolt+ssc", "neo4j+ssc"} {
		readsItsOwnWrites(t, scheme+"://"+host)
	}
	for _, scheme := range []string{"bolt+s", "neo4j+s"} {
		if _, err := Open(t.Context(), scheme+"://"+host, Options{}); err == nil || !strings.Contains(err.Error(), "+ssc") {
			t.Errorf("%s without the certificate: %v, want a hint with +ssc", scheme, err)
		}
	}
	trusting := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEncryptedAndRoutedAddressesWork$", "-test.v")
	trusting.Env = append(os.Environ(), "SSL_CERT_FILE="+cert)
	if out, err := trusting.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("with the certificate among those that are trusted: %v\n%s", err, out)
	}
}

func readsItsOwnWrites(t *testing.T, uri string) {
	t.Helper()
	s := openEmpty(t, uri)
	defer s.Close()
	for minute := range 5 {
		name := fmt.Sprint("name", minute)
		apply(t, s, says("a", minute, "a", name))
		if got := dump(t, s); !strings.Contains(got, name) {
			t.Fatalf("%s: after %s was written, a reader sees %s", uri, name, got)
		}
	}
}

func TestWhatIsKnownIsKnownAfterARestart(t *testing.T) {
	uri := servers(t)[0]
	first := openEmpty(t, uri)
	c := says("a", 0, "a", "alpha")
	sum := sha256.Sum256([]byte("x"))
	c.Document = &graph.Document{System: c.Nodes[0].Key, Type: "os", Hash: hex.EncodeToString(sum[:]), JSON: []byte("x")}
	apply(t, first, c)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), uri, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.driver.Close(t.Context()); err != nil { // from here on the server cannot be asked
		t.Fatal(err)
	}
	if res := apply(t, s, c); res != (graph.Result{Unchanged: 1}) {
		t.Fatalf("%+v, want one unchanged", res)
	}
}

func TestCheckFindsWhatDoesNotFitTogether(t *testing.T) {
	for _, damage := range []struct{ cypher, words string }{
		{"RETURN 1", ""},
		{"MATCH (n:AssimNode:NIC) SET n._key = 'x'", "is none"},
		{"MATCH (n:AssimNode:NIC) SET n._key = '[\"NIC\",\"b\"]'", "which is not there"},
		{"MATCH (n:AssimNode:NIC) SET n._uid = '[\"NIC\",\"b\"]'", "is filed as another"},
		{"MATCH (s:AssimSource) SET s.elems = '{\"n\":[\"NIC\"]}'", "is damaged"},
		{"MATCH (s:AssimSource {name: 'a'}) SET s.number = 99", "source number"},
		{"MATCH (n:AssimNode:NIC) SET n._id = 1000", "has the number 1000 and was written with"},
		{"MATCH (n:AssimNode:NIC) REMOVE n._id", "have no number"},
		{"MATCH (n:AssimNode:NIC) SET n._v = '1,2'", "has 2 parts"},
		{"MATCH (n:AssimNode:NIC) DETACH DELETE n", "which is not there"},
		{"MATCH (a:System)-[r:HAS_NIC]->(b) CREATE (b)-[q:HAS_NIC]->(a) SET q = properties(r) SET q._v = 'x'", "is damaged"},
		{"MATCH (c:AssimClaim) DELETE c", "0 are kept to say it"},
		{"MATCH (d:AssimDocument) SET d.json = 'y'", "is not what its hash says"},
		{"MATCH (d:AssimDocument) DELETE d", "is missing"},
		{"MATCH (m:AssimMeta) SET m.serial = 0", "and the newest is 0"},
	} {
		s := openEmpty(t, servers(t)[0])
		system, nic := graph.Key{Label: graph.System, ID: "a"}, graph.Key{Label: graph.NIC, ID: "a/eth0"}
		c := graph.Change{Source: "a", At: t0, Nodes: []graph.Node{{Key: system}, {Key: nic}}, Rels: []graph.Rel{{From: system, Type: graph.HasNIC, To: nic}}}
		sum := sha256.Sum256([]byte("x"))
		c.Document = &graph.Document{System: system, Type: "os", Hash: hex.EncodeToString(sum[:]), JSON: []byte("x")}
		apply(t, s, c, says("b", 1, "a", "alpha"))
		if _, err := s.rows(t.Context(), damage.cypher, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := s.Check(t.Context())
		if damage.words == "" && err != nil || damage.words != "" && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), damage.words)) {
			t.Errorf("after %q: %v, want %q", damage.cypher, err, damage.words)
		}
		s.Close()
	}
}

// What does not fit into one piece: relationships lead from each piece into the
// others, and the second time a third of it goes, changes or comes.
func TestWhatIsWrittenInPiecesIsWhole(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	mem := graphtest.NewMem()
	s.piece = 50
	const n = 170
	for round := range 2 {
		var changes []graph.Change
		for part := range 10 {
			c := graph.Change{Source: fmt.Sprint("part", part), At: t0.Add(time.Duration(round) * time.Hour)}
			for i := part; i < n; i += 10 {
				if (i+part+round)%3 == 2 {
					continue
				}
				k := graph.Key{Label: "L", ID: fmt.Sprint(i)}
				c.Nodes = append(c.Nodes, graph.Node{Key: k, Props: graph.P("n", i*round%5)})
				c.Rels = append(c.Rels, graph.Rel{From: k, Type: "T", To: graph.Key{Label: "L", ID: fmt.Sprint(i * 7 % n)}, Props: graph.P("r", round)},
					graph.Rel{From: k, Type: "U", To: graph.Key{Label: "L", ID: fmt.Sprint(n - 1 - i)}})
			}
			changes = append(changes, c)
		}
		apply(t, s, changes...)
		if _, err := mem.Apply(t.Context(), changes...); err != nil {
			t.Fatal(err)
		}
		if got, want := dump(t, s), dump(t, mem); got != want {
			t.Fatalf("round %d: %d bytes of graph differ from the reference's %d", round, len(got), len(want))
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
