package cma

import (
	"context"
	"errors"
	"strings"
	"time"

	"assim/graph"
)

// sweepEvery is how often the lists that systems share are looked through. One
// that nobody has at two looks is forgotten: what an upgrade replaced yesterday
// would otherwise stay for ever.
const sweepEvery = time.Hour

// sets are the labels of shared lists, and the discovery type whose Shared makes
// them; its source is "type/id".
var sets = []struct{ label, typ string }{
	{graph.PackageSet, "packages"}, {graph.SettingSet, "proc_sys"}, {graph.ChecksumSet, "checksums"}, {graph.NeighborSet, "arp"},
}

// sweepings are what a look through the shared lists found.
type sweepings struct {
	lonely map[string]bool  // sources of lists that nobody has
	empty  []graph.Document // of which a list that somebody has lost its content
}

// sweep looks through the shared lists. A list that is taken up again at the
// very moment it is forgotten is empty at the next look, and said again.
func sweep(r graph.Reader) (sweepings, error) {
	found := sweepings{lonely: map[string]bool{}}
	for _, s := range sets {
		for node, err := range r.Nodes(s.label) {
			if err != nil {
				return found, err
			}
			user, has, err := firstEdge(r, node.ID, graph.In)
			if err != nil {
				return found, err
			}
			if !has {
				found.lonely[s.typ+"/"+node.Key.ID] = true
				continue
			}
			if _, has, err = firstEdge(r, node.ID, graph.Out, graph.Contains); err != nil {
				return found, err
			}
			if has {
				continue
			}
			doc, err := documentOf(r, user.From, s.typ)
			if err != nil {
				return found, err
			}
			if doc.JSON != nil {
				found.empty = append(found.empty, doc)
			}
		}
	}
	return found, nil
}

func firstEdge(r graph.Reader, id graph.NodeID, dir graph.Dir, types ...string) (graph.Edge, bool, error) {
	for rel, err := range r.Expand(id, dir, types...) {
		return rel, err == nil, err
	}
	return graph.Edge{}, false, nil
}

// documentOf is the document of a type of the system that a node is, or that it
// is an interface of.
func documentOf(r graph.Reader, id graph.NodeID, typ string) (graph.Document, error) {
	node, err := r.Node(id)
	if errors.Is(err, graph.ErrNotFound) {
		return graph.Document{}, nil
	}
	if err != nil {
		return graph.Document{}, err
	}
	system, _, _ := strings.Cut(node.Key.ID, "/")
	for doc, err := range r.Documents(systemKeyOf(system), typ) {
		return doc, err
	}
	return graph.Document{}, nil
}

func systemKeyOf(id string) graph.Key { return graph.Key{Label: graph.System, ID: id} }

// tidy forgets the lists that nobody had at this look and the one before, and
// says again those that lost their content.
func (d *deriver) tidy(ctx context.Context) error {
	view, err := d.store.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	found, err := sweep(view)
	if err = errors.Join(err, view.Close()); err != nil {
		return err
	}
	for source := range found.lonely {
		if !d.lonely[source] {
			continue
		}
		gone := graph.Change{Source: source, At: d.now(), Records: []graph.Record{{Bucket: sharedBucket, Name: source}}}
		if err := d.commits.do(ctx, gone); err != nil {
			return err
		}
		delete(found.lonely, source)
	}
	d.lonely = found.lonely
	for _, doc := range found.empty {
		for _, p := range d.plugins {
			if p.Of.Name != doc.Type || p.Shared == nil {
				continue
			}
			piece, err := p.Shared(doc.JSON)
			if err != nil || piece.Source == "" {
				continue // told when the plugin is asked for the system's own piece
			}
			piece.At = d.now()
			piece.Records = append(piece.Records, graph.Record{Bucket: sharedBucket, Name: piece.Source, Value: []byte{1}})
			if err := d.commits.do(ctx, piece); err != nil {
				return err
			}
		}
	}
	return nil
}
