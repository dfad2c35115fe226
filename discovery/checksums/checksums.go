// Package checksums discovers the SHA-256 of what faces the network: the
// executables that listen, the libraries mapped into them, and the files that
// decide who gets in. A site adds files in /etc/assim/checksums.list.
//
//	(System)-[:HAS_CHECKSUMS]->(ChecksumSet {hash})-[:CONTAINS]->(Checksum {path, sha256})
package checksums

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/discovery/inode"
	"assim/discovery/proc"
)

// Type is the discovery type "checksums".
var Type = discovery.Type{
	Name:  "checksums",
	Short: "SHA-256 of network-facing programs, their libraries and deciding files",
	Every: time.Hour,
	On:    []discovery.Trigger{discovery.Changed("listeners"), discovery.Changed("packages")},
	Files: []string{"/" + siteList},
	Needs: []string{"root: libraries of processes of other users are not known, private files are not read"},
	Make:  collector,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:     &Type,
	Graph:  Graph,
	Shared: Shared,
	About: discovery.About{
		Reads: []string{"executables of listening processes, /proc/PID/maps, and a list of files in /etc",
			"/" + siteList + ": paths and patterns of a site's own, one a line; /srv/www/** is all below a directory"},
		Keys: []discovery.Field{
			{Key: "files.PATH", Meaning: "SHA-256 of the content, lower-case hex"},
			{Key: "errors[]", Meaning: "files that could not be read or are too large"},
			{Key: "more.files", Meaning: "how many more files there are than the 4096 listed"},
			{Key: "more.sha256", Meaning: "SHA-256 of size and times of change of these, so that a change of one of them is seen"},
			{Key: "truncated", Meaning: "true when the list named more than 200,000 files"},
		},
		Graph: "(System)-[:HAS_CHECKSUMS]->(ChecksumSet)-[:CONTAINS]->(Checksum), programs in one set, configuration in another",
	},
}

// always lists what is looked at wherever it is.
var always = []string{
	"etc/passwd", "etc/group", "etc/sudoers", "etc/ssh/sshd_config", "etc/ssh/ssh_config", "etc/hosts.allow", "etc/hosts.deny", "etc/ld.so.preload", "etc/ld.so.conf",
	"etc/nsswitch.conf", "etc/login.defs", "etc/crontab", "etc/pam.d/common-auth", "etc/pam.d/sshd", "etc/pam.d/system-auth", "etc/profile",
	"usr/bin/sudo", "usr/bin/su", "usr/bin/passwd", "usr/bin/login", "usr/sbin/sshd", "bin/login", "bin/su",
}

// siteList adds to always.
const siteList = "etc/assim/checksums.list"

// Limits of one look.
const (
	maxFiles  = 4096
	maxErrors = 100
	maxFile   = 256 << 20 // bytes of one file; few programs are larger
	piece     = 1 << 20   // bytes read between two looks at the clock
	maxMaps   = 4 << 20   // bytes of one process's list of mappings
)

// Payload is the document.
type Payload struct {
	Files     map[string]string `json:"files"`
	More      *conf.More        `json:"more,omitempty"`
	Errors    []string          `json:"errors,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`
}

// cached is a sum and the file it was taken of.
type cached struct {
	stamp inode.Stamp
	sum   string
}

func collector() func(context.Context, discovery.Host) (any, error) {
	cache := map[string]cached{}
	return func(ctx context.Context, h discovery.Host) (any, error) {
		doc := &Payload{Files: map[string]string{}}
		names, err := wanted(ctx, h, doc)
		if err != nil {
			return nil, err
		}
		next := map[string]cached{}
		for i, name := range names {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if len(doc.Files) == maxFiles {
				doc.More = beyond(h.Root(), names[i:])
				break
			}
			c, err := sum(ctx, h.Root(), name, cache[name])
			switch {
			case err != nil && len(doc.Errors) < maxErrors:
				doc.Errors = append(doc.Errors, err.Error())
			case c.sum != "":
				doc.Files["/"+name], next[name] = c.sum, c
			}
		}
		cache = next
		if len(doc.Files) == 0 {
			return nil, discovery.ErrNotHere
		}
		return doc, nil
	}
}

