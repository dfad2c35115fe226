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
