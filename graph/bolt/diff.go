package bolt

import (
	"context"
	"iter"
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
	byElement := map[uid][]*version{}
	for _, q := range []string{
		"MATCH (n:AssimNode) WHERE n._from > $a AND n._from <= $b RETURN n._uid, n._state, null AS until, null AS till",
		"MATCH ()-[r]->() WHERE r._from > $a AND r._from <= $b RETURN r._uid, r._state, null AS until, null AS till",
		"MATCH (o:AssimOldNode) WHERE o.to > $a AND o.from <= $b RETURN o.uid, o.state, o.to, o.till",
		"MATCH (o:AssimOldRel) WHERE o.to > $a AND o.from <= $b RETURN o.uid, o.state, o.to, o.till",
	} {
		rows, err := s.rows(ctx, q, map[string]any{"a": a, "b": b})
		if err != nil {
			return nil, s.explain(err)
		}
		for _, row := range rows {
			v, err := decodeVersion(text(row[1]))
			if err != nil {
				return nil, err
			}
			if row[2] != nil {
				v.to, v.till = number(row[2]), number(row[3])
			}
			u := uid(text(row[0]))
			byElement[u] = append(byElement[u], v)
		}
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
