package all

import (
	"fmt"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/packages"
	"assim/graph"
	"assim/graph/graphtest"
)

// TestAHundredThousandSystemsWithTwoThousandListsAreUnderTwoMillionRelationships
// runs a part of it: 200 systems with 4 distinct lists of 773 packages, as
// many as a Debian for developers has. What the store then holds of them, times
// 500, is what it would hold: lists are said once, and a system says which it
// has.
func TestAHundredThousandSystemsWithTwoThousandListsAreUnderTwoMillionRelationships(t *testing.T) {
	const systems, lists, size, scale = 200, 4, 773, 500
	store := graphtest.NewMem()
	defer store.Close()
	said := map[string]bool{}
	apply := func(c graph.Change) {
		t.Helper()
		if _, err := store.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	docs := make([][]byte, lists)
	for l := range docs {
		var p packages.Payload
		for i := range size {
			// Two lists differ in a few versions, as after an upgrade.
			p.Packages = append(p.Packages, packages.Package{Name: fmt.Sprintf("package-%d", i), Version: fmt.Sprintf("1.%d", (i+l)/size), Arch: "amd64", Manager: "deb"})
		}
		doc, _, err := discovery.Canonical(&p)
		if err != nil {
			t.Fatal(err)
		}
		docs[l] = doc
	}
	for i := range systems {
		doc := docs[i%lists]
		c, err := packages.Graph(graph.Key{Label: graph.System, ID: fmt.Sprintf("n-%d", i)}, doc)
		if err != nil {
			t.Fatal(err)
		}
		c.Source = fmt.Sprintf("n-%d/packages", i)
		apply(c)
		if shared, err := packages.Shared(doc); err != nil {
			t.Fatal(err)
		} else if !said[shared.Source] { // as the CMA does: once for a content
			said[shared.Source] = true
			apply(shared)
		}
	}
	r, err := store.View(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	count := map[string]int{}
	for _, typ := range []string{graph.HasPackages, graph.Contains} {
		for _, err := range r.Rels(typ) {
			if err != nil {
				t.Fatal(err)
			}
			count[typ]++
		}
	}
	all := scale * (count[graph.HasPackages] + count[graph.Contains])
	t.Logf("%d systems and %d lists: %d relationships to lists, %d to packages; %d times that is %d", systems, lists, count[graph.HasPackages], count[graph.Contains], scale, all)
	if count[graph.HasPackages] != systems || count[graph.Contains] != lists*size || all >= 2_000_000 {
		t.Errorf("%v: want %d and %d, and less than 2,000,000 on the whole", count, systems, lists*size)
	}
}
