package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"assim/admin"
	"assim/e2e/lab"
	"assim/event"
)

// patience is how long a test waits for something that should be there soon; a
// loaded machine may take long, a working program does not.
const patience = 45 * time.Second

// world is an installation in a lab and what a test asks it.
type world struct {
	*lab.Lab
	*lab.Installation
	t *testing.T
}

// build makes the lab and starts the CMA, and no nanoprobe.
func build(t *testing.T, plan string, cmaFlags ...string) *world {
	t.Helper()
	return buildOn(t, plan, nil, cmaFlags...)
}

// buildOn is build with something done to the lab before the CMA starts.
func buildOn(t *testing.T, plan string, prepare func(*lab.Lab) error, cmaFlags ...string) *world {
	t.Helper()
	bin := lab.Programs(t)
	p, err := lab.Parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	p.Share = append(p.Share, bin)
	l := lab.ForTest(t, p)
	if prepare != nil {
		if err := prepare(l); err != nil {
			t.Fatal(err)
		}
	}
	in, err := l.Install(within(t, patience), bin, cmaFlags...)
	if err != nil {
		t.Fatal(err)
	}
	return &world{l, in, t}
}

// start is build, nanoprobes on all systems, and all of them up.
func start(t *testing.T, plan string, cmaFlags ...string) *world {
	t.Helper()
	w := build(t, plan, cmaFlags...)
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	return w
}

// steady is start, and nobody is still being told new neighbors: from then on a
// fault is seen by exactly those that the final rings name.
func steady(t *testing.T, plan string, cmaFlags ...string) *world {
	t.Helper()
	w := start(t, plan, cmaFlags...)
	w.settled()
	return w
}

// settled waits until every system heartbeats in the ring of its switch, unless
// it is alone there, and the rings have not changed for a while.
func (w *world) settled() {
	w.t.Helper()
	crowd := map[string]int{}
	for _, name := range w.Systems() {
		crowd[w.NICs(name)[0].Switch]++
	}
	w.until("everybody is in the ring of its switch", func() error {
		rows, err := w.ask("MATCH (s:System)-[:WATCHES {level: 'switch'}]-(:System) RETURN DISTINCT s.name")
		if err != nil {
			return err
		}
		for _, name := range w.Systems() {
			if crowd[w.NICs(name)[0].Switch] > 1 && !slices.ContainsFunc(rows, func(r []any) bool { return r[0] == name }) {
				return fmt.Errorf("%s is not; those that are: %v", name, rows)
			}
		}
		return nil
	})
	w.calm()
}

// unchanged is how long the CMA must have had nothing new to tell about rings.
const unchanged = 3 * time.Second

// calm waits until nobody is being told new neighbors.
func (w *world) calm() {
	w.t.Helper()
	var last uint64
	var since time.Time
	w.until("the rings are settled", func() error {
		orders := w.health().Counters["orders sent"]
		if orders != last || since.IsZero() {
			last, since = orders, time.Now()
		}
		if quiet := time.Since(since); quiet < unchanged {
			return fmt.Errorf("orders were sent %v ago, %d so far", quiet, orders)
		}
		return nil
	})
}

// health is what the CMA says about itself.
func (w *world) health() admin.Status {
	w.t.Helper()
	// Status 4 says that there is trouble; what is told is the same.
	out, err := w.Assim(within(w.t, patience), "status", "-json")
	var s admin.Status
	if e := json.NewDecoder(bytes.NewReader(out)).Decode(&s); e != nil {
		w.t.Fatalf("assim status: %v, %v: %s", err, e, out)
	}
	return s
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// until waits until f returns no error.
func (w *world) until(what string, f func() error) {
	w.t.Helper()
	if err := lab.Until(within(w.t, patience), what, f); err != nil {
		w.t.Fatal(err)
	}
}

// allUp waits until the CMA says that every system is up.
func (w *world) allUp() {
	w.t.Helper()
	w.until("all systems are up", func() error {
		for _, name := range w.Systems() {
			if p := w.Probe(name); p != nil && !p.Running() {
				return fmt.Errorf("%w: the nanoprobe of %s has ended", lab.ErrHopeless, name)
			}
		}
		return w.status("up", w.Systems()...)
	})
}

// status checks what the CMA says about systems.
func (w *world) status(want string, systems ...string) error {
	rows, err := w.ask("MATCH (s:System) RETURN s.name, s.status")
	if err != nil {
		return err
	}
	is := map[any]any{}
	for _, r := range rows {
		is[r[0]] = r[1]
	}
	for _, s := range systems {
		if is[s] != want {
			return fmt.Errorf("%s is %v, want %s; all: %v", s, is[s], want, is)
		}
	}
	return nil
}

// ask puts a query to the CMA; args are NAME=VALUE.
func (w *world) ask(cypher string, args ...string) ([][]any, error) {
	out, err := w.Assim(within(w.t, patience), append([]string{"query", "-json", cypher}, args...)...)
	if err != nil {
		return nil, err
	}
	var r struct{ Rows [][]any }
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return r.Rows, nil
}

// wants waits until the rows of a query, sorted, are those.
func (w *world) wants(what, cypher string, want [][]any) {
	w.t.Helper()
	text := func(rows [][]any) []string {
		var list []string
		for _, r := range rows {
			list = append(list, fmt.Sprint(r...))
		}
		slices.Sort(list)
		return list
	}
	w.until(what, func() error {
		got, err := w.ask(cypher)
		if err != nil {
			return err
		}
		if g, wanted := text(got), text(want); !slices.Equal(g, wanted) {
			return fmt.Errorf("got\n%v\nwant\n%v", g, wanted)
		}
		return nil
	})
}

// events are all the CMA has told so far.
func (w *world) events() []event.Event {
	w.t.Helper()
	out, err := w.Assim(within(w.t, patience), "events", "-json", "-n", "1000")
	if err != nil {
		w.t.Fatal(err)
	}
	var list []event.Event
	for line := range bytes.Lines(out) {
		var e event.Event
		if err := json.Unmarshal(line, &e); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

// since are the events after the given ones, without mere discoveries.
func (w *world) since(before []event.Event) []event.Event {
	var last uint64
	for _, e := range before {
		last = max(last, e.Serial)
	}
	return slices.DeleteFunc(w.events(), func(e event.Event) bool {
		return e.Serial <= last || e.Kind == event.Discovered
	})
}

// happens waits for an event of a kind about a system and returns it.
func (w *world) happens(before []event.Event, kind event.Kind, name string) event.Event {
	w.t.Helper()
	var found event.Event
	w.until(fmt.Sprintf("%q is told about %s", kind, name), func() error {
		list := w.since(before)
		for _, e := range list {
			if e.Kind == kind && e.Name == name {
				found = e
				return nil
			}
		}
		return fmt.Errorf("told was %v", texts(list))
	})
	return found
}

func texts(list []event.Event) (all []string) {
	for _, e := range list {
		all = append(all, fmt.Sprintf("%s %s: %s", e.Kind, e.Name, e.Text))
	}
	return all
}
