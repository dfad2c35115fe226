package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"assim/admin"
	"assim/e2e/lab"
)

// limit is how long the graph may take until it is complete.
const limit = 2 * time.Minute

// complete are the systems of which everything is in the graph: the switch port
// from LLDP, the system itself, its processes, and the list of its packages,
// which is among the last things looked at.
const complete = `MATCH (s:System)-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(:SwitchPort)
	WHERE s.os IS NOT NULL
	MATCH (s)-[:RUNS]->(:Process)
	MATCH (s)-[:HAS_PACKAGES]->(:PackageSet)
	RETURN DISTINCT s.name`

// bench is a lab with the programs in it.
type bench struct {
	lab   *lab.Lab
	in    *lab.Installation
	began map[string]time.Time // of each system's nanoprobe
}

func measure(ctx context.Context, o options) (f figures, err error) {
	f = figures{Date: time.Now().Format(time.DateOnly), Machine: machine(), QuietSeconds: o.measure.Seconds()}
	info, err := os.Stat(filepath.Join(o.bin, "nanoprobe"))
	if err != nil {
		return f, err
	}
	f.BinaryBytes = info.Size()
	plan := lab.Spread(2, o.systems)
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return f, err
	}
	plan.Share = append(plan.Share, bin)
	b := bench{began: map[string]time.Time{}}
	say("building 2 switches and %d systems", o.systems+1)
	if b.lab, err = lab.Up(ctx, plan); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, b.lab.Down()) }()
	if b.in, err = b.lab.Install(ctx, bin); err != nil {
		return f, err
	}
	if err := b.begin(ctx, &f); err != nil {
		return f, err
	}
	say("waiting %v until they are idle", o.settle)
	if err := wait(ctx, o.settle); err != nil {
		return f, err
	}
	say("measuring for %v", o.measure)
	return f, b.idle(ctx, o, &f)
}

// begin starts the nanoprobes and notes when the graph of each is complete.
func (b *bench) begin(ctx context.Context, f *figures) error {
	for _, name := range b.lab.Systems() {
		if _, err := b.in.StartProbe(ctx, name); err != nil {
			return err
		}
		b.began[name] = time.Now()
	}
	f.Systems = len(b.began)
	took := map[string]float64{}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := lab.Until(limited, "the graph of every system is complete", func() error {
		out, err := b.in.Assim(limited, "query", "-json", complete)
		if err != nil {
			return err
		}
		var r struct{ Rows [][]string }
		if err := json.Unmarshal(out, &r); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for _, row := range r.Rows {
			if _, known := took[row[0]]; !known {
				took[row[0]] = time.Since(b.began[row[0]]).Seconds()
			}
		}
		if len(took) < len(b.began) {
			return fmt.Errorf("%d of %d are", len(took), len(b.began))
		}
		return nil
	})
	var all []float64
	for _, seconds := range took {
		all = append(all, seconds)
	}
	f.CompleteP50, f.CompleteMax = middleAndMost(all)
	return err
}

// idle measures what everything takes when nothing happens.
func (b *bench) idle(ctx context.Context, o options, f *figures) error {
	var probes, peers [][]int
	for name := range b.began {
		probes = append(probes, []int{b.in.Probe(name).PID})
	}
	for _, s := range b.lab.Plan().Switches {
		if pids := inNamespaceOf(b.lab.PID(s.Name), "lldpd"); len(pids) > 0 {
			peers = append(peers, pids)
		}
	}
	groups := [][][]int{probes, peers, {{b.in.CMA.PID}}}
	take := func() (list [][]sample, err error) {
		for _, g := range groups {
			s, err := takeAll(g)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		return list, nil
	}
	before, err := take()
	if err != nil {
		return err
	}
	from := time.Now()
	if err := wait(ctx, o.measure); err != nil {
		return err
	}
	after, err := take()
	if err != nil {
		return err
	}
	over := time.Since(from)
	f.Nanoprobe, f.LLDPD = usageOf(before[0], after[0], over), usageOf(before[1], after[1], over)
	cma := usageOf(before[2], after[2], over)
	f.CMARSSMB, f.CMACPU = cma.RSSP50MB, cma.CPUP50
	if f.LLDPD.RSSP50MB > 0 {
		f.RSSRatio = f.Nanoprobe.RSSP50MB / f.LLDPD.RSSP50MB
	}
	if f.LLDPD.CPUP50 > 0 {
		f.CPURatio = f.Nanoprobe.CPUP50 / f.LLDPD.CPUP50
	}
	// Status 4 is trouble of the CMA's; the figures stand all the same.
	out, err := b.in.Assim(ctx, "status", "-json")
	var s admin.Status
	if e := json.Unmarshal(out, &s); e != nil {
		return errors.Join(err, e)
	}
	f.Documents = int(s.Counters["documents"])
	return nil
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// say tells a person who waits what is going on.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "footprint: "+format+"\n", args...) }
