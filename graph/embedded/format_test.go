package embedded

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assim/graph"
)

// TestAFileOfFormat1OpensAndSaysTheSame opens a file that was written before
// format 2: systems a and b, two sources that speak of one node, a document
// that changed, one that two systems had alike and one that went, a record.
func TestAFileOfFormat1OpensAndSaysTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph.db")
	unpackFile(t, "testdata/format1.db.gz", path)
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	began := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	a := graph.Key{Label: graph.System, ID: "a"}
	for _, at := range []struct {
		when     time.Time
		hash     string // as the version that wrote the file printed it
		docs     int
		document string
	}{
		{time.Time{}, "a20daf77396e3d52b2aaa1382174b05b5385b360b42d57e913391f3d6918fd90", 2, `{"v":2}`},
		{began.Add(2 * time.Hour), "c793a07a303058cab5b5cd0c51d2b1456789b0ad67add392480bcb2375109f40", 3, `{"v":1}`},
	} {
		r, err := s.View(t.Context(), at.when)
		if err != nil {
			t.Fatal(err)
		}
		if hash, err := graph.Hash(r); hash != at.hash || err != nil {
			t.Errorf("at %s the hash is %s, %v; want %s", at.when, hash, err, at.hash)
		}
		if _, err := r.Find(a); err != nil {
			t.Error(err)
		}
		docs := 0
		for _, err := range r.Documents(graph.Key{}, "") {
			docs++
			if err != nil {
				t.Error(err)
			}
		}
		for d, err := range r.Documents(a, "net") {
			if string(d.JSON) != at.document || err != nil {
				t.Errorf("at %s the document is %s, %v; want %s", at.when, d.JSON, err, at.document)
			}
		}
		if docs != at.docs {
			t.Errorf("at %s there are %d documents, want %d", at.when, docs, at.docs)
		}
		r.Close()
	}
	same := graph.Change{Source: "a/os", At: began.Add(9 * time.Hour), Nodes: []graph.Node{{Key: a, Props: graph.P("os", "Debian")}}}
	res, err := s.Apply(t.Context(), same)
	if err != nil || res.Unchanged != 1 {
		t.Errorf("what a source said before is not known again: %+v, %v", res, err)
	}
}

func unpackFile(t *testing.T, from, to string) {
	t.Helper()
	packed, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}
