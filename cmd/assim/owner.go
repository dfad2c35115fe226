package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// giveToFolder gives a new store to whom its folder belongs: root makes it, and
// the CMA, which is nobody special, has to open it.
func giveToFolder(path string) error {
	if os.Geteuid() != 0 {
		return nil // It is ours, and so is the folder.
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s has no owner; see that the CMA may read and write %s", filepath.Dir(path), path)
	}
	for _, beside := range []string{"", ".lock", "-wal", "-shm"} {
		if err := os.Lchown(path+beside, int(owner.Uid), int(owner.Gid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; see that the CMA may read and write it", err)
		}
	}
	return nil
}
