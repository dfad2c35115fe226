package bolt

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
)

const (
	copied      = "copy" // the source of what nobody's name is attached to
	exportGroup = 200    // documents or sources read at once
)

// Export says again all that was said. Nothing is written meanwhile.
func (s *Store) Export(ctx context.Context) iter.Seq2[graph.Change, error] {
	return func(yield func(graph.Change, error) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, part := range []func(context.Context, func(graph.Change) bool) (bool, error){s.exportDocuments, s.exportSources, s.exportRecords} {
			more, err := part(ctx, func(c graph.Change) bool { return yield(c, nil) })
			if err != nil {
				yield(graph.Change{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// exportDocuments yields every document that came, in order of the commits (of
// which several may be of one moment), and every one that went without another
// in its place.
func (s *Store) exportDocuments(ctx context.Context, yield func(graph.Change) bool) (bool, error) {
	rows, err := s.read(ctx, "MATCH (d:AssimDocRef) RETURN d.from, d.to, d.till, d.ref, d.name, d.hash, d.at, null AS json", nil)
	if err != nil {
		return false, err
	}
	next := map[string]bool{} // where one begins
	for _, row := range rows {
		next[fmt.Sprint(row[3], row[0])] = true
	}
	type numbered struct {
		graph.Document
		commit int64
	}
	var docs []numbered
	for _, row := range rows {
		d, err := documentOf(row[3:])
		if err != nil {
			return false, err
		}
		docs = append(docs, numbered{d, number(row[0])})
		if to := number(row[1]); to != open && !next[fmt.Sprint(row[3], to)] {
			docs = append(docs, numbered{graph.Document{System: d.System, Type: d.Type, Instance: d.Instance, At: instant(number(row[2]))}, to})
		}
	}
	slices.SortFunc(docs, func(a, b numbered) int { return cmp.Compare(a.commit, b.commit) })
	for group := range slices.Chunk(docs, exportGroup) {
		var hashes []string
		for _, d := range group {
			hashes = append(hashes, d.Hash)
		}
		rows, err := s.read(ctx, "UNWIND $hashes AS h MATCH (d:AssimDocument {hash: h}) RETURN DISTINCT h, d.json", map[string]any{"hashes": hashes})
		if err != nil {
			return false, err
		}
		json := map[string][]byte{}
		for _, row := range rows {
			json[text(row[0])] = bytesOf(row[1])
		}
		for _, d := range group {
			d.JSON = json[d.Hash]
			if !yield(graph.Change{Source: copied, At: d.At, Keep: true, Document: &d.Document}) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (s *Store) exportRecords(ctx context.Context, yield func(graph.Change) bool) (bool, error) {
	rows, err := s.read(ctx, "MATCH (r:AssimRecord) RETURN r.bucket, r.name, r.value ORDER BY r.bucket, r.name", nil)
	for _, row := range rows {
		c := graph.Change{Source: copied, At: instant(s.count.clock), Keep: true, Records: []graph.Record{{Bucket: text(row[0]), Name: text(row[1]), Value: bytesOf(row[2])}}}
		if !yield(c) {
			return false, nil
		}
	}
	return err == nil, err
}

func (s *Store) exportSources(ctx context.Context, yield func(graph.Change) bool) (bool, error) {
	rows, err := s.read(ctx, "MATCH (s:AssimSource) RETURN s.name", nil)
	if err != nil {
		return false, err
	}
	sortRows(rows)
	for group := range slices.Chunk(rows, exportGroup) {
		names := make([]string, len(group))
		for i, row := range group {
			names[i] = text(row[0])
		}
		changes, err := s.exportGroup(ctx, names)
		if err != nil {
			return false, err
		}
		for _, c := range changes {
			if !yield(c) {
				return false, nil
			}
		}
	}
	return true, nil
}

// exportGroup reads what sources say, in order of name and time.
func (s *Store) exportGroup(ctx context.Context, names []string) ([]graph.Change, error) {
	session := s.session(ctx)
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	defer tx.Close(ctx)
	out, err := exportFrom(ctx, tx, names)
	return out, s.explain(err)
}

func exportFrom(ctx context.Context, tx neo4j.ExplicitTransaction, names []string) ([]graph.Change, error) {
	changes := make([]prepared, len(names))
	for i, name := range names {
		changes[i].Source, changes[i].hash = name, "any" // no source has this hash, so all is read
	}
	b := newBatch(ctx, tx, counters{})
	if err := b.readSources(changes); err != nil {
		return nil, err
	}
	if err := b.readItems(changes); err != nil {
		return nil, err
	}
	var out []graph.Change
	for _, name := range names {
		out = append(out, b.said(name)...)
	}
	return out, nil
}

// said returns one Change per time at which a source's claims arose.
func (b *batch) said(name string) []graph.Change {
	byTime := map[time.Time]*graph.Change{}
	for _, u := range slices.Sorted(maps.Keys(b.sources[name].elems)) {
		it := b.sources[name].elems[u]
		claim, _ := it.claims.of(name)
		c := byTime[claim.At]
		if c == nil {
			c = &graph.Change{Source: name, At: claim.At, Keep: true}
			byTime[claim.At] = c
		}
		if it.element.isRel {
			k := it.element.rel
			c.Rels = append(c.Rels, graph.Rel{From: k.From, Type: k.Type, To: k.To, ID: k.ID, Props: claim.Props})
			continue
		}
		c.Nodes = append(c.Nodes, graph.Node{Key: it.element.node, Labels: claim.Labels, Props: claim.Props})
	}
	var out []graph.Change
	for _, at := range slices.SortedFunc(maps.Keys(byTime), time.Time.Compare) {
		out = append(out, *byTime[at])
	}
	return out
}
