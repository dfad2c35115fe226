package graphtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"assim/graph"
)

// start is when made-up histories begin.
var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// random makes up changes in a world small enough that sources keep running
// into each other.
type random struct {
	r  *rand.Rand
	at time.Time
}

func newRandom(seed uint64) *random {
	return &random{r: rand.New(rand.NewPCG(seed, 1)), at: start}
}

func (g *random) one(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *random) key() graph.Key {
	return graph.Key{Label: g.one("System", "System", "NIC", "IPAddr", ""), ID: fmt.Sprint("k", g.r.IntN(8))}
}

func (g *random) value() any {
	switch g.r.IntN(9) {
	case 0:
		return true
	case 1:
		return int64(g.r.IntN(3))
	case 2:
		return float64(g.r.IntN(3))
	case 3:
		return []any{"a", int64(g.r.IntN(2))}
	case 4:
		return g.r.IntN(3) // normalized by the store
	case 5:
		return g.r.Float64()
	}
	return g.one("up", "down", "Alpha Beta", "alpha", "ünïcode", "", "10.0.0.1")
}

func (g *random) props() graph.Props {
	p := graph.Props{}
	for range g.r.IntN(4) {
		p[g.one("name", "status", "mac", "addr", "kind", "free")] = g.value()
	}
	return p
}

func (g *random) node() graph.Node {
	n := graph.Node{Key: g.key(), Props: g.props()}
	for range g.r.IntN(3) {
		n.Labels = append(n.Labels, g.one("System", "Extra", "Other", "Switch"))
	}
	return n
}

func (g *random) rel() graph.Rel {
	r := graph.Rel{From: g.key(), Type: g.one("HAS_NIC", "HAS_IP", "SEES"), To: g.key(), ID: g.one("", "", "1", "2")}
	if g.r.IntN(8) == 0 {
		r.To = r.From
	}
	if g.r.IntN(2) == 0 {
		r.Props = g.props()
	}
	return r
}

// change makes up what one source says next. Time passes now and then.
func (g *random) change() graph.Change {
	if g.r.IntN(3) > 0 {
		g.at = g.at.Add(time.Duration(1+g.r.IntN(600)) * time.Second)
	}
	c := graph.Change{Source: g.one("a/os", "a/arp", "b/os", "b/lldp", "cma/rings"), At: g.at, Keep: g.r.IntN(5) == 0}
	if g.r.IntN(12) == 0 {
		return c // nothing to say any more
	}
	for range g.r.IntN(5) {
		c.Nodes = append(c.Nodes, g.node())
	}
	for range g.r.IntN(5) {
		c.Rels = append(c.Rels, g.rel())
	}
	if g.r.IntN(3) == 0 {
		c.Document = document(graph.Key{Label: "System", ID: g.one("k1", "k2")}, g.one("os", "arp"), g.one("", "eth0"), fmt.Sprintf(`{"n":%d}`, g.r.IntN(5)))
		if g.r.IntN(4) == 0 {
			c.Document.Hash, c.Document.JSON = "", nil // gone
		}
	}
	return c
}

func (g *random) changes(n int) []graph.Change {
	out := make([]graph.Change, n)
	for i := range out {
		out[i] = g.change()
	}
	return out
}

// shuffle returns the changes in another legal order: each source's own stay
// in theirs.
func (g *random) shuffle(changes []graph.Change) []graph.Change {
	bySource := map[string][]graph.Change{}
	var names []string
	for _, c := range changes {
		if bySource[c.Source] == nil {
			names = append(names, c.Source)
		}
		bySource[c.Source] = append(bySource[c.Source], c)
	}
	slices.Sort(names)
	out := make([]graph.Change, 0, len(changes))
	for len(out) < len(changes) {
		name := names[g.r.IntN(len(names))]
		if left := bySource[name]; len(left) > 0 {
			out = append(out, left[0])
			bySource[name] = left[1:]
		}
	}
	return out
}

// groups cuts changes into calls of Apply.
func (g *random) groups(changes []graph.Change) [][]graph.Change {
	var out [][]graph.Change
	for len(changes) > 0 {
		n := min(1+g.r.IntN(4), len(changes))
		out = append(out, changes[:n])
		changes = changes[n:]
	}
	return out
}

func document(system graph.Key, typ, instance, text string) *graph.Document {
	sum := sha256.Sum256([]byte(text))
	return &graph.Document{System: system, Type: typ, Instance: instance, Hash: hex.EncodeToString(sum[:]), JSON: []byte(text)}
}
