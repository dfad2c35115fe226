// Package inode reads what a file system knows of a file beyond fs.FileInfo: its
// owner, and what tells whether it is still the same file with the same content.
package inode

import (
	"io/fs"
	"syscall"
)

// Stamp changes whenever a file or its content does: a time of change (ctime)
// cannot be set by a program, unlike the time of modification.
type Stamp struct {
	Device, Inode uint64
	Size          int64
	Modified      int64 // nanoseconds since 1970
	Changed       int64 // nanoseconds since 1970
}

// Of returns the stamp and owner of a file, or false for a file system that
// knows neither, as in tests.
func Of(info fs.FileInfo) (s Stamp, uid, gid uint32, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}, 0, 0, false
	}
	return Stamp{
		Device: uint64(st.Dev), Inode: st.Ino, Size: st.Size,
		Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}, st.Uid, st.Gid, true
}
