package sim

import (
	"testing"
	"time"
)

// TestAQuietHourLeftOutChangesNothing compares a day's faults within minutes
// with the same faults spread over ten: what they cost at the CMA must
// not depend on the quiet between them.
func TestAQuietHourLeftOutChangesNothing(t *testing.T) {
	for _, name := range []string{"day", "crashes"} {
		var each [2]float64
		for i, length := range []time.Duration{2 * time.Minute, 10 * time.Minute} {
			r, err := Script(name, 1500, length, Options{Seed: 3, Threads: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range r.Broken {
				t.Errorf("%s for %v: %s", name, length, b)
			}
			if r.Faults == 0 || r.Faults != r.IncidentsRight {
				t.Errorf("%s for %v: %d faults and %d right incidents", name, length, r.Faults, r.IncidentsRight)
			}
			each[i] = float64(r.CMAPackets) / float64(r.Faults)
		}
		if each[1] < 0.9*each[0] || each[1] > 1.1*each[0] {
			t.Errorf("%s: %.2f packets at the CMA for each within two minutes and %.2f within ten", name, each[0], each[1])
		}
	}
}

func TestAQuietWhileIsSilentAtTheCMA(t *testing.T) {
	s := ready(480, Options{Seed: 1, Threads: 1}, nil)
	s.runTo(10 * time.Second)
	before := s.count()
	s.runTo(6 * time.Minute)
	if now := s.count(); now.in != before.in || now.out != before.out {
		t.Errorf("%d packets to the CMA and %d from it though nothing happened", now.in-before.in, now.out-before.out)
	}
}

func TestADayTooShortIsRefused(t *testing.T) {
	if _, err := Script("day", 100, 30*time.Second, Options{Seed: 1}, nil); err == nil {
		t.Error("a day in 30 s was run")
	}
}
