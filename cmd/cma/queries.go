package main

import (
	"io/fs"
	"os"
)

// siteQueries is the directory of the site's own queries; nil if there is none.
func siteQueries(dir string) fs.FS {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(dir)
}
