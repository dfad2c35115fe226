package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// enough is how often a fuzz target has been run, once, without a crash.
const enough = 10_000_000

// docs/fuzzing.md records what was run of every target: a new one gets a row.
func TestEveryFuzzTargetIsRecorded(t *testing.T) {
	root := "../.."
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, m := range target.FindAllSubmatch(text, -1) {
			there[dir+" "+string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "fuzzing.md"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (Fuzz\\w+) \\| ([0-9,]+) \\| [^|]* \\| [^|]* \\|([^|]*)\\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		name := m[1] + " " + m[2]
		recorded[name] = true
		if !there[name] {
			t.Errorf("docs/fuzzing.md records %s, which is not there", name)
		}
		runs, err := strconv.Atoi(strings.ReplaceAll(m[3], ",", ""))
		if err != nil || runs < enough && strings.TrimSpace(m[4]) == "" {
			t.Errorf("docs/fuzzing.md: %s was run %s times only, and it does not say why", name, m[3])
		}
	}
	for name := range there {
		if !recorded[name] {
			t.Errorf("docs/fuzzing.md has no row for %s: run scripts/fuzz 10000000x on its package and add one", name)
		}
	}
	script, err := os.ReadFile(filepath.Join(root, "scripts", "test"))
	if err != nil {
		t.Fatal(err)
	}
	// scripts/fuzz finds the targets by the same words as this test.
	if !regexp.MustCompile(`(?m)^stage .*scripts/fuzz [0-9]+x$`).Match(script) {
		t.Error("scripts/test does not run every fuzz target for a fixed number of executions: scripts/fuzz 2000x")
	}
}
