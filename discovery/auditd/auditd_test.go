package auditd

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// What others recorded: names in lower case, and a command split into words.
func TestRecordedFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/auditd_conf/"
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
		if words, ok := w.([]any); ok {
			w = strings.Trim(fmt.Sprint(words), "[]")
		}
		if !strings.EqualFold(fmt.Sprint(got[name]), fmt.Sprint(w)) {
			t.Errorf("%s is %v, want %v", name, got[name], w)
		}
	}
	t.Logf("%d recorded facts reproduced", len(want.Data))
}

func FuzzParse(f *testing.F) {
	f.Add("log_format = RAW\nuse_libwrap = yes\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parse(text)); n > strings.Count(text, "=") {
			t.Errorf("%d settings", n)
		}
	})
}
