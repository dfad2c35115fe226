package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse means that another process has the store open.
var ErrInUse = errors.New("the store is in use")

// lock takes path+".lock" for this process and writes into it who we are. The
// kernel lets go of it when the process ends, however it ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w by %s; stop it first, or ask it", ErrInUse, holder(f))
		}
		return nil, fmt.Errorf("locking %s.lock: %w", path, err)
	}
	me := fmt.Sprintf("process %d (%s) since %s", os.Getpid(), filepath.Base(os.Args[0]), time.Now().UTC().Format(time.RFC3339))
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(me), 0) // a courtesy; a full disk must not keep the store closed
	}
	return f, nil
}

// holder reads who has the lock.
func holder(f *os.File) string {
	buf := make([]byte, 200)
	n, _ := f.ReadAt(buf, 0) // io.EOF: the line is short
	if who := strings.TrimSpace(string(buf[:n])); who != "" {
		return who
	}
	return "another process"
}
