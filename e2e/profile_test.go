package e2e

import (
	"testing"
	"time"

	"assim/event"
)

// A class of systems is watched more impatiently than the rest.
func TestSystemsOfAFastClassAreFoundDeadSooner(t *testing.T) {
	t.Parallel()
	w := steady(t, "switch sw1\ncma cma sw1\nsystem db1 sw1\nsystem h01 sw1\nsystem h02 sw1\nsystem h03 sw1\n", "-profile-of", "db*=fast")
	silence := map[string]time.Duration{}
	for _, name := range []string{"db1", "h02"} {
		before, removed := w.events(), time.Now()
		if err := w.RemoveSystem(name); err != nil {
			t.Fatal(err)
		}
		silence[name] = w.happens(before, event.SystemDead, name).At.Sub(removed)
	}
	t.Logf("dead after %v", silence)
	if silence["db1"] > 5*time.Second || silence["h02"] < 5*time.Second {
		t.Errorf("dead after %v, want about 2.5 s for the class and 7 s for the rest", silence)
	}
}
