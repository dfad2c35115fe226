package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	_ "modernc.org/sqlite" // registers the driver for database/sql

	"assim/graph"
)

// measureBaseline stores the same nodes, relationships and documents the plain
// way: two tables, an index each, properties as JSON. It knows no sources, so
// nothing ever ceases, no history, no search and no "unchanged".
func measureBaseline(ctx context.Context, n int, path string) (figures, error) {
	f := figures{Engine: "baseline", Systems: n, OneByOneSample: min(oneByOne, n/2)}
	db, err := openBaseline(ctx, path)
	if err != nil {
		return f, err
	}
	defer db.Close()
	take := inGroups(func(changes []graph.Change) error { return baselineInsert(ctx, db, changes) })
	f.OneByOne, f.OneByOneCPU, err = timed(0, f.OneByOneSample, n, f.processorTime, func(changes []graph.Change) error { return take(changes, 1) })
	if err != nil {
		return f, err
	}
	f.Grouped, f.GroupedCPU, err = timed(f.OneByOneSample, n, n, f.processorTime, func(changes []graph.Change) error { return take(changes, baselineGroup) })
	if err != nil {
		return f, err
	}
	if err := baselineAsk(ctx, db, n, &f); err != nil {
		return f, err
	}
	f.PeakRSSMB = peakRSS()
	if err := db.Close(); err != nil {
		return f, err
	}
	f.DiskMB = diskMB(path)
	began := time.Now()
	if db, err = openBaseline(ctx, path); err != nil {
		return f, err
	}
	f.OpenMillis = float64(time.Since(began).Microseconds()) / 1000
	return f, db.Close()
}

func openBaseline(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for _, stmt := range []string{
		"CREATE TABLE IF NOT EXISTS node(id INTEGER PRIMARY KEY, label TEXT, key TEXT, name TEXT, props TEXT, UNIQUE(label, key))",
		"CREATE INDEX IF NOT EXISTS node_name ON node(label, name)",
		"CREATE TABLE IF NOT EXISTS edge(a INTEGER, type TEXT, b INTEGER, PRIMARY KEY(a, type, b)) WITHOUT ROWID",
		"CREATE INDEX IF NOT EXISTS edge_back ON edge(b, type, a)",
		"CREATE TABLE IF NOT EXISTS doc(hash TEXT PRIMARY KEY, json BLOB)",
	} {
		if _, err := db.ExecContext(ctx, stmt); err != nil {
			return nil, err
		}
	}
	return db, nil
}

// baselineGroup is how many systems the baseline takes in at once, as the store
// does.
const baselineGroup = 100

// baselineInsert takes systems in, in one transaction.
func baselineInsert(ctx context.Context, db *sql.DB, changes []graph.Change) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no harm after the commit
	for _, c := range changes {
		if err := baselineSystem(ctx, tx, c); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func baselineSystem(ctx context.Context, tx *sql.Tx, c graph.Change) error {
	ids := map[graph.Key]int64{}
	for _, v := range c.Nodes {
		props, err := json.Marshal(v.Props)
		if err != nil {
			return err
		}
		name := v.Props["name"]
		if v.Key.Label == graph.IPAddr {
			name = v.Props["addr"]
		}
		var id int64
		if err := tx.QueryRowContext(ctx, "INSERT INTO node(label, key, name, props) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET props=excluded.props RETURNING id",
			v.Key.Label, v.Key.ID, name, string(props)).Scan(&id); err != nil {
			return err
		}
		ids[v.Key] = id
	}
	for _, r := range c.Rels {
		if ids[r.To] == 0 {
			var id int64
			if err := tx.QueryRowContext(ctx, "INSERT INTO node(label, key) VALUES(?,?) ON CONFLICT DO UPDATE SET key=excluded.key RETURNING id", r.To.Label, r.To.ID).Scan(&id); err != nil {
				return err
			}
			ids[r.To] = id
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO edge VALUES(?,?,?) ON CONFLICT DO NOTHING", ids[r.From], r.Type, ids[r.To]); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO doc VALUES(?,?) ON CONFLICT DO NOTHING", c.Document.Hash, c.Document.JSON)
	return err
}

func baselineAsk(ctx context.Context, db *sql.DB, n int, f *figures) error {
	rnd := rand.New(rand.NewPCG(1, 2))
	byAddr, err := db.PrepareContext(ctx, "SELECT props FROM node WHERE label='IPAddr' AND name=?")
	if err != nil {
		return err
	}
	defer byAddr.Close()
	p50, p99, err := percentiles(questions, func(int) error {
		var props string
		return byAddr.QueryRowContext(ctx, address(rnd.IntN(n))).Scan(&props)
	})
	if err != nil {
		return err
	}
	f.LookupMicros, f.LookupP99 = micros(p50), micros(p99)
	join, err := db.PrepareContext(ctx, `SELECT q.props, e.props, p.props FROM node s
		CROSS JOIN edge r ON r.a=s.id AND r.type='RUNS' CROSS JOIN node p ON p.id=r.b
		CROSS JOIN edge c ON c.a=p.id AND c.type='CONNECTS_TO' CROSS JOIN node e ON e.id=c.b
		CROSS JOIN edge l ON l.b=e.id AND l.type='LISTENS_ON' CROSS JOIN node q ON q.id=l.a
		WHERE s.label='System' AND s.name=?`)
	if err != nil {
		return err
	}
	defer join.Close()
	p50, _, err = percentiles(questions, func(int) error { return baselineHops(ctx, join, fmt.Sprintf("host%06d", rnd.IntN(n))) })
	f.HopsAPIMicros = micros(p50)
	return err
}

func baselineHops(ctx context.Context, join *sql.Stmt, name string) error {
	rows, err := join.QueryContext(ctx, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var a, b, c sql.NullString
		if err := rows.Scan(&a, &b, &c); err != nil {
			return err
		}
		found++
	}
	if rows.Err() == nil && found != 3 {
		return fmt.Errorf("%d rows, want 3", found)
	}
	return rows.Err()
}
