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
	"assim/graph/bolt"
	"assim/graph/embedded"
)

// defaultStore is where a CMA keeps its graph unless it is told another place.
const defaultStore = "/var/lib/assim/cma/graph.db"

// openStore opens the store at an address: a path, or bolt://USER@HOST:7687 with
// the password in a file. Nobody else may have it open. With create it must be new.
func openStore(ctx context.Context, address, passwordFile string, create bool) (graph.Store, error) {
	if bolt.IsAddress(address) {
		return openBolt(ctx, address, passwordFile, create)
	}
	if scheme, _, ok := strings.Cut(address, "://"); ok {
		return nil, fmt.Errorf("there are no stores of the kind %s://; give the path of a store file, or bolt://HOST:7687", scheme)
	}
	return openEmbedded(address, create)
}

func openBolt(ctx context.Context, address, passwordFile string, create bool) (graph.Store, error) {
	uri, opt, err := bolt.ParseAddress(address, passwordFile)
	if err != nil {
		return nil, err
	}
	store, err := bolt.Open(ctx, uri, opt)
	if err != nil {
		return nil, err
	}
	empty, err := store.Empty(ctx)
	switch {
	case err != nil:
	case create && !empty:
		err = fmt.Errorf("the store at %s has something in it; empty it or name another (Neo4j: MATCH (n) DETACH DELETE n)", uri)
	case !create && empty:
		err = fmt.Errorf("the store at %s is empty", uri)
	default:
		return store, nil
	}
	return nil, errors.Join(err, store.Close())
}

func openEmbedded(path string, create bool) (graph.Store, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && create:
		return nil, fmt.Errorf("there is a file %s already; name another, or move it away", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, noFile(path)
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, noStore(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return embedded.Open(path, embedded.Options{})
}

func noFile(path string) error {
	return fmt.Errorf("%s is not a file; a CMA's store is %s unless -store or -data said otherwise", path, defaultStore)
}

func noStore(path string) error {
	return fmt.Errorf("there is no store %s; a CMA's is %s unless -store or -data said otherwise", path, defaultStore)
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
