package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"assim/api"
	"assim/graph"
	"assim/graph/bolt"
	"assim/graph/embedded"
)

func backupCommand() command {
	return command{
		name: "backup", args: "[FILE]", short: "copy the CMA's store into a file on its host, while it works",
		long: `FILE is a name in the directory that cma -backups sets (default: backups in its -data);
without one it is named for the time. The file is itself a store: assim restore puts it
in place, and assim check -store checks it. It holds the graph,
the documents and who may join; cma-keys.json, beside the store, is not in it.`,
		examples: "  assim backup\n  assim backup before-upgrade.db\n  assim backup nightly.db -json",
		run: func(ctx context.Context, a *app, args []string) error {
			file := "graph-" + time.Now().UTC().Format("20060102-150405") + ".db"
			switch len(args) {
			case 0:
			case 1:
				file = args[0]
			default:
				return usagef("backup takes one file: assim backup nightly.db")
			}
			b, err := a.client.Backup(ctx, file)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(b)
			}
			fmt.Fprintf(a.out, "%s, %s, in %.1f s\n", b.Path, megabytes(b.Bytes), b.Millis/1000)
			return nil
		},
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

type storeSettings struct {
	Store string `name:"store" usage:"path of the store file"`
}

type checkSettings struct {
	Store    string `name:"store" usage:"path of the store file, or bolt://USER@HOST:7687 for Neo4j"`
	Password string `name:"store-password-file" usage:"with -store: file whose first line is the password for Neo4j"`
}

// storePassword is the setting of a command that opens stores on servers.
type storePassword struct {
	Password string `name:"store-password-file" usage:"file whose first line is the password for Neo4j"`
}

func restoreCommand() command {
	set := &storeSettings{}
	return command{
		name: "restore", args: "FILE", short: "make a backup the store of a CMA that is stopped",
		long: `The store must not exist: move the old one away first (with its -wal file, if there
is one). The backup is checked before it gets the name, and stays where it is.
Without -store it becomes ` + defaultStore + `.`,
		examples: "  assim restore /var/lib/assim/cma/backups/nightly.db\n  assim restore nightly.db -store /srv/assim/graph.db",
		settings: set, offline: true,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) != 1 {
				return usagef("restore takes the file of a backup: assim restore nightly.db")
			}
			to := set.Store
			if to == "" {
				to = defaultStore
			}
			if bolt.IsAddress(to) {
				return usagef("restore puts a file in place; into Neo4j goes a backup by assim store copy %s %s, and a dump of Neo4j's own by neo4j-admin database load", args[0], to)
			}
			if err := embedded.Restore(ctx, args[0], to); err != nil {
				return err
			}
			if err := giveToFolder(to); err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(map[string]string{"store": to, "backup": args[0]})
			}
			fmt.Fprintf(a.out, "%s is checked and in place: start the CMA\n", to)
			return nil
		},
	}
}

func checkCommand() command {
	set := &checkSettings{}
	return command{
		name: "check", short: "is the store sound: the CMA's while it works, or a file",
		long: "It reads everything, which takes a while with many systems. With -store no CMA is asked.\nExit status 1 says that something is wrong.",
		examples: "  assim check\n  assim check -store /var/lib/assim/cma/backups/nightly.db\n" +
			"  assim check -store bolt://neo4j@db.example.com:7687 -store-password-file /etc/assim/neo4j",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("check takes no arguments; to check a file: assim check -store %s", args[0])
			}
			result, err := a.check(ctx, set.Store, set.Password)
			if err != nil {
				return err
			}
			if a.JSON {
				err = a.printJSON(result)
			} else if result.Sound {
				fmt.Fprintf(a.out, "sound: %d nodes, %d relationships, read in %.1f s\n", result.Nodes, result.Rels, result.Millis/1000)
			}
			if !result.Sound {
				err = errors.Join(err, errors.New(result.Problem))
			}
			return err
		},
	}
}

func (a *app) check(ctx context.Context, path, passwordFile string) (r api.CheckResult, err error) {
	if path == "" {
		return a.client.Check(ctx)
	}
	store, err := openStore(ctx, path, passwordFile, false)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	checker, ok := store.(api.Checker)
	if !ok {
		return r, fmt.Errorf("%s is of a kind that cannot check itself; Neo4j has a tool for that: neo4j-admin database check", path)
	}
	view, err := store.View(ctx, time.Time{})
	if err != nil {
		return r, err
	}
	r.Nodes, r.Rels, r.Sound = view.Count(""), view.RelCount(""), true
	if err := view.Close(); err != nil {
		return r, err
	}
	start := time.Now()
	if err := checker.Check(ctx); err != nil {
		if ctx.Err() != nil {
			return r, err
		}
		r.Sound, r.Problem = false, err.Error()
	}
	r.Millis = float64(time.Since(start).Microseconds()) / 1000
	return r, nil
}

func storeCommand() command {
	set := &storePassword{}
	return command{
		name: "store", args: "copy FROM TO", short: "move an installation into another store, offline",
		long: `FROM and TO are paths of store files, or bolt://USER@HOST:7687 or neo4j://... (+s for TLS)
for Neo4j. TO must be new. Nobody may have FROM open: stop the CMA, or copy a backup.
Graph, documents and records go over, and the two graphs' hashes are compared; the history
of nodes and relationships stays behind. Then start the CMA with -store TO.`,
		examples: "  assim store copy /var/lib/assim/cma/graph.db bolt://neo4j@db.example.com:7687 -store-password-file /etc/assim/neo4j\n" +
			"  assim store copy bolt://localhost:7687 /srv/assim/graph.db\n  assim store copy nightly.db fresh.db -json",
		settings: set, offline: true,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) != 3 || args[0] != "copy" {
				return usagef("store knows one thing: assim store copy FROM TO")
			}
			result, err := copyStore(ctx, args[1], args[2], set.Password)
			if err == nil && !bolt.IsAddress(args[2]) {
				err = giveToFolder(args[2])
			}
			if err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(result)
			}
			fmt.Fprintf(a.out, "%d changes copied; both graphs have the hash %s\n", result.Changes, result.To)
			return nil
		},
	}
}

// copied says what filling a store from another did.
type copied struct {
	Changes int    `json:"changes"`
	From    string `json:"hash_from"` // of the graphs
	To      string `json:"hash_to"`
}

// copyStore copies a store into a new one and compares the two.
func copyStore(ctx context.Context, from, to, passwordFile string) (copied, error) {
	c, err := fill(ctx, from, to, passwordFile, graph.Copy)
	if err == nil && c.From != c.To {
		err = fmt.Errorf("the graph of %s has the hash %s, that of %s %s: they differ, so do not use the new one", from, c.From, to, c.To)
	}
	return c, err
}

// fill makes a new store of an old one.
func fill(ctx context.Context, from, to, passwordFile string, how func(ctx context.Context, dst, src graph.Store) (int, error)) (c copied, err error) {
	if same(from, to) {
		return c, usagef("FROM and TO are both %s", from)
	}
	src, err := openStore(ctx, from, passwordFile, false)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := openStore(ctx, to, passwordFile, true)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if c.Changes, err = how(ctx, dst, src); err != nil {
		return c, fmt.Errorf("%w; %s is not whole: do not use it", err, to)
	}
	if c.From, err = fingerprint(ctx, src); err != nil {
		return c, err
	}
	c.To, err = fingerprint(ctx, dst)
	return c, err
}

func same(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}
