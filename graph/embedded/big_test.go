package embedded

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"assim/graph"
)

// big is how many nodes the store has whose opening is measured. "make
// big-store" gives a million.
var big = flag.Int("big", 5000, "nodes and relationships of the store whose opening is measured")

const (
	bigDir     = "EMBEDDED_BIG_DIR"    // set in the child: where it writes
	bigReader  = "EMBEDDED_BIG_READER" // set in the child: it keeps a reader open
	perChange  = 10                    // nodes and relationships of one change
	openLimit  = 500 * time.Millisecond
	killLimit  = 2 * time.Second
	killRounds = 5
)

// bigChange is one system with nine interfaces; its version is in every part.
func bigChange(i, version int) graph.Change {
	sys := graph.Key{Label: graph.System, ID: fmt.Sprintf("n-%08d", i)}
	c := graph.Change{Source: sys.ID + "/big", At: time.Date(2026, 1, 1, 0, 0, version, i, time.UTC),
		Nodes: []graph.Node{{Key: sys, Props: graph.P("id", sys.ID, "name", fmt.Sprintf("host%08d", i), "version", version)}}}
	for n := range perChange - 1 {
		nic := graph.Key{Label: graph.NIC, ID: fmt.Sprintf("%s/eth%d", sys.ID, n)}
		c.Nodes = append(c.Nodes, graph.Node{Key: nic, Props: graph.P("ifname", fmt.Sprintf("eth%d", n), "mac", fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", i>>16&255, i>>8&255, i&255, n), "version", version)})
		c.Rels = append(c.Rels, graph.Rel{From: sys, Type: graph.HasNIC, To: nic})
	}
	c.Rels = append(c.Rels, graph.Rel{From: sys, Type: graph.Watches, To: graph.Key{Label: graph.System, ID: "n-00000000"}})
	return c
}

// TestABigStoreOpensAtOnce measures from opening to the first answer: of a store
// that was closed, and of one whose process was killed while it wrote, also
// while somebody read all the time, so that the log could not be taken in.
func TestABigStoreOpensAtOnce(t *testing.T) {
	if dir := os.Getenv(bigDir); dir != "" {
		writeBigUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	fillBig(t, dir)
	first, size := firstAnswer(t, dir, 0)
	t.Logf("%d nodes and as many relationships, %d MB: %v from opening to the first answer", *big, size>>20, first)
	if first > openLimit {
		t.Errorf("opening took %v, the limit is %v", first, openLimit)
	}
	for round := range killRounds {
		reader := ""
		after := time.Duration(round*37%100) * time.Millisecond
		if round == killRounds-1 {
			reader, after = "1", time.Second
		}
		acked := writeAndKill(t, dir, reader, after)
		log := fileSize(t, filepath.Join(dir, "graph.db-wal"))
		took, _ := firstAnswer(t, dir, acked)
		t.Logf("killed after %d acknowledged changes, log %d MB, somebody reads: %t: %v", acked, log>>20, reader != "", took)
		if took > killLimit {
			t.Errorf("opening after kill -9 took %v, the limit is %v", took, killLimit)
		}
	}
}

func openBig(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(filepath.Join(dir, "graph.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fillBig(t *testing.T, dir string) {
	t.Helper()
	s := openBig(t, dir)
	defer s.Close()
	const together = 100
	var changes []graph.Change
	for i := range *big / perChange {
		changes = append(changes, bigChange(i, 0))
		if len(changes) == together || i == *big/perChange-1 {
			if _, err := s.Apply(t.Context(), changes...); err != nil {
				t.Fatal(err)
			}
			changes = nil
		}
	}
}

// firstAnswer opens the store, finds one system with what was acknowledged of
// it, and its interfaces.
func firstAnswer(t *testing.T, dir string, acked int) (took time.Duration, size int64) {
	t.Helper()
	began := time.Now()
	s := openBig(t, dir)
	defer s.Close()
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v, err := r.Find(graph.Key{Label: graph.System, ID: "n-00000001"})
	if err != nil {
		t.Fatal(err)
	}
	version, _ := v.Props["version"].(int64)
	nics := 0
	for e, err := range r.Expand(v.ID, graph.Out, graph.HasNIC) {
		n, err2 := r.Node(e.To)
		if err != nil || err2 != nil || n.Props["version"] != version {
			t.Fatalf("by halves: %v %v, version %v of %v", err, err2, n.Props["version"], version)
		}
		nics++
	}
	took = time.Since(began)
	if nics != perChange-1 || int(version) < acked {
		t.Errorf("%d interfaces of version %d, %d was acknowledged", nics, version, acked)
	}
	return took, fileSize(t, filepath.Join(dir, "graph.db"))
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// writeAndKill lets a child write, kills it some time after its first
// acknowledgment, and returns the last one.
func writeAndKill(t *testing.T, dir, reader string, after time.Duration) (acked int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-big", fmt.Sprint(*big))
	cmd.Env = append(os.Environ(), bigDir+"="+dir, bigReader+"="+reader)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, last := bufio.NewScanner(out), ""
	for lines.Scan() {
		last = lines.Text()
		if n := 0; acked == 0 && scanAck(last, &n) {
			acked = n
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		} else if scanAck(last, &n) {
			acked = n
		}
	}
	if err := cmd.Wait(); err == nil || acked == 0 {
		t.Fatalf("the writing process ended by itself (%v): %s", err, last)
	}
	return acked
}

func scanAck(line string, n *int) bool {
	_, err := fmt.Sscanf(line, "acknowledged %d", n)
	return err == nil
}

// writeBigUntilKilled is the child: it changes 100 systems at a time, the second
// of all among them.
func writeBigUntilKilled(t *testing.T, dir string) {
	s := openBig(t, dir)
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Find(graph.Key{Label: graph.System, ID: "n-00000001"})
	if err != nil {
		t.Fatal(err)
	}
	version, _ := v.Props["version"].(int64)
	if os.Getenv(bigReader) == "" {
		r.Close()
	}
	systems := *big / perChange
	for n := int(version) + 1; ; n++ {
		changes := []graph.Change{bigChange(1, n)}
		for i := range 99 {
			changes = append(changes, bigChange(2+(n*7919+i*104729)%(systems-2), n))
		}
		if _, err := s.Apply(context.Background(), changes...); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", n)
	}
}
