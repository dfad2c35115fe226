package discovery

import (
	"io/fs"
	"strings"
)

// maxLine is the largest file that Line reads.
const maxLine = 64 << 10

// Line returns the first line of a small file without the space around it;
// empty when the file cannot be read or is not small.
func Line(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil || len(text) > maxLine {
		return ""
	}
	l, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(l)
}
