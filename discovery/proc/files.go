package proc

import (
	"io"
	"io/fs"
	"slices"
	"strconv"
)

// appender is a root file system that reads what the kernel answers into a buffer
// of its caller's. A machine has thousands of processes, each of them is asked
// about again and again, and mostly nothing has changed.
type appender interface {
	AppendFile(dst []byte, name string, limit int) ([]byte, error)
	AppendLink(dst []byte, name string) ([]byte, error)
}

// text is what a file holds, at most limit bytes, until the next one is read; what
// cannot be read is empty.
func (t *table) text(name string, limit int64) []byte {
	if a, ok := t.root.(appender); ok {
		t.buf, _ = a.AppendFile(t.buf[:0], name, int(limit))
		return t.buf
	}
	return []byte(readSome(t.root, name, limit))
}

// link is the target of a symbolic link until the next one is read.
func (t *table) link(name string) ([]byte, error) {
	if a, ok := t.root.(appender); ok {
		var err error
		t.buf, err = a.AppendLink(t.buf[:0], name)
		return t.buf, err
	}
	target, err := t.host.ReadLink(name)
	return []byte(target), err
}

// readSome reads at most limit bytes of a file; what cannot be read is empty,
// for a process may vanish at any moment.
func readSome(root fs.FS, name string, limit int64) string {
	if a, ok := root.(appender); ok {
		var short [1 << 10]byte
		data, _ := a.AppendFile(short[:0], name, int(limit))
		return string(data)
	}
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, limit))
	return string(data)
}

// pids lists the processes there are, lowest first. They are asked for once.
func (t *table) pids() ([]int, error) {
	if t.listed != nil {
		return t.listed, nil
	}
	names, err := namesIn(t.root, "proc")
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, min(len(names), maxPIDs))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 && len(pids) < maxPIDs {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	t.listed = pids
	return pids, nil
}

// namesIn lists a directory, in any order.
func namesIn(root fs.FS, dir string) ([]string, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if d, ok := f.(interface {
		Readdirnames(n int) ([]string, error)
	}); ok {
		return d.Readdirnames(-1)
	}
	list, err := fs.ReadDir(root, dir)
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = d.Name()
	}
	return names, err
}
