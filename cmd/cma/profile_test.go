package main

import (
	"slices"
	"strings"
	"testing"

	"assim/authority"
	"assim/wire"
)

func TestProfilesAreReadAndTheirMistakesAreExplained(t *testing.T) {
	timing, got, err := readProfiles("quiet", []string{"db-*=fast", "web?=default"})
	want := []authority.Class{{Names: "db-*", Timing: wire.FastTiming}, {Names: "web?", Timing: wire.DefaultTiming}}
	if err != nil || timing != wire.QuietTiming || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, %v", timing, got, err)
	}
	for _, c := range []struct{ general, of, says string }{
		{"hasty", "db=fast", `-profile "hasty" is not fast, default or quiet`},
		{"fast", "db", "is not NAMES=PROFILE"},
		{"fast", "=fast", "is not NAMES=PROFILE"},
		{"fast", "db[=fast", "is not NAMES=PROFILE"},
		{"fast", "db=slow", `"slow" is not fast, default or quiet`},
	} {
		if _, _, err := readProfiles(c.general, []string{c.of}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %s: got %v, want one that says %q", c.general, c.of, err, c.says)
		}
	}
}