// beyond says of files that are too many to be listed whether one has changed.
// A sum of the content of each would have to be remembered, and would be more
// than an agent holds; the time of change is set by the kernel alone.
func beyond(root fs.FS, names []string) *conf.More {
	more, rest := conf.More{}, sha256.New()
	for _, name := range names {
		if info, err := fs.Stat(root, name); err == nil && info.Mode().IsRegular() {
			more.Files++
			s, _, _, _ := inode.Of(info)
			fmt.Fprintf(rest, "%q %d %d %d\n", name, s.Size, s.Modified, s.Changed)
		}
	}
	if more.Files == 0 {
		return nil
	}
	more.Sum = hex.EncodeToString(rest.Sum(nil))
	return &more
}

// wanted lists the files to look at: those that are always, those that the site
// adds, and what listening processes of this system run and have mapped.
func wanted(ctx context.Context, h discovery.Host, doc *Payload) ([]string, error) {
	names := slices.Clone(always)
	list := conf.ReadWatched(h, siteList)
	doc.Errors = list.Errors
	doc.Truncated = !list.Each(ctx, h.Root(), func(name string) bool {
		names = append(names, name)
		return true
	})
	if h.Live() {
		reader := proc.Reader{}
		snap, err := reader.Read(ctx, h)
		if err != nil {
			return nil, err
		}
		for _, l := range snap.Listen {
			// What runs in a container has a root of its own.
			if l.Process.Container != "" {
				continue
			}
			names = append(names, strings.TrimPrefix(l.Process.Exe, "/"))
			names = append(names, mapped(h.Root(), l.PID)...)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return !fs.ValidPath(n) || n == "." }), nil
}

func mapped(root fs.FS, pid int) []string {
	if pid == 0 {
		return nil
	}
	f, err := root.Open(fmt.Sprintf("proc/%d/maps", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxMaps))
	return parseMaps(string(text))
}

// parseMaps returns the files mapped executable (proc_pid_maps(5)):
//
//	7f0c000-7f0d000 r-xp 00000000 fe:00 123  /usr/lib/x86_64-linux-gnu/libc.so.6
func parseMaps(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		// A path with blanks has more fields; one that was replaced ends in (deleted).
		if len(f) != 6 || !strings.Contains(f[1], "x") || !strings.HasPrefix(f[5], "/") {
			continue
		}
		if name := strings.TrimPrefix(f[5], "/"); !slices.Contains(list, name) && fs.ValidPath(name) && len(list) < maxFiles {
			list = append(list, name)
		}
	}
	return list
}

// sum returns the checksum of a file, from the cache when the file is the same.
// The empty sum means that there is no such file.
func sum(ctx context.Context, root fs.FS, name string, before cached) (cached, error) {
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() {
		return cached{}, nil
	}
	stamp, _, _, known := inode.Of(info)
	if known && before.stamp == stamp && before.sum != "" {
		return before, nil
	}
	if info.Size() > maxFile {
		return cached{}, fmt.Errorf("/%s is larger than %d bytes and was not read", name, maxFile)
	}
	f, err := root.Open(name)
	if err != nil {
		return cached{}, fmt.Errorf("/%s: not readable", name)
	}
	defer f.Close()
	hash := sha256.New()
	for total := 0; total < maxFile && ctx.Err() == nil; total += piece {
		_, err := io.CopyN(hash, f, piece)
		if errors.Is(err, io.EOF) {
			return cached{stamp, hex.EncodeToString(hash.Sum(nil))}, nil
		}
		if err != nil {
			break
		}
	}
	return cached{}, fmt.Errorf("/%s: not readable to its end", name)
}
