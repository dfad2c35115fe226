package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// Limits on files.
const (
	// MaxFile is the most that ReadFile reads. The largest honest file of a
	// system is its package database, some 20 MB.
	MaxFile = 64 << 20
	// maxEntries is the most that a directory may hold to be listed.
	maxEntries = 100_000
)

// Errors about files that are not what discovery expects.
var (
	ErrTooLarge = errors.New("larger than the limit")
	ErrNotFile  = errors.New("not a regular file")
	ErrHangs    = errors.New("the file system does not answer")
)

// Root returns the root file system. Names are those of io/fs; symbolic links
// are followed, and those of another root stay within it. Only regular files and
// directories can be opened.
func (h *Host) Root() fs.FS { return h.root }

// ReadLink returns the target of a symbolic link.
func (h *Host) ReadLink(name string) (string, error) { return h.root.ReadLink(name) }

// Paced is the same host for one look. What it has done with files is measured by
// m; of a look that has time, step is called before everything that is asked, and
// may rest. Both may be nil.
func (h *Host) Paced(m *Meter, step func()) discovery.Host {
	root := *h.root
	root.meter, root.step = m, step
	return paced{h, &root}
}

type paced struct {
	*Host
	slow *rootFS
}

func (p paced) Root() fs.FS { return p.slow }

func (p paced) ReadLink(name string) (string, error) { return p.slow.ReadLink(name) }

func (p paced) Sockets(ctx context.Context, q discovery.SocketQuery) ([]discovery.Socket, error) {
	if p.slow.step != nil {
		p.slow.step()
	}
	return p.Host.Sockets(ctx, q)
}

// rootFS is the file system. It watches over every operation on a file that may
// lie on a mount that hangs.
type rootFS struct {
	dir     string
	live    bool
	hanging *hangs
	step    func() // see Host.Paced; nil: nothing
	meter   *Meter // see Host.Paced; nil: none
}

var (
	_ fs.ReadFileFS = (*rootFS)(nil)
	_ fs.ReadDirFS  = (*rootFS)(nil)
	_ fs.StatFS     = (*rootFS)(nil)
	_ fs.ReadLinkFS = (*rootFS)(nil)
)

// Open opens a regular file or directory. What it returns reads without a limit
// of size, for those who read piece by piece.
func (r *rootFS) Open(name string) (fs.File, error) {
	return watched(r, "open", name, func() (fs.File, error) {
		f, err := r.open(name)
		if err != nil {
			return nil, err
		}
		return f, nil
	})
}

// ReadFile returns the content of a regular file of at most MaxFile bytes.
func (r *rootFS) ReadFile(name string) ([]byte, error) {
	return watched(r, "read", name, func() ([]byte, error) {
		f, err := r.open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		var data []byte
		info, err := f.Stat()
		if err == nil && info.Size() > MaxFile {
			err = ErrTooLarge
		}
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(f, MaxFile+1)) // it may grow, and one of the kernel's has no size
		}
		if err == nil && len(data) > MaxFile {
			err = ErrTooLarge
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		return data, nil
	})
}

// ReadDir lists a directory in order of name.
func (r *rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return watched(r, "list", name, func() ([]fs.DirEntry, error) {
		f, err := r.open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		list, err := f.ReadDir(maxEntries + 1)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(list) > maxEntries {
			return nil, &fs.PathError{Op: "list", Path: name, Err: ErrTooLarge}
		}
		discovery.Sort(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return list, nil
	})
}

// Stat follows symbolic links.
func (r *rootFS) Stat(name string) (fs.FileInfo, error) {
	return watched(r, "stat", name, func() (fs.FileInfo, error) {
		if !fs.ValidPath(name) {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
		}
		if r.live {
			return os.Stat(r.path(name))
		}
		fd, err := r.openat(name, unix.O_PATH)
		if err != nil {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
		}
		f := os.NewFile(uintptr(fd), name)
		defer f.Close()
		return f.Stat()
	})
}

// Lstat does not follow a symbolic link at the end of name.
func (r *rootFS) Lstat(name string) (fs.FileInfo, error) {
	return watched(r, "lstat", name, func() (fs.FileInfo, error) {
		if !fs.ValidPath(name) {
			return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrInvalid}
		}
		if r.live {
			return os.Lstat(r.path(name))
		}
		fd, err := r.openat(name, unix.O_PATH|unix.O_NOFOLLOW)
		if err != nil {
			return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
		}
		f := os.NewFile(uintptr(fd), name)
		defer f.Close()
		return f.Stat()
	})
}

// ReadLink returns the target of a symbolic link as it is written.
func (r *rootFS) ReadLink(name string) (string, error) {
	return watched(r, "readlink", name, func() (string, error) {
		if !fs.ValidPath(name) {
			return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
		}
		if r.live {
			return os.Readlink(r.path(name))
		}
		return r.readLinkIn(name)
	})
}

func (r *rootFS) readLinkIn(name string) (string, error) {
	fd, err := r.openat(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, path.Base(name), buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

func (r *rootFS) path(name string) string {
	if r.live && fs.ValidPath(name) {
		return "/" + name // What is valid is clean, too.
	}
	return filepath.Join(r.dir, filepath.FromSlash(name))
}

// open opens without waiting (a FIFO has no writer, perhaps for ever) and keeps
// only what can be read to an end. Devices are not even opened: that can rewind
// a tape.
func (r *rootFS) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := r.openAny(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = ErrNotFile
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

func (r *rootFS) openAny(name string) (*os.File, error) {
	if r.live {
		full := r.path(name)
		if !ofKernel(name) {
			if info, err := os.Stat(full); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
				return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotFile}
			}
		}
		return os.OpenFile(full, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}
	fd, err := r.openat(name, unix.O_PATH)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	unix.Close(fd)
	if kind := st.Mode & unix.S_IFMT; err == nil && kind != unix.S_IFREG && kind != unix.S_IFDIR {
		err = ErrNotFile
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	fd, err = r.openat(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), r.path(name)), nil
}

// openat resolves name as if the other root were "/": absolute symbolic links
// and ".." stay within it.
func (r *rootFS) openat(name string, flags uint64) (int, error) {
	dir, err := unix.Open(r.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(dir, name, &how)
	if errors.Is(err, unix.ENOSYS) {
		return -1, errors.New("another root file system needs Linux 5.6 or newer")
	}
	return fd, err
}

// ofKernel tells files that the kernel itself answers for, and fast. What is
// reached through a process's root or descriptors can be on any mount.
func ofKernel(name string) bool {
	if !strings.HasPrefix(name, "proc/") && !strings.HasPrefix(name, "sys/") {
		return false
	}
	return !strings.Contains(name, "/root/") && !strings.Contains(name, "/cwd/") && !strings.Contains(name, "/fd/")
}
