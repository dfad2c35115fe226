package discovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// stormy plays a type whose looks cost much while something happens every second
// to seconds, and returns CPU time used in haste.
func stormy(s clocked, cost time.Duration, from, to int) (hasty time.Duration) {
	const leisure = 60 // a paced look takes so many times as long as it costs
	var ends time.Time
	slow := false
	for ms := from * 1000; ms < to*1000; ms += 10 {
		now := dawn.Add(time.Duration(ms) * time.Millisecond)
		if ms%1000 == 0 {
			s.Happened(now, Sockets)
		}
		if slow && !s.Leisurely("a") && ends.After(now) {
			ends, slow = now, false // it goes on as fast as it can
			hasty += cost
		}
		if !ends.IsZero() && !now.Before(ends) {
			s.Done(now, "a", cost, nil)
			ends = time.Time{}
		}
		if len(s.Tick(now)) > 0 {
			if slow = s.Leisurely("a"); slow {
				ends = now.Add(leisure * cost)
			} else {
				ends = now.Add(cost)
				hasty += cost
			}
		}
	}
	if !ends.IsZero() {
		s.Done(ends, "a", cost, nil)
	}
	return hasty
}

func TestWhatHappensForEverIsLookedAtInHasteForAMomentOnly(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: 30 * time.Second, On: []Trigger{Sockets}})
	const cost, storm = 40 * time.Millisecond, 600
	if hasty := stormy(s, cost, 0, 5); hasty < 4*cost {
		t.Errorf("of five things in a row %v were looked at in haste", hasty/cost)
	}
	if told := s.Rests(at(5)); told != nil {
		t.Errorf("a few things, and %v is told", told)
	}
	if hasty, most := stormy(s, cost, 5, storm), maxHaste+storm*time.Second/hastePart; hasty > most {
		t.Errorf("%v were used in haste, more than %v", hasty, most)
	}
	if told := fmt.Sprint(s.Rests(at(storm))); told != "[{a  40}]" {
		t.Errorf("%s is told of a storm", told)
	}
	if told := s.Rests(at(storm + 300)); told != nil {
		t.Errorf("%v is told of what was over for minutes", told)
	}
	if stormy(s, cost, storm+300, storm+302) == 0 {
		t.Error("after a quiet time nothing is looked at in haste")
	}
}

func TestWhatHappensOftenAndCostsLittleIsLookedAtAtOnce(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", On: []Trigger{Sockets}})
	if hasty := stormy(s, 2*time.Millisecond, 0, 300); hasty < 290*2*time.Millisecond {
		t.Errorf("%v were used in haste", hasty)
	}
}

func TestATypeThatFailsForAMinuteIsToldUntilALookSucceeds(t *testing.T) {
	s := scheduleOf(t, Type{Name: "a", Every: 4 * time.Second})
	look := func(seconds float64, err error) {
		s.Ask(at(seconds), "a")
		s.Tick(at(seconds))
		s.Done(at(seconds), "a", 0, err)
	}
	long := strings.Repeat("é", maxErrorText)
	for _, step := range []struct {
		at   float64
		err  error
		want string
	}{
		{0, errors.New("gone"), "[]"},
		{30, errors.New("gone"), "[]"},
		{61, errors.New("gone again"), "[{a gone again 2026-01-01T00:00:00Z}]"},
		{90, errors.New("gone, number 90"), "[{a gone again 2026-01-01T00:00:00Z}]"}, // stands for an hour
		{3700, errors.New("elsewhere"), "[{a elsewhere 2026-01-01T00:00:00Z}]"},
		{3701, nil, "[]"},
		{3702, errors.New(long), "[]"},
		{3800, errors.New(long), "[{a " + long[:maxErrorText] + " 2026-01-01T01:01:42Z}]"},
	} {
		look(step.at, step.err)
		if got := fmt.Sprint(s.Failures(at(step.at))); got != step.want {
			t.Errorf("at %v s %s is told, want %s", step.at, got, step.want)
		}
	}
}
