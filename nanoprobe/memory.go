package nanoprobe

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of memory. A first look at a full box makes ten times as much garbage as
// anything that lives here, later ones about as much; it is collected when it has
// filled a room, and not at a share of the one megabyte that lives on a small box.
const (
	firstMemory = 8 << 20 // what Go may hold until the first look is over
	roomAtLeast = 2 << 20 // for garbage beyond what is held between looks; more where more lives
)

// saveMemory is for the whole process, and so said where it begins. Both limits
// are soft: what lives and is needed is there.
func saveMemory() { debug.SetMemoryLimit(firstMemory) }

// tidy gives memory back to the system: garbage, and the pages of the program
// itself that only the start or a rare look needed. Those come back from the
// page cache, one small fault at a time, when they are used again.
func tidy() {
	debug.FreeOSMemory()
	forgetProgram()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys - m.HeapReleased + max(roomAtLeast, m.HeapAlloc/2)))
}

// forgetProgram drops this process's clean, read-only mappings of its own
// executable; see madvise(2), MADV_DONTNEED, and proc_pid_maps(5). Where that
// is not possible nothing happens.
func forgetProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
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
		if err1 != nil || err2 != nil || end <= start {
			continue
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
	}
}
