package checksums

import (
	"encoding/json"
	"fmt"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// maxPath bounds a path that comes in a document and becomes a key.
const maxPath = 4096

// file is one file and its content's checksum.
type file struct {
	Path string `json:"path"`
	Sum  string `json:"sha256"`
}

// set names a list of files.
func set(list []file) (graph.Key, error) {
	discovery.Sort(list, func(a, b file) int { return strings.Compare(a.Path, b.Path) })
	text, _, err := discovery.Canonical(list)
	if err != nil {
		return graph.Key{}, fmt.Errorf("checksums: %w", err)
	}
	return graph.Key{Label: graph.ChecksumSet, ID: discovery.Hash(text)}, nil
}

// parse tells programs and libraries, which systems that were installed alike
// share, from configuration, which every system has of its own.
func parse(doc []byte) (programs, configuration []file, err error) {
	var p *Payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return nil, nil, fmt.Errorf("checksums: the document does not parse: %w", err)
	}
	if p == nil || len(p.Files) > maxFiles {
		return nil, nil, fmt.Errorf("checksums: no files, or more than the limit of %d", maxFiles)
	}
	for path, sum := range p.Files {
		switch {
		case !strings.HasPrefix(path, "/") || len(path) > maxPath || len(sum) != 64:
			return nil, nil, fmt.Errorf("checksums: %.80q with a sum of %d digits is not a file's", path, len(sum))
		case strings.HasPrefix(path, "/etc/"):
			configuration = append(configuration, file{path, sum})
		default:
			programs = append(programs, file{path, sum})
		}
	}
	return programs, configuration, nil
}

// Graph says which sets of files a system has, and what that of its
// configuration holds.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	programs, configuration, err := parse(doc)
	if err != nil {
		return graph.Change{}, err
	}
	var c graph.Change
	has := func(list []file) (graph.Key, error) {
		if len(list) == 0 {
			return graph.Key{}, nil
		}
		key, err := set(list)
		c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("hash", key.ID, "size", len(list))})
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.HasChecksums, To: key})
		return key, err
	}
	if _, err := has(programs); err != nil {
		return graph.Change{}, err
	}
	key, err := has(configuration)
	if err != nil {
		return graph.Change{}, err
	}
	contains(&c, key, configuration)
	return c, nil
}

// Shared says what the set of programs holds, once for all systems that have it.
func Shared(doc []byte) (graph.Change, error) {
	programs, _, err := parse(doc)
	if err != nil || len(programs) == 0 {
		return graph.Change{}, err
	}
	key, err := set(programs)
	if err != nil {
		return graph.Change{}, err
	}
	c := graph.Change{Source: "checksums/" + key.ID}
	c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("hash", key.ID, "size", len(programs))})
	contains(&c, key, programs)
	return c, nil
}

func contains(c *graph.Change, key graph.Key, list []file) {
	for _, f := range list {
		node := graph.Node{Key: graph.Key{Label: graph.Checksum, ID: f.Path + "/" + f.Sum}, Props: graph.P("path", f.Path, "sha256", f.Sum)}
		c.Nodes = append(c.Nodes, node)
		c.Rels = append(c.Rels, graph.Rel{From: key, Type: graph.Contains, To: node.Key})
	}
}
