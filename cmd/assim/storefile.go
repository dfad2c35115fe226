package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"assim/graph"
	"assim/graph/embedded"
)

// defaultStore is where a CMA keeps its graph unless it is told another place.
const defaultStore = "/var/lib/assim/cma/graph.db"

// engine opens the stores of one kind of address.
type engine struct {
	scheme string
	open   func(ctx context.Context, address string, create bool) (graph.Store, error)
}

// engines are the kinds of store this program knows; the last takes any path.
var engines = []engine{
	{"embedded:", openEmbedded},
	{"", openEmbedded},
}

// openStore opens the store at an address, which nobody else may have open.
// With create it must be new.
func openStore(ctx context.Context, address string, create bool) (graph.Store, error) {
	for _, e := range engines {
		if rest, ok := strings.CutPrefix(address, e.scheme); ok {
			if scheme, _, ok := strings.Cut(rest, "://"); ok && e.scheme == "" {
				return nil, fmt.Errorf("this assim knows no store of the kind %s://; give the path of a store file", scheme)
			}
			return e.open(ctx, rest, create)
		}
	}
	return nil, usagef("%q names no store", address)
}

func openEmbedded(_ context.Context, path string, create bool) (graph.Store, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && create:
		return nil, fmt.Errorf("there is a file %s already; name another, or move it away", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file; a CMA's store is %s unless -store or -data said otherwise", path, defaultStore)
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, fmt.Errorf("there is no store %s; a CMA's is %s unless -store or -data said otherwise", path, defaultStore)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return embedded.Open(path, embedded.Options{})
}

// fingerprint returns the hash of a store's graph as it is now.
func fingerprint(ctx context.Context, s graph.Store) (string, error) {
	view, err := s.View(ctx, time.Time{})
	if err != nil {
		return "", err
	}
	hash, err := graph.Hash(view)
	return hash, errors.Join(err, view.Close())
}
