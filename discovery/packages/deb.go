package packages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"assim/discovery"
)

// maxLine bounds a line of a package database; a description may be long.
const maxLine = 1 << 20

// debs reads dpkg's status file (deb-control(5)). It is read line by line: on a
// desktop it has 5 MB, of which the agent keeps a fiftieth.
func debs(_ context.Context, h discovery.Host) ([]Package, error) {
	return fromFile(h, "var/lib/dpkg/status", parseStatus)
}

// apks reads apk's database of Alpine Linux.
func apks(_ context.Context, h discovery.Host) ([]Package, error) {
	return fromFile(h, "lib/apk/db/installed", parseAPK)
}

func fromFile(h discovery.Host, name string, parse func(io.Reader) ([]Package, error)) ([]Package, error) {
	f, err := h.Root().Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, discovery.ErrNotHere
	case err != nil:
		return nil, err
	}
	defer f.Close()
	list, err := parse(f)
	if err == nil && len(list) == 0 {
		return nil, discovery.ErrNotHere // a database nobody uses, as Debian has of rpm
	}
	return list, err
}

// parseStatus reads paragraphs of "Field: value". A package counts when the
// third word of its Status says that it is there.
func parseStatus(r io.Reader) ([]Package, error) {
	var list []Package
	var x Package
	installed := false
	end := func() {
		if installed && x.Name != "" && len(list) < maxPackages {
			x.Manager = "deb"
			if x.Source != "" && x.SourceVersion == x.Version {
				x.SourceVersion = ""
			}
			list = append(list, x)
		}
		x, installed = Package{}, false
	}
	err := eachLine(r, func(line string) {
		field, value, ok := strings.Cut(line, ": ")
		switch {
		case line == "":
			end()
		case !ok:
		case field == "Package":
			x.Name = clean(value)
		case field == "Version":
			x.Version = clean(value)
		case field == "Architecture":
			x.Arch = clean(value)
		case field == "Status":
			words := strings.Fields(value)
			installed = len(words) == 3 && words[2] == "installed"
		case field == "Source":
			name, version, _ := strings.Cut(value, " (")
			x.Source, x.SourceVersion = clean(name), clean(strings.TrimSuffix(version, ")"))
		}
	})
	end()
	return list, err
}

// parseAPK reads paragraphs of one-letter fields: P:name V:version A:arch o:origin.
func parseAPK(r io.Reader) ([]Package, error) {
	var list []Package
	var x Package
	end := func() {
		if x.Name != "" && len(list) < maxPackages {
			x.Manager = "apk"
			if x.Source == x.Name {
				x.Source = ""
			}
			list = append(list, x)
		}
		x = Package{}
	}
	err := eachLine(r, func(line string) {
		field, value, _ := strings.Cut(line, ":")
		switch field {
		case "":
			end()
		case "P":
			x.Name = clean(value)
		case "V":
			x.Version = clean(value)
		case "A":
			x.Arch = clean(value)
		case "o":
			x.Source = clean(value)
		}
	})
	end()
	return list, err
}

func eachLine(r io.Reader, line func(string)) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		line(s.Text())
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("the package database: %w", err)
	}
	return nil
}

// clean makes a field fit for keys and terminals.
func clean(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxField/8 {
		s = s[:maxField/8]
	}
	if utf8.ValidString(s) && strings.IndexFunc(s, unfit) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unfit(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func unfit(r rune) bool { return !unicode.IsPrint(r) }
