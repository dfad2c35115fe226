package trust

import (
	"bytes"
	"crypto/ed25519"
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

// loadSecret reads what saveSecret wrote.
func loadSecret(path string, v any) error {
	b, err := readSecret(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("trust: %s is damaged: %w", path, err)
	}
	return nil
}

// readSecret reads a file. One that others may read is refused: its secrets may
// be known.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("trust: %s may be read by others (%v); if nobody did, chmod 600 it, otherwise remove it", path, info.Mode().Perm())
	}
	return readCarried(path)
}

// readCarried reads a file that was carried here, on a stick for example, whose
// file system may not know who may read it.
func readCarried(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSecretFile {
		return nil, fmt.Errorf("trust: %s is too big to be ours", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	return b, nil
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// SaveRecoveryKey writes a recovery key to a file that must not be there yet, and
// reads it back.
func SaveRecoveryKey(path string, key ed25519.PrivateKey) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	text := []byte(RecoveryString(key) + "\n")
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("trust: %s: %w", path, err)
	}
	back, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(back, text) {
		return fmt.Errorf("trust: %s does not hold what was written to it: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}
