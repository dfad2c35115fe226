package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"assim/api"
	"assim/graph/bolt"
	"assim/graph/embedded"
	"assim/query"
)

// askFile makes the questions go to a store file or a backup instead of a CMA.
// The file is only read, so a CMA may have it open meanwhile. Close what comes back.
func (a *app) askFile(path, queries string) (close func() error, err error) {
	if bolt.IsAddress(path) {
		return nil, usagef("-store takes the path of a store file or a backup; a Neo4j is asked through its CMA, or with its own tools")
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, noStore(path)
	} else if err == nil && !info.Mode().IsRegular() {
		return nil, noFile(path)
	}
	store, err := embedded.OpenReadOnly(path)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: try sudo", err)
	}
	if err != nil {
		return nil, err
	}
	var site fs.FS
	if info, err := os.Stat(queries); err == nil && info.IsDir() {
		site = os.DirFS(queries)
	}
	catalog, err := query.Load(site)
	if err != nil {
		fmt.Fprintln(os.Stderr, "left out:", err) // the rest works
	}
	a.client = api.NewClientOf((&api.Server{Store: store, Queries: catalog}).Handler(), path)
	return store.Close, nil
}

// from has the questions of ask go to the file of -store, if there is one.
func (a *app) from(path, queries string, ask func() error) error {
	if path == "" {
		return ask()
	}
	done, err := a.askFile(path, queries)
	if err != nil {
		return err
	}
	return errors.Join(ask(), done())
}
