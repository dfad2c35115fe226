package discovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clocked drives a schedule with seconds since dawn.
type clocked struct {
	*Schedule
	t *testing.T
}

func scheduleOf(t *testing.T, types ...Type) clocked {
	return clocked{NewSchedule(dawn, types, rand.New(rand.NewPCG(1, 2))), t}
}

func at(seconds float64) time.Time { return dawn.Add(time.Duration(seconds * float64(time.Second))) }

// starts are the names that start at a moment.
func (c clocked) starts(seconds float64) string {
	var names []string
	for _, typ := range c.Tick(at(seconds)) {
		names = append(names, typ.Name)
	}
	return strings.Join(names, " ")
}

func (c clocked) wants(seconds float64, want string) {
	c.t.Helper()
	if got := c.starts(seconds); got != want {
		c.t.Errorf("at %v s %q starts, want %q", seconds, got, want)
	}
}

func TestEverythingIsLookedAtOnceAtTheStartTwoAtATime(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: time.Hour}, Type{Name: "b", On: []Trigger{Links}}, Type{Name: "c", Every: time.Hour})
	s.wants(0, "a b")
	s.wants(1, "")
	s.Done(at(1), "a", 0, nil)
	s.wants(1, "c")
}

func TestTheIntervalIsKeptGiveOrTakeAnEighth(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: 800 * time.Second})
	s.wants(0, "a")
	s.Done(at(0), "a", 0, nil)
	next := s.Deadline()
	if next.Before(at(700)) || next.After(at(900)) {
		t.Errorf("next after %v", next.Sub(dawn))
	}
	if got := s.Tick(next.Add(-1)); got != nil {
		t.Errorf("%v starts before its time", got)
	}
	if got := s.Tick(next); len(got) != 1 {
		t.Error("nothing starts at its time")
	}
}

func TestALookThatNobodyWaitsForTakesNoRoomFromOneThatCannotWait(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: 800 * time.Second}, Type{Name: "b", Every: 800 * time.Second, On: []Trigger{Links}},
		Type{Name: "c", On: []Trigger{Links}}, Type{Name: "d", Every: 800 * time.Second})
	leisurely := func(want string) {
		t.Helper()
		got := ""
		for _, name := range []string{"a", "b", "c", "d"} {
			if s.Leisurely(name) {
				got += name
			}
		}
		if got != want {
			t.Errorf("%q look leisurely, want %q", got, want)
		}
	}
	s.wants(0, "a b")
	leisurely("") // the first look
	s.Done(at(1), "a", 0, nil)
	s.Done(at(1), "b", 0, nil)
	s.wants(1, "c d")
	s.Done(at(1), "c", 0, nil)
	s.Done(at(1), "d", 0, nil)
	s.Set(at(1), "a", 80*time.Second)
	s.Set(at(1), "d", 80*time.Second)
	s.wants(100, "d a")
	leisurely("ad")
	s.Set(at(100), "b", 8*time.Second)
	s.wants(110, "") // two at a time
	s.Happened(at(110), Links)
	s.wants(111, "b c")
	leisurely("ad")
	s.Done(at(111), "d", 0, nil)
	s.Set(at(111), "d", Off)
	// What is asked for is not leisurely any more, and looks again.
	s.Ask(at(112), "a")
	leisurely("")
	s.Done(at(113), "a", 0, nil)
	s.Done(at(113), "b", 0, nil)
	s.wants(114, "a")
	leisurely("")
	s.Done(at(115), "a", 0, nil)
	s.wants(130, "b")
	leisurely("b")
	s.Ask(at(130), "a")
	s.wants(130, "a")
	leisurely("b")
}

