package packages

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"assim/discovery"
)

// rpmFormat is what rpm prints per package: fields by tabs, since no field of a
// package may hold one.
const rpmFormat = `%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n`

// rpmDatabases are where the three formats of rpm's database have been kept.
var rpmDatabases = []string{"var/lib/rpm/Packages", "var/lib/rpm/Packages.db", "var/lib/rpm/rpmdb.sqlite",
	"usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db"}

// rpms asks rpm itself: its database has had three formats, and where there is
// one, there is the program. A database nobody uses (Debian's own) is not asked.
func rpms(ctx context.Context, h discovery.Host) ([]Package, error) {
	if !slices.ContainsFunc(rpmDatabases, func(name string) bool { _, err := fs.Stat(h.Root(), name); return err == nil }) {
		return nil, discovery.ErrNotHere
	}
	if !h.Live() {
		return nil, errors.New("the database of another root is not read; its own nanoprobe does")
	}
	out, err := h.Run(ctx, "rpm", "-qa", "--qf", rpmFormat)
	if err != nil {
		return nil, err
	}
	return parseRPM(string(out)), nil
}

func parseRPM(text string) []Package {
	var list []Package
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		// The keys that packages are signed with are kept as packages.
		if len(f) != 6 || f[0] == "" || f[0] == "gpg-pubkey" || len(list) == maxPackages {
			continue
		}
		x := Package{Name: clean(f[0]), Version: clean(f[2] + "-" + f[3]), Arch: clean(f[4]), Manager: "rpm"}
		if f[1] != "(none)" && f[1] != "0" && f[1] != "" {
			x.Version = clean(f[1]) + ":" + x.Version
		}
		if x.Arch == "(none)" {
			x.Arch = ""
		}
		// "bash-5.1.8-9.el9.src.rpm": the name ends before the last two dashes.
		source := strings.TrimSuffix(strings.TrimSuffix(f[5], ".src.rpm"), ".nosrc.rpm")
		for range 2 {
			if i := strings.LastIndexByte(source, '-'); i > 0 {
				source = source[:i]
			}
		}
		if source != x.Name && source != "(none)" {
			x.Source = clean(source)
		}
		list = append(list, x)
	}
	return list
}

// maxInfo bounds the small files that describe one package.
const maxInfo = 1 << 20

func readInfo(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, maxInfo))
	return string(data)
}

// found returns list, or ErrNotHere for nothing.
func found(list []Package) ([]Package, error) {
	if len(list) == 0 {
		return nil, discovery.ErrNotHere
	}
	return list, nil
}

// pacmans reads pacman's local database, one directory per package.
func pacmans(_ context.Context, h discovery.Host) ([]Package, error) {
	dirs, _ := fs.Glob(h.Root(), "var/lib/pacman/local/*/desc")
	var list []Package
	for _, name := range dirs {
		if x := parsePacman(readInfo(h.Root(), name)); x.Name != "" && len(list) < maxPackages {
			list = append(list, x)
		}
	}
	return found(list)
}

// parsePacman reads "%NAME%", a line with the value, an empty line.
func parsePacman(text string) Package {
	x := Package{Manager: "pacman"}
	field := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "%") {
			field = line
			continue
		}
		switch field {
		case "%NAME%":
			x.Name = clean(line)
		case "%VERSION%":
			x.Version = clean(line)
		case "%ARCH%":
			x.Arch = clean(line)
		case "%BASE%":
			x.Source = clean(line)
		}
		field = ""
	}
	if x.Source == x.Name {
		x.Source = ""
	}
	return x
}

// snaps reads the description in each snap's current revision.
func snaps(_ context.Context, h discovery.Host) ([]Package, error) {
	var list []Package
	for _, pattern := range []string{"snap/*/current/meta/snap.yaml", "var/lib/snapd/snap/*/current/meta/snap.yaml"} {
		names, _ := fs.Glob(h.Root(), pattern)
		for _, name := range names {
			if x := parseSnap(readInfo(h.Root(), name)); x.Name != "" && len(list) < maxPackages {
				list = append(list, x)
			}
		}
	}
	return found(list)
}

// parseSnap reads the two scalars wanted of snap.yaml; they stand unindented.
func parseSnap(text string) Package {
	x := Package{Manager: "snap"}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch {
		case ok && name == "name":
			x.Name = clean(value)
		case ok && name == "version":
			x.Version = clean(value)
		}
	}
	return x
}

// flatpaks reads the directory names app/NAME/ARCH/BRANCH of system-wide
// installations. Flatpak has branches, not versions.
func flatpaks(_ context.Context, h discovery.Host) ([]Package, error) {
	var list []Package
	for _, kind := range []string{"app", "runtime"} {
		dirs, _ := fs.Glob(h.Root(), "var/lib/flatpak/"+kind+"/*/*/*/active")
		for _, d := range dirs {
			f := strings.Split(d, "/")
			if len(list) < maxPackages {
				list = append(list, Package{Name: clean(f[4]), Arch: clean(f[5]), Version: clean(f[6]), Manager: "flatpak"})
			}
		}
	}
	return found(list)
}

// pythonDirs are where packages for all users are: Debian's own in dist-packages,
// pip's in /usr/local, others' in site-packages.
var pythonDirs = []string{"usr/lib/python3/dist-packages", "usr/lib/python3.*/site-packages", "usr/lib64/python3.*/site-packages",
	"usr/local/lib/python3*/dist-packages", "usr/local/lib/python3*/site-packages"}

// pips lists Python packages for all users, by the names of their *.dist-info
// and *.egg-info.
func pips(_ context.Context, h discovery.Host) ([]Package, error) {
	var list []Package
	for _, dir := range pythonDirs {
		for _, kind := range []string{"/*.dist-info", "/*.egg-info"} {
			names, _ := fs.Glob(h.Root(), dir+kind)
			for _, name := range names {
				if x := pythonPackage(path.Base(name)); x.Name != "" && len(list) < maxPackages {
					list = append(list, x)
				}
			}
		}
	}
	return found(list)
}

// pythonPackage reads "requests-2.28.1.dist-info" or "six-1.16.0-py3.11.egg-info".
func pythonPackage(info string) Package {
	info = strings.TrimSuffix(strings.TrimSuffix(info, ".dist-info"), ".egg-info")
	name, version, ok := strings.Cut(info, "-")
	if !ok {
		return Package{}
	}
	version, _, _ = strings.Cut(version, "-py")
	return Package{Name: clean(name), Version: clean(version), Manager: "pip"}
}

// npms lists Node packages installed globally.
func npms(_ context.Context, h discovery.Host) ([]Package, error) {
	var list []Package
	for _, dir := range []string{"usr/lib/node_modules", "usr/local/lib/node_modules"} {
		for _, level := range []string{"/*/package.json", "/@*/*/package.json"} {
			names, _ := fs.Glob(h.Root(), dir+level)
			for _, name := range names {
				if x := parseNPM(readInfo(h.Root(), name)); x.Name != "" && len(list) < maxPackages {
					list = append(list, x)
				}
			}
		}
	}
	return found(list)
}

func parseNPM(text string) Package {
	var info struct{ Name, Version string }
	if json.Unmarshal([]byte(text), &info) != nil {
		return Package{}
	}
	return Package{Name: clean(info.Name), Version: clean(info.Version), Manager: "npm"}
}
