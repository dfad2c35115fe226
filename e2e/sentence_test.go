package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assim/e2e/lab"
)

// alone is a lab for what one program says on one system.
const alone = "switch sw1\ncma cma sw1\nsystem h01 sw1\n"

func TestWhatCannotStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := build(t, alone)
	file := func(name, text string) string {
		path := filepath.Join(w.Lab.Dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := func(name string) string { return w.DataDir("cma", name) }
	tests := []struct {
		name   string
		args   []string
		status int
		says   []string
	}{
		{"a port in use", []string{"cma", "-data", data("b"), "-run", data("rb")}, 1, []string{"1984 is in use", "-listen"}},
		{"a data directory in use", []string{"cma", "-data", data("cma"), "-run", data("rb"), "-listen", ":1985"}, 1,
			[]string{"in use by process", "stop it first"}},
		{"a run directory in use", []string{"cma", "-data", data("c"), "-listen", ":1985"}, 1, []string{"another CMA serves /run/assim", "-run"}},
		{"no configuration file where one was named", []string{"cma", "-config", "/nowhere.toml"}, 2, []string{"/nowhere.toml", "-config"}},
		{"a directory for a configuration file", []string{"cma", "-config", "/tmp"}, 2, []string{"/tmp", "is a directory", "-config"}},
		{"a configuration file that is none", []string{"nanoprobe", "-config", file("binary", "\x00\xff\x01")}, 2, []string{"binary", "line 1"}},
		{"an unknown key", []string{"cma", "-config", file("typo", "[cma]\nlisen = \":1\"\n")}, 2, []string{"typo", `"lisen"`, "did you mean listen?"}},
		{"an unknown flag", []string{"nanoprobe", "-dta", "x"}, 2, []string{"-dta", "did you mean -data?"}},
		{"half a join string", []string{"nanoprobe", "-data", data("n"), "-run", data("rn"), "-join", "assim1:10.0"}, 1,
			[]string{"not a join string", "assim join-token create"}},
		{"an unknown command", []string{"assim", "sistems"}, 2, []string{"sistems", "systems"}},
		{"a CMA's socket that is not there", []string{"assim", "systems", "-cma", "/nowhere.sock"}, 3, []string{"/nowhere.sock"}},
		{"a query that is none", []string{"assim", "query", "MATCH (s:System RETURN s"}, 1, []string{"line 1"}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			p, err := w.Lab.Start("cma", append([]string{filepath.Join(w.Bin, c.args[0])}, c.args[1:]...)...)
			if err != nil {
				t.Fatal(err)
			}
			state, err := p.Wait(within(t, patience))
			if err != nil {
				t.Fatal(err)
			}
			if state.ExitCode() != c.status {
				t.Errorf("exit status %d, want %d", state.ExitCode(), c.status)
			}
			for _, part := range c.says {
				if !strings.Contains(p.Output(), part) {
					t.Errorf("it does not say %q:\n%s", part, p.Output())
				}
			}
			if strings.Contains(p.Output(), "goroutine ") {
				t.Errorf("it crashed:\n%s", p.Output())
			}
		})
	}
	if err := w.WaitCMA(within(t, patience)); err != nil {
		t.Errorf("the first CMA was disturbed: %v", err)
	}
}

// A nanoprobe without a CMA goes on asking and says what it asks for.
func TestANanoprobeThatFindsNoCMASaysWhatToDoAndGoesOn(t *testing.T) {
	t.Parallel()
	w := build(t, alone)
	join, err := w.Join(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Installation.CMA.Stop(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	begin := func(name string, flags ...string) *lab.Process {
		args := []string{filepath.Join(w.Bin, "nanoprobe"), "-data", w.DataDir("h01", name), "-run", w.DataDir("h01", "run")}
		p, err := w.Lab.Start("h01", append(args, flags...)...)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	stranger, called := begin("stranger"), begin("called", "-join", join)
	for p, text := range map[*lab.Process]string{
		stranger: "assim join-token create",
		called:   w.Addr("cma").String() + ":1984",
	} {
		if err := p.WaitFor(within(t, patience), text); err != nil {
			t.Error(err)
		}
		if !p.Running() {
			t.Errorf("it has given up:\n%s", p.Output())
		}
		if state, err := p.Stop(within(t, patience)); err != nil || !state.Success() {
			t.Errorf("asked to stop it ends with %v, %v", state, err)
		}
	}
}
