package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrReadOnly means that a store was opened to be read.
var ErrReadOnly = errors.New("the store is open for reading only")

// OpenReadOnly opens the store in the file at path, which must exist, for
// reading: nothing it says changes. It needs no lock, so it works beside the
// process that writes and sees what that commits; which properties are indexed
// is asked once. Apply and Prune say ErrReadOnly.
func OpenReadOnly(path string) (*Store, error) {
	s, err := openReadOnly(path)
	if err != nil {
		return nil, fmt.Errorf("graph store %s: %w", path, err)
	}
	return s, nil
}

func openReadOnly(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path) // the library would only say that it is "unable to open"
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	s := &Store{path: path, opt: Options{}.withDefaults(), readOnly: true, done: make(chan struct{}), closing: make(chan struct{})}
	close(s.done) // there is no writer to wait for
	s.pool = make(chan *conn, s.opt.Readers)
	for range s.opt.Readers - 1 {
		s.pool <- nil
	}
	c, err := dial(path, readerCacheKiB, "PRAGMA query_only = 1")
	if err != nil {
		return nil, err
	}
	err = errors.Join(isNewest(c), s.names.load(c))
	if err == nil {
		s.index, err = knownIndexes(c, &s.names)
	}
	if err != nil {
		_ = c.close() // it only read
		return nil, err
	}
	s.pool <- c
	return s, nil
}

// isNewest makes sure that a file has the format that needs no migration.
func isNewest(c *conn) error {
	id, err := c.integer("PRAGMA application_id")
	if err != nil {
		return err
	}
	format, err := c.integer("PRAGMA user_version")
	switch newest := int64(len(migrations)); {
	case err != nil:
		return err
	case id != applicationID:
		return fmt.Errorf("%w: it is a database of something else", ErrFormat)
	case format > newest:
		return newerFormat(format, newest)
	case format < newest:
		return fmt.Errorf("%w without writing: it has format %d, this version reads %d; assim restore FILE -store COPY makes a copy of the newest", ErrFormat, format, newest)
	}
	return nil
}

// knownIndexes reads which indexes a file has.
func knownIndexes(c *conn, n *names) (indexes, error) {
	ix := indexes{byName: map[[2]string]int64{}}
	err := c.each(func(r *rows) error {
		label, err := n.text(r.int(1))
		if err != nil {
			return err
		}
		prop, err := n.text(r.int(2))
		ix.byName[[2]string{label, prop}] = r.int(0)
		return err
	}, "SELECT id, label, prop FROM indexed")
	return ix, err
}
