package embedded

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/graph"
)

// Nobody asks for it: the writer does so once a minute, here more often.
func TestWhatIsOlderThanTheRetentionIsForgottenByItself(t *testing.T) {
	for _, c := range []struct {
		retention time.Duration
		oldest    int // minute that can still be asked about
		versions  int64
	}{
		{0, 0, 299}, // for ever
		{time.Hour, 239, 60},
	} {
		t.Run(fmt.Sprint(c.retention), func(t *testing.T) {
			s := openTest(t, Options{Retention: c.retention, upkeep: time.Millisecond})
			defer s.Close()
			for i := range 300 {
				apply(t, s, says("a", i, sys("1", "name", i)))
			}
			now := systems(t, s, time.Time{})
			waitForVersions(t, s, c.versions)
			at := func(minute int) time.Time { return t0.Add(time.Duration(minute) * time.Minute) }
			if got, want := systems(t, s, at(c.oldest)), fmt.Sprint(c.oldest); !strings.Contains(got, want) {
				t.Errorf("the oldest that is kept: %s, want %s", got, want)
			}
			if c.oldest > 0 {
				if _, err := s.View(t.Context(), at(c.oldest-1)); !errors.Is(err, graph.ErrTooOld) {
					t.Errorf("before: %v, want ErrTooOld", err)
				}
			}
			if got := systems(t, s, time.Time{}); got != now {
				t.Errorf("now: %s, want %s", got, now)
			}
		})
	}
}

// waitForVersions waits until so many old versions are kept.
func waitForVersions(t *testing.T, s *Store, want int64) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := time.After(20 * time.Second)
	for {
		n := count(t, s, "SELECT count(*) FROM oldnode")
		if n == want {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%d old versions are kept, want %d", n, want)
		}
	}
}
