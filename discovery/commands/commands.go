// Package commands discovers which programs can be called by name: what lies in
// the directories of the standard search path.
package commands

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"assim/discovery"
)

// Type is the discovery type "commands".
var Type = discovery.Type{
	Name:    "commands",
	Short:   "programs in the standard search path",
	Every:   6 * time.Hour,
	On:      []discovery.Trigger{discovery.Changed("packages")},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"},
		Keys: []discovery.Field{
			{Key: "directories.PATH[]", Meaning: "names of the programs in it; a directory that is a link is left out"},
			{Key: "truncated", Meaning: "true when a directory held more than the limit of 16384 names"},
		},
	},
}

// searched are the directories a root shell searches, first to last.
var searched = []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"}

// maxNames bounds one directory.
const maxNames = 16384

// Payload is the document.
type Payload struct {
	Directories map[string][]string `json:"directories"`
	Truncated   bool                `json:"truncated,omitempty"`
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Directories: map[string][]string{}}
	for _, dir := range searched {
		// With a merged /usr, /bin is /usr/bin.
		if _, err := h.ReadLink(dir); err == nil {
			continue
		}
		entries, err := fs.ReadDir(h.Root(), dir)
		if err != nil || ctx.Err() != nil {
			continue
		}
		names := []string{}
		for _, e := range entries {
			if len(names) == maxNames {
				doc.Truncated = true
				break
			}
			if program(e) {
				names = append(names, e.Name())
			}
		}
		slices.Sort(names)
		doc.Directories[path.Join("/", dir)] = names
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(doc.Directories) == 0 {
		return nil, discovery.ErrNotHere
	}
	return doc, nil
}

// program says whether an entry can be called: a link, or a file that somebody
// may execute.
func program(e fs.DirEntry) bool {
	if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
		return false
	}
	if e.Type()&fs.ModeSymlink != 0 {
		return true
	}
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
