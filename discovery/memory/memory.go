// Package memory discovers how much memory and swap a system has, and how it
// lies on NUMA nodes. What is free at the moment is not a fact about it, nor is
// what a balloon driver lends and takes back in small pieces.
package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/graph"
)

// Type is the discovery type "memory".
var Type = discovery.Type{
	Name:  "memory",
	Short: "memory, swap, huge pages, NUMA nodes",
	Every: 10 * time.Minute,
	Make:  remembering,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/meminfo", "/proc/swaps", "/sys/devices/system/node/node*/meminfo"},
		Keys: []discovery.Field{
			{Key: "total_bytes", Meaning: "memory the kernel can use, in bytes; while a nanoprobe runs, told anew when it changed by a tenth"},
			{Key: "swap_bytes", Meaning: "swap space in bytes"},
			{Key: "swaps[].name", Meaning: "file or device"},
			{Key: "swaps[].type", Meaning: "file or partition"},
			{Key: "swaps[].size_bytes", Meaning: "bytes"},
			{Key: "huge_pages", Meaning: "pages set aside"},
			{Key: "huge_page_bytes", Meaning: "bytes of one huge page"},
			{Key: "nodes[].node", Meaning: "number of the NUMA node"},
			{Key: "nodes[].total_bytes", Meaning: "its memory in bytes, told anew as total_bytes is"},
		},
		Graph: "(System {memory_bytes, swap_bytes})",
	},
}

// Payload is the document.
type Payload struct {
	TotalBytes    int64  `json:"total_bytes"`
	SwapBytes     int64  `json:"swap_bytes"`
	Swaps         []Swap `json:"swaps,omitempty"`
	HugePages     int64  `json:"huge_pages,omitempty"`
	HugePageBytes int64  `json:"huge_page_bytes,omitempty"`
	Nodes         []Node `json:"nodes,omitempty"`
}

// Swap is one swap area.
type Swap struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	SizeBytes int64  `json:"size_bytes"`
}

// Node is a NUMA node.
type Node struct {
	Node       int   `json:"node"`
	TotalBytes int64 `json:"total_bytes"`
}

const (
	maxNodes = 1024 // as many as the kernel can be built for

	// step is the part of a size, 1/step, that is a change. The balloon of a virtual
	// machine moves its size all day; smaller steps would tell of each move, larger
	// ones would miss a module that was added. What a nanoprobe sees first is exact.
	step = 10
)

// remembering returns a collect that says of a size what it said before, until
// that is wrong by a step: small moves in one direction add up to one.
func remembering() func(context.Context, discovery.Host) (any, error) {
	total, nodes := int64(0), map[int]int64{}
	return func(ctx context.Context, h discovery.Host) (any, error) {
		doc, err := collect(ctx, h)
		if err != nil {
			return nil, err
		}
		total = settle(total, doc.TotalBytes)
		doc.TotalBytes = total
		now := make(map[int]int64, len(doc.Nodes)) // a node that went is forgotten
		for i, n := range doc.Nodes {
			now[n.Node] = settle(nodes[n.Node], n.TotalBytes)
			doc.Nodes[i].TotalBytes = now[n.Node]
		}
		nodes = now
		return doc, nil
	}
}

// settle is the size to say: what was said, while the true one is near it.
func settle(said, is int64) int64 {
	if moved := max(said-is, is-said); said > 0 && moved < said/step {
		return said
	}
	return is
}

func collect(_ context.Context, h discovery.Host) (*Payload, error) {
	text, err := conf.Read(h, "proc/meminfo")
	if err != nil {
		return nil, err
	}
	info := parse(text)
	doc := &Payload{TotalBytes: info["MemTotal"], SwapBytes: info["SwapTotal"], HugePages: info["HugePages_Total"], HugePageBytes: info["Hugepagesize"]}
	if swaps, err := conf.Read(h, "proc/swaps"); err == nil {
		doc.Swaps = parseSwaps(swaps)
	}
	files, _ := fs.Glob(h.Root(), "sys/devices/system/node/node*/meminfo")
	for _, name := range files[:min(len(files), maxNodes)] {
		text, err := conf.Read(h, name)
		number, ok := strings.CutPrefix(strings.Split(name, "/")[4], "node")
		n, bad := strconv.Atoi(number)
		if err != nil || !ok || bad != nil {
			continue
		}
		// "Node 0 MemTotal: 123 kB"
		total := parse(strings.ReplaceAll(text, "Node "+number+" ", ""))["MemTotal"]
		doc.Nodes = append(doc.Nodes, Node{n, total})
	}
	discovery.Sort(doc.Nodes, func(a, b Node) int { return cmp.Compare(a.Node, b.Node) })
	return doc, nil
}

// parse reads "Name: 123 kB" lines; what has no unit is a count.
func parse(text string) map[string]int64 {
	info := map[string]int64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		f := strings.Fields(value)
		if !ok || len(f) == 0 {
			continue
		}
		n, err := strconv.ParseInt(f[0], 10, 52)
		if err != nil || n < 0 {
			continue
		}
		if len(f) > 1 && f[1] == "kB" {
			n *= 1024
		}
		info[strings.TrimSpace(name)] = n
	}
	return info
}

// parseSwaps reads /proc/swaps: name, type, size and use in KiB, priority.
// Compressed memory is no swap space.
func parseSwaps(text string) []Swap {
	var list []Swap
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] == "Filename" || strings.HasPrefix(f[0], "/dev/zram") {
			continue
		}
		size, err := strconv.ParseInt(f[2], 10, 52)
		if err == nil && size >= 0 {
			list = append(list, Swap{Name: strings.ReplaceAll(f[0], `\040`, " "), Type: f[1], SizeBytes: size * 1024})
		}
	}
	discovery.Sort(list, func(a, b Swap) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Graph puts the sizes on the system's node.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("memory: the document does not parse: %w", err)
	}
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("memory_bytes", p.TotalBytes, "swap_bytes", p.SwapBytes)}}}, nil
}
