package processes

import (
	"bufio"
	"io"
	"io/fs"
	"strings"

	"assim/discovery/proc"
)

// Limits of the package files read for owners of executables.
const (
	maxLists     = 20000   // packages
	maxListBytes = 8 << 20 // of one package's file list
)

// owners knows which package owns an executable. The file lists of all packages
// are some 10 MB, so they are read through once for all executables, and again
// only for one not met before or after the package database changed.
type owners struct {
	stamp string            // state of the package database when known was filled; empty without one
	known map[string]string // executable → package, "" = none
}

const statusFile = "var/lib/dpkg/status"

// refresh learns the owners of all executables not known yet.
func (o *owners) refresh(root fs.FS, processes []*proc.Process) {
	stamp := ""
	if info, err := fs.Stat(root, statusFile); err == nil {
		stamp = info.ModTime().String()
	}
	if stamp != o.stamp || o.known == nil {
		o.stamp, o.known = stamp, map[string]string{}
	}
	if stamp == "" {
		return
	}
	wanted := map[string]string{} // name in a list → executable
	for _, p := range processes {
		if _, ok := o.known[p.Exe]; ok || p.Exe == "" || p.Container != "" {
			continue
		}
		o.known[p.Exe] = ""
		// With a merged /usr, /bin/x and /usr/bin/x are the same file, and lists
		// may have either.
		wanted[p.Exe], wanted[strings.TrimPrefix(p.Exe, "/usr")] = p.Exe, p.Exe
	}
	if len(wanted) > 0 {
		o.search(root, wanted)
	}
}

// of returns the package that owns the executable of p, or nothing. What runs
// in a container has the container's own packages.
func (o *owners) of(p *proc.Process) string {
	if p.Container != "" {
		return ""
	}
	return o.known[p.Exe]
}

func (o *owners) search(root fs.FS, wanted map[string]string) {
	lists, err := fs.Glob(root, "var/lib/dpkg/info/*.list")
	if err != nil {
		return
	}
	for _, name := range lists[:min(len(lists), maxLists)] {
		pkg := strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".list")
		pkg, _, _ = strings.Cut(pkg, ":")
		for _, exe := range listed(root, name, wanted) {
			o.known[exe] = pkg
		}
	}
}

// listed returns the wanted executables that a file list holds.
func listed(root fs.FS, name string, wanted map[string]string) []string {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []string
	lines := bufio.NewScanner(io.LimitReader(f, maxListBytes))
	for lines.Scan() {
		if exe, ok := wanted[string(lines.Bytes())]; ok {
			found = append(found, exe)
		}
	}
	return found
}
