package nanoprobe

import (
	"os"

	"golang.org/x/sys/unix"
)

// flock takes the lock of a file for this process, or fails at once; it ends
// with the file. See flock(2).
func flock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
