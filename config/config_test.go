package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type settings struct {
	Listen string        `name:"listen" default:":1984" usage:"address to listen on"`
	Every  time.Duration `name:"every" default:"1s" usage:"how often"`
	Quiet  bool          `name:"quiet" usage:"say less"`
	CMA    []string      `name:"cma" usage:"addresses"`
	Max    int           `name:"max" default:"7" usage:"how many"`
}

func load(t *testing.T, toml string, env map[string]string, args ...string) (settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "assim.toml")
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	for k, v := range env {
		t.Setenv(k, v)
	}
	var s settings
	_, err := Load(Program{Name: "cma", Version: "v"}, &s, append([]string{"-config", file}, args...), new(bytes.Buffer))
	return s, err
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefaults(t *testing.T) {
	s, err := load(t, "[cma]\nlisten = \"file\"\nevery = \"2s\"\nmax = 9\n",
		map[string]string{"ASSIM_CMA_LISTEN": "env", "ASSIM_CMA_EVERY": "3s"}, "-listen", "flag")
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "flag" || s.Every != 3*time.Second || s.Max != 9 || s.Quiet {
		t.Errorf("got %+v", s)
	}
}

func TestListsAreRepeatedFlagsCommasOrArrays(t *testing.T) {
	s, err := load(t, "", nil, "-cma", "a", "-cma", "b,c", "-quiet")
	if err != nil || strings.Join(s.CMA, " ") != "a b c" || !s.Quiet {
		t.Errorf("got %+v, %v", s, err)
	}
	s, err = load(t, "[cma]\ncma = [\"x\", \"y\"]\n", nil)
	if err != nil || strings.Join(s.CMA, " ") != "x y" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAHintIsNearAndOtherwiseThereIsNone(t *testing.T) {
	known := []string{"os", "root", "listeners", "netconfig"}
	for unknown, want := range map[string]string{"oss": "os", "xyz": "", "nope": "", "rot": "root", "listner": "listeners", "net_config": "netconfig", "x": ""} {
		if got := Nearest(unknown, known); got != want {
			t.Errorf("for %q it is %q, want %q", unknown, got, want)
		}
	}
}

func TestUnknownNamesAreErrorsThatNameTheNearest(t *testing.T) {
	cases := []struct{ toml, flag, want string }{
		{"[cma]\nlisen = \"x\"\n", "", `[cma] has no key "lisen"; did you mean listen?`},
		{"[cna]\nlisten = \"x\"\n", "", "there is no table [cna]; did you mean [cma]?"},
		{"", "-lisen=x", "there is no flag -lisen; did you mean -listen?"},
		{"[cma]\nevery = \"fast\"\n", "", `every: "fast" is not a duration such as`},
		{"[cma]\nmax = \"many\"\n", "", `max: "many" is not a whole number`},
		{"[cma", "", "toml"},
	}
	for _, c := range cases {
		var args []string
		if c.flag != "" {
			args = []string{c.flag}
		}
		_, err := load(t, c.toml, nil, args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: got error %v, want one that says %q", c.toml, c.flag, err, c.want)
		}
	}
}

func TestFlagsMayStandBehindArguments(t *testing.T) {
	var s settings
	rest, err := Load(Program{Name: "cma"}, &s, []string{"web1", "-quiet", "os", "--", "-max"}, new(bytes.Buffer))
	if err != nil || !s.Quiet || strings.Join(rest, " ") != "web1 os -max" {
		t.Errorf("got %q, %+v, %v", rest, s, err)
	}
}

func TestTheTableOfAnotherProgramIsNotMine(t *testing.T) {
	if _, err := load(t, "[nanoprobe]\nwhatever = 1\n", nil); err != nil {
		t.Error(err)
	}
}

func TestAMissingNamedFileIsAnError(t *testing.T) {
	var s settings
	if _, err := Load(Program{Name: "cma"}, &s, []string{"-config", "/nonexistent/x.toml"}, new(bytes.Buffer)); err == nil {
		t.Error("no error")
	}
}

func TestHelpShowsEverySettingAndExamples(t *testing.T) {
	var s settings
	var out bytes.Buffer
	_, err := Load(Program{Name: "cma", Synopsis: "cma is the server.", Examples: "  cma -listen :1984"}, &s, []string{"-h"}, &out)
	if !errors.Is(err, ErrHelp) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"cma is the server.", "-listen", "(:1984)", "Examples:\n  cma -listen :1984", "-version"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("[cma]\nlisten = \"x\"\ncma = [\"a\", 1, true]\n")
	f.Add("[cma]\nevery = 1979-05-27T07:32:00Z\n[[x]]")
	f.Fuzz(func(t *testing.T, text string) {
		var s settings
		_ = fromTOML("cma", Settings(&s), "file", text)
	})
}
