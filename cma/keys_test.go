package cma

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assim/trust"
)

// Somebody starts the CMA without its keys, so that it makes others, and then
// with the recovery key of the lost ones.
func TestARecoveryKeyThatIsNotThatOfTheKeysIsNotIgnored(t *testing.T) {
	was, is := t.TempDir(), t.TempDir()
	log := slog.New(slog.DiscardHandler)
	for _, dir := range []string{was, is} {
		if _, made, err := loadKeys(Config{Data: dir}, log); err != nil || !made {
			t.Fatalf("made %v: %v", made, err)
		}
	}
	recovery := filepath.Join(was, trust.RecoveryFile)
	_, _, err := loadKeys(Config{Data: is, Recovery: recovery}, log)
	if err == nil || !strings.Contains(err.Error(), "belongs to another recovery key") {
		t.Errorf("other keys are there: %v", err)
	}
	for _, name := range []string{trust.CMAKeysFile, trust.RecoveryFile} { // as it says
		if err := os.Remove(filepath.Join(is, name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // The second time its keys are there.
		k, made, err := loadKeys(Config{Data: is, Recovery: recovery}, log)
		if err != nil || made || k.Stage() != trust.Gathering {
			t.Errorf("made %v, %v", made, err)
		}
	}
}
