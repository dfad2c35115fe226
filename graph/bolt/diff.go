package bolt

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"assim/graph"
)

// Diff compares two times by the versions that began or ended in between.
func (s *Store) Diff(ctx context.Context, from, to time.Time) iter.Seq2[graph.Difference, error] {
	return func(yield func(graph.Difference, error) bool) {
		list, err := s.differences(ctx, from, to)
		if err != nil {
			yield(graph.Difference{}, err)
			return
		}
		for _, d := range list {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (s *Store) differences(ctx context.Context, from, to time.Time) ([]graph.Difference, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.ended {
		return nil, graph.ErrClosed
	}
	a, b := int64(0), s.serial
	var err error
	if !from.IsZero() {
		if a, err = s.serialWithin(ctx, from); err != nil {
			return nil, err
		}
	}
	if !to.IsZero() {
		if b, err = s.serialWithin(ctx, to); err != nil {
			return nil, err
		}
	}
	byElement, err := s.between(ctx, a, b, from)
	if err != nil {
		return nil, s.explain(err)
	}
	var nodes, rels []graph.Difference
	for u, versions := range byElement {
		d, ok := difference(versions, a, b)
		if !ok {
			continue
		}
		e, err := u.parse()
		if err != nil {
			return nil, err
		}
		if d.Node, d.Rel = e.node, e.rel; e.isRel {
			rels = append(rels, d)
		} else {
			nodes = append(nodes, d)
		}
	}
	slices.SortFunc(nodes, func(x, y graph.Difference) int { return x.Node.Compare(y.Node) })
	slices.SortFunc(rels, func(x, y graph.Difference) int { return x.Rel.Compare(y.Rel) })
	return append(nodes, rels...), nil
}

// between returns the versions of what began or ended after one commit and not
// after another. from is the time of the first: zero is before all.
func (s *Store) between(ctx context.Context, a, b int64, from time.Time) (map[uid][]*version, error) {
	out := map[uid][]*version{}
	if err := s.begun(ctx, a, b, from, func(u uid, v *version) { out[u] = append(out[u], v) }); err != nil {
		return nil, err
	}
	for _, q := range []string{
		"MATCH (o:AssimOldNode) WHERE o.to > $a AND o.from <= $b RETURN coalesce(o.uid, o.elem), o.state, o.to, o.till",
		"MATCH (o:AssimOldRel) WHERE o.to > $a AND o.from <= $b RETURN coalesce(o.uid, o.elem), o.state, o.to, o.till",
	} {
		rows, err := s.rows(ctx, q, map[string]any{"a": a, "b": b})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			v, err := decodeVersion(text(row[1]))
			if err != nil {
				return nil, err
			}
			v.to, v.till = number(row[2]), number(row[3])
			u := uid(text(row[0]))
			out[u] = append(out[u], v)
		}
	}
	return out, nil
}

const (
	beginNode = " RETURN properties(n)"
	beginRel  = " WITH DISTINCT r RETURN properties(r)" + relKey
)

// begun tells of what holds now and began between two commits. The commits say
// where that is; from the beginning of time it may be anywhere.
func (s *Store) begun(ctx context.Context, a, b int64, from time.Time, tell func(uid, *version)) error {
	nodes, rels := []int64{}, [][]int64{}
	findNode, findRel := "MATCH (n:AssimNode)", "MATCH (:AssimNode)-[r]->(:AssimNode)"
	if !from.IsZero() {
		var err error
		if nodes, rels, err = s.touched(ctx, a, b, from); err != nil {
			return err
		}
		findNode = "UNWIND $p.nodes AS id MATCH (n:AssimNode {_id: id})"
		findRel = "UNWIND $p.rels AS e MATCH (:AssimNode {_id: e[0]})-[r]->(:AssimNode {_id: e[1]})"
	}
	tellOf := func(u uid, props any) error {
		p, _ := props.(map[string]any)
		v, err := decodeLive(p)
		if err == nil && v.From > a && v.From <= b {
			tell(u, v)
		}
		return err
	}
	rows, err := s.rows(ctx, findNode+beginNode, list("nodes", nodes))
	if err != nil {
		return err
	}
	for _, row := range rows {
		p, _ := row[0].(map[string]any)
		if err := tellOf(identity(p), p); err != nil {
			return err
		}
	}
	if rows, err = s.rows(ctx, findRel+beginRel, list("rels", rels)); err != nil {
		return err
	}
	for _, row := range rows {
		k, err := relKeyOf(row[1:])
		if err != nil {
			return err
		}
		if err := tellOf(relUID(k), row[0]); err != nil {
			return err
		}
	}
	return nil
}

// touched returns the nodes, and the pairs of nodes between which there are
// relationships, that commits between two changed, and perhaps some more: a
// transaction's commits are kept together.
func (s *Store) touched(ctx context.Context, a, b int64, from time.Time) (nodes []int64, pairs [][]int64, err error) {
	rows, err := s.rows(ctx, `OPTIONAL MATCH (first:AssimCommit) WHERE first.time <= $from WITH max(first.time) AS first
		MATCH (c:AssimCommit) WHERE c.time >= coalesce(first, 0) AND c.serial <= $b AND c.serial + size(c.times) > $a + 1 RETURN c.nodes, c.rels`,
		map[string]any{"from": from.UnixNano(), "a": a, "b": b})
	if err != nil {
		return nil, nil, err
	}
	seenNode, seenPair := map[int64]bool{}, map[[2]int64]bool{}
	for _, row := range rows {
		ids, _ := row[0].([]any)
		for _, id := range ids {
			seenNode[number(id)] = true
		}
		ends, _ := row[1].([]any)
		for p := range slices.Chunk(ends, 2) {
			seenPair[[2]int64{number(p[0]), number(p[len(p)-1])}] = true
		}
	}
	for p := range seenPair {
		pairs = append(pairs, p[:])
	}
	return slices.Collect(maps.Keys(seenNode)), pairs, nil
}

// difference compares what two commits left of one element.
func difference(versions []*version, a, b int64) (graph.Difference, bool) {
	var then, now *version
	var ended int64
	for _, v := range versions {
		if v.shownAt(a) {
			then = v
		}
		if v.shownAt(b) {
			now = v
		}
		if v.to <= b && v.Since < v.till { // one that lasted no time was never seen
			ended = max(ended, v.till)
		}
	}
	var d graph.Difference
	switch {
	case then == nil && now == nil:
		return d, false
	case then == nil:
		d.Kind = graph.Added
	case now == nil:
		d.Kind, d.At = graph.Removed, instant(ended)
	case slices.Equal(then.Labels, now.Labels) && graph.Props(then.Props).Same(graph.Props(now.Props)):
		return d, false
	default:
		d.Kind = graph.Changed
	}
	if then != nil {
		d.OldLabels, d.Old = then.Labels, orEmpty(then.Props)
	}
	if now != nil {
		d.NewLabels, d.New, d.At = now.Labels, orEmpty(now.Props), instant(now.Since)
	}
	return d, true
}

// orEmpty tells "no properties" from "not there".
func orEmpty(p packed) graph.Props {
	if p == nil {
		return graph.Props{}
	}
	return graph.Props(p)
}
