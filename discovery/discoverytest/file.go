package discoverytest

import (
	"os"
	"path/filepath"
	"testing"
)

// Write makes a file below a root, and the directories on its way, and returns its
// path.
func Write(t *testing.T, root, name, text string) string {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
