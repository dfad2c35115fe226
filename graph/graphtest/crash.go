package graphtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"assim/graph"
)

const (
	crashDir     = "GRAPHTEST_CRASH_DIR" // set in the child: where it writes
	crashWriters = 4
	maxReopen    = 2 * time.Second // from opening after a crash to the first answer
)

// RunCrash proves that what was acknowledged survives a process that is killed
// at any point, and that nothing is there by halves. It starts this test again
// in a process of its own, which writes as fast as it can into the store that
// open opens in a directory, and kills it, rounds times over the same store.
// Call it from a test that calls nothing else.
func RunCrash(t *testing.T, rounds int, open func(dir string) (graph.Store, error)) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(t, dir, open)
		return
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := map[int]int{} // by writer: the newest change that was acknowledged
	for round := range rounds {
		writeAndKill(t, dir, time.Duration(r.Int64N(int64(150*time.Millisecond))), acked)
		began := time.Now()
		s, err := open(dir)
		if err != nil {
			t.Fatalf("opening after crash %d: %v", round, err)
		}
		look(t, s, func(r graph.Reader) { checkCrashed(t, s, r, acked) })
		if took := time.Since(began); took > maxReopen {
			t.Errorf("crash %d: open and look took %s, the limit is %s", round, took, maxReopen)
		}
		if c, ok := s.(interface{ Check(context.Context) error }); ok && (round%10 == 9 || round == rounds-1) {
			if err := c.Check(t.Context()); err != nil {
				t.Errorf("crash %d: %v", round, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, n := range acked {
		total += n
	}
	t.Logf("%d crashes, %d acknowledged changes, none missing, none by halves", rounds, total)
}

// writeAndKill lets a child write for a while after its first acknowledgment.
func writeAndKill(t *testing.T, dir string, after time.Duration, acked map[int]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+strings.SplitN(t.Name(), "/", 2)[0]+"$", "-test.v")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	first := make(chan struct{})
	var once sync.Once
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var w, n int
			if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d %d", &w, &n); err != nil {
				fmt.Fprintln(&rest, lines.Text())
				continue
			}
			acked[w] = max(acked[w], n)
			once.Do(func() { close(first) })
		}
	}()
	select {
	case <-first:
	case <-read:
	}
	timer := time.NewTimer(after)
	select {
	case <-timer.C:
	case <-read:
	}
	_ = cmd.Process.Kill()
	<-read
	if err := cmd.Wait(); err == nil || len(acked) == 0 {
		t.Fatalf("the writing process ended by itself (%v):\n%s", err, rest.String())
	}
}

// writeUntilKilled is the child. It goes on from what it finds.
func writeUntilKilled(t *testing.T, dir string, open func(dir string) (graph.Store, error)) {
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range crashWriters {
		next := 1
		if v, err := s.Record(t.Context(), "crash", strconv.Itoa(w)); err == nil {
			n, err := strconv.Atoi(string(v))
			if err != nil {
				t.Fatal(err)
			}
			next = n + 1
		}
		wg.Go(func() {
			for n := next; ; n++ {
				if _, err := s.Apply(context.Background(), crashChange(w, n)); err != nil {
					t.Errorf("Apply: %v", err)
					return
				}
				if _, err := fmt.Printf("acknowledged %d %d\n", w, n); errors.Is(err, io.ErrClosedPipe) {
					return
				}
			}
		})
	}
	wg.Wait()
}

const crashParts = 5

// crashChange is the n-th change of a writer: every part of it says n.
func crashChange(w, n int) graph.Change {
	sys := key("System", fmt.Sprint("w", w))
	c := graph.Change{
		Source:   fmt.Sprint("w", w),
		At:       start.Add(time.Duration(n) * time.Second),
		Nodes:    []graph.Node{{Key: sys, Props: graph.P("n", n)}},
		Document: document(sys, "crash", "", fmt.Sprintf(`{"n":%d}`, n)),
		Records:  []graph.Record{{Bucket: "crash", Name: strconv.Itoa(w), Value: []byte(strconv.Itoa(n))}},
	}
	for i := range crashParts {
		part := key("NIC", fmt.Sprintf("w%d/%d/%d", w, n, i)) // new ones every time, the old ones cease
		c.Nodes = append(c.Nodes, graph.Node{Key: part, Props: graph.P("n", n)})
		c.Rels = append(c.Rels, graph.Rel{From: sys, Type: "HAS_NIC", To: part, Props: graph.P("n", n)})
	}
	return c
}

func checkCrashed(t *testing.T, s graph.Store, r graph.Reader, acked map[int]int) {
	t.Helper()
	total := 0
	for w := range crashWriters {
		v, err := r.Find(key("System", fmt.Sprint("w", w)))
		if errors.Is(err, graph.ErrNotFound) && acked[w] == 0 {
			continue
		}
		if err != nil {
			t.Fatalf("writer %d: %v, though change %d was acknowledged", w, err, acked[w])
		}
		n, _ := v.Props["n"].(int64)
		if n < int64(acked[w]) {
			t.Fatalf("writer %d: change %d was acknowledged, the store has %d", w, acked[w], n)
		}
		acked[w] = int(n)
		total += 1 + crashParts
		parts := 0
		for e, err := range r.Expand(v.ID, graph.Out, "HAS_NIC") {
			p, err2 := r.Node(e.To)
			if err != nil || err2 != nil || e.Props["n"] != n || p.Props["n"] != n {
				t.Fatalf("writer %d: change %d is there by halves: %v %v %v %v", w, n, e, p, err, err2)
			}
			parts++
		}
		want(t, "parts", parts, crashParts)
		rec, err := s.Record(t.Context(), "crash", strconv.Itoa(w))
		want(t, "record", fmt.Sprintln(string(rec), err), fmt.Sprintln(n, nil))
		docs := documentsOf(t, r, v.Key)
		want(t, "documents", docs, []string{fmt.Sprintf(`{"n":%d}`, n)})
	}
	nodes := 0
	for _, err := range r.Nodes("") {
		if err != nil {
			t.Fatal(err)
		}
		nodes++
	}
	want(t, "nodes", nodes, total)
}

func documentsOf(t *testing.T, r graph.Reader, k graph.Key) (out []string) {
	t.Helper()
	for d, err := range r.Documents(k, "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(d.JSON))
	}
	return out
}
