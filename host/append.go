package host

import (
	"errors"
	"io"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// smallFile is how much room the first reading of a file of the kernel's gets:
// most of what it says of a process is shorter.
const smallFile = 1 << 10

// AppendFile appends to dst what a file holds, at most limit bytes of it. Of files
// that the kernel answers for it makes no garbage.
func (r *rootFS) AppendFile(dst []byte, name string, limit int) ([]byte, error) {
	if !r.live || !ofKernel(name) || !fs.ValidPath(name) {
		f, err := r.Open(name)
		if err != nil {
			return dst, err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, int64(limit)))
		return append(dst, data...), err
	}
	if r.step != nil {
		r.step()
	}
	fd, err := unix.Open("/"+name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return dst, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	limit += len(dst)
	for len(dst) < limit {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, smallFile)
		}
		n, err := unix.Read(fd, dst[len(dst):min(cap(dst), limit)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return dst, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		if n <= 0 {
			break
		}
		dst = dst[:len(dst)+n]
	}
	return dst, nil
}

// AppendLink appends to dst the target of a symbolic link.
func (r *rootFS) AppendLink(dst []byte, name string) ([]byte, error) {
	if !r.live || !ofKernel(name) || !fs.ValidPath(name) {
		target, err := r.ReadLink(name)
		return append(dst, target...), err
	}
	if r.step != nil {
		r.step()
	}
	for room := smallFile; ; room *= 2 {
		dst = slices.Grow(dst, room)
		n, err := unix.Readlink("/"+name, dst[len(dst):cap(dst)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return dst, &fs.PathError{Op: "readlink", Path: name, Err: err}
		case len(dst)+n < cap(dst) || room > 2*unix.PathMax:
			return dst[:len(dst)+n], nil
		}
	}
}
