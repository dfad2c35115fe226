package embedded

import (
	"errors"
	"iter"
	"strings"

	"assim/graph"
)

// maxCandidates bounds how many nodes one search compares. More than that
// match only words that nobody searches for alone.
const maxCandidates = 2000

// Search walks the nodes that have all words, best first.
func (r *reader) Search(words string, limit int) iter.Seq2[graph.Vertex, error] {
	return func(yield func(graph.Vertex, error) bool) {
		found, err := r.search(graph.Words(words), limit)
		if err != nil {
			yield(graph.Vertex{}, err)
			return
		}
		for _, v := range found {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (r *reader) search(words []string, limit int) ([]graph.Vertex, error) {
	if r.c == nil {
		return nil, graph.ErrClosed
	}
	if len(words) == 0 {
		return nil, nil
	}
	if r.past { // the word index knows the present only
		return r.searchAll(words, limit)
	}
	candidates, err := r.candidates(words)
	if err != nil {
		return nil, err
	}
	var found []graph.Vertex
	for id := range candidates {
		v, err := r.Node(graph.NodeID(id))
		if errors.Is(err, graph.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, ok := graph.Score(v, words); ok {
			found = append(found, v)
		}
	}
	return graph.Best(found, words, limit), nil
}

func (r *reader) searchAll(words []string, limit int) ([]graph.Vertex, error) {
	var found []graph.Vertex
	for v, err := range r.Nodes("") {
		if err != nil {
			return nil, err
		}
		if _, ok := graph.Score(v, words); ok && len(found) < maxCandidates {
			found = append(found, v)
		}
	}
	return graph.Best(found, words, limit), nil
}

// candidates returns the nodes that the word index finds and those that it
// does not know yet.
func (r *reader) candidates(words []string) (map[int64]bool, error) {
	out := map[int64]bool{}
	match := `"` + strings.Join(words, `"* "`) + `"*`
	err := r.c.each(func(q *rows) error {
		out[q.int(0)] = true
		return nil
	}, "SELECT rowid FROM words WHERE words MATCH ?1 LIMIT ?2", match, int64(maxCandidates))
	if err != nil {
		return nil, err
	}
	err = r.c.each(func(q *rows) error {
		elems, err := decodeElems(q.view(0))
		for _, e := range elems {
			if !e.isRel() {
				out[e.id()] = true
			}
		}
		return err
	}, "SELECT elems FROM log WHERE seq > ifnull((SELECT value FROM meta WHERE name = 'words'), 0)")
	return out, err
}
