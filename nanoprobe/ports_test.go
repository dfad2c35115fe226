package nanoprobe

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"assim/wire"
)

func TestTheUsualPortIsLeftToTheCMAOfThisHost(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Data: filepath.Join(dir, "nanoprobe") + "/", Port: wire.Port}
	if got, want := ports(cfg), []int{wire.Port, wire.Port + 1, 0}; !slices.Equal(got, want) {
		t.Errorf("without a CMA: %v, want %v", got, want)
	}
	if err := os.Mkdir(filepath.Join(dir, "cma"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, want := ports(cfg), []int{wire.Port + 1, 0}; !slices.Equal(got, want) {
		t.Errorf("beside a CMA: %v, want %v", got, want)
	}
	cfg.Port = 4711
	if got, want := ports(cfg), []int{4711, 4712, 0}; !slices.Equal(got, want) {
		t.Errorf("with a port of its own: %v, want %v", got, want)
	}
	cfg.Port = 0
	if got, want := ports(cfg), []int{0}; !slices.Equal(got, want) {
		t.Errorf("any: %v, want %v", got, want)
	}
}
