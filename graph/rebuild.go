package graph

import (
	"context"
	"errors"
	"fmt"
)

// Derive turns a stored document into what it means now. Its Change needs no
// Source, At or Document; Rebuild gives it those.
type Derive func(Document) (Change, error)

// SourceOf names the source whose Change carries a document: the system, the
// type and, where there are several of a type, the instance.
func SourceOf(d Document) string {
	name := d.System.ID + "/" + d.Type
	if d.Instance != "" {
		name += "/" + d.Instance
	}
	return name
}

// Rebuild fills an empty store with what the documents of another mean by
// derive: each is derived again in the order in which they came, so the claims
// get the times they had. What other sources say and the records are copied.
// With the same plugins both have the same Hash. It returns how many documents
// were derived.
func Rebuild(ctx context.Context, dst, src Store, derive Derive) (int, error) {
	from, ok := src.(Exporter)
	if !ok {
		return 0, errors.New("graph: the store to rebuild from cannot export")
	}
	derived := map[string]bool{} // sources that documents speak for
	n := 0
	for c, err := range from.Export(ctx) {
		if err != nil {
			return n, fmt.Errorf("graph: rebuild, reading: %w", err)
		}
		switch {
		case c.Document != nil:
			derived[SourceOf(*c.Document)] = true
			if c, err = rederive(c, derive); err != nil {
				return n, err
			}
			n++
		case derived[c.Source]:
			continue
		}
		if _, err := dst.Apply(ctx, c); err != nil {
			return n, fmt.Errorf("graph: rebuild, writing: %w", err)
		}
	}
	return n, nil
}

// rederive makes an exported document into the Change it means.
func rederive(c Change, derive Derive) (Change, error) {
	d := *c.Document
	out := Change{}
	if d.Hash != "" { // otherwise the system has it no more, and its source says nothing
		var err error
		if out, err = derive(d); err != nil {
			return Change{}, fmt.Errorf("graph: rebuild: document %s of %s: %w", d.Type, d.System, err)
		}
	}
	out.Source, out.At, out.Document, out.Keep = SourceOf(d), c.At, &d, false
	return out, nil
}
