package nsswitch

import (
	"encoding/json"
	"os"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// What others recorded, with actions beside the source where we keep them apart.
func TestRecordedFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/nsswitch/"
	input, err := os.ReadFile(dir + "input")
	if err != nil {
		t.Skipf("the fixtures made by others are not here (%s); nothing is compared", dir)
	}
	expected, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Data map[string][]map[string]string
	}
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	got := parse(string(input))
	if len(got) != len(want.Data) {
		t.Errorf("%d databases, want %d", len(got), len(want.Data))
	}
	for name, list := range want.Data {
		if len(got[name]) != len(list) {
			t.Errorf("%s: %v, want %v", name, got[name], list)
			continue
		}
		for i, w := range list {
			g := got[name][i]
			for key, value := range w {
				if key == "source" && g.Source != value || key != "source" && g.Actions[key] != value {
					t.Errorf("%s: %v, want %v", name, g, w)
				}
			}
			if len(g.Actions) != len(w)-1 {
				t.Errorf("%s: %v, want %v", name, g, w)
			}
		}
	}
}

func TestSourcesAndActionsNeedNoBlanks(t *testing.T) {
	got := sources(" files[!UNAVAIL=return success=continue]dns")
	if len(got) != 2 || got[0].Actions["!UNAVAIL"] != "return" || got[0].Actions["SUCCESS"] != "continue" || got[1].Source != "dns" {
		t.Errorf("got %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("hosts: files mdns4_minimal [NOTFOUND=return] dns # x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, list := range parse(text) {
			for _, s := range list {
				if s.Source == "" || name == "" {
					t.Errorf("%q: %v", name, s)
				}
			}
		}
	})
}
