package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStoriesEndAsTold runs every scenario of testdata.
func TestStoriesEndAsTold(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	stories := 0
	for _, name := range files {
		if filepath.Base(name) == "seeds.txt" {
			continue
		}
		stories++
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer text.Close()
			r, err := Play(name, text, Options{Threads: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range append(r.Differences, r.Broken...) {
				t.Error(d)
			}
			if t.Failed() {
				t.Logf(`repeat with: make sim ARGS="-v -scenario sim/%s"`, name)
			}
		})
	}
	if stories < 25 {
		t.Errorf("only %d stories found", stories)
	}
}

// TestKeptSeedsStayMended replays the seeds that once failed, and a few fresh
// ones.
func TestKeptSeedsStayMended(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seeds, err := SeedsIn(f)
	if err != nil {
		t.Fatal(err)
	}
	for seed := uint64(1); seed <= 8; seed++ {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		r := SwarmSeed(seed, nil)
		for _, b := range r.Broken {
			t.Errorf(`seed %d: %s (repeat with: make sim ARGS="-swarm -seed %d -seeds 1 -v")`, seed, b, seed)
		}
	}
}

// TestOneThreadOrTwoMakesNoDifference runs an estate big enough to be split.
func TestOneThreadOrTwoMakesNoDifference(t *testing.T) {
	var results [2]*Result
	for i := range results {
		results[i] = Standard(splitFrom, 35*time.Second, Options{Seed: 5, Threads: i + 1}, nil)
		results[i].WallSeconds, results[i].MaxRSS = 0, 0
		for _, b := range results[i].Broken {
			t.Errorf("with %d threads: %s", i+1, b)
		}
	}
	a, b := *results[0], *results[1]
	if a.Packets != b.Packets || a.CMAPackets != b.CMAPackets || a.DetectionMax != b.DetectionMax || a.IncidentsRight != b.IncidentsRight {
		t.Errorf("one thread: %+v\ntwo threads: %+v", a, b)
	}
}

// TestTheSameSeedTellsTheSameStory repeats a swarm seed.
func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	var texts [2]strings.Builder
	for i := range texts {
		SwarmSeed(3, &texts[i])
	}
	if texts[0].String() != texts[1].String() || texts[0].Len() == 0 {
		t.Errorf("first:\n%s\nsecond:\n%s", texts[0].String(), texts[1].String())
	}
}

func TestEachProfileNoticesFaultsInItsTime(t *testing.T) {
	for profile, most := range map[string][2]float64{"fast": {800, 1500}, "default": {2000, 2700}} {
		timing, err := Profile(profile)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Script("standard", 1000, time.Minute, Options{Seed: 1, Timing: timing}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() || r.DetectionP50 > most[0] || r.DetectionMax > most[1] {
			t.Errorf("%s: p50 %.0f ms and max %.0f ms, want at most %.0f and %.0f; %v %v", profile, r.DetectionP50, r.DetectionMax, most[0], most[1], r.Differences, r.Broken)
		}
	}
}
