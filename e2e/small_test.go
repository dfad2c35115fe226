package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// maxAgent bounds the stripped agent, in bytes.
const maxAgent = 8_000_000

func TestTheAgentIsSmall(t *testing.T) {
	info, err := os.Stat(filepath.Join(binDir(t), "nanoprobe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("nanoprobe has %d bytes", info.Size())
	if info.Size() > maxAgent {
		t.Errorf("nanoprobe has %d bytes, at most %d are allowed: see what the last change linked with go tool nm -size", info.Size(), maxAgent)
	}
}
