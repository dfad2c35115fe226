package e2e

import (
	"os"
	"testing"
)

// long skips a test that takes half a minute or more of waiting, unless "make
// long-faults" runs it.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("ASSIM_LONG") == "" {
		t.Skip("takes long; make long-faults runs it")
	}
}
