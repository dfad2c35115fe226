package bolt

import (
	"iter"
	"maps"
	"slices"

	"assim/graph"
)

// searchGroup is how many candidates of a search are read at once.
const searchGroup = 5_000

// Search asks the text index, which knows the words of each source, and looks at
// what those sources speak of; and at what held then, when this is not now.
//
// The index is over sources and not over nodes because a discovery makes dozens
// of those at once: an entry for each took more of Neo4j's time than writing
// the nodes.
func (r *reader) Search(words string, limit int) iter.Seq2[graph.Vertex, error] {
	wanted := graph.Words(words)
	return func(yield func(graph.Vertex, error) bool) {
		if len(wanted) == 0 {
			return
		}
		found, err := r.search(wanted)
		if err != nil {
			yield(graph.Vertex{}, err)
			return
		}
		for _, v := range graph.Best(found, wanted, limit) {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (r *reader) search(wanted []string) ([]graph.Vertex, error) {
	if err := r.indexed(); err != nil {
		return nil, err
	}
	candidates, err := r.candidates(wanted)
	if err != nil {
		return nil, err
	}
	matches := func(v graph.Vertex) bool { _, ok := graph.Score(v, wanted); return ok }
	var found []graph.Vertex
	have := map[graph.NodeID]bool{} // one that ends meanwhile is met twice
	add := func(now, old string, params map[string]any) error {
		for v, err := range r.vertices(now, old, params, matches) {
			if err != nil {
				return err
			}
			if !have[v.ID] {
				have[v.ID] = true
				found = append(found, v)
			}
		}
		return nil
	}
	const nothing = "MATCH (o:AssimOldNode) WHERE SHOWN AND false"
	for keys := range slices.Chunk(candidates, searchGroup) {
		if err := add("UNWIND $p.keys AS k MATCH (n:AssimNode {_key: k})", nothing, list("keys", keys)); err != nil {
			return nil, err
		}
	}
	return found, add("MATCH (n:AssimNode) WHERE false", "MATCH (o:AssimOldNode) WHERE SHOWN", nil)
}

// candidates returns the keys of the nodes of which, for each of the words, a
// source speaks that says it. Only these can have them all: what a node has is
// what its sources say.
func (r *reader) candidates(wanted []string) ([]string, error) {
	var all map[string]bool
	for _, w := range wanted {
		rows, err := r.s.read(r.ctx, "CALL db.index.fulltext.queryNodes('"+textIndex+"', $term) YIELD node AS s RETURN s.elems", map[string]any{"term": w + "*"})
		if err != nil {
			return nil, err
		}
		with := map[string]bool{}
		for _, row := range rows {
			said, err := decodeElements(text(row[0]))
			if err != nil {
				return nil, err
			}
			for u, e := range said {
				if key := u.key(); !e.isRel && (all == nil || all[key]) {
					with[key] = true
				}
			}
		}
		all = with
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// indexed waits until the text index has all that was committed: it follows
// the graph by itself, so that no commit waits for it.
func (r *reader) indexed() error {
	_, err := r.s.read(r.ctx, "CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()", nil)
	return err
}
