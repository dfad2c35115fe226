package e2e

import (
	"fmt"
	"strings"
	"testing"

	"assim/event"
)

// Orders about a part of a ring are given in large ones only: 30 systems in a
// subnet in which no switch is heard.
func TestALargeRingLosesSomeAndFindsEachOnce(t *testing.T) {
	long(t)
	t.Parallel()
	var plan strings.Builder
	plan.WriteString("switch sw1 mute\ncma cma sw1\n")
	for i := range 29 {
		fmt.Fprintf(&plan, "system h%02d sw1\n", i+1)
	}
	w := start(t, plan.String())
	w.calm()
	rings, err := w.ask("MATCH (r:Ring {level: 'subnet'}) RETURN r.size")
	if err != nil || len(rings) != 1 || fmt.Sprint(rings[0][0]) != "30" {
		t.Fatalf("the rings of the subnet have the sizes %v, want one of 30: %v", rings, err)
	}
	before := w.events()
	// Two beside each other, one alone, one in order, one without power.
	w.stop([]string{"h05", "h06", "h20"})
	if _, err := w.Probe("h12").Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveSystem("h25"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"h05", "h06", "h20"} {
		w.happens(before, event.NanoprobeStopped, name)
	}
	w.happens(before, event.ShutDown, "h12")
	w.happens(before, event.SystemDead, "h25")
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	w.calm()
	w.stop([]string{"h06"})
	w.until("the second stop of h06 is told", func() error {
		if n := strings.Count(strings.Join(w.found(before), ","), "nanoprobe stopped h06"); n != 2 {
			return fmt.Errorf("it is told %d times", n)
		}
		return nil
	})
	wait(t, lasting)
	w.finds(before, "nanoprobe stopped h05", "nanoprobe stopped h06", "nanoprobe stopped h06", "nanoprobe stopped h20", "system dead h25")
}
