package cypher

import (
	"fmt"
	"slices"
	"strings"

	"assim/graph"
)

// Notes says of the labels and relationship types in the query that the graph
// does not have why that may be: what to tell a person who got no rows.
func (q *Query) Notes(r graph.Reader) []string {
	var labels, types []string
	unwritten := map[string]bool{}
	for _, l := range graph.Labels {
		labels = append(labels, l.Label)
		unwritten[l.Label] = strings.HasSuffix(l.Meaning, graph.Unwritten)
	}
	for _, rel := range graph.Rels {
		types = append(types, rel.Type)
	}
	var notes []string
	note := func(used, have, known []string, what string) {
		for _, name := range used {
			switch near := nearest(name, append(slices.Clone(have), known...)); {
			case slices.Contains(have, name):
			case unwritten[name]:
				notes = append(notes, fmt.Sprintf("nothing writes %s so far", name))
			case slices.Contains(known, name):
				notes = append(notes, fmt.Sprintf("the graph has no %s %s at this time", what, name))
			case near != "":
				notes = append(notes, fmt.Sprintf("there is no %s %s; did you mean %s?", what, name, near))
			default:
				notes = append(notes, fmt.Sprintf("there is no %s %s; assim schema lists what there is", what, name))
			}
		}
	}
	if len(q.used.labels) > 0 {
		note(q.used.labels, r.Labels(), labels, "label")
	}
	if len(q.used.types) > 0 {
		note(q.used.types, r.RelTypes(), types, "relationship")
	}
	return notes
}
