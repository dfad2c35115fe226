package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"assim/admin"
	"assim/graph"
)

// Backuper is a store that copies itself into a new file while it works.
type Backuper interface {
	Backup(ctx context.Context, path string) error
}

// Checker is a store that can make sure that it is sound while it works. Its
// error names what is wrong, one thing a line.
type Checker interface {
	Check(ctx context.Context) error
}

// BackupRequest names a backup.
type BackupRequest struct {
	File string `json:"file"` // a name in the CMA's directory of backups; or a path within it
}

// Backup is a backup that was made.
type Backup struct {
	Path   string  `json:"path"` // on the CMA's host
	Bytes  int64   `json:"bytes"`
	Millis float64 `json:"millis"`
}

// CheckResult is what a check found.
type CheckResult struct {
	Sound   bool    `json:"sound"`
	Problem string  `json:"problem,omitempty"`
	Nodes   int64   `json:"nodes"`
	Rels    int64   `json:"relationships"`
	Millis  float64 `json:"millis"`
}

// Reindexed says what working out the graph anew from the documents did.
type Reindexed = admin.Reindexed

// lacks is the answer when a store has no such ability, and what there is instead.
func lacks(what, instead string) error {
	return &Error{Problem{Error: "this CMA's store cannot " + what + "; " + instead}, http.StatusNotImplemented}
}

func (s *Server) upkeep(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/diff", answer(s.diff))
	mux.HandleFunc("POST /v1/backup", answer(s.backup))
	mux.HandleFunc("POST /v1/check", answer(s.check))
	mux.HandleFunc("POST /v1/reindex", answer(func(r *http.Request) (any, error) {
		if s.Reindex == nil {
			return nil, lacks("work out the graph anew", "it was started without that")
		}
		return s.Reindex(r.Context())
	}))
}

func (s *Server) backup(r *http.Request) (any, error) {
	var req BackupRequest
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	store, ok := s.Store.(Backuper)
	if !ok || s.Backups == "" {
		return nil, lacks("back itself up into a file", "dump Neo4j with neo4j-admin database dump, or stop the CMA and copy it with assim store copy bolt://... FILE")
	}
	path, err := within(s.Backups, req.File)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, admin.Badf("there is a file %s on the CMA's host already; name another", path)
	}
	start := time.Now()
	if err := store.Backup(r.Context(), path); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return Backup{path, info.Size(), millisSince(start)}, nil
}

// within returns the path of a file in a directory. Nothing outside can be
// named: the CMA is root, and those who ask it are not.
func within(dir, file string) (string, error) {
	name := file
	if filepath.IsAbs(file) {
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return "", err
		}
		name = rel
	}
	if name == "." || !filepath.IsLocal(name) {
		return "", admin.Badf("%q is not a file in %s: the CMA writes backups only there; give a name, or another directory with cma -backups", file, dir)
	}
	return filepath.Join(dir, name), nil
}

func (s *Server) check(r *http.Request) (any, error) {
	store, ok := s.Store.(Checker)
	if !ok {
		return nil, lacks("check itself", "Neo4j can: neo4j-admin database check")
	}
	view, err := s.Store.View(r.Context(), time.Time{})
	if err != nil {
		return nil, err
	}
	result := CheckResult{Sound: true, Nodes: view.Count(""), Rels: view.RelCount("")}
	if err := view.Close(); err != nil {
		return nil, err
	}
	start := time.Now()
	err = store.Check(r.Context())
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	result.Millis = millisSince(start)
	if err != nil {
		if errors.Is(err, graph.ErrClosed) {
			return nil, err
		}
		result.Sound, result.Problem = false, err.Error()
	}
	return result, nil
}

func millisSince(start time.Time) float64 { return float64(time.Since(start).Microseconds()) / 1000 }
