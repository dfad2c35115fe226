package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"assim/e2e/lab"
)

// gatherPatience is how long nanoprobes may take to notice that their keys have
// ended: they wait at random, so that a data center does not come at once.
const gatherPatience = 3 * patience

// recovered waits until everybody has the recovered keys.
func (w *world) recovered(was uint16) {
	w.t.Helper()
	err := lab.Until(within(w.t, gatherPatience), "everybody has the recovered keys", func() error {
		for _, s := range w.Systems() {
			if id, err := w.identity(s); err != nil || id.Epoch == was {
				return fmt.Errorf("%s has epoch %d: %v", s, id.Epoch, err)
			}
		}
		return w.keysSettled()
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Somebody has copied the CMA's keys. With the recovery key all of them are
// replaced, nobody joins again, nobody misses a heartbeat, and the CMA may be
// killed in the midst of it.
func TestStolenKeysAreReplacedByTheRecoveryKeyWithoutMissingAHeartbeat(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	data := w.DataDir(w.Lab.CMA(), "cma")
	safe := filepath.Join(t.TempDir(), "safe")
	if w.health().Recovery == "" {
		t.Error("assim status does not say that the recovery key lies on the CMA")
	}
	w.assim("recovery-key", "take", safe, "-data", data)
	if here := w.health().Recovery; here != "" {
		t.Errorf("assim status says that the recovery key is %s", here)
	}
	if _, err := os.Stat(filepath.Join(data, "cma-recovery.json")); err == nil {
		t.Fatal("the recovery key was taken away, and is still there")
	}
	line, err := os.ReadFile(safe)
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(data, "stick") // It is brought back for a moment.
	if err := os.WriteFile(here, line, 0o600); err != nil {
		t.Fatal(err)
	}
	before := w.events()
	ids := map[string]string{}
	for _, s := range w.Systems() {
		id, err := w.identity(s)
		if err != nil {
			t.Fatal(err)
		}
		ids[s] = id.ID
	}
	w.interrupted("rotate", "cma", "-recovery", here)
	w.recovered(1)
	w.calm()
	w.nobodyMissed(before)
	for _, s := range w.Systems() {
		if id, err := w.identity(s); err != nil || id.ID != ids[s] {
			t.Errorf("%s joined again: it was %s and is %s, %v", s, ids[s], id.ID, err)
		}
	}
	w.stillJudge(before)
}

// The CMA's keys are gone, and its store is not.
func TestLostKeysAreReplacedByTheRecoveryKeyWithoutMissingAHeartbeat(t *testing.T) {
	t.Parallel()
	w := steady(t, rack)
	data := w.DataDir(w.Lab.CMA(), "cma")
	before := w.events()
	if err := os.Remove(filepath.Join(data, "cma-keys.json")); err != nil {
		t.Fatal(err)
	}
	// The recovery key lies beside them, as at first: it is used by itself.
	w.killCMA()
	w.recovered(1)
	w.calm()
	w.nobodyMissed(before)
	w.allUp()
}
