package host

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Cost runs do and returns the CPU time its thread spent in it, user and system.
// What do leaves to other goroutines is not in it, nor are its commands.
func Cost(do func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	do()
	return threadTime() - before
}

func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
