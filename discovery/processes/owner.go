package processes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"assim/discovery"
	"assim/discovery/proc"
)

// Limits of the package files read for owners of executables.
const (
	maxLists     = 20000    // packages
	maxListBytes = 64 << 20 // of one file list; apk has one for all packages
	maxAsked     = 200      // executables that rpm is asked about
)

// owners knows which package owns an executable. The file lists of all packages
// are some 10 MB, so they are read through once for all executables, and again
// only for one not met before or after a package database changed.
type owners struct {
	stamp string            // state of the package databases when known was filled; empty without one
	known map[string]string // executable → package, "" = none
}

// databases change whenever a package comes or goes.
var databases = append([]string{debDatabase, apkDatabase, pacmanDatabase}, rpmDatabases...)

const (
	debDatabase    = "var/lib/dpkg/status"
	apkDatabase    = "lib/apk/db/installed"
	pacmanDatabase = "var/lib/pacman/local"
)

// rpmDatabases are the files of rpm's database in its three formats and two
// places.
var rpmDatabases = []string{"var/lib/rpm/Packages", "var/lib/rpm/Packages.db", "var/lib/rpm/rpmdb.sqlite",
	"usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db"}

// refresh learns the owners of all executables not known yet.
func (o *owners) refresh(ctx context.Context, h discovery.Host, processes []*proc.Process) {
	stamp, rpm := "", false
	for i, name := range databases {
		if info, err := fs.Stat(h.Root(), name); err == nil {
			stamp += info.ModTime().String() + "\n"
			rpm = rpm || i >= len(databases)-len(rpmDatabases)
		}
	}
	if stamp != o.stamp || o.known == nil {
		o.stamp, o.known = stamp, map[string]string{}
	}
	if stamp == "" {
		return
	}
	wanted := map[string]string{} // name without its first slash → executable
	for _, p := range processes {
		if _, ok := o.known[p.Exe]; ok || p.Exe == "" || p.Container != "" {
			continue
		}
		o.known[p.Exe] = ""
		// With a merged /usr, /bin/x and /usr/bin/x are the same file, and lists
		// may have either.
		name := strings.TrimPrefix(p.Exe, "/")
		wanted[name], wanted[strings.TrimPrefix(name, "usr/")] = p.Exe, p.Exe
	}
	if len(wanted) == 0 {
		return
	}
	o.searchLists(h.Root(), wanted)
	if rpm {
		o.askRPM(ctx, h, wanted)
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

// searchLists reads the file lists of dpkg, pacman and apk.
func (o *owners) searchLists(root fs.FS, wanted map[string]string) {
	// A pattern that is well-formed finds files or none.
	lists, _ := fs.Glob(root, "var/lib/dpkg/info/*.list")
	for _, name := range lists[:min(len(lists), maxLists)] {
		pkg, _, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".list"), ":")
		o.search(root, name, wanted, func(line []byte) (string, []byte) { return pkg, bytes.TrimPrefix(line, []byte("/")) })
	}
	lists, _ = fs.Glob(root, pacmanDatabase+"/*/files")
	for _, name := range lists[:min(len(lists), maxLists)] {
		pkg := path.Base(path.Dir(name)) // name-version-release
		for range 2 {
			pkg = pkg[:max(strings.LastIndexByte(pkg, '-'), 0)]
		}
		o.search(root, name, wanted, func(line []byte) (string, []byte) { return pkg, line })
	}
	o.search(root, apkDatabase, wanted, apkFile())
}

// apkFile reads apk's database: a package begins with "P:name", a directory of
// it with "F:usr/bin", a file in that with "R:program".
func apkFile() func(line []byte) (string, []byte) {
	var pkg string
	var file []byte
	dir := 0 // length of the directory at the beginning of file
	return func(line []byte) (string, []byte) {
		kind, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(kind) {
		case "P":
			pkg = string(rest)
		case "F":
			file = append(append(file[:0], rest...), '/')
			dir = len(file)
		case "R":
			file = append(file[:dir], rest...)
			return pkg, file
		}
		return "", nil
	}
}

// search reads a file line by line; read says which package and file a line
// names.
func (o *owners) search(root fs.FS, name string, wanted map[string]string, read func(line []byte) (pkg string, file []byte)) {
	f, err := root.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxListBytes))
	for lines.Scan() {
		pkg, file := read(lines.Bytes())
		if exe, ok := wanted[string(file)]; ok && pkg != "" {
			o.known[exe] = pkg
		}
	}
}

// askRPM asks rpm about what no list had: its database has had three formats,
// and where there is one, there is the program.
func (o *owners) askRPM(ctx context.Context, h discovery.Host, wanted map[string]string) {
	var exes []string
	for name, exe := range wanted {
		if "/"+name == exe && o.known[exe] == "" && len(exes) < maxAsked {
			exes = append(exes, exe)
		}
	}
	slices.Sort(exes)
	owners, err := ownersByRPM(ctx, h, exes)
	if err != nil {
		return
	}
	for i, exe := range exes {
		// One of them has two owners, or is not there any more: which, the answer to
		// all at once does not say.
		if owners == nil {
			one, err := ownersByRPM(ctx, h, exes[i:i+1])
			if err != nil {
				return
			}
			if one != nil {
				o.known[exe] = one[0]
			}
			continue
		}
		o.known[exe] = owners[i]
	}
}

// ownersByRPM returns a package, or nothing, for each file; nil when rpm did not
// answer with a line for each.
func ownersByRPM(ctx context.Context, h discovery.Host, files []string) ([]string, error) {
	out, err := h.Run(ctx, "rpm", append([]string{"-qf", "--qf", `%{NAME}\n`}, files...)...)
	var exit *discovery.Exit // with the number of files that nobody owns
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(files) {
		return nil, nil
	}
	for i, line := range lines {
		if strings.ContainsAny(line, " /") { // "file /x is not owned by any package"
			lines[i] = ""
		}
	}
	return lines, nil
}
