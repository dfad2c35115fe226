package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// looks counts how often a nanoprobe looked at one discovery type, by its log.
func (w *world) looks(system, typ string) int {
	return strings.Count(w.Probe(system).Output(), " type="+typ+" ")
}

func TestTheCMATellsNanoprobesHowOftenToLook(t *testing.T) {
	t.Parallel()
	w := build(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n", "-schedule", "os=1s,cpu=never")
	if _, err := w.StartProbe(within(t, patience), "h01", "-debug"); err != nil {
		t.Fatal(err)
	}
	w.until("h01 looks at its operating system again and again", func() error {
		if n := w.looks("h01", "os"); n < 4 {
			return fmt.Errorf("it looked %d times", n)
		}
		return nil
	})
	if n := w.looks("h01", "cpu"); n > 1 {
		t.Errorf("it looked %d times at what it was told to leave alone, after the look at its start", n)
	}
}

// dear costs a little more than a second of CPU, until there is a file "cheap"
// beside it: the kernel ends the inner shell.
const dear = `#!/bin/sh
if [ ! -e %s ]; then
	(ulimit -t 1; while :; do :; done) 2>/dev/null
	i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done
fi
echo '{}'
`

func TestADiscoveryThatCostsTooMuchRestsAndTheOperatorSeesItUntilItEnds(t *testing.T) {
	t.Parallel()
	w := build(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n")
	begun := time.Now()
	scripts := w.DataDir("h01", "discover.d")
	cheap := filepath.Join(scripts, "..", "cheap")
	if err := os.MkdirAll(scripts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scripts, "dear"), fmt.Appendf(nil, dear, cheap), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scripts, "dear.toml"), []byte(`every = "5s"`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.StartProbe(within(t, patience), "h01", "-debug", "-scripts", scripts); err != nil {
		t.Fatal(err)
	}
	w.until("the operator sees that it rests, and why", func() error {
		list, err := w.resting()
		if err == nil && (len(list) != 1 || list[0].System != "h01" || list[0].Type != "dear" || list[0].CostMS < 1000 || list[0].Until == "") {
			err = fmt.Errorf("%+v", list)
		}
		return err
	})
	for _, command := range []string{"status", "system h01"} {
		if out := w.assim(strings.Fields(command)...); !strings.Contains(out, "Resting") || !strings.Contains(out, "dear") {
			t.Errorf("assim %s does not tell:\n%s", command, out)
		}
	}
	if err := os.WriteFile(cheap, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.until("nothing rests once it is cheap", func() error {
		if list, err := w.resting(); err != nil || len(list) > 0 {
			return fmt.Errorf("%+v, %w", list, err)
		}
		return nil
	})
	// One at the start, one cheap, and between them one in ten seconds at most.
	if n, most := w.looks("h01", "dear"), 3+int(time.Since(begun)/(10*time.Second)); n > most {
		t.Errorf("it looked %d times, at most %d would have been within its budget", n, most)
	}
}

// held is a row of what rests in assim status -json.
type held struct {
	System, Type, Until string
	CostMS              int `json:"cost_ms"`
}

func (w *world) resting() ([]held, error) {
	out, err := w.Assim(within(w.t, patience), "status", "-json")
	var s struct{ Resting []held }
	if e := json.Unmarshal(out, &s); e != nil {
		return nil, fmt.Errorf("%w: %v", e, err)
	}
	return s.Resting, nil
}

func TestANewListenerHasItsProgramsChecksumTaken(t *testing.T) {
	t.Parallel()
	w := start(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n")
	const question = `MATCH (:System {name: 'h01'})-[:HAS_CHECKSUMS]->(:ChecksumSet)-[:CONTAINS]->(c:Checksum)
		WHERE c.path CONTAINS 'redis' AND size(c.sha256) = 64 RETURN DISTINCT c.path`
	w.until("the look at the start is over", func() error {
		rows, err := w.ask("MATCH (:System {name: 'h01'})-[:HAS_CHECKSUMS]->(c:ChecksumSet) RETURN c.hash")
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("it has no checksums, not even the nanoprobe's own")
		}
		return err
	})
	if rows, err := w.ask(question); err != nil || len(rows) > 0 {
		t.Fatalf("before it listens: %v, %v", rows, err)
	}
	if _, err := w.Redis("h01", 6379); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.until("the program that listens has a checksum", func() error {
		rows, err := w.ask(question)
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("no program of that name has one")
		}
		return err
	})
	t.Logf("after %v", time.Since(begun).Round(10*time.Millisecond))
}

func TestAnUnchangedSystemThatStartsAgainSendsHashesAndNoDocuments(t *testing.T) {
	t.Parallel()
	w := build(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n")
	steady := []string{"os", "cpu", "packages", "users", "fileattrs"}
	began := func() {
		t.Helper()
		if _, err := w.StartProbe(within(t, patience), "h01", "-debug"); err != nil {
			t.Fatal(err)
		}
		w.until("it has looked at everything steady", func() error {
			for _, typ := range steady {
				if w.looks("h01", typ) == 0 {
					return fmt.Errorf("not at %s", typ)
				}
			}
			return nil
		})
	}
	came := func() (n []uint64) {
		counters := w.health().Counters
		for _, typ := range steady {
			n = append(n, counters["documents: "+typ])
		}
		return n
	}
	began()
	w.until("each document came", func() error {
		if got := came(); slices.Contains(got, 0) {
			return fmt.Errorf("%v came %v times", steady, got)
		}
		return nil
	})
	if _, err := w.Probe("h01").Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	before := came() // what a busy CMA was sent twice counts as well
	began()
	// What came after the hashes shows that the CMA has read them.
	if _, err := w.Redis("h01", 6379); err != nil {
		t.Fatal(err)
	}
	w.until("news of after the start is in the graph", func() error {
		rows, err := w.ask("MATCH (:System {name: 'h01'})-[:RUNS]->(p:Process)-[:LISTENS_ON]->(:Endpoint {port: 6379}) RETURN p.name")
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("nobody listens there")
		}
		return err
	})
	if after := came(); !slices.Equal(before, after) {
		t.Errorf("documents of %v had come %v times, and now %v, though they did not change", steady, before, after)
	}
}
