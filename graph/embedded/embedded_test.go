package embedded

import (
	"path/filepath"
	"testing"

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
