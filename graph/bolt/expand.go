package bolt

import (
	"slices"
	"strings"
	"sync"

	"assim/graph"
)

const (
	firstTogether = 16      // nodes expanded at once for the first of a group
	maxTogether   = 256     // and later, when more of the group are asked for
	moreTogether  = 4       // growing by this factor
	maxAhead      = 10_000  // rows of one look ahead; above it, one node is asked for alone
	maxRemembered = 100_000 // rows and nodes that a Reader keeps
)

// ahead is what a Reader of the newest commit read before it was asked: who
// expands one node of several that were found together soon expands the
// others, and then looks at the nodes at the other ends. A question of three
// hops takes four round trips, however many nodes are on the way, and one where
// the hops are told beforehand (see NodesBefore). Rows are kept
// as they came and decoded for whom they are given to.
type ahead struct {
	mu    sync.Mutex
	rows  map[expansion][][]any // as decodeRel wants them
	nodes map[int64][]any       // properties
	told  map[int64][2]int64    // the ends of relationships
	among map[int64]place
	size  int
}

// expansion is one call of Expand.
type expansion struct {
	id   int64
	dir  graph.Dir
	kind string // the types, as Cypher
}

// text asks for that of several nodes.
func (e expansion) text() string {
	left, right := arrows(e.dir)
	return samePlan + "UNWIND $p.ids AS id MATCH (n:AssimNode {_id: id})" + left + "[r" + e.kind + "]" + right + "(m:AssimNode) RETURN id, type(r), startNode(r)._id, endNode(r)._id, properties(r), m._id, properties(m) LIMIT $limit"
}

// place is where in a group a node was found.
type place struct {
	group *group
	index int
}

// group is nodes that were found together.
type group struct {
	ids  []int64
	next int // how many to expand at once
}

func (a *ahead) clear() {
	a.rows, a.nodes, a.among, a.size = map[expansion][][]any{}, map[int64][]any{}, map[int64]place{}, 0
}

// toldOf notes between which nodes relationships are.
func (a *ahead) toldOf(rels []seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil || len(a.told)+len(rels) > maxRemembered {
		a.told = map[int64][2]int64{}
	}
	for _, f := range rels[:min(len(rels), maxRemembered)] {
		a.told[f.ID] = [2]int64{f.A, f.B}
	}
}

// ends returns the ends of a relationship that was told of.
func (a *ahead) ends(id int64) ([2]int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ends, ok := a.told[id]
	return ends, ok
}

// found notes that nodes were found together.
func (a *ahead) found(ids []int64) {
	if a.rows == nil || a.size+len(ids) > maxRemembered {
		a.clear()
	}
	if len(ids) > maxRemembered {
		return
	}
	a.size += len(ids)
	g := &group{ids: ids, next: firstTogether}
	for i, id := range ids {
		a.among[id] = place{g, i}
	}
}

// together returns a node and those of its group that come after it and were
// not expanded so yet.
func (a *ahead) together(e expansion) []int64 {
	ids := []int64{e.id}
	p, ok := a.among[e.id]
	if !ok {
		return ids
	}
	for _, id := range p.group.ids[p.index+1:] {
		if len(ids) == p.group.next {
			break
		}
		if _, known := a.rows[expansion{id, e.dir, e.kind}]; !known {
			ids = append(ids, id)
		}
	}
	p.group.next = min(p.group.next*moreTogether, maxTogether)
	return ids
}

// foundVertices notes what a look-up found.
func (r *reader) foundVertices(found []seen) {
	ids := make([]int64, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	r.ahead.mu.Lock()
	defer r.ahead.mu.Unlock()
	r.ahead.found(ids)
}

// nodeAhead returns a node that came with a relationship.
func (r *reader) nodeAhead(id int64) (graph.Vertex, bool, error) {
	r.ahead.mu.Lock()
	row, ok := r.ahead.nodes[id]
	r.ahead.mu.Unlock()
	if !ok {
		return graph.Vertex{}, false, nil
	}
	f, err := decodeNode(row)
	if err != nil {
		return graph.Vertex{}, false, err
	}
	return f.vertex(f.node), true, nil
}

// expandAhead answers Expand for a Reader of the newest commit; ok is false
// where it cannot.
func (r *reader) expandAhead(e expansion) (found []seen, ok bool, err error) {
	r.ahead.mu.Lock()
	defer r.ahead.mu.Unlock()
	rows, ok := r.ahead.rows[e]
	if !ok {
		if ok, err = r.lookAhead(e); !ok || err != nil {
			return nil, false, err
		}
		rows = r.ahead.rows[e]
	}
	for _, row := range rows {
		f, err := decodeRel(row)
		if err != nil {
			return nil, false, err
		}
		found = append(found, f)
	}
	return found, true, nil
}

// lookAhead reads the relationships of a node and of those found with it, and
// the nodes at their other ends.
func (r *reader) lookAhead(e expansion) (ok bool, err error) {
	r.s.gate.RLock()
	defer r.s.gate.RUnlock()
	if r.s.ended {
		return false, graph.ErrClosed
	}
	if r.serial != r.s.serial {
		return false, nil
	}
	ids := r.ahead.together(e)
	rows, err := r.s.rows(r.ctx, e.text(), map[string]any{"p": map[string]any{"ids": ids}, "limit": int64(maxAhead)})
	if err != nil {
		return false, r.s.explain(err)
	}
	if len(rows) == maxAhead {
		return false, nil // a hub
	}
	r.ahead.keep(e, ids, rows)
	return true, nil
}

func (a *ahead) keep(e expansion, ids []int64, rows [][]any) {
	if a.rows == nil || a.size+len(ids)+2*len(rows) > maxRemembered {
		a.clear()
	}
	a.size += len(ids) + 2*len(rows)
	for _, id := range ids {
		a.rows[expansion{id, e.dir, e.kind}] = nil
	}
	var ends []int64
	type once struct {
		id  int64
		rel string
	}
	have := map[once]bool{} // a loop matches twice
	for _, row := range rows {
		if o := (once{number(row[0]), headOf(row[4])}); !have[o] {
			have[o] = true
			at := expansion{o.id, e.dir, e.kind}
			a.rows[at] = append(a.rows[at], row[1:5])
		}
		end := number(row[5])
		if _, known := a.nodes[end]; !known {
			a.nodes[end] = row[6:7]
			ends = append(ends, end)
		}
	}
	slices.Sort(ends)
	a.found(ends)
}

// headOf tells relationships apart.
func headOf(props any) string {
	p, _ := props.(map[string]any)
	return text(p["_v"])
}

// typesText returns ":`A`|`B`" and nothing for all types.
func typesText(types []string) string {
	if len(types) == 0 {
		return ""
	}
	quoted := make([]string, len(types))
	for i, t := range types {
		quoted[i] = quote(t)
	}
	return ":" + strings.Join(quoted, "|")
}

func arrows(dir graph.Dir) (left, right string) {
	switch dir {
	case graph.Out:
		return "-", "->"
	case graph.In:
		return "<-", "-"
	}
	return "-", "-"
}
