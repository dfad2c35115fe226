package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assim/event"
)

// twin is a second CMA, started by mistake from a copy of the first one's data.
type twin struct {
	w    *world
	host string
}

// twins stops the CMA in order, copies its data, and starts both.
func (w *world) twins(host, listen string) *twin {
	w.t.Helper()
	if _, err := w.Installation.CMA.Stop(within(w.t, patience)); err != nil {
		w.t.Fatal(err)
	}
	copied := w.DataDir(host, "cma")
	if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", w.DataDir(w.Lab.CMA(), "cma"), copied).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	if err := w.Installation.CMA.Restart(0); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Start(host, filepath.Join(w.Bin, "cma"), "-data", copied, "-listen", listen); err != nil {
		w.t.Fatal(err)
	}
	if err := w.WaitCMA(within(w.t, patience)); err != nil {
		w.t.Fatal(err)
	}
	c := &twin{w, host}
	w.until("the second CMA answers", func() error {
		_, err := c.assim("status")
		return err
	})
	return c
}

func (c *twin) assim(args ...string) ([]byte, error) {
	return c.w.Run(within(c.w.t, patience), c.host, append([]string{filepath.Join(c.w.Bin, "assim")}, args...)...)
}

// told are the kinds and names of what it told, without mere discoveries.
func (c *twin) told() (list []string) {
	c.w.t.Helper()
	out, err := c.assim("events", "-json", "-n", "1000")
	if err != nil {
		c.w.t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		var e event.Event
		if err := json.Unmarshal(line, &e); err != nil {
			c.w.t.Fatalf("%v: %s", err, line)
		}
		if e.Kind != event.Discovered {
			list = append(list, fmt.Sprintf("%s %s", e.Kind, e.Name))
		}
	}
	return list
}

// A disk is copied, and both CMAs run. Nothing is wrong while each has its own
// systems. Two systems lose their way to the first, go on with the second, and
// come back: it is told once that there are two, nobody is called dead, and what
// they have to say is heard.
func TestTwoCMAsByMistakeAreOneIncidentAndNobodyIsCalledDead(t *testing.T) {
	long(t)
	t.Parallel()
	w := build(t, rack+"system h05 sw1\nsystem h06 sw1\nsystem copy sw1\n")
	lured, beside := []string{"h02", "h03"}, []string{"h01", "h04"}
	const port = ":1994" // that of its nanoprobe is taken
	for _, name := range lured {
		if _, err := w.StartProbe(within(t, patience), name, "-cma", w.Addr(w.Lab.CMA()).String()+","+w.Addr("copy").String()+port); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	w.settled()
	second := w.twins("copy", port)
	before := w.events()

	w.stop(beside) // Their neighbors tell the first CMA.
	for _, name := range beside {
		w.happens(before, event.NanoprobeStopped, name)
	}
	if err := w.Partition(lured, []string{w.Lab.CMA()}); err != nil {
		t.Fatal(err)
	}
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	for _, name := range lured {
		if err := w.Probe(name).WaitFor(within(t, patience), port); err != nil {
			t.Fatal(err)
		}
	}
	w.allUp()
	if err := w.Partition(lured, []string{"copy"}); err != nil {
		t.Fatal(err)
	}
	w.stop(beside)
	w.happens(before, event.TwoCMAs, "the CMA")
	if err := w.Heal(); err != nil {
		t.Fatal(err)
	}
	wait(t, lasting)
	w.finds(before, "nanoprobe stopped h01", "nanoprobe stopped h01", "nanoprobe stopped h04", "nanoprobe stopped h04")
	w.until("all others are up", func() error { return w.status("up", "cma", "h02", "h03", "h05", "h06", "copy") })
	if two := slices.DeleteFunc(w.since(before), func(e event.Event) bool { return e.Kind != event.TwoCMAs }); len(two) != 1 {
		t.Errorf("that there are two CMAs is told %d times", len(two))
	}
	for _, e := range second.told() {
		if strings.HasPrefix(e, string(event.SystemDead)) {
			t.Errorf("the second CMA tells %s", e)
		}
	}
}

// stop kills the nanoprobes of systems.
func (w *world) stop(systems []string) {
	w.t.Helper()
	for _, name := range systems {
		if err := w.Probe(name).Kill(); err != nil {
			w.t.Fatal(err)
		}
	}
}
