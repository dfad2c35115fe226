package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"assim/e2e/lab"
)

// maxNanoprobe is how big the agent's program may be, stripped.
const maxNanoprobe = 8_000_000

func TestTheNanoprobeIsSmall(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(filepath.Join(lab.Programs(t), "nanoprobe"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxNanoprobe {
		t.Errorf("nanoprobe has %d bytes, more than %d: see what cmd/nanoprobe/deps.txt has gained", info.Size(), maxNanoprobe)
	}
	t.Logf("nanoprobe has %d bytes", info.Size())
}
