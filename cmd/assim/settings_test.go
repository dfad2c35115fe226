package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"assim/config"
)

func TestEverySettingIsInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(config.Table("assim", config.Settings(&common{}))) {
		if !strings.Contains(string(manual), row) {
			t.Errorf("docs/operating.md lacks the row\n%s", row)
		}
	}
	for _, c := range commands() {
		if !strings.Contains(string(manual), "`assim "+c.name) {
			t.Errorf("docs/operating.md does not tell of assim %s", c.name)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	for _, c := range commands() {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{c.name, "-h"}, &out, &errs); code != exitOK {
			t.Errorf("%s -h: exit %d, %s", c.name, code, errs.String())
		}
		if !strings.Contains(out.String(), "Examples:\n  assim "+c.name) {
			t.Errorf("%s -h shows no example:\n%s", c.name, out.String())
		}
	}
}

func TestTheOverviewShowsEveryCommandOnce(t *testing.T) {
	var out bytes.Buffer
	overview(&out)
	for _, c := range commands() {
		if n := strings.Count(out.String(), "\n  "+c.name+" "); n != 1 {
			t.Errorf("assim %s is shown %d times", c.name, n)
		}
	}
}

func TestExitCodesTellWhatIsWrong(t *testing.T) {
	cases := []struct {
		args string
		code int
		says string
	}{
		{"", exitUsage, "Usage: assim COMMAND"},
		{"help", exitOK, ""},
		{"-version", exitOK, ""},
		{"sistems", exitUsage, "did you mean systems?"},
		{"systems -jsn", exitUsage, "did you mean -json?"},
		{"systems extra", exitUsage, "assim system extra"},
		{"system", exitUsage, "takes one name"},
		{"docs", exitUsage, "docs takes a system"},
		{"join-token burn", exitUsage, "not create, list or revoke"},
		{"query NAME arg", exitUsage, "is not NAME=VALUE"},
		{"query NAME -at never", exitUsage, "neither a time"},
		{"query x -csv -json", exitUsage, "choose one"},
		{"diff a b", exitUsage, "one system at most"},
		{"diff -since 1h -from 2h", exitUsage, "not both"},
		{"diff -to 1h", exitUsage, "needs -from"},
		{"diff -from 1h -to 2h", exitUsage, "is not before"},
		{"diff -since soon", exitUsage, "neither a time"},
		{"schema Sistem", exitFailed, "did you mean System?"},
		{"restore", exitUsage, "takes the file of a backup"},
		{"check -store /nonexistent/graph.db", exitFailed, "there is no store"},
		{"check x.db", exitUsage, "assim check -store x.db"},
		{"store move a b", exitUsage, "assim store copy FROM TO"},
		{"store copy a a", exitUsage, "are both a"},
		{"store copy mysql://x y", exitFailed, "no stores of the kind mysql://"},
		{"reindex -into x.db", exitUsage, "go together"},
		{"systems -cma /nonexistent/cma.sock", exitNoCMA, "no CMA on this machine"},
		{"systems -cma /nonexistent/cma.sock", exitNoCMA, "assim operator create"},
		{"rotate master -recovery x", exitUsage, "assim rotate cma -recovery FILE"},
		{"rotate cma -recovery /nonexistent", exitFailed, "no such file"},
		{"recovery-key take", exitUsage, "assim recovery-key take FILE"},
		{"recovery-key print -data /nonexistent", exitFailed, "was taken away already"},
	}
	for _, c := range cases {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("assim %s: exit %d and %q, want %d and %q", c.args, code, errs.String(), c.code, c.says)
		}
	}
}

func TestATableCannotBeMadeToSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.table([]string{"name"}, [][]any{{"evil\x1b[2Jname\r\n\u009b31m"}})
	if strings.ContainsAny(strings.TrimSuffix(out.String(), "\n"), "\x1b\r\u009b") {
		t.Errorf("%q", out.String())
	}
}

func TestRingsAreDrawnWithTheirDeadAndTheirDeputies(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.ringsText(groupRings([][]any{
		{"switch", "sw1", 0, "h01", "up", true, 3},
		{"switch", "sw1", 1, "h02", "dead", false, 3},
		{"top", "top", 0, "h01", "up", false, 1},
	}))
	want := "\nswitch ring sw1, 2 members, roster version 3\n  ╭─ ◆ h01 ── ✗ h02 ──╮\n  ╰──────── back to the first\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestALoneSystemIsShownItsRingAndThatItIsAlone(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.ringsText(groupRings([][]any{
		{"subnet", "10.0.0.0/24", 0, "h01", "up", true, 1},
		{"top", "top", 0, "h01", "up", false, 1},
	}))
	if got := out.String(); strings.Count(got, "h01") != 1 || !strings.Contains(got, "no neighbor yet") {
		t.Errorf("got\n%s", got)
	}
}
