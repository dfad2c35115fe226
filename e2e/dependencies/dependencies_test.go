package dependencies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"assim/e2e/lab"
)

// patience is how long a step may take that takes a moment.
const patience = 45 * time.Second

// How long the test looks.
const (
	claim = 5 * time.Minute // by then all must be there
	// least is how long it looks on when all are there: what is invented may come
	// later. Both kinds of look happen twice in it.
	least = 75 * time.Second
)

// world is an installation in a lab.
type world struct {
	*lab.Lab
	*lab.Installation
	t     *testing.T
	peers map[string]*lab.Process // by name
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// start builds the lab, with boxes in two systems, and starts the CMA.
func start(t *testing.T) *world {
	t.Helper()
	bin := lab.Programs(t)
	p, err := lab.Parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	p.Share = append(p.Share, bin)
	l := lab.ForTest(t, p)
	in, err := l.Install(within(t, patience), bin)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{l, in, t, map[string]*lab.Process{}}
	w.boxUp("box1")
	w.boxUp("box2")
	return w
}

// edges are the dependencies between processes that the graph holds: who, with
// both systems.
func (w *world) edges() (map[string]bool, error) {
	out, err := w.Assim(within(w.t, patience), "query", "-json", `MATCH (s:System)-[:RUNS]->(c:Process)-[:DEPENDS_ON]->(d:Process)<-[:RUNS]-(t:System)
		RETURN s.name, c.name, t.name, d.name`)
	if err != nil {
		return nil, err
	}
	var r struct{ Rows [][]any }
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	found := map[string]bool{}
	for _, row := range r.Rows {
		edge := fmt.Sprintf("%v %v -> %v %v", row...)
		if found[edge] {
			return nil, fmt.Errorf("%w: two relationships say %s", lab.ErrHopeless, edge)
		}
		found[edge] = true
	}
	return found, nil
}

// ours are the dependencies of the installation itself: nanoprobes talk to the
// CMA, and it to nobody.
func ours(edge string) bool { return strings.HasSuffix(edge, " nanoprobe -> cma cma") }

func TestSixtyKnownPairsBecomeSixtyDependenciesAndNothingElse(t *testing.T) {
	list := pairs()
	if len(list) != 60 {
		t.Fatalf("there are %d pairs", len(list))
	}
	w := start(t)
	w.translate(list)
	for _, p := range list {
		w.begin(p)
	}
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	whole := os.Getenv("ASSIM_DEPENDENCIES") == "whole"
	at := w.watch(list, began, whole)
	w.judge(list, at)
	w.restart(list)
}

// restart ends a client and its system's nanoprobe, starts the nanoprobe and
// another client, and waits until that is known: the first one, which nobody has
// seen since, must be known still.
func (w *world) restart(list []pair) {
	w.t.Helper()
	gone, next := list[0], list[0]
	if err := w.peers["client-"+gone.name].Kill(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Probe(gone.client.system).Restart(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	next.name, next.port = "61", 7061
	w.begin(next)
	err := lab.Until(within(w.t, patience), "the restarted nanoprobe tells of the new client", func() error {
		found, err := w.edges()
		if err == nil && !found[next.edge()] {
			err = errors.New("not yet")
		}
		if err == nil && !found[gone.edge()] {
			err = fmt.Errorf("%w: %s is forgotten with the nanoprobe that saw it", lab.ErrHopeless, gone.edge())
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
	// What it knows from before is the CMA's: a nanoprobe keeps nothing but its key.
	kept, err := os.ReadDir(w.DataDir(gone.client.system, "nanoprobe"))
	kept = slices.DeleteFunc(kept, func(f os.DirEntry) bool {
		about, err := f.Info()
		return err == nil && about.Size() == 0 // a lock
	})
	if err != nil || len(kept) != 1 || kept[0].Name() != "identity.json" {
		w.t.Errorf("a nanoprobe keeps %v, %v", kept, err)
	}
}

// watch notes when each pair's dependency appears. It looks until the end of the
// claim, or, unless the whole of it is wanted, until all are there and the least
// time is over.
func (w *world) watch(list []pair, began time.Time, whole bool) map[string]time.Duration {
	w.t.Helper()
	at := map[string]time.Duration{}
	enough := fmt.Errorf("the time is not over")
	ctx, cancel := context.WithTimeout(w.t.Context(), claim)
	defer cancel()
	err := lab.Until(ctx, "the dependencies are in the graph", func() error {
		found, err := w.edges()
		if err != nil {
			return err
		}
		for _, p := range list {
			if _, known := at[p.edge()]; found[p.edge()] && !known {
				at[p.edge()] = time.Since(began)
			}
		}
		time.Sleep(time.Second) // between two questions, not for anything to happen
		if whole || len(at) < len(list) || time.Since(began) < least {
			return enough
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		w.t.Fatal(err)
	}
	return at
}

// judge compares with what is known.
func (w *world) judge(list []pair, at map[string]time.Duration) {
	w.t.Helper()
	found, err := w.edges()
	if err != nil {
		w.t.Fatal(err)
	}
	type count struct {
		pairs, found int
		worst        time.Duration
	}
	kinds, roles := map[string]*count{}, map[string]*count{"lasting": {}, "short": {}, "brief": {}}
	var order []string
	for _, p := range list {
		if kinds[p.kind] == nil {
			kinds[p.kind] = &count{}
			order = append(order, p.kind)
		}
		when, known := at[p.edge()]
		for _, c := range []*count{kinds[p.kind], roles[p.role]} {
			c.pairs++
			if known {
				c.found++
				c.worst = max(c.worst, when)
			}
		}
		if known && !found[p.edge()] {
			w.t.Errorf("%s was there and is gone", p.edge())
		}
		if !known {
			w.t.Logf("missing: %s (%s)", p.edge(), p.kind)
		}
		delete(found, p.edge())
	}
	for _, kind := range order {
		c := kinds[kind]
		w.t.Logf("%2d of %2d, the last after %6.1f s: %s", c.found, c.pairs, c.worst.Seconds(), kind)
	}
	if c := roles["lasting"]; c.found < c.pairs {
		w.t.Errorf("%d of %d lasting pairs are in the graph, want all", c.found, c.pairs)
	}
	for _, role := range []string{"short", "brief"} {
		if c := roles[role]; c.found*100 < c.pairs*98 {
			w.t.Errorf("%d of %d pairs of %s connections are in the graph, want 98 %%", c.found, c.pairs, role)
		}
	}
	for _, edge := range slices.Sorted(maps.Keys(found)) {
		if !ours(edge) {
			w.t.Errorf("invented: %s", edge)
		}
	}
}
