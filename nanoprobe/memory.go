package nanoprobe

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of memory.
const (
	// garbagePercent is how much garbage there may be before it is collected, in
	// hundredths of what lives. A look makes about as much as lives; more is more
	// memory, less is a collection every moment.
	garbagePercent = 50
	// maxProcessors is how many processors run Go at a time. Each keeps memory of
	// its own for every size of object: with 64 of them 3 MB more are held.
	maxProcessors = 2
	// firstMemory is what Go may hold until memory is given back for the first time,
	// and twice what is held then ever after. These limits are soft: what lives and
	// is needed is there, and collected for more often.
	firstMemory = 9 << 20
	// forgetEvery is how long pages of the program are kept at least while a look
	// rests. Longer is more memory, shorter costs a small fault for each more often.
	forgetEvery = time.Second
)

// saveMemory is for the whole process, and so said where it begins.
func saveMemory() {
	runtime.GOMAXPROCS(min(maxProcessors, runtime.GOMAXPROCS(0)))
	debug.SetGCPercent(garbagePercent)
	debug.SetMemoryLimit(firstMemory)
}

// untidy says that memory was needed, and is to be given back.
func (n *Nanoprobe) untidy(now time.Time) {
	if n.tidyAt.IsZero() {
		n.tidyAt = now.Add(tidyDelay)
	}
}

// tidy gives it back.
func (n *Nanoprobe) tidy() {
	n.tidyAt = time.Time{}
	if n.session.Quiet() {
		n.docs.squeeze() // Nobody asks for one just now.
	}
	n.program.tidy()
}

// tidy gives memory back to the system: garbage, and pages of the program.
func (p *program) tidy() {
	debug.FreeOSMemory()
	p.forget()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(max(firstMemory, 2*int64(m.Sys-m.HeapReleased)))
}

// program is this process's executable, as far as it is read only. The kernel
// counts pages of it that only the start or a rare look needed. Once forgotten they
// come back from the page cache, one small fault at a time, when they are used.
type program struct {
	pieces []piece
	forgot atomic.Int64 // when, in nanoseconds since 1970
}

// piece is where a part of it is mapped.
type piece struct{ from, to uintptr }

// ownProgram finds it; see proc_pid_maps(5). Where that is not possible there is
// nothing to forget.
func ownProgram() *program {
	p := &program{}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return p
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return p
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[5] != exe || strings.Contains(f[1], "w") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && end > start {
			p.pieces = append(p.pieces, piece{uintptr(start), uintptr(end)})
		}
	}
	return p
}

// forget drops the clean mappings; see madvise(2), MADV_DONTNEED.
func (p *program) forget() {
	for _, m := range p.pieces {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

// rests forgets what a look that begins to rest needed. Several looks may rest at
// once.
func (p *program) rests(now time.Time) {
	last := p.forgot.Load()
	if now.UnixNano()-last >= int64(forgetEvery) && p.forgot.CompareAndSwap(last, now.UnixNano()) {
		p.forget()
	}
}
