package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assim/graph"
	"assim/graph/graphtest"
)

func openTest(t testing.TB, opt Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "graph.db"), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEmbeddedKeepsTheLaw(t *testing.T) {
	graphtest.Run(t, func(t testing.TB) graph.Store { return openTest(t, Options{}) })
}

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func sys(id string, pairs ...any) graph.Node {
	return graph.Node{Key: graph.Key{Label: "System", ID: id}, Props: graph.P(pairs...)}
}

func says(source string, minute int, nodes ...graph.Node) graph.Change {
	return graph.Change{Source: source, At: t0.Add(time.Duration(minute) * time.Minute), Nodes: nodes}
}

func apply(t testing.TB, s *Store, changes ...graph.Change) {
	t.Helper()
	if _, err := s.Apply(t.Context(), changes...); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// systems returns the names of the systems at a time, sorted.
func systems(t testing.TB, s *Store, at time.Time) string {
	t.Helper()
	r, err := s.View(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for v, err := range r.Nodes("System") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s=%v", v.Key.ID, v.Props["name"]))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestASecondProcessIsToldWhoHasTheStore(t *testing.T) {
	s := openTest(t, Options{})
	_, err := Open(s.Path(), Options{})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) || !strings.Contains(err.Error(), s.Path()) {
		t.Errorf("opening twice: %v; want ErrInUse, the process and the path", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.Path(), Options{})
	if err != nil {
		t.Fatalf("opening after Close: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestForeignAndNewerFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	script(t, other, "CREATE TABLE t(x)")
	newer := filepath.Join(dir, "newer.db")
	s, err := Open(newer, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	script(t, newer, "PRAGMA user_version = 99")
	for _, path := range []string{text, other, newer} {
		if _, err := Open(path, Options{}); !errors.Is(err, ErrFormat) {
			t.Errorf("opening %s: %v, want ErrFormat", filepath.Base(path), err)
		}
	}
}

func script(t testing.TB, path, sql string) {
	t.Helper()
	c, err := dial(path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(sql); err != nil {
		t.Fatal(err)
	}
}

func TestAMigrationHappensWholeOrNotAtAll(t *testing.T) {
	c, err := dial(filepath.Join(t.TempDir(), "m.db"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := migrate(c, []string{"CREATE TABLE a(x)"}); err != nil {
		t.Fatal(err)
	}
	steps := []string{"CREATE TABLE a(x)", "CREATE TABLE b(x)", "CREATE TABLE c(x); CREATE TABLE a(x)"}
	if err := migrate(c, steps); err == nil || !strings.Contains(err.Error(), "from format 2 to 3") {
		t.Errorf("a broken step: %v, want an error that names it", err)
	}
	format, err := c.integer("PRAGMA user_version")
	tables, err2 := c.integer("SELECT count(*) FROM sqlite_master")
	if format != 2 || tables != 2 || err != nil || err2 != nil {
		t.Errorf("format %d, %d tables, %v, %v; want 2, 2", format, tables, err, err2)
	}
	steps[2] = "CREATE TABLE c(x)"
	if err := migrate(c, steps); err != nil {
		t.Error(err)
	}
}

func TestItIsAllThereAfterReopening(t *testing.T) {
	s := openTest(t, Options{})
	apply(t, s, says("a", 0, sys("1", "name", "one")), says("b", 1, sys("1"), sys("2")))
	apply(t, s, says("a", 2, sys("1", "name", "uno")))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(s.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	apply(t, s, says("a", 3), says("c", 3, sys("3")))
	for minute, want := range []string{"1=one", "1=one 2=<nil>", "1=uno 2=<nil>", "1=<nil> 2=<nil> 3=<nil>"} {
		if got := systems(t, s, t0.Add(time.Duration(minute)*time.Minute)); got != want {
			t.Errorf("minute %d: %s, want %s", minute, got, want)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFullStoreLosesNothingAndWorksAgain(t *testing.T) {
	s := openTest(t, Options{MaxMB: 1})
	defer func() { s.Close() }()
	n := fill(t, s)
	if got := len(strings.Fields(systems(t, s, time.Time{}))); got != n {
		t.Errorf("%d systems, %d were acknowledged", got, n)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s, err = Open(s.Path(), Options{MaxMB: 2}); err != nil {
		t.Fatal(err)
	}
	apply(t, s, says("more", 0, sys("more", "text", strings.Repeat("x", 1000))))
	if got := len(strings.Fields(systems(t, s, time.Time{}))); got != n+1 {
		t.Errorf("%d systems with more room, want %d", got, n+1)
	}
}

// fill applies changes until the store is full and returns how many went in.
func fill(t *testing.T, s *Store) int {
	t.Helper()
	for n := range 100_000 {
		id := fmt.Sprintf("s%06d", n)
		_, err := s.Apply(t.Context(), says(id, n, sys(id, "name", strings.Repeat("y", 1500))))
		if errors.Is(err, graph.ErrFull) {
			return n
		}
		if err != nil {
			t.Fatalf("change %d: %v, want none or ErrFull", n, err)
		}
	}
	t.Fatal("the store never became full")
	return 0
}

func TestAFullDiskLosesNothingAndWorksAgain(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	s, err := Open(filepath.Join(dir, "graph.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := fill(t, s)
	if got := len(strings.Fields(systems(t, s, time.Time{}))); got != n {
		t.Errorf("%d systems, %d were acknowledged", got, n)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, says("more", 0, sys("more")))
	if got := len(strings.Fields(systems(t, s, time.Time{}))); got != n+1 {
		t.Errorf("%d systems with more room, want %d", got, n+1)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneRefusedChangeDoesNotHurtThoseItShareAWriteWith(t *testing.T) {
	s := openTest(t, Options{})
	defer s.Close()
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		hold := &request{ctx: context.Background(), job: func(*writer) error { close(held); <-release; return nil }}
		if err := s.submit(hold); err != nil {
			t.Errorf("holding the writer: %v", err)
		}
	})
	<-held
	const good = 5
	for i := range good {
		wg.Go(func() {
			if _, err := s.Apply(context.Background(), says(fmt.Sprint(i), i, sys(fmt.Sprint(i), "name", i))); err != nil {
				t.Errorf("a good change: %v", err)
			}
		})
	}
	wg.Go(func() {
		bad := says("bad", 0, sys("bad"))
		bad.Document = &graph.Document{System: sys("bad").Key, Type: "os", Hash: strings.Repeat("ab", 32)}
		if _, err := s.Apply(context.Background(), says("bad2", 0, sys("bad2")), bad); !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("a document that nobody stored: %v, want ErrNotFound", err)
		}
	})
	for len(s.queue) < good+1 {
		runtime.Gosched()
	}
	close(release)
	wg.Wait()
	if got := systems(t, s, time.Time{}); got != "0=0 1=1 2=2 3=3 4=4" {
		t.Errorf("systems: %s, want the five good ones", got)
	}
	if n := count(t, s, "SELECT count(*) FROM log"); n != good {
		t.Errorf("%d changes logged, want %d", n, good)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestABackupTakenWhileWritingIsWhole(t *testing.T) {
	s := openTest(t, Options{})
	defer s.Close()
	apply(t, s, says("a", 0, sys("1", "name", "one")))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				if _, err := s.Apply(context.Background(), says("w", i, sys("x", "name", i), sys("y", "name", i))); err != nil {
					t.Errorf("Apply: %v", err)
				}
			}
		}
	})
	dir := t.TempDir()
	backup, copied := filepath.Join(dir, "backup"), filepath.Join(dir, "restored")
	err := s.Backup(t.Context(), backup)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), backup); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("backup over a file: %v, want a refusal", err)
	}
	if err := Restore(t.Context(), backup, copied); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, copied); err == nil {
		t.Error("a restore overwrote a store")
	}
	r, err := Open(copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := strings.Fields(systems(t, r, time.Time{}))
	if got[0] != "1=one" || len(got) == 3 && got[1][1:] != got[2][1:] {
		t.Errorf("restored: %v, want one moment of the original", got)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.Contains(f.Name(), "partial") {
			t.Errorf("%s is left over", f.Name())
		}
	}
}

func TestABrokenBackupIsNotRestored(t *testing.T) {
	s := openTest(t, Options{})
	apply(t, s, says("a", 0, sys("1", "name", strings.Repeat("z", 9000))))
	dir := t.TempDir()
	backup := filepath.Join(dir, "backup")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	s.Close()
	script(t, backup, "DELETE FROM source")
	target := filepath.Join(dir, "target")
	if err := Restore(t.Context(), backup, target); !errors.Is(err, ErrDamaged) {
		t.Errorf("restoring: %v, want ErrDamaged", err)
	}
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a damaged store appeared: %v", err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for _, damage := range []string{
		"DELETE FROM node WHERE key='2'",
		"DELETE FROM claim",
		"DELETE FROM place WHERE key='2'",
		"DELETE FROM source WHERE name='b'",
		"UPDATE usage SET n=n+1 WHERE name=-1",
		"INSERT INTO value VALUES(1, x'00', 999)",
		"UPDATE docref SET doc=77",
		"INSERT INTO oldnode VALUES(1, 5, 6, 5, 1, 'x', NULL)",
	} {
		s := openTest(t, Options{})
		c := says("a", 0, sys("1"), sys("2"))
		c.Rels = []graph.Rel{{From: c.Nodes[0].Key, Type: "WATCHES", To: c.Nodes[1].Key}}
		sum := sha256.Sum256([]byte("{}"))
		c.Document = &graph.Document{System: c.Nodes[0].Key, Type: "os", Hash: hex.EncodeToString(sum[:]), JSON: []byte("{}")}
		apply(t, s, c, says("b", 1, sys("1")))
		if err := s.Check(t.Context()); err != nil {
			t.Fatalf("before any damage: %v", err)
		}
		script(t, s.Path(), damage)
		if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", damage, err)
		}
		s.Close()
	}
}

func TestPruneForgetsOnlyThePast(t *testing.T) {
	s := openTest(t, Options{})
	defer func() { s.Close() }()
	for i := range 1300 { // several slices
		apply(t, s, says("a", i, sys("1", "name", i), sys(fmt.Sprint("n", i))))
	}
	now := systems(t, s, time.Time{})
	then := systems(t, s, t0.Add(1250*time.Minute))
	if err := s.Prune(t.Context(), t0.Add(1200*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := systems(t, s, time.Time{}); got != now {
		t.Errorf("now: %s, want %s", got, now)
	}
	if got := systems(t, s, t0.Add(1250*time.Minute)); got != then {
		t.Errorf("within what is kept: %s, want %s", got, then)
	}
	if _, err := s.View(t.Context(), t0); !errors.Is(err, graph.ErrTooOld) {
		t.Errorf("before what is kept: %v, want ErrTooOld", err)
	}
	for _, err := range s.Diff(t.Context(), t0, time.Time{}) {
		if !errors.Is(err, graph.ErrTooOld) {
			t.Errorf("difference from before what is kept: %v, want ErrTooOld", err)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM oldnode"); n > 200 {
		t.Errorf("%d old versions are left, want those of 99 minutes", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s, err = Open(s.Path(), Options{}); err != nil {
		t.Fatal(err)
	}
	apply(t, s, says("a", 0)) // an old time counts as the newest
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func count(t testing.TB, s *Store, sql string) int64 {
	t.Helper()
	c, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.release(c)
	n, err := c.integer(sql)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPruneDropsDocumentsNobodyHas(t *testing.T) {
	s := openTest(t, Options{})
	defer s.Close()
	for i := range 4 {
		text := fmt.Appendf(nil, `{"n":%d}`, i%3)
		sum := sha256.Sum256(text)
		c := says("a", i)
		c.Document = &graph.Document{System: sys("1").Key, Type: "os", Hash: hex.EncodeToString(sum[:]), JSON: text}
		apply(t, s, c)
	}
	if n := count(t, s, "SELECT count(*) FROM doc"); n != 3 {
		t.Fatalf("%d contents, want 3", n)
	}
	if err := s.Prune(t.Context(), t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count(*) FROM doc"); n != 1 {
		t.Errorf("%d contents after pruning, want the newest", n)
	}
}

func TestASiteMayAddAnIndexLater(t *testing.T) {
	s := openTest(t, Options{Labels: []graph.LabelDoc{}})
	rack := func(id string) graph.Node {
		return graph.Node{Key: graph.Key{Label: "Rack", ID: id}, Labels: []string{"Place"}, Props: graph.P("row", 7)}
	}
	apply(t, s, says("a", 0, rack("1")))
	for _, labels := range [][]graph.LabelDoc{
		{{Label: "Rack", Index: []string{"row"}}, {Label: "Place", Index: []string{"row"}}},
		{{Label: "Place", Index: []string{"row"}}},
		{},
	} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if s, err = Open(s.Path(), Options{Labels: labels}); err != nil {
			t.Fatal(err)
		}
		apply(t, s, says("b", 1, rack(fmt.Sprint("b", len(labels)))))
		r, err := s.View(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []string{"Rack", "Place"} {
			want := slices.ContainsFunc(labels, func(d graph.LabelDoc) bool { return d.Label == l })
			if got := r.Indexed(l, "row"); got != want {
				t.Errorf("Indexed(%s) = %v with %v", l, got, labels)
			}
			n := 0
			for range r.NodesWith(l, "row", 7.0) {
				n++
			}
			if n != 2 {
				t.Errorf("%d nodes %s with row 7, want 2 (indexes %v)", n, l, labels)
			}
		}
		r.Close()
	}
	s.Close()
}

func TestReadersBeyondThePoolWait(t *testing.T) {
	s := openTest(t, Options{Readers: 1})
	defer s.Close()
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.View(ended, time.Time{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a second reader: %v, want context.Canceled", err)
	}
	for range r.Nodes("") {
	}
	r.Close()
	if _, err := r.Find(sys("1").Key); !errors.Is(err, graph.ErrNotFound) && !errors.Is(err, graph.ErrClosed) {
		t.Errorf("a closed reader: %v", err)
	}
	if r, err = s.View(t.Context(), time.Time{}); err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	r.Close()
}

func TestAReaderMayBeLeftInTheMiddle(t *testing.T) {
	s := openTest(t, Options{Readers: 1})
	defer s.Close()
	apply(t, s, says("a", 0, sys("1"), sys("2")))
	r, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(r.Nodes(""))
	if _, err, ok := next(); err != nil || !ok {
		t.Fatal(err, ok)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	stop()
	if got := systems(t, s, time.Time{}); got != "1=<nil> 2=<nil>" {
		t.Errorf("the next reader sees %s", got)
	}
}

func FuzzDecodeBody(f *testing.F) {
	b := body{labels: []int64{3, 1}, props: []prop{{1, "x"}, {2, int64(-5)}, {4, 0.5}, {9, []any{true, "y"}}, {7, false}}}
	f.Add(b.encode())
	f.Add([]byte{0, 1, 1, tagList, 200, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeBody(data)
		if err != nil {
			return
		}
		again, err := decodeBody(b.encode())
		if err != nil || !bytes.Equal(again.encode(), b.encode()) {
			t.Errorf("%x: decoded %v, then %v, %v", data, b, again, err)
		}
	})
}

func FuzzDecodeElems(f *testing.F) {
	f.Add(encodeElems([]elem{nodeElem(5), relElem(5), nodeElem(1 << 40)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeElems(data)
		if err == nil && len(list) > len(data) {
			t.Errorf("%d elements from %d bytes", len(list), len(data))
		}
	})
}
