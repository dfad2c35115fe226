package host

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// MaxXattr is the most bytes that an extended attribute may have to be read: an
// access control list of 255 entries.
const MaxXattr = 2048

// Xattrs returns extended attributes of a file (xattr(7)) in the order of names,
// nil for one that it does not have. Symbolic links are followed.
func (r *rootFS) Xattrs(name string, attrs ...string) ([][]byte, error) {
	return watched(r, "getxattr", name, func() ([][]byte, error) {
		if !fs.ValidPath(name) {
			return nil, &fs.PathError{Op: "getxattr", Path: name, Err: fs.ErrInvalid}
		}
		file := r.path(name)
		if !r.live {
			fd, err := r.openat(name, unix.O_PATH)
			if err != nil {
				return nil, &fs.PathError{Op: "getxattr", Path: name, Err: err}
			}
			defer unix.Close(fd)
			// Of what is open as a path only, the kernel tells attributes by name.
			file = fmt.Sprintf("/proc/self/fd/%d", fd)
		}
		values := make([][]byte, len(attrs))
		buf := make([]byte, MaxXattr)
		for i, attr := range attrs {
			n, err := unix.Getxattr(file, attr, buf)
			switch {
			case err == nil:
				values[i] = append([]byte{}, buf[:n]...)
			case errors.Is(err, unix.ERANGE):
				return values, &fs.PathError{Op: attr + " of", Path: name, Err: ErrTooLarge}
			case !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.EOPNOTSUPP):
				return values, &fs.PathError{Op: attr + " of", Path: name, Err: err}
			}
		}
		return values, nil
	})
}
