package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"assim/e2e/lab"
	"assim/event"
)

// identity is what a nanoprobe keeps of its keys.
type identity struct {
	ID    string   `json:"id"`
	Seed  string   `json:"key"`
	Epoch uint16   `json:"epoch"`
	Pins  []string `json:"pins"`
}

func (w *world) identity(system string) (identity, error) {
	var id identity
	text, err := os.ReadFile(filepath.Join(w.DataDir(system, "nanoprobe"), "identity.json"))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// assim runs the operator's command, which has to succeed.
func (w *world) assim(args ...string) string {
	w.t.Helper()
	out, err := w.Assim(within(w.t, patience), args...)
	if err != nil {
		w.t.Fatalf("assim %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// nobodyMissed fails when any silence was noticed.
func (w *world) nobodyMissed(before []event.Event) {
	w.t.Helper()
	for _, e := range w.since(before) {
		switch e.Kind {
		case event.Unresponsive, event.SystemDead, event.NanoprobeStopped, event.Clone:
			w.t.Errorf("told: %s %s: %s", e.Kind, e.Name, e.Text)
		}
	}
}

// epochIs waits until every nanoprobe has the key of an epoch.
func (w *world) epochIs(want uint16) {
	w.t.Helper()
	w.until(fmt.Sprintf("everybody has the key of epoch %d", want), func() error {
		for _, s := range w.Systems() {
			if id, err := w.identity(s); err != nil || id.Epoch != want {
				return fmt.Errorf("%s has epoch %d: %v", s, id.Epoch, err)
			}
		}
		return nil
	})
}

// keysSettled reports whether a change of keys is over.
func (w *world) keysSettled() error {
	out, err := w.Assim(within(w.t, patience), "rotate", "-json")
	if err == nil && !strings.Contains(string(out), `"settled"`) {
		err = fmt.Errorf("%s", out)
	}
	return err
}

// interrupted begins a change of keys and kills the CMA in the midst of it.
func (w *world) interrupted(args ...string) {
	w.t.Helper()
	if _, err := w.Assim(within(w.t, patience), append(args, "-wait", "1ms")...); err == nil {
		w.t.Fatal("it was over at once: nothing was interrupted")
	}
	w.killCMA()
}

// killCMA ends the CMA by kill -9, and waits for the next one.
func (w *world) killCMA() {
	w.t.Helper()
	if err := w.Installation.CMA.Restart(syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	if err := w.WaitCMA(within(w.t, 2*patience)); err != nil {
		w.t.Fatal(err)
	}
}

// stillJudge shows that with other keys the rings find a death.
func (w *world) stillJudge(before []event.Event) {
	w.t.Helper()
	if err := w.RemoveSystem("h01"); err != nil {
		w.t.Fatal(err)
	}
	w.happens(before, event.SystemDead, "h01")
}

func TestEveryKeyIsReplacedByOneCommandWithoutMissingAHeartbeat(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
	before := w.events()

	w.assim("rotate", "master")
	w.epochIs(2)

	was, err := w.identity("h02")
	if err != nil {
		t.Fatal(err)
	}
	w.assim("rotate", "node", "h02")
	w.until("h02 has another key and is who it was", func() error {
		is, err := w.identity("h02")
		if err != nil || is.Seed == was.Seed || is.ID != was.ID {
			return fmt.Errorf("key replaced: %v, id %s, was %s: %v", is.Seed != was.Seed, is.ID, was.ID, err)
		}
		return nil
	})

	pin := func() string {
		var r struct{ Pin string }
		if err := json.Unmarshal([]byte(w.assim("rotate", "-json")), &r); err != nil {
			t.Fatal(err)
		}
		return r.Pin
	}
	shown := pin()
	w.assim("rotate", "cma")
	if pin() == shown {
		t.Error("the CMA shows the same key")
	}
	// Everybody follows the CMA's new key: a contact by bulk is needed to take
	// the next master key.
	w.assim("rotate", "master")
	w.epochIs(3)
	w.nobodyMissed(before)
	w.stillJudge(before)
}

func TestAChangeOfTheMasterKeySurvivesTheCMAAndReachesWhoSlept(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
	if _, err := w.Probe("h04").Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.happens(nil, event.ShutDown, "h04")
	before := w.events()
	w.interrupted("rotate", "master")
	w.until("the former key has ended", w.keysSettled) // It goes on by itself.
	if id, err := w.identity("h04"); err != nil || id.Epoch != 1 {
		t.Fatalf("h04 has epoch %d: %v", id.Epoch, err)
	}
	if _, err := w.StartProbe(within(t, patience), "h04"); err != nil {
		t.Fatal(err)
	}
	// Its key ended while it slept: after a while it comes by bulk for another.
	err := lab.Until(within(t, 3*patience), "h04 is back", func() error { return w.status("up", "h04") })
	if err != nil {
		t.Fatal(err)
	}
	w.epochIs(2)
	w.nobodyMissed(before)
}

func TestARevokedSystemIsOutUntilItIsPardoned(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
	before := w.events()
	w.assim("revoke", "h03")
	rings := func(member bool) func() error {
		return func() error {
			rows, err := w.ask("MATCH (s:System)-[:MEMBER_OF]->(:Ring) WHERE s.name = 'h03' RETURN s.name")
			if err == nil && (len(rows) > 0) != member {
				err = fmt.Errorf("in rings: %v", rows)
			}
			return err
		}
	}
	w.until("it is in no ring", rings(false))
	w.until("it is shown under its name as put out", func() error { return w.status("revoked", "h03") })
	if _, err := w.Probe("h03").Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.assim("pardon", "h03")
	if _, err := w.StartProbe(within(t, patience), "h03"); err != nil {
		t.Fatal(err)
	}
	w.until("it is in its rings again", rings(true))
	w.allUp()
	for _, e := range w.since(before) {
		if e.Kind == event.SystemDead {
			t.Errorf("told dead: %s", e.Text)
		}
	}
}
