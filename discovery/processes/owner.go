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
// are some 10 MB, so they are read once, and again only for an executable not
// met before or after the package database changed.
type owners struct {
	stamp string            // state of the package database when known was filled
	known map[string]string // executable → package, "" = none
	root  fs.FS
}

const statusFile = "var/lib/dpkg/status"

// refresh forgets everything when packages came or went.
func (o *owners) refresh(root fs.FS) {
	o.root = root
	stamp := ""
	if info, err := fs.Stat(root, statusFile); err == nil {
		stamp = info.ModTime().String()
	}
	if stamp != o.stamp || o.known == nil {
		o.stamp, o.known = stamp, map[string]string{}
	}
}

// of returns the package that owns the executable of p, or nothing. What runs
// in a container has the container's own packages.
func (o *owners) of(p *proc.Process) string {
	if p.Exe == "" || p.Container != "" || o.stamp == "" {
		return ""
	}
	if _, ok := o.known[p.Exe]; !ok {
		o.find(p.Exe)
	}
	return o.known[p.Exe]
}

// find looks through the file lists for one executable. A merged /usr makes
// /bin/x and /usr/bin/x the same file, and lists may have either.
func (o *owners) find(exe string) {
	o.known[exe] = ""
	wanted := map[string]bool{exe: true, strings.TrimPrefix(exe, "/usr"): true}
	lists, err := fs.Glob(o.root, "var/lib/dpkg/info/*.list")
	if err != nil {
		return
	}
	for i, name := range lists {
		if i == maxLists {
			return
		}
		if listHas(o.root, name, wanted) {
			pkg := strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".list")
			pkg, _, _ = strings.Cut(pkg, ":")
			o.known[exe] = quoteless(pkg)
			return
		}
	}
}

func listHas(root fs.FS, name string, wanted map[string]bool) bool {
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxListBytes))
	for lines.Scan() {
		if wanted[lines.Text()] {
			return true
		}
	}
	return false
}