func TestAStormOfTriggersIsOneLookAtItsEndOrAfterASecond(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", On: []Trigger{Links}}, Type{Name: "b", On: []Trigger{Addrs}})
	s.wants(0, "a b")
	s.Done(at(0), "a", 0, nil)
	s.Done(at(0), "b", 0, nil)
	if d := s.Deadline(); !d.IsZero() {
		t.Errorf("without a trigger the deadline is %v", d)
	}
	s.Happened(at(10), Links)
	s.wants(10.2, "")
	s.Happened(at(10.2), Links)
	s.wants(10.4, "")
	s.wants(10.5, "a")
	s.Done(at(10.5), "a", 0, nil)
	for i := range 20 { // a trigger every 100 ms for 2 s
		s.Happened(at(20+float64(i)/10), Links)
		if got := s.starts(20 + float64(i)/10); got != "" && i < 10 {
			t.Errorf("%s starts after %d triggers", got, i)
		} else if got != "" {
			return
		}
	}
	t.Error("triggers that never end keep the look away for ever")
}

func TestATriggerDuringALookMeansAnotherLook(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", On: []Trigger{Links}})
	s.wants(0, "a")
	s.Happened(at(1), Links)
	s.wants(5, "")
	s.Done(at(5), "a", 0, nil)
	s.wants(5.3, "a")
	s.Done(at(5.3), "a", 0, nil)
	s.wants(100, "")
}

func TestACostlyTypeRestsTenTimesAsLongAsItCost(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: time.Second, On: []Trigger{Links}})
	s.wants(0, "a")
	s.Done(at(3), "a", 2*time.Second, errors.New("oops"))
	s.Happened(at(4), Links)
	s.wants(19.9, "")
	st := s.Status(at(10))[0]
	if !st.Resting.Equal(at(20)) || st.Error != "oops" || st.Looks != 1 || st.Cost != 2*time.Second {
		t.Errorf("status %+v", st)
	}
	if d := s.Deadline(); !d.Equal(at(20)) {
		t.Errorf("deadline %v", d.Sub(dawn))
	}
	s.wants(20, "a")
}

func TestAFileOrDirectoryWakesWhoLooksAtIt(t *testing.T) {
	for name, want := range map[string]string{
		"etc/ssh/sshd_config":        "sshd",
		"/etc/ssh/sshd_config":       "sshd",
		"etc/ssh/sshd_config.d/x":    "sshd",
		"etc/ssh/sshd_config.backup": "",
		"etc/ssh":                    "",
	} {
		s := scheduleOf(t, Type{Name: "sshd", Files: []string{"/etc/ssh/sshd_config", "etc/ssh/sshd_config.d/"}}, Type{Name: "other", Files: []string{"etc/x"}})
		s.wants(0, "sshd other")
		s.Done(at(0), "sshd", 0, nil)
		s.Done(at(0), "other", 0, nil)
		s.FileChanged(at(1), name)
		if got := s.starts(3); got != want {
			t.Errorf("%s: %q starts, want %q", name, got, want)
		}
	}
}

func TestTheCMASetsIntervalsAndSwitchesOff(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: time.Hour, On: []Trigger{Links}}, Type{Name: "b", Every: time.Hour})
	if s.Set(at(0), "nobody", time.Hour) || s.Ask(at(0), "nobody") {
		t.Error("a type that is not there was set")
	}
	s.Set(at(0), "b", Off)
	s.wants(0, "a")
	s.Done(at(0), "a", 0, nil)
	s.Set(at(0), "a", Off)
	s.Happened(at(1), Links)
	if s.Ask(at(1), "a") {
		t.Error("a type that is off can be asked for")
	}
	s.wants(1e6, "")
	s.Set(at(1e6), "b", time.Minute)
	s.wants(1e6, "b")
	s.Done(at(1e6), "b", 0, nil)
	s.Set(at(1e6), "a", 0)
	s.wants(2e6-1, "b")
	s.Done(at(2e6), "b", 0, nil)
	s.Happened(at(2e6), Links)
	s.wants(2e6+1, "a")
	if !s.Ask(at(2e6+1), "a") {
		t.Error("a type that is on cannot be asked for")
	}
	s.Done(at(2e6+1), "a", 0, nil)
	s.wants(2e6+2, "a")
}

func TestADocumentThatChangesWakesItsDependents(t *testing.T) {
	s := scheduleOf(t, Type{Name: "checksums", On: []Trigger{Changed("listeners")}})
	s.wants(0, "checksums")
	s.Done(at(0), "checksums", 0, nil)
	s.Happened(at(1), Changed("packages"))
	s.wants(3, "")
	s.Happened(at(3), Changed("listeners"))
	s.wants(4, "checksums")
}

