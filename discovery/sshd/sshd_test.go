package sshd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"assim/discovery/conf"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// What others recorded: keywords in mixed case, a list of one as its element.
func TestRecordedFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/sshd/"
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
	r := reader{doc: &Payload{Settings: map[string]any{}}}
	r.read(string(input), 0)
	got := r.doc.Settings
	if len(got) != len(want.Data) {
		t.Errorf("%d settings, want %d", len(got), len(want.Data))
	}
	for name, w := range want.Data {
		g := got[strings.ToLower(name)]
		if list, ok := g.([]any); ok && len(list) == 1 {
			g = list[0]
		}
		if fmt.Sprint(g) != fmt.Sprint(w) {
			t.Errorf("%s is %v, want %v", name, g, w)
		}
	}
	t.Logf("%d recorded facts reproduced", len(want.Data))
}

// Of every line that sshd -T printed on the recorded host, keyword and values are
// in the document.
func TestTheSettingsEqualSshds(t *testing.T) {
	h, err := discoverytest.Load("testdata/debian12")
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Run(context.Background(), "sshd", "-T")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	p := payload.(*Payload)
	facts := 0
	for _, line := range conf.Lines(string(out)) {
		name, rest := conf.Cut(line)
		text := strings.ToLower(fmt.Sprint(p.Settings[name]))
		text = strings.NewReplacer("true", "yes", "false", "no", "map[sftp:", "sftp ", "[", "", "]", "", ",", " ").Replace(text)
		rest = strings.NewReplacer("[", "", "]", "", ",", " ").Replace(strings.ToLower(rest))
		for _, word := range strings.Fields(rest) {
			if !slices.Contains(strings.Fields(text), word) {
				t.Errorf("%s: %q is not in %q", name, word, text)
			}
		}
		facts++
	}
	t.Logf("%d facts equal those of sshd -T", facts)
}

func TestTimesAreSeconds(t *testing.T) {
	for text, want := range map[string]any{"120": int64(120), "2m": int64(120), "1h30m": int64(5400), "0": int64(0), "x": "x", "5y": "5y"} {
		if got := seconds(text); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Port=22\nMatch User x\n\tBanner \"a b\"\nSubsystem sftp x y\nInclude *\nLoginGraceTime 1h\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := reader{host: discoverytest.NewHost(os.DirFS(os.DevNull), discoverytest.Host{}), doc: &Payload{Settings: map[string]any{}}}
		r.read(text, 0)
		for name, value := range r.doc.Settings {
			if name == "" || value == nil {
				t.Errorf("%q: %v", name, value)
			}
		}
	})
}
