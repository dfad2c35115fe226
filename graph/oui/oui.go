// Package oui knows which vendor a hardware address was given to: the public
// listing of IEEE's registration authority, which IEEE asserts no copyright in.
// Only the CMA has it; it is no business of a nanoprobe.
//
//	"F4:4E:05:..." → "Cisco Systems, Inc"
//
// The list was made from Debian's package ieee-data; a newer one is made with
//
//	apt-get install ieee-data && go test ./graph/oui -update
package oui

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the list
	"io"
	"sort"
	"strings"
	"sync"

	"assim/graph"
)

// packed holds one line per block of addresses, in order: the digits all
// addresses of the block begin with (6, 7 or 9), a tab, who has it.
//
//go:embed list.txt.gz
var packed []byte

// maxList bounds the unpacked list; that of 2022 has 1.5 MB.
const maxList = 16 << 20

// list is the unpacked text, and where its lines begin.
type list struct {
	text  string
	lines []uint32
}

// load unpacks the list when it is asked for first.
var load = sync.OnceValue(func() list {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("oui: " + err.Error()) // the embedded list is proven by the tests
	}
	text, err := io.ReadAll(io.LimitReader(r, maxList))
	if err != nil {
		panic("oui: " + err.Error())
	}
	l := list{text: string(text)}
	for at := 0; at < len(text); {
		l.lines = append(l.lines, uint32(at))
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return l
})

// Vendor returns to whom a hardware address, aa:bb:cc:dd:ee:ff, was given.
// Empty for addresses that somebody chose (locally administered), for groups,
// and for what IEEE does not tell.
func Vendor(mac string) string {
	digits := strings.ToUpper(strings.ReplaceAll(mac, ":", ""))
	if len(digits) != 12 || strings.IndexByte("048C", digits[1]) < 0 {
		return ""
	}
	l := load()
	for _, size := range []int{9, 7, 6} { // the smallest block knows best
		if name, ok := l.find(digits[:size]); ok {
			return name
		}
	}
	return ""
}

func (l list) find(prefix string) (string, bool) {
	i := sort.Search(len(l.lines), func(i int) bool { return l.line(i) >= prefix+"\t" })
	if i == len(l.lines) {
		return "", false
	}
	return strings.CutPrefix(l.line(i), prefix+"\t")
}

func (l list) line(i int) string {
	rest := l.text[l.lines[i]:]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		return rest[:end]
	}
	return rest
}

// Name adds the vendor to every interface in a piece of graph that has a
// hardware address, and to every unknown system.
func Name(c *graph.Change) {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		mac, _ := n.Props["mac"].(string)
		if n.Key.Label == graph.System {
			mac, _, _ = strings.Cut(strings.TrimPrefix(n.Key.ID, "mac-"), "@")
		}
		vendor := Vendor(mac)
		if vendor == "" {
			continue
		}
		if n.Props == nil {
			n.Props = graph.Props{}
		}
		n.Props["vendor"] = vendor
	}
}
