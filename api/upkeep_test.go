package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/embedded"
	"assim/graph/graphtest"
)

// keeping returns a client of a server over a store, and where it makes backups.
func keeping(t *testing.T, store graph.Store) (*Client, string) {
	t.Helper()
	backups := filepath.Join(t.TempDir(), "backups")
	s := &Server{Store: store, Backups: backups}
	mux := http.NewServeMux()
	s.upkeep(mux)
	mux.HandleFunc("GET /v1/docs", answer(s.docs))
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	c, err := NewClient(path)
	if err != nil {
		t.Fatal(err)
	}
	return c, backups
}

func onDisk(t *testing.T) *embedded.Store {
	t.Helper()
	store, err := embedded.Open(filepath.Join(t.TempDir(), "graph.db"), embedded.Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func say(t *testing.T, store graph.Store, changes ...graph.Change) {
	t.Helper()
	if _, err := store.Apply(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

// noon is when the told days begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// told makes two systems and, two hours later, changes both.
func told(t *testing.T, store graph.Store) {
	t.Helper()
	web, db := graph.Key{Label: graph.System, ID: "n-1"}, graph.Key{Label: graph.System, ID: "n-2"}
	nic := func(system, name string) graph.Key { return graph.Key{Label: graph.NIC, ID: system + "/" + name} }
	addr := func(a string) graph.Key { return graph.Key{Label: graph.IPAddr, ID: a} }
	network := func(at time.Time, mtu int, address string) graph.Change {
		return graph.Change{Source: "n-1/netconfig", At: at,
			Nodes: []graph.Node{{Key: nic("n-1", "eth0"), Props: graph.P("mtu", mtu)}, {Key: addr(address), Props: graph.P("addr", address)}},
			Rels:  []graph.Rel{{From: web, Type: graph.HasNIC, To: nic("n-1", "eth0")}, {From: nic("n-1", "eth0"), Type: graph.HasIP, To: addr(address)}}}
	}
	say(t, store,
		graph.Change{Source: "n-1/os", At: noon, Nodes: []graph.Node{{Key: web, Props: graph.P("name", "web", "status", "up")}}},
		graph.Change{Source: "n-2/os", At: noon, Nodes: []graph.Node{{Key: db, Props: graph.P("name", "db")}}},
		network(noon, 1500, "10.0.0.1"))
	later := noon.Add(2 * time.Hour)
	say(t, store, network(later, 9000, "10.0.0.9"), graph.Change{Source: "n-2/os", At: later.Add(time.Minute)})
}

// lines writes a Diff as one line per element.
func lines(d Diff) (out []string) {
	for _, s := range d.Systems {
		for _, typ := range s.Types {
			for _, item := range typ.Items {
				line := s.Name + " " + typ.Type + " " + item.Kind + " " + item.Key + item.From + ">" + item.To
				for _, f := range item.Fields {
					line += " " + f.Name
				}
				out = append(out, line)
			}
		}
	}
	return out
}

func TestADiffIsBySystemAndTypeAndNamesWhatAnAddressBelongsTo(t *testing.T) {
	for name, store := range map[string]graph.Store{"embedded": onDisk(t), "reference": graphtest.NewMem()} {
		told(t, store)
		c, _ := keeping(t, store)
		d, err := c.Diff(t.Context(), "", noon.Add(time.Hour), time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := []string{
			"db System removed System:n-2> name",
			"web HAS_IP added NIC:n-1/eth0>IPAddr:10.0.0.9",
			"web HAS_IP removed NIC:n-1/eth0>IPAddr:10.0.0.1",
			"web IPAddr added IPAddr:10.0.0.9> addr",
			"web IPAddr removed IPAddr:10.0.0.1> addr",
			"web NIC changed NIC:n-1/eth0> mtu",
		}
		got := lines(d)
		slices.Sort(got)
		if !slices.Equal(got, want) || d.Added != 2 || d.Removed != 3 || d.Changed != 1 {
			t.Errorf("%s: %d added, %d removed, %d changed:\n%s\nwant\n%s", name, d.Added, d.Removed, d.Changed,
				strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestADiffCanBeOfOneSystemEvenIfItIsGone(t *testing.T) {
	store := onDisk(t)
	told(t, store)
	c, _ := keeping(t, store)
	d, err := c.Diff(t.Context(), "db", noon.Add(time.Hour), noon.Add(5*time.Hour))
	if got := lines(d); err != nil || len(got) != 1 || !strings.HasPrefix(got[0], "db System removed") {
		t.Errorf("%v, %v", got, err)
	}
	if d, err = c.Diff(t.Context(), "web", noon.Add(time.Hour), noon.Add(90*time.Minute)); err != nil || len(d.Systems) != 0 {
		t.Errorf("before anything happened: %+v, %v", d, err)
	}
	var e *Error
	if _, err = c.Diff(t.Context(), "nobody", noon, time.Time{}); !errors.As(err, &e) || e.Code != http.StatusNotFound {
		t.Errorf("of nobody: %v", err)
	}
	if _, err = c.Diff(t.Context(), "", noon.Add(time.Hour), noon); !errors.As(err, &e) || e.Code != http.StatusBadRequest {
		t.Errorf("backwards: %v", err)
	}
}

func TestABackupIsAStoreThatSaysTheSame(t *testing.T) {
	store := onDisk(t)
	told(t, store)
	c, dir := keeping(t, store)
	b, err := c.Backup(t.Context(), "nightly.db")
	if err != nil || b.Path != filepath.Join(dir, "nightly.db") || b.Bytes == 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	copied, err := embedded.Open(b.Path, embedded.Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if got, want := hashOf(t, copied), hashOf(t, store); got != want {
		t.Errorf("the backup's graph has the hash %s, the store's %s", got, want)
	}
	var e *Error
	if _, err := c.Backup(t.Context(), "nightly.db"); !errors.As(err, &e) || e.Code != http.StatusBadRequest || !strings.Contains(err.Error(), "name another") {
		t.Errorf("over an earlier one: %v", err)
	}
}

func hashOf(t *testing.T, s graph.Store) string {
	t.Helper()
	view, err := s.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	hash, err := graph.Hash(view)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestABackupIsWrittenNowhereElse(t *testing.T) {
	store := onDisk(t)
	c, dir := keeping(t, store)
	outside := t.TempDir()
	for _, file := range []string{"", ".", "..", "../x.db", "a/../../x.db", filepath.Join(outside, "x.db"), "/", dir} {
		var e *Error
		if b, err := c.Backup(t.Context(), file); !errors.As(err, &e) || e.Code != http.StatusBadRequest {
			t.Errorf("%q: %+v, %v", file, b, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	for _, file := range []string{filepath.Join(dir, "a.db"), "week/b.db"} {
		if b, err := c.Backup(t.Context(), file); err != nil || !strings.HasPrefix(b.Path, dir+"/") {
			t.Errorf("%q: %+v, %v", file, b, err)
		}
	}
}

func TestACheckTellsSoundFromDamaged(t *testing.T) {
	store := onDisk(t)
	told(t, store)
	c, _ := keeping(t, store)
	r, err := c.Check(t.Context())
	if err != nil || !r.Sound || r.Nodes != 3 || r.Rels != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	c, _ = keeping(t, sick{store})
	if r, err = c.Check(t.Context()); err != nil || r.Sound || !strings.Contains(r.Problem, "damaged") {
		t.Errorf("%+v, %v", r, err)
	}
}

// sick is a store whose check finds something.
type sick struct{ *embedded.Store }

func (sick) Check(context.Context) error { return embedded.ErrDamaged }

func TestWhatAStoreCannotDoIsSaidPlainly(t *testing.T) {
	c, _ := keeping(t, graphtest.NewMem())
	_, backup := c.Backup(t.Context(), "x.db")
	_, check := c.Check(t.Context())
	_, reindex := c.Reindex(t.Context())
	for _, err := range []error{backup, check, reindex} {
		var e *Error
		if !errors.As(err, &e) || e.Code != http.StatusNotImplemented || !strings.Contains(err.Error(), "this CMA's store cannot") {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheDocumentsOfThePastAreThere(t *testing.T) {
	store := onDisk(t)
	web := graph.Key{Label: graph.System, ID: "n-1"}
	for i, text := range []string{`{"a":1}`, `{"a":2}`} {
		at := noon.Add(time.Duration(i) * time.Hour)
		say(t, store, graph.Change{Source: "n-1/os", At: at, Nodes: []graph.Node{{Key: web}},
			Document: &graph.Document{System: web, Type: "os", JSON: []byte(text), Hash: []string{
				"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862", "7e8059f495589fcd981232cc11d00b00da3802c01d688fa1cf1f6bed6e5bb33c"}[i], At: at}})
	}
	c, _ := keeping(t, store)
	for at, want := range map[time.Time]string{{}: `{"a":2}`, noon.Add(time.Minute): `{"a":1}`} {
		docs, err := c.Docs(t.Context(), "n-1", "os", at)
		if err != nil || len(docs) != 1 || string(docs[0].JSON) != want {
			t.Errorf("at %s: %+v, %v", at, docs, err)
		}
	}
}
