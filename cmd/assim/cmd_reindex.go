package main

import (
	"context"
	"fmt"
	"os"

	"assim/discovery/all"
	"assim/discovery/script"
	"assim/graph"
)

type reindexSettings struct {
	Store    string `name:"store" usage:"offline: the store to read, a path or bolt://HOST:7687; with -into"`
	Into     string `name:"into" usage:"offline: the new store"`
	Password string `name:"store-password-file" usage:"offline: file whose first line is the password for Neo4j"`
	Scripts  string `name:"scripts" default:"/etc/assim/discover.d" usage:"offline: directories, with : between, of mappings (NAME.toml) for documents of discovery scripts"`
}

func reindexCommand() command {
	set := &reindexSettings{}
	return command{
		name: "reindex", short: "work out the graph anew from the stored documents",
		long: `The CMA asks its plugins again what every stored document means, while it works. With the
same plugins nothing changes, and the two hashes are equal; after an upgrade the graph is
as if the new plugins had been there from the start. With -store and -into a stopped CMA's
store, or a backup, is worked out anew into a new file, and no CMA is asked.`,
		examples: "  assim reindex\n  assim reindex -store nightly.db -into fresh.db",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("reindex takes no arguments")
			}
			if (set.Store == "") != (set.Into == "") {
				return usagef("-store and -into go together: assim reindex -store nightly.db -into fresh.db")
			}
			if set.Store != "" {
				return a.rebuild(ctx, set)
			}
			r, err := a.client.Reindex(ctx)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(r)
			}
			fmt.Fprintf(a.out, "%d documents in %.1f s\nbefore %s\nafter  %s\n", r.Documents, r.Millis/1000, r.Before, r.After)
			switch {
			case r.Before == r.After:
				fmt.Fprintln(a.out, "The graph is the same.")
			default:
				fmt.Fprintln(a.out, "The graph differs: plugins changed, or news came meanwhile. assim diff -since 5m tells what.")
			}
			if r.Failed > 0 {
				fmt.Fprintf(a.out, "%d documents are set aside; assim status says why.\n", r.Failed)
			}
			return nil
		},
	}
}

// rebuild works out a store anew into a new file.
func (a *app) rebuild(ctx context.Context, set *reindexSettings) error {
	derive := deriveWith(set.Scripts)
	result, err := fill(ctx, set.Store, set.Into, set.Password, func(ctx context.Context, dst, src graph.Store) (int, error) {
		return graph.Rebuild(ctx, dst, src, derive)
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(map[string]any{"documents": result.Changes, "hash_before": result.From, "hash_after": result.To})
	}
	fmt.Fprintf(a.out, "%d documents\nbefore %s\nafter  %s\n", result.Changes, result.From, result.To)
	return nil
}

// deriveWith turns documents into graph by the built-in types, and a site's
// mappings for the others.
func deriveWith(scripts string) graph.Derive {
	plugins := map[string]func(graph.Key, []byte) (graph.Change, error){}
	mappings, problems := script.MappingsIn(scripts, os.DirFS)
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "left out:", p)
	}
	for name, g := range mappings {
		plugins[name] = g
	}
	for _, p := range all.Plugins {
		if p.Graph != nil {
			plugins[p.Of.Name] = p.Graph
		}
	}
	return func(d graph.Document) (graph.Change, error) {
		plugin := plugins[d.Type]
		if plugin == nil || string(d.JSON) == "null" {
			return graph.Change{}, nil
		}
		c, err := plugin(d.System, d.JSON)
		if err != nil {
			fmt.Fprintf(os.Stderr, "left out: the %s document of %s: %v\n", d.Type, d.System.ID, err)
			return graph.Change{}, nil
		}
		return c, nil
	}
}
