package cypher

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"assim/graph"
)

// usedProp is a property that a query asks of a variable.
type usedProp struct{ of, name string }

// pattern notes what a node or relationship in a pattern is called and is.
func (n *names) pattern(name string, kinds []string, props expr) {
	if name != "" {
		if n.bound == nil {
			n.bound = map[string][]string{}
		}
		for _, k := range kinds {
			n.bound[name] = addName(n.bound[name], k)
		}
		n.bound[name] = append([]string{}, n.bound[name]...) // there, even without a kind
	}
	if m, ok := props.(*mapExpr); ok {
		if name == "" && len(kinds) == 1 {
			// One that the query gives no name; no variable is called so.
			name = ":" + kinds[0]
			n.pattern(name, kinds, nil)
		}
		for _, key := range m.keys {
			n.props = append(n.props, usedProp{name, key})
		}
	}
}

// prop notes that the query says NAME.prop.
func (n *names) prop(e expr, prop string) {
	if v, ok := e.(*varExpr); ok {
		n.props = append(n.props, usedProp{v.name, prop})
	}
}

// Notes says of the labels, relationship types and properties in the query that
// the graph does not have why that may be: what to tell a person who got no
// rows, or some and nothing but null in a column. Where there are some, labels
// and types are not asked for: not every store knows them at once.
func (q *Query) Notes(r graph.Reader, some bool) []string {
	if some {
		return q.propNotes(r)
	}
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
	return append(notes, q.propNotes(r)...)
}

// propNotes is about properties. Which the graph has is asked only where the
// schema does not know one, because some stores must look at every node for it.
func (q *Query) propNotes(r graph.Reader) (notes []string) {
	if len(q.used.props) == 0 {
		return nil
	}
	owners, have := propOwners(), sync.OnceValue(r.PropNames)
	for _, use := range q.used.props {
		kinds, bound := q.used.bound[use.of]
		if !bound {
			continue // a map or a moment has keys of its own
		}
		note := propNote(use.name, kinds, have, owners)
		if note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// propNote says what is odd about asking those labels or types for a property;
// empty: nothing.
func propNote(name string, kinds []string, have func() []string, owners map[string][]string) string {
	var theirs []string // properties that the schema knows of the kinds
	known := len(kinds) > 0
	for _, k := range kinds {
		props := propsOfKind(k, owners)
		known = known && len(props) > 0
		theirs = append(theirs, props...)
	}
	switch of := strings.Join(kinds, " or "); {
	case slices.Contains(theirs, name), !known && len(owners[name]) > 0:
		return ""
	case len(owners[name]) > 0:
		if near := nearest(name, theirs); near != "" {
			return fmt.Sprintf("the schema has no %s of %s; did you mean %s?", name, of, near)
		}
		return fmt.Sprintf("the schema has no %s of %s, but of %s", name, of, strings.Join(owners[name], ", "))
	case slices.Contains(have(), name):
		return "" // a site's own
	}
	near := nearest(name, theirs)
	if near == "" {
		near = nearest(name, have())
	}
	if near != "" {
		return fmt.Sprintf("there is no property %s; did you mean %s?", name, near)
	}
	if len(kinds) > 0 {
		return fmt.Sprintf("there is no property %s; assim schema %s lists what there is", name, kinds[0])
	}
	return fmt.Sprintf("there is no property %s; assim schema lists what there is", name)
}

// propOwners returns the labels and types that have a property in the schema.
func propOwners() map[string][]string {
	owners := map[string][]string{}
	for _, l := range graph.Labels {
		for p := range l.Props {
			owners[p] = addName(owners[p], l.Label)
		}
	}
	for _, rel := range graph.Rels {
		for p := range rel.Props {
			owners[p] = addName(owners[p], rel.Type)
		}
	}
	return owners
}

func propsOfKind(kind string, owners map[string][]string) (props []string) {
	for p, list := range owners {
		if slices.Contains(list, kind) {
			props = append(props, p)
		}
	}
	slices.Sort(props)
	return props
}
