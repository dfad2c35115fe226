package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"assim/e2e/lab"
)

func TestTheGraphOfTwentySystemsIsWholeSoonAfterTheirNanoprobesStart(t *testing.T) {
	w := build(t, lab.Spread(2, 20).String())
	if _, err := w.Redis("h01", 6379); err != nil {
		t.Fatal(err)
	}
	cabled := map[string]string{}
	began := map[string]time.Time{}
	for _, name := range w.Systems() {
		n := w.NICs(name)[0]
		cabled[name] = n.Switch + ".lab " + lab.PortID(n.Port)
		if name != "cma" && name != "h01" {
			if _, err := w.Lab.Start(name, "redis-cli", "-h", w.Addr("h01").String(), "SUBSCRIBE", "news"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range w.Systems() {
		if _, err := w.StartProbe(within(t, patience), name); err != nil {
			t.Fatal(err)
		}
		began[name] = time.Now()
	}
	// The whole path, seen from every client: its card's port, its process, and
	// the process and system it depends on.
	const path = `MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(n:NIC)<-[:HAS_NIC]-(s:System)
		OPTIONAL MATCH (s)-[:RUNS]->(c:Process)-[:CONNECTS_TO]->(e:Endpoint {port: 6379})<-[:LISTENS_ON]-(d:Process)<-[:RUNS]-(t:System)
		RETURN s.name, sw.name, p.port, c.name, d.name, t.name`
	whole := map[string]time.Duration{}
	w.until("the path of every system is in the graph", func() error {
		rows, err := w.ask(path)
		if err != nil {
			return err
		}
		seen := map[string][]any{}
		for _, r := range rows {
			name := fmt.Sprint(r[0])
			if seen[name] != nil {
				return fmt.Errorf("%s has two paths: %v and %v", name, seen[name], r)
			}
			seen[name] = r
			client := name != "cma" && name != "h01"
			right := fmt.Sprintf("%v %v", r[1], r[2]) == cabled[name] && (!client || slices.Equal(r[3:], []any{"redis-cli", "redis-server", "h01"}))
			if _, done := whole[name]; right && !done {
				whole[name] = time.Since(began[name])
			}
		}
		if missing := len(cabled) - len(whole); missing > 0 {
			var who []string
			for name, port := range cabled {
				if _, done := whole[name]; !done {
					who = append(who, fmt.Sprintf("%s (%s): %v", name, port, seen[name]))
				}
			}
			return fmt.Errorf("%d are missing: %v", missing, who)
		}
		return nil
	})
	var times []time.Duration
	for _, d := range whole {
		times = append(times, d.Round(time.Millisecond))
	}
	slices.Sort(times)
	t.Logf("from the start of a nanoprobe to its whole path in the graph: p50 %v, max %v (%d systems at once)",
		times[len(times)/2], times[len(times)-1], len(times))
}
