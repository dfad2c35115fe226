package embedded

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/graph"
)

func TestAStoreIsReadBesideWhoWritesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph.db")
	writer, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	key := graph.Key{Label: graph.System, ID: "n-1"}
	say := func(at time.Time, props ...any) {
		t.Helper()
		if _, err := writer.Apply(t.Context(), graph.Change{Source: "n-1/os", At: at, Nodes: []graph.Node{{Key: key, Props: graph.P(props...)}}}); err != nil {
			t.Fatal(err)
		}
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	say(noon, "name", "web")
	s, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	say(noon.Add(time.Hour), "name", "web2", "a name that was not there when it was opened", 7)
	for at, want := range map[time.Time]string{{}: "web2", noon.Add(time.Minute): "web"} {
		there, err := writer.View(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		here, err := s.View(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for v, err := range here.NodesWith(graph.System, "name", want) {
			if found++; err != nil || v.Key != key {
				t.Errorf("%v, %v", v.Key, err)
			}
		}
		if found != 1 || !here.Indexed(graph.System, "name") || here.Indexed(graph.System, "os") {
			t.Errorf("%s is found %d times by an index", want, found)
		}
		a, errA := graph.Hash(there)
		b, errB := graph.Hash(here)
		if a != b || errA != nil || errB != nil {
			t.Errorf("at %s: %s, %v beside %s, %v", at, b, errB, a, errA)
		}
		if err := errors.Join(there.Close(), here.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestAStoreThatIsReadIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "graph.db"), filepath.Join(dir, "b.db")
	w, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	change := graph.Change{Source: "s", Nodes: []graph.Node{{Key: graph.Key{Label: graph.System, ID: "n-1"}}}}
	if _, err := w.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Backup(t.Context(), backup), w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, backup} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply(t.Context(), change); !errors.Is(err, ErrReadOnly) {
			t.Errorf("a change: %v", err)
		}
		if err := s.Prune(t.Context(), time.Now()); !errors.Is(err, ErrReadOnly) {
			t.Errorf("pruning: %v", err)
		}
		view, err := s.View(t.Context(), time.Time{})
		if err != nil || view.Count("") != 1 {
			t.Fatalf("%v", err)
		}
		if err := errors.Join(view.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		after, err := os.ReadFile(path)
		left, errs := filepath.Glob(dir + "/*")
		if err != nil || errs != nil || !bytes.Equal(before, after) || len(left) != len(files) {
			t.Errorf("%s is another after it was read (%v), or left something: %v", path, err, left)
		}
	}
}

func TestWhatCannotBeReadIsSaidAndNotMade(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := filepath.Join(dir, "old.db")
	unpackFile(t, "testdata/format1.db.gz", old)
	newer := filepath.Join(dir, "newer.db")
	s, err := Open(newer, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	script(t, newer, "PRAGMA user_version = 99")
	for path, want := range map[string]string{
		old:                                     "assim restore FILE -store COPY",
		newer:                                   "use the version that wrote it or a newer one",
		write("text", strings.Repeat("x", 600)): "not a database",
		write("empty", ""):                      "a database of something else",
		filepath.Join(dir, "none"):              "no such file",
	} {
		if _, err := OpenReadOnly(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a store was made")
	}
}
