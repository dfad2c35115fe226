package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// required is the value of ASSIM_LAB that turns a skipped lab into a failed
// test: "make test" sets it, so that no missing package passes for a success.
const required = "required"

// ForTest builds a lab for a test and takes it down after it. Where a lab is
// impossible the test is skipped with the reason. When the test has failed, the
// end of every program's output is shown.
func ForTest(t testing.TB, plan Plan) *Lab {
	t.Helper()
	l, err := Up(t.Context(), plan)
	if errors.Is(err, ErrMissing) && os.Getenv("ASSIM_LAB") != required {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.showLogs(t)
		}
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Programs is where "make build" leaves them, or where ASSIM_BIN says. A test
// without them is skipped, unless labs are required.
func Programs(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("ASSIM_BIN")
	if bin == "" {
		tree, err := treeOf(".")
		if err != nil {
			t.Fatal(err)
		}
		bin = filepath.Join(tree, "bin")
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cma", "nanoprobe", "assim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			if os.Getenv("ASSIM_LAB") == required {
				t.Fatalf("%v; run make build", err)
			}
			t.Skipf("%v; run make build", err)
		}
	}
	return bin
}

// treeOf returns the folder above dir that holds go.mod.
func treeOf(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("lab: no go.mod in any folder above; run the test in the tree")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// shownLines is how much of each program's output a failed test shows.
const shownLines = 30

func (l *Lab) showLogs(t testing.TB) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.procs {
		if l.switches[p.System] != nil && p.Running() {
			continue // an lldpd at work has nothing to tell
		}
		if text := crash(p.Output()); text != "" {
			t.Logf("%s crashed:\n%s", filepath.Base(p.Log), text)
		} else if text := p.Tail(shownLines); text != "" {
			t.Logf("%s printed at its end:\n%s", filepath.Base(p.Log), text)
		}
	}
}

// crash returns where a Go program's dying words begin, or nothing: the cause
// stands first, and the end is all other goroutines.
func crash(output string) string {
	for _, word := range []string{"panic: ", "fatal error: ", "SIGSEGV", "unexpected fault address"} {
		if at := strings.Index(output, word); at >= 0 {
			lines := strings.SplitN(output[at:], "\n", shownLines+1)
			return strings.Join(lines[:min(len(lines), shownLines)], "\n")
		}
	}
	return ""
}
