package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSecretFile bounds what is read back.
const maxSecretFile = 1 << 20

// saveSecret writes v as JSON to a file that only its owner reads, whole or
// not at all, and durably.
func saveSecret(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("trust: %s: %w", path, err)
	}
	return writeSecret(path, append(b, '\n'))
}

func writeSecret(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // made with 0600
	if err != nil {
		return fmt.Errorf("trust: %w; give another directory with -dir", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // Gone already when all went well.
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("trust: %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("trust: %s: %w", dir, err)
	}
	return nil
}

// loadSecret reads what saveSecret wrote. A file that others may read is
// refused: its secrets may be known.
func loadSecret(path string, v any) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("trust: %s may be read by others (%v); if nobody did, chmod 600 it, otherwise remove it", path, info.Mode().Perm())
	}
	if info.Size() > maxSecretFile {
		return fmt.Errorf("trust: %s is too big to be ours", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("trust: %s is damaged: %w", path, err)
	}
	return nil
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
