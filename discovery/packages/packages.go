// Package packages discovers the installed software: deb, rpm, apk, pacman,
// snap and flatpak packages, and what pip and npm installed for everybody.
//
//	(System)-[:HAS_PACKAGES]->(PackageSet {hash})-[:CONTAINS]->(Package {name, version, arch, manager})
//
// Systems that were installed alike share one PackageSet, so that the lists of
// 100,000 systems cost the graph a few thousand sets.
package packages

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type "packages".
var Type = discovery.Type{
	Name:    "packages",
	Short:   "installed software of every package manager found",
	Every:   time.Hour,
	Files:   []string{"/var/lib/dpkg/status", "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/lib/apk/db/installed", "/var/lib/pacman/local"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:     &Type,
	Graph:  Graph,
	Shared: Shared,
	About: discovery.About{
		Reads: []string{"/var/lib/dpkg/status", "rpm -qa", "/lib/apk/db/installed", "/var/lib/pacman/local/*/desc", "/snap/*/current/meta/snap.yaml",
			"/var/lib/flatpak/app", "/usr/{lib,local/lib}/python3*/{dist,site}-packages/*-info", "/usr/{lib,local/lib}/node_modules/*/package.json"},
		Keys: []discovery.Field{
			{Key: "packages[].name", Meaning: "name as its manager has it"},
			{Key: "packages[].version", Meaning: "full version with epoch and release"},
			{Key: "packages[].arch", Meaning: "architecture, empty where the manager has none"},
			{Key: "packages[].manager", Meaning: "deb, rpm, apk, pacman, snap, flatpak, pip or npm"},
			{Key: "packages[].source", Meaning: "source package, where it is called otherwise"},
			{Key: "packages[].source_version", Meaning: "version of the source package, where it differs"},
			{Key: "errors[]", Meaning: "managers that could not be read, one sentence each"},
		},
		Graph: "(System)-[:HAS_PACKAGES]->(PackageSet)-[:CONTAINS]->(Package)",
	},
}

// maxPackages bounds a document; a fat desktop has 4,000.
const maxPackages = 50_000

// Payload is the document.
type Payload struct {
	Packages []Package `json:"packages"`
	Errors   []string  `json:"errors,omitempty"`
}

// Package is one installed package.
type Package struct {
	Name          string `json:"name"`
	Version       string `json:"version"`
	Arch          string `json:"arch,omitempty"`
	Manager       string `json:"manager"`
	Source        string `json:"source,omitempty"`
	SourceVersion string `json:"source_version,omitempty"`
}

// managers are the ways software gets onto a system. Each returns ErrNotHere
// where it is not in use.
var managers = []struct {
	name string
	list func(context.Context, discovery.Host) ([]Package, error)
}{
	{"deb", debs}, {"rpm", rpms}, {"apk", apks}, {"pacman", pacmans}, {"snap", snaps}, {"flatpak", flatpaks}, {"pip", pips}, {"npm", npms},
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	doc := &Payload{}
	for _, m := range managers {
		list, err := m.list(ctx, h)
		switch {
		case errors.Is(err, discovery.ErrNotHere):
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			// The others are still worth knowing.
			doc.Errors = append(doc.Errors, fmt.Sprintf("%s: %v", m.name, err))
		}
		doc.Packages = append(doc.Packages, list...)
	}
	if len(doc.Packages) == 0 && len(doc.Errors) == 0 {
		return nil, discovery.ErrNotHere
	}
	discovery.Sort(doc.Packages, compare)
	doc.Packages = slices.Compact(doc.Packages)
	if len(doc.Packages) > maxPackages {
		doc.Errors = append(doc.Errors, fmt.Sprintf("packages: only the first %d are listed", maxPackages))
		doc.Packages = doc.Packages[:maxPackages]
	}
	return doc, nil
}

func compare(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Version, b.Version))
}

// set names the list in a document.
func set(doc []byte) (graph.Key, *Payload, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Key{}, nil, fmt.Errorf("packages: the document does not parse: %w", err)
	}
	if len(p.Packages) > maxPackages {
		return graph.Key{}, nil, fmt.Errorf("packages: %d packages in one document, the limit is %d", len(p.Packages), maxPackages)
	}
	for _, x := range p.Packages {
		if x.Name == "" || x.Manager == "" || len(x.Name)+len(x.Version)+len(x.Arch)+len(x.Manager) > maxField {
			return graph.Key{}, nil, errors.New("packages: a package without a proper name and manager")
		}
	}
	// What could not be read is no part of the list that systems share.
	list, _, err := discovery.Canonical(p.Packages)
	if err != nil {
		return graph.Key{}, nil, fmt.Errorf("packages: %w", err)
	}
	return graph.Key{Label: graph.PackageSet, ID: discovery.Hash(list)}, p, nil
}

// maxField bounds the texts that become a package's key.
const maxField = 1024

// Graph says which set of packages a system has.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	key, p, err := set(doc)
	if err != nil || len(p.Packages) == 0 {
		return graph.Change{}, err
	}
	return graph.Change{
		Nodes: []graph.Node{{Key: key, Props: graph.P("hash", key.ID, "size", len(p.Packages))}},
		Rels:  []graph.Rel{{From: system, Type: graph.HasPackages, To: key}},
	}, nil
}

// Shared says what a set holds. It belongs to the content, not to a system, so
// that it is said once for all systems that have the set.
func Shared(doc []byte) (graph.Change, error) {
	key, p, err := set(doc)
	if err != nil || len(p.Packages) == 0 {
		return graph.Change{}, err
	}
	c := graph.Change{Source: "packages/" + key.ID}
	c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("hash", key.ID, "size", len(p.Packages))})
	for _, x := range p.Packages {
		node := x.node()
		c.Nodes = append(c.Nodes, node)
		c.Rels = append(c.Rels, graph.Rel{From: key, Type: graph.Contains, To: node.Key})
	}
	return c, nil
}

func (x Package) node() graph.Node {
	return graph.Node{
		Key: graph.Key{Label: graph.Package, ID: x.Manager + "/" + x.Name + "/" + x.Version + "/" + x.Arch},
		Props: graph.P("name", x.Name, "version", x.Version, "arch", x.Arch, "manager", x.Manager,
			"source", x.Source, "source_version", x.SourceVersion),
	}
}
