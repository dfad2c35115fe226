package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assim/api"
	"assim/graph"
	"assim/graph/embedded"
)

// storeFile makes a store with a system, an os document and what that means,
// and returns its path.
func storeFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graph.db")
	s, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	system := graph.Key{Label: graph.System, ID: "n-1"}
	doc := []byte(`{"a":1}`) // of a type that means nothing as graph
	_, err = s.Apply(t.Context(),
		graph.Change{Source: "cma/node", Nodes: []graph.Node{{Key: system, Props: graph.P("name", "web")}}, Records: []graph.Record{{Bucket: "b", Name: "n", Value: []byte("v")}}},
		graph.Change{Source: "n-1/own", Document: &graph.Document{System: system, Type: "own", JSON: doc, Hash: "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// offline runs a command that asks no CMA.
func offline(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(context.Background(), args, &o, &e)
	return code, o.String(), e.String()
}

func TestACopiedStoreHasAllOfTheFirst(t *testing.T) {
	from := storeFile(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	if code, out, errs := offline("store", "copy", from, to); code != exitOK || !strings.Contains(out, "both graphs have the hash") {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	s, err := embedded.Open(to, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if v, err := s.Record(t.Context(), "b", "n"); err != nil || string(v) != "v" {
		t.Errorf("the record is %q, %v", v, err)
	}
	if code, _, errs := offline("store", "copy", from, to); code != exitFailed || !strings.Contains(errs, "name another") {
		t.Errorf("over one that is there: exit %d, %s", code, errs)
	}
}

func TestAStoreThatIsOpenIsNamedWithWhoHasIt(t *testing.T) {
	path := storeFile(t)
	s, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, args := range [][]string{{"check", "-store", path}, {"store", "copy", path, path + "2"}, {"reindex", "-store", path, "-into", path + "3"}} {
		if code, _, errs := offline(args...); code != exitFailed || !strings.Contains(errs, "in use by process") {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	if code, _, errs := offline("restore", path, "-store", path); code != exitFailed || !strings.Contains(errs, "move it away") {
		t.Errorf("restore over it: exit %d, %s", code, errs)
	}
}

// Root restores, and the CMA that is to work with it is not root.
func TestANewStoreBelongsToWhomItsFolderBelongs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files are given to others by root only")
	}
	from, dir := storeFile(t), t.TempDir()
	const cma = 65534 // nobody
	if err := os.Chown(dir, cma, cma); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"restored": {"restore", from, "-store", filepath.Join(dir, "restored")},
		"copied":   {"store", "copy", from, filepath.Join(dir, "copied")},
	} {
		if code, _, errs := offline(args...); code != exitOK {
			t.Fatalf("%s: exit %d, %s", name, code, errs)
		}
		files, err := filepath.Glob(filepath.Join(dir, name+"*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", name, files, err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; uid != cma {
				t.Errorf("%s belongs to %d", f, uid)
			}
		}
	}
}

func TestARestoredStoreIsSoundAndABrokenOneIsNotRestored(t *testing.T) {
	backup := storeFile(t)
	to := filepath.Join(t.TempDir(), "r.db")
	if code, out, errs := offline("restore", backup, "-store", to); code != exitOK || !strings.Contains(out, "start the CMA") {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	if code, out, errs := offline("check", "-store", to); code != exitOK || !strings.HasPrefix(out, "sound: 1 nodes") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	var r api.CheckResult
	if code, out, _ := offline("check", "-store", to, "-json"); code != exitOK || json.Unmarshal([]byte(out), &r) != nil || !r.Sound {
		t.Errorf("exit %d, %s", code, out)
	}
	text, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for at := 4096; at+64 < len(text); at += 4096 { // the head of every page but the first
		clear(text[at : at+64])
	}
	broken := filepath.Join(t.TempDir(), "broken.db")
	if err := os.WriteFile(broken, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "o.db")
	if code, out, _ := offline("restore", broken, "-store", other); code != exitFailed {
		t.Errorf("a broken backup: exit %d, %s", code, out)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a broken backup was put in place")
	}
}

func TestAStoreIsWorkedOutAnewIntoAnother(t *testing.T) {
	from := storeFile(t)
	into := filepath.Join(t.TempDir(), "n.db")
	var r struct {
		Documents     int
		Before, After string
	}
	code, out, errs := offline("reindex", "-store", from, "-into", into, "-json")
	out = strings.NewReplacer("hash_before", "before", "hash_after", "after").Replace(out)
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || r.Documents != 1 || r.Before != r.After || r.After == "" {
		t.Errorf("exit %d, %s%s, %v", code, out, errs, err)
	}
}

func TestADiffReadsAsPeopleName(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	a.diff(api.Diff{From: at.Add(-time.Hour), To: at, Added: 1, Changed: 1, Systems: []api.SystemDiff{{System: "n-1", Name: "web", Types: []api.TypeDiff{
		{Type: "HAS_IP", Items: []api.Delta{{Kind: "added", From: "NIC:n-1/eth0", To: "IPAddr:10.0.0.9", At: at}}},
		{Type: "NIC", Items: []api.Delta{{Kind: "changed", Key: "NIC:n-1/eth0", At: at, Fields: []api.Field{{Name: "mtu", Old: 1500, New: 9000}}}}},
	}}}})
	want := `
web (n-1)
  HAS_IP
    + NIC eth0 → IPAddr 10.0.0.9  2026-03-01 12:00:00
  NIC
    ~ NIC eth0  2026-03-01 12:00:00
        mtu: 1500 → 9000

1 added, 0 removed, 1 changed between 2026-03-01 11:00:00 and 2026-03-01 12:00:00
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
