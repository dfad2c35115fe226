// Package conf reads what many discovery types read: small text files, bounded,
// line by line, without comments. It knows no file in particular.
package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"assim/discovery"
)

// MaxFile is the most that a configuration file may hold. A larger one is a
// mistake or an attack, and is said to be, not read.
const MaxFile = 4 << 20

// MaxLine is how much of one line is kept.
const MaxLine = 16 << 10

// Read returns the text of a file below the root of h: ErrNotHere when it does
// not exist, an error that names the file when it is too large or unreadable.
func Read(h discovery.Host, name string) (string, error) { return ReadMost(h, name, MaxFile) }

// ReadMost is Read with a limit of its own, in bytes.
func ReadMost(h discovery.Host, name string, limit int64) (string, error) {
	f, err := h.Root().Open(name)
	if err != nil {
		return "", unreadable(name, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", fmt.Errorf("/%s is a directory, a file was expected", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return "", unreadable(name, err)
	case int64(len(data)) > limit:
		return "", fmt.Errorf("/%s is larger than %d bytes and was not read", name, limit)
	}
	return strings.ToValidUTF8(string(data), string(utf8.RuneError)), nil
}

// unreadable makes an error that is the same today and tomorrow, since it
// becomes part of a document.
func unreadable(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return discovery.ErrNotHere
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("/%s: %w", name, err)
}

// Text returns a small file trimmed, or nothing: for attributes in /sys and
// /proc that may or may not be there.
func Text(h discovery.Host, name string) string {
	text, err := ReadMost(h, name, MaxLine)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// Lines yields the lines that say something, trimmed, with their numbers from 1.
// A line whose first character is # is a comment.
func Lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if len(line) > MaxLine {
				line = strings.ToValidUTF8(line[:MaxLine], "")
			}
			if !yield(n, line) {
				return
			}
		}
	}
}

// Joined is Lines after lines that end in a backslash were joined with the next.
func Joined(text string) iter.Seq2[int, string] {
	return Lines(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", " "))
}

// Value reads a value as people mean it: yes and no are true and false, a
// decimal number is one. "022" stays text, for it is octal or a name.
func Value(text string) any {
	switch strings.ToLower(text) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (text == "0" || strings.TrimLeft(text, "-")[0] != '0') && text[0] != '+' {
		return n
	}
	return text
}

// Cut splits a line at its first blank.
func Cut(line string) (word, rest string) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimSpace(line[i:])
}

// maxNames bounds a directory that is read file by file.
const maxNames = 4096

// Names lists the regular names in a directory in order, without hidden ones;
// nothing when there is none.
func Names(h discovery.Host, dir string) []string {
	entries, err := fs.ReadDir(h.Root(), dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && len(names) < maxNames {
			names = append(names, e.Name())
		}
	}
	return names
}
