package host

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spentKey is where a context keeps what its commands have cost.
type spentKey struct{}

// Cost runs do and returns the CPU time its thread spent in it, user and system,
// and that of the programs it ran by Execute with the context it is given. What
// do leaves to other goroutines is not in it.
func Cost(ctx context.Context, do func(context.Context)) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var spent atomic.Int64
	before := threadTime()
	do(context.WithValue(ctx, spentKey{}, &spent))
	return threadTime() - before + time.Duration(spent.Load())
}

// charge adds what a program has used, with all children it waited for.
func charge(ctx context.Context, p *os.ProcessState) {
	if spent, ok := ctx.Value(spentKey{}).(*atomic.Int64); ok && p != nil {
		spent.Add(int64(p.UserTime() + p.SystemTime()))
	}
}

func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
