package bolt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assim/graph"
)

// elements are what one source speaks of, as AssimSource keeps it: the nodes as
// label, identity, label, identity, …; and the relationships, whose ends are
// always among them, as the numbers of start, type and end.
type elements struct {
	Nodes []string       `json:"n"`
	Types []string       `json:"t,omitempty"`
	Rels  []int          `json:"r,omitempty"`
	IDs   map[int]string `json:"i,omitempty"` // of the relationships that have one
}

const relNumbers = 3 // start, type, end

// encodeElements writes what b.items tells of the elements of a source.
func (b *batch) encodeElements(src *source) (string, error) {
	var e elements
	place, types := map[graph.Key]int{}, map[string]int{}
	all := slices.Sorted(maps.Keys(src.elems))
	for _, u := range all {
		if it := src.elems[u]; !it.element.isRel {
			place[it.element.node] = len(place)
			e.Nodes = append(e.Nodes, it.element.node.Label, it.element.node.ID)
		}
	}
	for _, u := range all {
		it := src.elems[u]
		if !it.element.isRel {
			continue
		}
		k := it.element.rel
		from, ok := place[k.From]
		to, also := place[k.To]
		if !ok || !also {
			return "", fmt.Errorf("graph: relationship %s has an end that its source does not speak of", k)
		}
		typ, known := types[k.Type]
		if !known {
			typ = len(types)
			types[k.Type] = typ
			e.Types = append(e.Types, k.Type)
		}
		if k.ID != "" {
			if e.IDs == nil {
				e.IDs = map[int]string{}
			}
			e.IDs[len(e.Rels)/relNumbers] = k.ID
		}
		e.Rels = append(e.Rels, from, typ, to)
	}
	text, err := json.Marshal(e)
	return string(text), err
}

// decodeElements is the inverse of encodeElements.
func decodeElements(text string) (map[uid]element, error) {
	var e elements
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return nil, fmt.Errorf("what a source speaks of is damaged: %w", err)
	}
	if len(e.Nodes)%nodeParts != 0 || len(e.Rels)%relNumbers != 0 {
		return nil, fmt.Errorf("what a source speaks of is damaged: %d and %d parts", len(e.Nodes), len(e.Rels))
	}
	out := make(map[uid]element, len(e.Nodes)/nodeParts+len(e.Rels)/relNumbers)
	keys := make([]graph.Key, 0, len(e.Nodes)/nodeParts)
	for p := range slices.Chunk(e.Nodes, nodeParts) {
		k := graph.Key{Label: p[0], ID: p[1]}
		keys = append(keys, k)
		out[nodeUID(k)] = element{node: k}
	}
	for i := range len(e.Rels) / relNumbers {
		n := e.Rels[i*relNumbers:][:relNumbers]
		if min(n[0], n[1], n[2]) < 0 || max(n[0], n[2]) >= len(keys) || n[1] >= len(e.Types) {
			return nil, fmt.Errorf("what a source speaks of is damaged: relationship %d is of %v", i, n)
		}
		k := graph.RelKey{From: keys[n[0]], Type: e.Types[n[1]], To: keys[n[2]], ID: e.IDs[i]}
		out[relUID(k)] = element{isRel: true, rel: k}
	}
	return out, nil
}

// words are those by which what a source says is found, each once.
func (b *batch) words(name string, src *source) string {
	set := map[string]bool{}
	for _, it := range src.elems {
		if it.element.isRel {
			continue
		}
		claim, _ := it.claims.of(name)
		for _, w := range graph.Words(graph.SearchText(it.element.node, claim.Props)) {
			set[w] = true
		}
	}
	return strings.Join(slices.Collect(maps.Keys(set)), " ")
}
