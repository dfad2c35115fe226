package nanoprobe

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Whoever waits for a person was answered, and does not say that nobody answers;
// the same refusal is said once a minute.
func TestWhoWaitsToBeLetInSaysWhatIsTrue(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	pending, other := errors.New("waiting"), errors.New("revoked")
	type step struct {
		after          time.Duration
		heard          bool
		refused        error
		next           time.Duration // from then on
		silent, spoken bool
	}
	for name, steps := range map[string][]step{
		"nobody answers": {{after: 9 * time.Second}, {after: 10 * time.Second, silent: true}, {after: 69 * time.Second}, {after: 70 * time.Second, silent: true}},
		"a person is waited for": {
			{after: 2 * time.Second, refused: pending, next: 10 * time.Second, spoken: true}, {after: 11 * time.Second},
			{after: 13 * time.Second, heard: true, refused: pending, next: 10 * time.Second}, {after: 24 * time.Second, heard: true, refused: other, next: 10 * time.Second, spoken: true},
			{after: 35 * time.Second, refused: other, next: 10 * time.Second}, {after: 84 * time.Second, heard: true, refused: other, next: time.Second, spoken: true},
			{after: 94 * time.Second}, {after: 95 * time.Second, silent: true},
		},
		"told to come in an hour":          {{after: time.Second, heard: true, refused: pending, next: time.Hour, spoken: true}, {after: 59 * time.Minute}, {after: 62 * time.Minute, silent: true}},
		"it answers and has a slot for us": {{after: 9 * time.Second, heard: true}, {after: 68 * time.Second}, {after: 69 * time.Second, silent: true}},
	} {
		g := grumble{silence: start.Add(complainFirst)}
		for _, s := range steps {
			now := start.Add(s.after)
			if s.heard {
				g.heard(now)
			}
			spoken := s.refused != nil && g.refused(now, now.Add(s.next), s.refused)
			if silent := g.silent(now); silent != s.silent || spoken != s.spoken {
				t.Errorf("%s, after %v: it says that nobody answers: %v, that it is refused: %v", name, s.after, silent, spoken)
			}
		}
	}
}

func TestAStrangerIsToldThatFewAnswerHim(t *testing.T) {
	for _, f := range []*finder{newFinder(), newFinder("10.0.0.5")} {
		if s := f.advice(true); !strings.Contains(s, "-zero-configuration") || !strings.Contains(s, "assim join-token create") {
			t.Errorf("%q", s)
		}
		if s := f.advice(false); strings.Contains(s, "-zero-configuration") {
			t.Errorf("%q", s)
		}
	}
}
