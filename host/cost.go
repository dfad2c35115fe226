package host

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spentKey is where a context keeps the meter of a look.
type spentKey struct{}

// Meter measures the CPU time of one look: that of the goroutine it runs on, user
// and system, of what is done for it with files, and of the programs it runs.
type Meter struct {
	spent  atomic.Int64
	before time.Duration // of the thread, when the look went on there
}

// Cost runs do and returns the CPU time that it took, with the programs it ran by
// Execute with the context it is given, and what it had done by a host that has
// the meter. What else it leaves to other goroutines is not in it.
func Cost(ctx context.Context, do func(context.Context, *Meter)) time.Duration {
	m := &Meter{}
	m.begin()
	do(context.WithValue(ctx, spentKey{}, m), m)
	m.end()
	return time.Duration(m.spent.Load())
}

// begin keeps the goroutine on its thread, whose time the kernel counts, to end.
func (m *Meter) begin() {
	runtime.LockOSThread()
	m.before = threadTime()
}

func (m *Meter) end() {
	m.spent.Add(int64(threadTime() - m.before))
	runtime.UnlockOSThread()
}

// wait is around what somebody else does for the look. A goroutine that is kept on
// a thread takes the thread with it when it waits, and back: that is ten
// microseconds, four times what the status of a file costs.
func (m *Meter) wait(do func()) {
	if m == nil {
		do()
		return
	}
	m.end()
	do()
	m.begin()
}

// job is what somebody else does.
func (m *Meter) job(do func()) func() {
	if m == nil {
		return do
	}
	return func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := threadTime()
		do()
		m.spent.Add(int64(threadTime() - before))
	}
}

// charge adds what a program has used, with all children it waited for.
func charge(ctx context.Context, p *os.ProcessState) {
	if m, ok := ctx.Value(spentKey{}).(*Meter); ok && p != nil {
		m.spent.Add(int64(p.UserTime() + p.SystemTime()))
	}
}

func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
