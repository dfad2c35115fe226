package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"assim/graph"
	"assim/graph/cypher"
	"assim/graph/embedded"
)

const (
	callers   = 128  // who apply at the same time when changes are grouped
	oneByOne  = 2000 // systems taken in one by one, of those
	questions = 3000
)

// threeHops asks which processes a system depends on, three hops away.
const threeHops = `MATCH (s:System {name: $name})-[:RUNS]->(p:Process)-[:CONNECTS_TO]->(e:Endpoint)<-[:LISTENS_ON]-(q:Process) RETURN q.name, e.addr, p.name`

func measure(ctx context.Context, engine string, n int, dir, neo4j string, pid int) (figures, error) {
	switch engine {
	case "baseline":
		return measureBaseline(ctx, n, filepath.Join(dir, "baseline.db"))
	case "neo4j":
		return measureNeo4j(ctx, n, neo4j, pid)
	case "driver":
		return measureDriver(ctx, n, neo4j, pid)
	}
	return measureEmbedded(ctx, n, filepath.Join(dir, "graph.db"))
}

func measureEmbedded(ctx context.Context, n int, path string) (figures, error) {
	f := figures{Engine: "embedded", Systems: n, OneByOneSample: min(oneByOne, n/2)}
	s, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		return f, err
	}
	err = f.takeIn(n, callers, func(changes []graph.Change, callers int) error { return each(ctx, s, changes, callers) })
	if err != nil {
		return f, err
	}
	if err := ask(ctx, s, n, questions, &f); err != nil {
		return f, err
	}
	f.PeakRSSMB = peakRSS()
	if err := s.Close(); err != nil {
		return f, err
	}
	f.DiskMB = diskMB(path)
	opened := time.Now()
	if s, err = embedded.Open(path, embedded.Options{}); err != nil {
		return f, err
	}
	f.OpenMillis = float64(time.Since(opened).Microseconds()) / 1000
	return f, s.Close()
}

// chunk is how many discoveries are made up before the clock runs.
const chunk = 2000

// takeIn measures the three ways in which discoveries come: one by one, many at
// once, and the same again. take takes some in, so many at once.
func (f *figures) takeIn(n, many int, take func(changes []graph.Change, atOnce int) error) (err error) {
	for _, part := range []struct {
		first, last, atOnce int
		rate, cpu           *float64
	}{
		{0, f.OneByOneSample, 1, &f.OneByOne, &f.OneByOneCPU},
		{f.OneByOneSample, n, many, &f.Grouped, &f.GroupedCPU},
		{0, n, many, &f.Unchanged, &f.UnchangedCPU},
	} {
		*part.rate, *part.cpu, err = timed(part.first, part.last, n, f.processorTime, func(changes []graph.Change) error { return take(changes, part.atOnce) })
		if err != nil {
			return err
		}
	}
	return nil
}

// timed has the discoveries from first to last taken in and returns how many that
// is in a second of wall clock and of processor time.
func timed(first, last, n int, processorTime func() time.Duration, take func([]graph.Change) error) (perSecond, perCPU float64, err error) {
	var wall, cpu time.Duration
	count := last - first
	for ; first < last; first += chunk {
		var changes []graph.Change
		for i := first; i < min(first+chunk, last); i++ {
			changes = append(changes, discovery(i, n))
		}
		began, before := time.Now(), processorTime()
		if err := take(changes); err != nil {
			return 0, 0, err
		}
		wall += time.Since(began)
		cpu += processorTime() - before
	}
	return float64(count) / wall.Seconds(), float64(count) / cpu.Seconds(), nil
}

// each applies changes, one Apply each, so many at a time, and waits until
// searching is up to date: that is work too.
func each(ctx context.Context, s *embedded.Store, changes []graph.Change, callers int) error {
	var next atomic.Int64
	errs := make(chan error, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(changes) {
					return
				}
				if _, err := s.Apply(ctx, changes[i]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return s.Settle(ctx)
	}
}

// ask asks a store of n systems each question so many times.
func ask(ctx context.Context, s graph.Store, n, times int, f *figures) error {
	r, err := s.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	defer r.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	p50, p99, err := percentiles(times, func(int) error {
		return one(r, graph.IPAddr, "addr", address(rnd.IntN(n)))
	})
	if err != nil {
		return fmt.Errorf("looking up an address: %w", err)
	}
	f.LookupMicros, f.LookupP99 = micros(p50), micros(p99)
	if p50, _, err = percentiles(times, func(int) error { return hops(r, fmt.Sprintf("host%06d", rnd.IntN(n))) }); err != nil {
		return fmt.Errorf("three hops by the reader: %w", err)
	}
	f.HopsAPIMicros = micros(p50)
	q, err := cypher.Parse(threeHops)
	if err != nil {
		return err
	}
	p50, p99, err = percentiles(times, func(int) error {
		rows, err := q.Run(ctx, r, map[string]any{"name": fmt.Sprintf("host%06d", rnd.IntN(n))}, cypher.Limits{})
		if err != nil {
			return err
		}
		got, err := rows.Collect()
		if err == nil && len(got) != 3 {
			err = fmt.Errorf("%d rows, want 3", len(got))
		}
		return err
	})
	f.HopsMillis, f.HopsP99 = micros(p50)/1000, micros(p99)/1000
	return err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func one(r graph.Reader, label, prop string, value any) error {
	found := 0
	for _, err := range r.NodesWith(label, prop, value) {
		if err != nil {
			return err
		}
		found++
	}
	if found != 1 {
		return fmt.Errorf("%d nodes with %s %v, want 1", found, prop, value)
	}
	return nil
}

// hops is threeHops without a query language.
func hops(r graph.Reader, name string) error {
	rows := 0
	var failed error
	step := func(id graph.NodeID, dir graph.Dir, typ string, f func(graph.NodeID)) {
		for e, err := range r.Expand(id, dir, typ) {
			failed = errors.Join(failed, err)
			if dir == graph.In {
				f(e.From)
			} else {
				f(e.To)
			}
		}
	}
	for v, err := range r.NodesWith(graph.System, "name", name) {
		failed = errors.Join(failed, err)
		step(v.ID, graph.Out, graph.Runs, func(p graph.NodeID) {
			step(p, graph.Out, graph.ConnectsTo, func(e graph.NodeID) {
				step(e, graph.In, graph.ListensOn, func(q graph.NodeID) {
					if _, err := r.Node(q); err == nil {
						rows++
					}
				})
			})
		})
	}
	if rows != 3 && failed == nil {
		failed = fmt.Errorf("%d rows, want 3", rows)
	}
	return failed
}
