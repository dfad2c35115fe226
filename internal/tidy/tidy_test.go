package tidy

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the snapshot of the packages the agent links")

// root is the repository, seen from this folder.
var root = filepath.Join("..", "..")

func TestTheTreeIsInShape(t *testing.T) {
	tree, err := Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tree.Check() {
		t.Error(f)
	}
}

// The snapshot makes every package that enters the agent a visible line in a
// diff: the agent runs on every system there is.
func TestTheAgentLinksWhatItsSnapshotSays(t *testing.T) {
	dir := filepath.Join(root, "cmd", "nanoprobe")
	if mains, _ := filepath.Glob(filepath.Join(dir, "*.go")); mains == nil {
		t.Skip("there is no cmd/nanoprobe in this tree, so there is nothing to compare")
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, errs.String())
	}
	file := filepath.Join(dir, "deps.txt")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with: go test ./internal/tidy -update", err)
	}
	for _, line := range missing(got, want) {
		t.Errorf("the agent now links %s: if it has to, run go test ./internal/tidy -update and say why in the commit", line)
	}
	for _, line := range missing(want, got) {
		t.Errorf("the agent no longer links %s: run go test ./internal/tidy -update", line)
	}
}

// missing returns the lines of a that b does not have.
func missing(a, b []byte) []string {
	has := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		has[line] = true
	}
	var list []string
	for line := range strings.Lines(string(a)) {
		if !has[line] {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
