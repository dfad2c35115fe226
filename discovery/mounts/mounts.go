// Package mounts discovers which file systems are mounted where, on which block
// device, and which system serves those that come over the network.
//
//	(System)-[:MOUNTS {target}]->(FileSystem)-[:ON]->(BlockDevice)
//	(System)-[:MOUNTS {target}]->(FileSystem nfs 10.0.0.9:/home)-[:ON]->(IPAddr 10.0.0.9)
//
// A mount is never touched, only read about: one that hangs costs nothing.
package mounts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type "mounts".
var Type = discovery.Type{
	Name:    "mounts",
	Short:   "mounted file systems, their devices and the servers of network ones",
	Every:   5 * time.Minute,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/self/mountinfo", "/sys/dev/block", "/sys/class/block/*/size"},
		Keys: []discovery.Field{
			{Key: "mounts[].target", Meaning: "where it is mounted"},
			{Key: "mounts[].source", Meaning: "device, export or name, as mounted"},
			{Key: "mounts[].fstype", Meaning: "type of the file system"},
			{Key: "mounts[].options", Meaning: "mount and super block options by name: true for a flag, else text"},
			{Key: "mounts[].root", Meaning: "part of the file system that is mounted, when not all of it"},
			{Key: "mounts[].device", Meaning: "kernel name of the block device"},
			{Key: "mounts[].size_bytes", Meaning: "size of that device in bytes"},
			{Key: "mounts[].server", Meaning: "address of the system that serves a network file system"},
			{Key: "truncated", Meaning: "true when there were more mounts than the limit of 2048"},
		},
		Graph: "(System)-[:MOUNTS]->(FileSystem)-[:ON]->(BlockDevice|IPAddr)",
	},
}

// Limits of a document.
const (
	maxMounts    = 2048
	maxMountinfo = 4 << 20
	maxText      = 4096 // bytes of one field; the options of an overlay are the longest
)

// Payload is the document.
type Payload struct {
	Mounts    []Mount `json:"mounts"`
	Truncated bool    `json:"truncated,omitempty"`
}

// Mount is one mounted file system.
type Mount struct {
	Target    string         `json:"target"`
	Source    string         `json:"source"`
	FSType    string         `json:"fstype"`
	Options   map[string]any `json:"options"`
	Root      string         `json:"root,omitempty"`
	Device    string         `json:"device,omitempty"`
	SizeBytes int64          `json:"size_bytes,omitempty"`
	Server    string         `json:"server,omitempty"`

	number string // "254:0"
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := fs.ReadFile(h.Root(), "proc/self/mountinfo")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, discovery.ErrNotHere
	case err != nil:
		return nil, err
	case len(text) > maxMountinfo:
		text = text[:maxMountinfo]
	}
	list, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	doc := &Payload{}
	for _, m := range covered(list) {
		if transient(m) {
			continue
		}
		if len(doc.Mounts) == maxMounts {
			doc.Truncated = true
			break
		}
		m.find(h)
		doc.Mounts = append(doc.Mounts, m)
	}
	discovery.SortStable(doc.Mounts, func(a, b Mount) int { return cmp.Compare(a.Target, b.Target) })
	return doc, nil
}

// covered keeps the last mount on each place: what was mounted over cannot be
// seen.
func covered(list []Mount) []Mount {
	last := map[string]int{}
	for i, m := range list {
		last[m.Target] = i
	}
	var top []Mount
	for i, m := range list {
		if last[m.Target] == i {
			top = append(top, m)
		}
	}
	return top
}

// comeAndGo are where container engines and logins mount and unmount all day.
var comeAndGo = []string{"/run/user/", "/run/netns/", "/run/docker/", "/run/containerd/", "/run/credentials/", "/var/lib/docker/", "/var/lib/containers/", "/var/lib/containerd/",
	"/var/lib/kubelet/pods/", "/var/lib/lxcfs/", "/run/systemd/unit-root", "/proc/sys/fs/binfmt_misc"}

// transient leaves out what comes and goes by itself.
func transient(m Mount) bool {
	return m.FSType == "nsfs" || slices.ContainsFunc(comeAndGo, func(p string) bool { return strings.HasPrefix(m.Target+"/", p) })
}

// parse reads mountinfo (proc_pid_mountinfo(5)):
//
//	27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
//	id parent dev root target options fields... - fstype source super-options
func parse(text string) ([]Mount, error) {
	var list []Mount
	bad := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		m, ok := parseLine(line)
		if !ok {
			bad = line
			continue
		}
		list = append(list, m)
	}
	if len(list) == 0 && bad != "" {
		return nil, fmt.Errorf("mounts: line %.80q is not in mountinfo form", bad)
	}
	return list, nil
}

func parseLine(line string) (Mount, bool) {
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Split(left, " "), strings.SplitN(right, " ", 3)
	if !ok || len(l) < 6 || len(r) < 3 || l[4] == "" {
		return Mount{}, false
	}
	m := Mount{number: l[2], Root: unescape(l[3]), Target: unescape(l[4]), FSType: unescape(r[0]), Source: unescape(r[1]), Options: map[string]any{}}
	if m.Root == "/" {
		m.Root = ""
	}
	addOptions(m.Options, r[2])
	addOptions(m.Options, l[5]) // of the mount, which win over those of the file system
	if m.Options["ro"] == true && strings.HasPrefix(l[5]+",", "ro,") {
		delete(m.Options, "rw")
	}
	return m, true
}

// unsteady are options whose values are numbers of the moment: autofs's pipe.
var unsteady = map[string]bool{"fd": true, "pgrp": true, "pipe_ino": true}

func addOptions(options map[string]any, text string) {
	for o := range strings.SplitSeq(text, ",") {
		name, value, valued := strings.Cut(o, "=")
		switch name = unescape(name); {
		case name == "" || unsteady[name]:
		case valued && secretOption[name]:
			options[name] = "***"
		case valued:
			options[name] = unescape(value)
		default:
			options[name] = true
		}
	}
}

// secretOption are options that hold a secret where a driver shows them.
var secretOption = map[string]bool{"password": true, "pass": true, "passwd": true, "secret": true, "key": true}

// unescape undoes the kernel's \040 and cuts what is beyond reason.
func unescape(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// find adds the block device, its size, and the server.
func (m *Mount) find(h discovery.Host) {
	m.Device = device(h, m)
	if m.Device != "" {
		if text, err := fs.ReadFile(h.Root(), "sys/class/block/"+m.Device+"/size"); err == nil {
			const sector = 512 // bytes, whatever the disk's own
			n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			m.SizeBytes = n * sector
		}
	}
	m.Server = server(m)
}

// device names the block device: by its number, or, for btrfs and the like that
// have numbers of their own, by the name it was mounted with.
func device(h discovery.Host, m *Mount) string {
	if target, err := h.ReadLink("sys/dev/block/" + m.number); err == nil {
		return path.Base(target)
	}
	name, ok := strings.CutPrefix(m.Source, "/dev/")
	if !ok || name == "" || !fs.ValidPath("dev/"+name) {
		return ""
	}
	if target, err := h.ReadLink("dev/" + name); err == nil {
		return path.Base(target)
	}
	if strings.Contains(name, "/") {
		return ""
	}
	return name
}

// server is the address a network file system comes from: the addr option that
// NFS and CIFS show, or the address in the source.
func server(m *Mount) string {
	if addr, ok := m.Options["addr"].(string); ok {
		if a, err := netip.ParseAddr(addr); err == nil {
			return a.Unmap().WithZone("").String()
		}
	}
	network := strings.HasPrefix(m.FSType, "nfs") || slices.Contains([]string{"cifs", "smb3", "ceph", "fuse.glusterfs", "fuse.sshfs", "9p", "afs", "lustre"}, m.FSType)
	if !network {
		return ""
	}
	host := strings.TrimPrefix(m.Source, "//")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if rest, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(rest, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
		host, _, _ = strings.Cut(host, "/")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return ""
}

// Graph turns a document into file systems and what they are on. Pseudo file
// systems, on no device and from no server, stay in the document.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("mounts: the document does not parse: %w", err)
	}
	if len(p.Mounts) > maxMounts {
		return graph.Change{}, fmt.Errorf("mounts: %d mounts in one document, the limit is %d", len(p.Mounts), maxMounts)
	}
	var c graph.Change
	seen := map[graph.Key]bool{}
	for _, m := range p.Mounts {
		if m.Target == "" || m.FSType == "" || m.Device == "" && m.Server == "" {
			continue
		}
		node, on := m.pieces(system)
		if !seen[node.Key] {
			seen[node.Key] = true
			c.Nodes = append(c.Nodes, node)
			c.Rels = append(c.Rels, graph.Rel{From: node.Key, Type: graph.On, To: on})
		}
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Mounts, To: node.Key, ID: m.Target, Props: graph.P(
			"target", m.Target, "root", m.Root, "read_only", m.Options["ro"] == true)})
	}
	return c, nil
}

// pieces returns the file system and what it is on. A network file system is
// the same node for all who mount it, unless its server's address means nothing
// elsewhere.
func (m Mount) pieces(system graph.Key) (graph.Node, graph.Key) {
	props := graph.P("name", m.Source, "fstype", m.FSType, "source", m.Source)
	if m.Server == "" {
		props["size_bytes"] = m.SizeBytes
		return graph.Node{Key: graph.Key{Label: graph.FileSystem, ID: system.ID + "/" + m.Device}, Props: props},
			graph.Key{Label: graph.BlockDevice, ID: system.ID + "/" + m.Device}
	}
	props["server"] = m.Server
	addr, err := netip.ParseAddr(m.Server)
	scope := discovery.ScopeOf(addr, false)
	id := m.FSType + "/" + m.Source
	if err != nil || scope != discovery.ScopeGlobal {
		id = system.ID + "/" + id
	}
	return graph.Node{Key: graph.Key{Label: graph.FileSystem, ID: id}, Props: props}, discovery.IPKey(system, addr, scope)
}
