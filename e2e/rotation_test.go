package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assim/e2e/lab"
)

var crowd = flag.Int("crowd", 0, "systems whose keys are all replaced under load; 0: not tried (make test-crowd tries 52)")

// Every key there is, one change after the other, with a crowd that is busy: a
// master key with the CMA killed in the midst of it, the CMA's own, a
// nanoprobe's, and all of them by way of the recovery key. Meanwhile the graph is
// worked out anew and asked without a pause. Nobody misses a heartbeat.
func TestACrowdFollowsEveryChangeOfKeysUnderLoad(t *testing.T) {
	if *crowd == 0 {
		t.Skip("a crowd is not tried: make test-crowd")
	}
	plan := "switch sw1\nswitch sw2\nswitch sw3\ncma cma sw1\ntrunk sw1 sw2\ntrunk sw2 sw3\n"
	for i := range *crowd {
		plan += fmt.Sprintf("system h%02d sw%d\n", i, 1+i%3)
	}
	w := build(t, plan)
	if err := w.StartProbes(within(t, 10*patience)); err != nil {
		t.Fatal(err)
	}
	long := func(what string, f func() error) {
		t.Helper()
		at := time.Now()
		if err := lab.Until(within(t, 10*patience), what, f); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v", what, time.Since(at).Round(100*time.Millisecond))
	}
	long("all are up", func() error { return w.status("up", w.Systems()...) })
	w.calm()
	before := w.events()
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { stopped <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			// The CMA is killed now and then: no answer is no error here.
			_, _ = w.Assim(t.Context(), "reindex")
			_, _ = w.Assim(t.Context(), "query", "MATCH (s:System)-[:RUNS]->(p:Process) RETURN s.name, p.name")
			n++
		}
	}()
	epoch := func(want func(uint16) bool) func() error {
		return func() error {
			for _, s := range w.Systems() {
				if id, err := w.identity(s); err != nil || !want(id.Epoch) {
					return fmt.Errorf("%s has epoch %d: %v", s, id.Epoch, err)
				}
			}
			return w.keysSettled()
		}
	}
	w.interrupted("rotate", "master")
	long("the master key has changed, the CMA killed in between", epoch(func(e uint16) bool { return e == 2 }))
	w.assim("rotate", "cma")
	for i := range 5 {
		w.assim("rotate", "node", fmt.Sprintf("h%02d", i))
	}
	if _, err := w.Assim(within(t, 10*patience), "rotate", "master", "-wait", "5m"); err != nil {
		t.Fatal(err)
	}
	long("and again, by the CMA's next key", epoch(func(e uint16) bool { return e == 3 }))
	data := w.DataDir(w.Lab.CMA(), "cma")
	if _, err := w.Assim(within(t, 10*patience), "rotate", "cma", "-recovery", filepath.Join(data, "cma-recovery.json"), "-wait", "5m"); err != nil {
		t.Fatal(err)
	}
	long("all keys are recovered", epoch(func(e uint16) bool { return e > 3 }))
	if err := os.Remove(filepath.Join(data, "cma-keys.json")); err != nil {
		t.Fatal(err)
	}
	w.killCMA()
	long("lost keys are recovered", epoch(func(e uint16) bool { return e > 1000 }))
	close(stop)
	t.Logf("the graph was worked out anew and asked %d times meanwhile", <-stopped)
	w.calm()
	w.nobodyMissed(before)
}
