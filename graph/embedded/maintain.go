package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrDamaged means that Check found something wrong.
var ErrDamaged = errors.New("the store is damaged")

// maxComplaints is how many problems Check names before it stops looking.
const maxComplaints = 20

// Check reads everything and makes sure that it fits together. It may run
// while the store is in use. What it finds is told in one error, one problem a
// line.
func (s *Store) Check(ctx context.Context) error {
	view, err := s.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	defer view.Close()
	var wrong []string
	for _, look := range []func(*reader) ([]string, error){checkFile, checkQuestions, checkSources} {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := look(view.(*reader))
		if err != nil {
			return fmt.Errorf("graph store %s: check: %w", s.path, err)
		}
		wrong = append(wrong, found...)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("graph store %s: %w; restore a backup, or copy it into a new store:\n%s",
			s.path, ErrDamaged, strings.Join(wrong[:min(len(wrong), maxComplaints)], "\n"))
	}
	return nil
}

func checkFile(r *reader) ([]string, error) {
	var wrong []string
	err := r.c.each(func(q *rows) error {
		if q.text(0) != "ok" {
			wrong = append(wrong, q.text(0))
		}
		return nil
	}, fmt.Sprintf("PRAGMA integrity_check(%d)", maxComplaints))
	return wrong, err
}

// checkQuestions asks for things that must not be.
func checkQuestions(r *reader) ([]string, error) {
	var wrong []string
	for _, q := range []struct{ what, sql string }{
		{"relationships without a node at an end", "SELECT count(*) FROM rel WHERE a NOT IN (SELECT id FROM node) OR b NOT IN (SELECT id FROM node)"},
		{"nodes that nobody speaks of", "SELECT count(*) FROM node n WHERE src=0 AND NOT EXISTS (SELECT 1 FROM claim WHERE elem=n.id*2)"},
		{"relationships that nobody speaks of", "SELECT count(*) FROM rel r WHERE src=0 AND NOT EXISTS (SELECT 1 FROM claim WHERE elem=r.id*2+1)"},
		{"claims on nothing", "SELECT count(*) FROM claim WHERE (elem%2=0 AND elem/2 NOT IN (SELECT id FROM node WHERE src=0)) OR (elem%2=1 AND elem/2 NOT IN (SELECT id FROM rel WHERE src=0))"},
		{"indexed values of no node", "SELECT count(*) FROM value WHERE node NOT IN (SELECT id FROM node)"},
		{"labels of no node", "SELECT count(*) FROM nodelabel WHERE node NOT IN (SELECT id FROM node)"},
		{"nodes, sources and documents that are not found by name, or found and not there", "SELECT abs((SELECT count(*) FROM place) - (SELECT count(*) FROM place p WHERE " +
			"EXISTS (SELECT 1 FROM node n WHERE n.id=p.id AND n.key=p.key AND n.label=p.kind) OR EXISTS (SELECT 1 FROM source s WHERE p.kind=-1 AND s.id=p.id AND s.name=p.key) OR EXISTS (SELECT 1 FROM docref r WHERE p.kind=-2 AND r.slot=p.id)))" +
			" + abs((SELECT count(*) FROM place) - (SELECT count(*) FROM node) - (SELECT count(*) FROM source) - (SELECT count(DISTINCT slot) FROM docref))"},
		{"documents without content", "SELECT count(*) FROM docref WHERE doc NOT IN (SELECT id FROM doc)"},
		{"versions that ended before they began", "SELECT (SELECT count(*) FROM oldnode WHERE till<=since) + (SELECT count(*) FROM oldrel WHERE till<=since)"},
		{"nodes counted wrong", "SELECT abs((SELECT count(*) FROM node) - ifnull((SELECT n FROM usage WHERE kind=0 AND name=-1), 0))"},
		{"relationships counted wrong", "SELECT abs((SELECT count(*) FROM rel) - ifnull((SELECT n FROM usage WHERE kind=1 AND name=-1), 0))"},
	} {
		n, err := r.c.integer(q.sql)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", n, q.what))
		}
	}
	return wrong, nil
}

// checkSources compares what each source is noted to speak of with the claims
// that are there.
func checkSources(r *reader) ([]string, error) {
	claims := map[int64]int64{}
	err := r.c.each(func(q *rows) error {
		claims[q.int(0)] += q.int(1)
		return nil
	}, "SELECT src, count(*) FROM node WHERE src>0 GROUP BY src UNION ALL SELECT src, count(*) FROM rel WHERE src>0 GROUP BY src UNION ALL SELECT src, count(*) FROM claim GROUP BY src")
	if err != nil {
		return nil, err
	}
	var wrong []string
	err = r.c.each(func(q *rows) error {
		elems, err := decodeElems(q.view(2))
		if err != nil || claims[q.int(0)] != int64(len(elems)) {
			wrong = append(wrong, fmt.Sprintf("source %q speaks of %d elements, %d have its claim", q.text(1), len(elems), claims[q.int(0)]))
		}
		delete(claims, q.int(0))
		return nil
	}, "SELECT id, name, elems FROM source")
	for src, n := range claims {
		wrong = append(wrong, fmt.Sprintf("%d claims of source number %d, which does not exist", n, src))
	}
	return wrong, err
}

// Backup writes a complete copy, as of one moment, to a new file while the
// store goes on working. The file is itself a store and appears only when it
// is whole and on disk.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("graph store %s: backup to %s: %w", s.path, path, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return errors.New("there is such a file already; name another or move it away")
	}
	c, err := dial(s.path, readerCacheKiB)
	if err != nil {
		return err
	}
	defer c.close()
	partial := path + ".partial"
	if err := removeIfThere(partial); err != nil {
		return err
	}
	err = c.until(ctx, func() error { return c.exec("VACUUM INTO ?1", partial) })
	if err == nil {
		err = settle(partial, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(partial))
	}
	return nil
}

// Restore makes a backup the store at path, which must not exist. The backup
// is checked first and stays where it is.
func Restore(ctx context.Context, backup, path string) error {
	if err := restore(ctx, backup, path); err != nil {
		return fmt.Errorf("restoring %s from %s: %w", path, backup, err)
	}
	return nil
}

func restore(ctx context.Context, backup, path string) error {
	for _, f := range []string{path, path + "-wal"} {
		if _, err := os.Lstat(f); err == nil {
			return fmt.Errorf("there is a file %s; stop who uses it and move it away", f)
		}
	}
	partial := path + ".partial"
	if err := copyFile(ctx, backup, partial); err != nil {
		return errors.Join(err, removeIfThere(partial))
	}
	err := checkBackup(ctx, partial)
	if err == nil {
		err = settle(partial, path)
	}
	leftover := errors.Join(removeIfThere(partial), removeIfThere(partial+".lock"))
	return errors.Join(err, leftover)
}

func checkBackup(ctx context.Context, path string) error {
	c, err := dial(path, readerCacheKiB)
	if err != nil {
		return err
	}
	id, err := c.integer("PRAGMA application_id")
	c.close()
	if err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w: it is a database of something else", ErrFormat)
	}
	s, err := Open(path, Options{Readers: 1})
	if err != nil {
		return err
	}
	return errors.Join(s.Check(ctx), s.Close())
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, reading{ctx, in})
	return errors.Join(err, out.Close())
}

// reading ends when its context does.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// settle puts a finished file on disk and gives it its name.
func settle(partial, path string) error {
	f, err := os.OpenFile(partial, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
