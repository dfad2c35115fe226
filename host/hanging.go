package host

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// fileTime is how long one operation on a file may take before its mount is
	// taken for hanging.
	fileTime = 5 * time.Second
	// maxHanging is how many operations may hang at once, each holding a thread,
	// before no more are begun.
	maxHanging = 8
	// probeTime is how long a mount may take to say how full it is.
	probeTime = time.Second
	// handTime is how long a hand rests before it goes, at least.
	handTime = time.Second
)

// hangs knows the operations that are under way and, of those that take too
// long, the mounts they were on: nothing more is asked of such a mount until it
// answers, so that one dead server costs one thread, and not the sight of all
// other files.
type hangs struct {
	mu      sync.Mutex
	dead    []string // mount points, or files, each for one operation
	resting []*hand
}

// begin refuses an operation on a file that would hang as well.
func (h *hangs) begin(file string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, at := range h.dead {
		if below, ok := strings.CutPrefix(file, at); ok && (below == "" || below[0] == '/') {
			return ErrHangs
		}
	}
	if len(h.dead) >= maxHanging {
		return fmt.Errorf("%d earlier operations hang: %w", maxHanging, ErrHangs)
	}
	return nil
}

func (h *hangs) died(at string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = append(h.dead, at)
}

// answered forgets one operation that hung.
func (h *hangs) answered(at string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, d := range h.dead {
		if d == at {
			h.dead = append(h.dead[:i], h.dead[i+1:]...)
			return
		}
	}
}

// blame returns what to leave alone when an operation on a file hangs: the mount
// it is on, or the file alone when that mount answers. The file is reached by a
// link then.
func blame(file string) string {
	at := mountOf(file)
	answer := make(chan struct{})
	go func() {
		var st unix.Statfs_t
		_ = unix.Statfs(at, &st) // that it returns is what counts
		close(answer)
	}()
	timer := time.NewTimer(probeTime)
	defer timer.Stop()
	select {
	case <-answer:
		return file
	case <-timer.C:
		return at
	}
}

// unescape undoes what the kernel does to blanks in mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountOf returns the mount point that a file is on by its name.
func mountOf(file string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return file
	}
	at := "/"
	for line := range strings.Lines(string(text)) {
		// "36 35 98:0 / /mnt rw - ext3 /dev/root rw": the fifth is the mount point.
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if point := unescape.Replace(f[4]); len(point) > len(at) && strings.HasPrefix(file+"/", point+"/") {
			at = point
		}
	}
	return at
}

// watched runs do, and leaves it behind when it takes longer than fileTime: a
// system call on a dead network mount cannot be interrupted, only abandoned.
func watched[T any](r *rootFS, op, name string, do func() (T, error)) (T, error) {
	if r.step != nil {
		r.step()
	}
	if r.live && ofKernel(name) {
		return do()
	}
	var none T
	file := r.path(name)
	if err := r.hanging.begin(file); err != nil {
		return none, &fs.PathError{Op: op, Path: name, Err: err}
	}
	var got struct { // its own place: what is left behind may still write
		value T
		err   error
	}
	w, done := r.hanging.hand(), false
	r.meter.wait(func() {
		done = w.do(r.meter.job(func() { got.value, got.err = do() }))
	})
	if done {
		r.hanging.rest(w)
		return got.value, got.err
	}
	at := blame(file)
	r.hanging.died(at)
	go func() {
		<-w.done
		r.hanging.answered(at)
		r.hanging.rest(w)
	}()
	return none, &fs.PathError{Op: op, Path: name, Err: ErrHangs}
}
