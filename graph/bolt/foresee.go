package bolt

import (
	"fmt"
	"iter"
	"strings"

	"assim/graph"
)

const (
	maxHops  = 6   // that are read together
	maxChain = 500 // rows of that; above it, hops are read one after the other
)

// NodesBefore looks up and reads what a chain of hops leads to, in one round
// trip; where it leads too far it is no more than NodesWith.
func (r *reader) NodesBefore(hops []graph.Hop, label, prop string, value any) iter.Seq2[graph.Vertex, error] {
	if _, isList := value.([]any); isList || !r.Indexed(label, prop) {
		return r.NodesWith(label, prop, value)
	}
	return func(yield func(graph.Vertex, error) bool) {
		found, ok, err := r.chain(hops[:min(len(hops), maxHops)], label, prop, showable(value, true))
		if err != nil {
			yield(graph.Vertex{}, err)
			return
		}
		if !ok {
			r.NodesWith(label, prop, value)(yield)
			return
		}
		for _, f := range found {
			if v := f.vertex(f.node); has(v, prop, value) && !yield(v, nil) {
				return
			}
		}
	}
}

// A row of a chain is the properties of a node and, for each hop, a relationship
// as decodeRel wants it and the properties of the node at its end; nil from where
// on there is none.
const hopColumns = 5

func chainText(hops []graph.Hop, label, prop string) string {
	var match, columns strings.Builder
	from := "n"
	for i, h := range hops {
		left, right := arrows(h.Dir)
		rel, to := fmt.Sprint("r", i), fmt.Sprint("m", i)
		fmt.Fprintf(&match, " OPTIONAL MATCH (%s)%s[%s%s]%s(%s:AssimNode)", from, left, rel, typesText(h.Types), right, to)
		fmt.Fprintf(&columns, ", type(%[1]s), startNode(%[1]s)._id, endNode(%[1]s)._id, properties(%[1]s), properties(%[2]s)", rel, to)
		from = to
	}
	return lookUpText(label, prop) + match.String() + " RETURN properties(n)" + columns.String() + " LIMIT $limit"
}

// chain is for a Reader of the newest commit; ok is false where it cannot.
func (r *reader) chain(hops []graph.Hop, label, prop string, value any) (found []seen, ok bool, err error) {
	r.s.gate.RLock()
	defer r.s.gate.RUnlock()
	if r.s.ended {
		return nil, false, graph.ErrClosed
	}
	if r.serial != r.s.serial {
		return nil, false, nil
	}
	rows, err := r.s.rows(r.ctx, chainText(hops, label, prop), map[string]any{"value": value, "limit": int64(maxChain)})
	if err != nil {
		return nil, false, r.s.explain(err)
	}
	if len(rows) == maxChain {
		return nil, false, nil
	}
	have := map[int64]bool{}
	for _, row := range rows {
		if id := numberOf(row[0]); !have[id] {
			have[id] = true
			f, err := decodeNode(row[:1])
			if err != nil {
				return nil, false, err
			}
			found = append(found, f)
		}
	}
	r.foundVertices(found)
	r.ahead.mu.Lock()
	defer r.ahead.mu.Unlock()
	for i, h := range hops {
		r.ahead.keepHop(h, i, rows)
	}
	return found, true, nil
}

// numberOf is the number of a node by its properties.
func numberOf(props any) int64 {
	p, _ := props.(map[string]any)
	return number(p["_id"])
}

// keepHop keeps what the rows of a chain tell of its i-th hop.
func (a *ahead) keepHop(h graph.Hop, i int, rows [][]any) {
	var ids []int64
	var reached [][]any
	have := map[int64]bool{}
	for _, row := range rows {
		from, hop := row[i*hopColumns], row[1+i*hopColumns:][:hopColumns]
		if from == nil {
			continue
		}
		id := numberOf(from)
		if !have[id] {
			have[id] = true
			ids = append(ids, id)
		}
		if hop[0] != nil {
			reached = append(reached, []any{id, hop[0], hop[1], hop[2], hop[3], numberOf(hop[4]), hop[4]})
		}
	}
	a.keep(expansion{dir: h.Dir, kind: typesText(h.Types)}, ids, reached)
}
