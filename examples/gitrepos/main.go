// Program gitrepos is an example of a discovery program in Go: which git
// checkouts lie on this system, of which origin and at which commit.
//
// Build it into discover.d: go build -o /etc/assim/discover.d/gitrepos ./examples/gitrepos
//
// ASSIM_ARG_DIRS: directories to look into, separated by colons.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// nothingHere tells the nanoprobe that this system has none.
const nothingHere = 69

// maxDepth is how deep below a directory a checkout may lie.
const maxDepth = 5

type repository struct {
	Path   string `json:"path"`
	Origin string `json:"origin,omitempty"`
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
}

func main() {
	dirs := os.Getenv("ASSIM_ARG_DIRS")
	if dirs == "" {
		dirs = "/opt:/srv"
	}
	var found []repository
	for _, dir := range filepath.SplitList(dirs) {
		found = append(found, find(dir)...)
	}
	if len(found) == 0 {
		os.Exit(nothingHere)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"repositories": found}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// find walks a directory. What cannot be read has no checkouts for us.
func find(top string) []repository {
	var found []repository
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if strings.Count(strings.TrimPrefix(path, top), "/") > maxDepth {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, ".git", "HEAD")); err != nil {
			return nil
		}
		found = append(found, describe(path))
		return fs.SkipDir
	})
	return found
}

func describe(path string) repository {
	r := repository{Path: path}
	head := text(path, "HEAD")
	if ref, ok := strings.CutPrefix(head, "ref: "); ok {
		r.Branch = strings.TrimPrefix(ref, "refs/heads/")
		r.Commit = text(path, ref)
	} else {
		r.Commit = head
	}
	for l := range strings.Lines(text(path, "config")) {
		if url, ok := strings.CutPrefix(strings.TrimSpace(l), "url = "); ok && r.Origin == "" {
			r.Origin = url
		}
	}
	return r
}

func text(repository, name string) string {
	b, err := os.ReadFile(filepath.Join(repository, ".git", name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
