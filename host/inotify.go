package host

import (
	"context"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watched files are watched through their directories: editors and package
// managers put a new file in the place of the old.
const fileEvents = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB |
	unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK

// maxWatches is how many directories are watched.
const maxWatches = 1024

// fileWatch is one inotify instance.
type fileWatch struct {
	fd    int
	names []string         // files and directories asked for, as in io/fs
	dirs  map[int32]string // by watch
}

// watchFiles calls changed with the name of each file that changes among names
// or directly in a directory among them, until ctx ends. What does not exist is
// waited for in its parent directory.
func watchFiles(ctx context.Context, names []string, changed func(name string)) {
	if len(names) == 0 {
		return
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return // every type has an interval besides
	}
	w := &fileWatch{fd: fd, dirs: map[int32]string{}}
	for _, name := range names {
		w.names = append(w.names, path.Clean(strings.TrimPrefix(name, "/")))
	}
	w.addAll()
	file := os.NewFile(uintptr(fd), "inotify")
	done := context.AfterFunc(ctx, func() { file.Close() })
	defer done()
	buf := make([]byte, 16<<10)
	for {
		n, err := file.Read(buf)
		if err != nil {
			file.Close()
			return
		}
		for _, name := range w.read(buf[:n]) {
			changed(name)
		}
	}
}

// addAll watches each name's directory, and the name itself where it is one.
// Watching twice is harmless.
func (w *fileWatch) addAll() {
	for _, name := range w.names {
		w.add(path.Dir(name))
		w.add(name)
	}
}

func (w *fileWatch) add(dir string) {
	if len(w.dirs) >= maxWatches {
		return
	}
	if id, err := unix.InotifyAddWatch(w.fd, "/"+dir, fileEvents); err == nil {
		w.dirs[int32(id)] = dir
	}
}

// read returns the names that changed and were asked for.
func (w *fileWatch) read(b []byte) []string {
	seen := map[string]bool{}
	var changed []string
	for len(b) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
		size := unix.SizeofInotifyEvent + int(event.Len)
		if size > len(b) {
			break
		}
		name := path.Join(w.dirs[event.Wd], text(b[unix.SizeofInotifyEvent:size]))
		b = b[size:]
		switch {
		case event.Mask&unix.IN_Q_OVERFLOW != 0:
			return w.names
		case event.Mask&unix.IN_IGNORED != 0:
			delete(w.dirs, event.Wd)
			w.addAll()
			continue
		case event.Mask&unix.IN_ISDIR != 0 && event.Mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
			w.addAll()
		}
		if !seen[name] && w.wants(name) {
			seen[name] = true
			changed = append(changed, name)
		}
	}
	return changed
}

func (w *fileWatch) wants(name string) bool {
	for _, n := range w.names {
		if name == n || strings.HasPrefix(name, n+"/") {
			return true
		}
	}
	return false
}
