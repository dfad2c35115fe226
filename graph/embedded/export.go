package embedded

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"assim/graph"
)

// Export says again all that was said, as of one moment: documents first,
// because only they have times to keep.
func (s *Store) Export(ctx context.Context) iter.Seq2[graph.Change, error] {
	return func(yield func(graph.Change, error) bool) {
		view, err := s.View(ctx, time.Time{})
		if err != nil {
			yield(graph.Change{}, err)
			return
		}
		defer view.Close()
		r := view.(*reader)
		for _, part := range []iter.Seq2[graph.Change, error]{r.exportDocuments(), r.exportSources(), r.exportRecords()} {
			for c, err := range part {
				if err == nil {
					err = ctx.Err()
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// copied is the source of what nobody's name is attached to.
const copied = "copy"

// exportDocuments walks every document that came, in order of time, and every
// one that went without another in its place.
func (r *reader) exportDocuments() iter.Seq2[graph.Change, error] {
	return walk(r, func(q *rows) (graph.Change, error) {
		var d graph.Document
		var err error
		if !q.null(5) {
			d, err = scanDocument(q)
		} else {
			d = graph.Document{System: graph.Key{Label: q.text(0), ID: q.text(1)}, Type: q.text(2), Instance: q.text(3), At: time.Unix(0, q.int(4)).UTC()}
		}
		return graph.Change{Source: copied, At: d.At, Keep: true, Document: &d}, err
	}, `SELECT r.label, r.key, r.type, r.instance, r.since AS moment, d.hash, d.json, 1 AS came FROM docref r JOIN doc d ON d.id=r.doc
		UNION ALL SELECT o.label, o.key, o.type, o.instance, o.till, NULL, NULL, 0 FROM docref o WHERE o.till<?1 AND NOT EXISTS
			(SELECT 1 FROM docref n WHERE n.slot=o.slot AND n.since=o.till)
		ORDER BY moment, came`, stillOpen)
}

func (r *reader) exportRecords() iter.Seq2[graph.Change, error] {
	return walk(r, func(q *rows) (graph.Change, error) {
		value := q.blob(2)
		if value == nil {
			value = []byte{}
		}
		return graph.Change{Source: copied, Keep: true, Records: []graph.Record{{Bucket: q.text(0), Name: q.text(1), Value: value}}}, nil
	}, "SELECT bucket, name, value FROM record ORDER BY bucket, name")
}

func (r *reader) exportSources() iter.Seq2[graph.Change, error] {
	return func(yield func(graph.Change, error) bool) {
		err := r.c.each(func(q *rows) error {
			elems, err := decodeElems(q.view(2))
			if err != nil {
				return err
			}
			changes, err := r.exportSource(q.int(0), q.text(1), elems)
			if err != nil {
				return err
			}
			for _, c := range changes {
				if !yield(c, nil) {
					return errStop
				}
			}
			return nil
		}, "SELECT id, name, elems FROM source ORDER BY name")
		if err != nil && !errors.Is(err, errStop) {
			yield(graph.Change{}, err)
		}
	}
}

// exportSource returns one Change per time at which the source's claims arose,
// in order of time.
func (r *reader) exportSource(src int64, name string, elems []elem) ([]graph.Change, error) {
	byTime := map[int64]*graph.Change{}
	for _, e := range elems {
		at, packed, err := r.claimOf(e, src)
		if err != nil {
			return nil, err
		}
		c := byTime[at]
		if c == nil {
			c = &graph.Change{Source: name, At: time.Unix(0, at).UTC(), Keep: true}
			byTime[at] = c
		}
		if err := r.addClaim(c, e, packed); err != nil {
			return nil, err
		}
	}
	out := make([]graph.Change, 0, len(byTime))
	for _, c := range byTime {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b graph.Change) int { return a.At.Compare(b.At) })
	return out, nil
}

// claimOf returns what a source says of an element, and since when.
func (r *reader) claimOf(e elem, src int64) (at int64, packed []byte, err error) {
	sql := "SELECT at, body FROM node WHERE id=?1 AND src=?2 UNION ALL SELECT at, body FROM claim WHERE elem=?3 AND src=?2"
	if e.isRel() {
		sql = "SELECT at, body FROM rel WHERE id=?1 AND src=?2 UNION ALL SELECT at, body FROM claim WHERE elem=?3 AND src=?2"
	}
	found, err := r.c.one(func(q *rows) { at, packed = q.int(0), q.blob(1) }, sql, e.id(), src, int64(e))
	if err == nil && !found {
		err = errGone
	}
	return at, packed, err
}

// addClaim adds an element with a source's labels and properties to a Change.
func (r *reader) addClaim(c *graph.Change, e elem, packed []byte) error {
	b, err := decodeBody(packed)
	if err != nil {
		return err
	}
	labels, props, err := r.s.names.extra(b)
	if err != nil {
		return err
	}
	if !e.isRel() {
		v, err := r.Node(graph.NodeID(e.id()))
		c.Nodes = append(c.Nodes, graph.Node{Key: v.Key, Labels: labels, Props: props})
		return err
	}
	edge, err := r.Rel(graph.RelID(e.id()))
	if err != nil {
		return err
	}
	from, err := r.Node(edge.From)
	if err != nil {
		return err
	}
	to, err := r.Node(edge.To)
	if err != nil {
		return err
	}
	var rid string
	if _, err := r.c.one(func(q *rows) { rid = q.text(0) }, "SELECT rid FROM rel WHERE id=?1", e.id()); err != nil {
		return err
	}
	c.Rels = append(c.Rels, graph.Rel{From: from.Key, Type: edge.Type, To: to.Key, ID: rid, Props: props})
	return nil
}