// TestTheDeadlineIsNeverLaterThanTheNextStart drives random schedules by their
// deadlines alone and by ticking all the time: both start the same.
func TestTheDeadlineIsNeverLaterThanTheNextStart(t *testing.T) {
	for seed := range uint64(50) {
		run := func(byDeadline bool) string {
			r := rand.New(rand.NewPCG(seed, 7))
			types := []Type{{Name: "a", Every: 7 * time.Second, On: []Trigger{Links}}, {Name: "b", On: []Trigger{Links, Addrs}}, {Name: "c", Every: 3 * time.Second}}
			s := NewSchedule(dawn, types, rand.New(rand.NewPCG(seed, 1)))
			var story strings.Builder
			busy := map[string]time.Time{}
			for ms := 0; ms < 60_000; ms += 10 {
				now := dawn.Add(time.Duration(ms) * time.Millisecond)
				for _, name := range []string{"a", "b", "c"} {
					if end, ok := busy[name]; ok && !now.Before(end) {
						delete(busy, name)
						s.Done(now, name, 50*time.Millisecond, nil)
					}
				}
				if r.IntN(200) == 0 {
					s.Happened(now, []Trigger{Links, Addrs}[r.IntN(2)])
				}
				if d := s.Deadline(); byDeadline && (d.IsZero() || d.After(now)) {
					continue
				}
				for _, typ := range s.Tick(now) {
					fmt.Fprintf(&story, "%d %s\n", ms, typ.Name)
					busy[typ.Name] = now.Add(500 * time.Millisecond)
				}
			}
			return story.String()
		}
		if a, b := run(true), run(false); a != b {
			t.Fatalf("by deadline\n%s\nby ticking\n%s\n(repeat with seed %d)", a, b, seed)
		}
	}
}

func TestARestIsToldWhenItHoldsALookBackAndEndsWithACheapLook(t *testing.T) {
	told := func(s clocked, seconds float64) string { return fmt.Sprint(s.Rests(at(seconds))) }
	s := scheduleOf(t, Type{Name: "dear", Every: 4 * time.Second}, Type{Name: "cheap", On: []Trigger{Addrs}}, Type{Name: "rare", On: []Trigger{Links}})
	steps := []struct {
		at   float64
		do   func()
		want string
	}{
		{0, func() { s.Tick(at(0)) }, "[]"},
		{1, func() { s.Done(at(1), "cheap", 90*time.Millisecond, nil); s.wants(1, "rare") }, "[]"},
		{2, func() { s.Done(at(2), "rare", 3*time.Second, nil) }, "[]"}, // nothing asks for it
		{3, func() { s.Done(at(3), "dear", 2*time.Second, nil) }, "[{dear 2026-01-01T00:00:20Z 2000}]"},
		{5, func() { s.Happened(at(5), Links) }, "[{dear 2026-01-01T00:00:20Z 2000} {rare 2026-01-01T00:00:31Z 3000}]"},
		{20, func() { s.Tick(at(20)) }, "[{dear 2026-01-01T00:00:20Z 2000} {rare 2026-01-01T00:00:31Z 3000}]"},
		// It rests again: what was told stands for a minute.
		{22, func() { s.Done(at(22), "dear", 5*time.Second, nil) }, "[{dear 2026-01-01T00:00:20Z 2000} {rare 2026-01-01T00:00:31Z 3000}]"},
		{64, func() {}, "[{dear 2026-01-01T00:01:10Z 5000} {rare 2026-01-01T00:00:31Z 3000}]"},
		{70, func() { s.Tick(at(70)) }, "[{dear 2026-01-01T00:01:10Z 5000} {rare 2026-01-01T00:00:31Z 3000}]"},
		{71, func() { s.Done(at(71), "dear", 0, nil); s.Done(at(71), "rare", 0, nil) }, "[]"},
	}
	for _, step := range steps {
		step.do()
		if got := told(s, step.at); got != step.want {
			t.Errorf("at %v s %s is told, want %s", step.at, got, step.want)
		}
	}
}
