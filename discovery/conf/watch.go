package conf

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"assim/discovery"
)

// Limits on what a site adds to the files that are looked at.
const (
	maxPatterns = 1000    // lines of a list
	maxWatched  = 200_000 // files that one list may come to
)

// Watched are the files that a site wants looked at, beside those that always
// are: one path or pattern (path.Match) a line, and "/srv/www/**" for all files
// below a directory.
type Watched struct {
	Patterns []string // without the leading slash
	Errors   []string // lines that cannot be used
}

// ReadWatched reads a list; one that is not there watches nothing.
func ReadWatched(h discovery.Host, name string) (w Watched) {
	text, err := Read(h, name)
	if err != nil && err != discovery.ErrNotHere {
		w.Errors = []string{err.Error()}
	}
	for n, line := range Lines(text) {
		pattern, ok := strings.CutPrefix(line, "/")
		_, err := path.Match(pattern, "")
		switch {
		case len(w.Patterns) == maxPatterns:
			w.Errors = append(w.Errors, fmt.Sprintf("/%s: only the first %d lines are used", name, maxPatterns))
			return w
		case !ok || err != nil || !fs.ValidPath(pattern):
			w.Errors = append(w.Errors, fmt.Sprintf("/%s: line %d is no absolute path or pattern", name, n))
		default:
			w.Patterns = append(w.Patterns, pattern)
		}
	}
	return w
}

// Each calls each for every name that matches a pattern, until it returns false;
// it reports whether all were visited.
func (w Watched) Each(ctx context.Context, root fs.FS, each func(name string) bool) bool {
	left := maxWatched
	visit := func(name string) bool {
		left--
		return left >= 0 && ctx.Err() == nil && each(name)
	}
	for _, pattern := range w.Patterns {
		if !expand(root, pattern, visit) {
			return false
		}
	}
	return true
}

func expand(root fs.FS, pattern string, visit func(string) bool) bool {
	if dir, ok := strings.CutSuffix(pattern, "/**"); ok {
		return below(root, dir, visit)
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		return visit(pattern)
	}
	names, _ := fs.Glob(root, pattern) // a pattern that is one, see ReadWatched
	for _, name := range names {
		if !visit(name) {
			return false
		}
	}
	return true
}

// below visits everything below a directory that is no directory itself.
func below(root fs.FS, dir string, visit func(string) bool) bool {
	all := true
	_ = fs.WalkDir(root, dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && e != nil && e.IsDir():
			return fs.SkipDir
		case err != nil || e.IsDir():
			return nil // its other files are visited all the same
		case !visit(name):
			all = false
			return fs.SkipAll
		}
		return nil
	})
	return all
}

// More stands for files beyond the limit of a document. Its sum covers what
// would have been said of each, so that a change of one of them is seen.
type More struct {
	Files int    `json:"files"`
	Sum   string `json:"sha256"`
}
