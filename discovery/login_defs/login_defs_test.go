package login_defs

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// What others recorded: their numbers for octal values, 18 for "022".
func TestRecordedFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/login_defs/"
	input, err := os.ReadFile(dir + "input")
	if err != nil {
		t.Skipf("the fixtures made by others are not here (%s); nothing is compared", dir)
	}
	expected, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Data map[string]any }
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	got := parse(string(input))
	if len(got) != len(want.Data) {
		t.Errorf("%d settings, want %d", len(got), len(want.Data))
	}
	for name, w := range want.Data {
		g := got[name]
		if n, ok := g.(int64); ok {
			g = float64(n)
		}
		if text, ok := g.(string); ok && text != w {
			if n, err := strconv.ParseInt(text, 8, 64); err == nil {
				g = float64(n)
			}
		}
		if g != w {
			t.Errorf("%s is %v, want %v", name, got[name], w)
		}
	}
	t.Logf("%d recorded facts reproduced", len(want.Data))
}

func FuzzParse(f *testing.F) {
	f.Add("UMASK\t022\nENV_PATH \"x y\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name := range parse(text) {
			if name == "" {
				t.Error("a setting without a name")
			}
		}
	})
}
