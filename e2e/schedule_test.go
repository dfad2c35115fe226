package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// looks counts how often a nanoprobe looked at one discovery type, by its log.
func (w *world) looks(system, typ string) int {
	return strings.Count(w.Probe(system).Output(), " type="+typ+" ")
}

func TestTheCMATellsNanoprobesHowOftenToLook(t *testing.T) {
	t.Parallel()
	w := build(t, "switch sw1\ncma cma sw1\nsystem h01 sw1\n", "-schedule", "os=1s,cpu=never")
	if _, err := w.StartProbe(within(t, patience), "h01", "-debug"); err != nil {
		t.Fatal(err)
	}
	w.until("h01 looks at its operating system again and again", func() error {
		if n := w.looks("h01", "os"); n < 4 {
			return fmt.Errorf("it looked %d times", n)
		}
		return nil
	})
	if n := w.looks("h01", "cpu"); n > 1 {
		t.Errorf("it looked %d times at what it was told to leave alone, after the look at its start", n)
	}
}
