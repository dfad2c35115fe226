package embedded

import (
	"flag"
	"path/filepath"
	"testing"

	"assim/graph"
	"assim/graph/graphtest"
)

var crashes = flag.Int("crashes", 10, "how often the crash test kills a writing process")

func TestNothingAcknowledgedIsLostWhenKilled(t *testing.T) {
	graphtest.RunCrash(t, *crashes, func(dir string) (graph.Store, error) {
		return Open(filepath.Join(dir, "graph.db"), Options{})
	})
}
