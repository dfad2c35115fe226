package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"assim/config"
	"assim/graph"
)

type schemaSettings struct {
	Markdown bool `name:"markdown" usage:"print docs/schema.md"`
}

func schemaCommand() command {
	set := &schemaSettings{}
	return command{
		name: "schema", args: "[LABEL | TYPE]", short: "what the graph is made of: labels, relationships, properties",
		long: `With a label or a relationship type it tells only of that. No CMA is asked.
In angle brackets is who fills it: a discovery type, a rule of graph/derive, or a part of the CMA (oui: from the list of hardware addresses).
In the graph itself sources(x) tells who said so of this x.`,
		examples: "  assim schema\n  assim schema NIC\n  assim schema -json",
		settings: set, offline: true,
		run: func(_ context.Context, a *app, args []string) error {
			if len(args) > 1 {
				return usagef("schema takes one label or relationship type: assim schema NIC")
			}
			labels, rels, err := schemaOf(strings.Join(args, ""))
			switch {
			case err != nil:
				return err
			case set.Markdown:
				return schemaMarkdown(a.out)
			case a.JSON:
				return a.printJSON(map[string]any{"labels": labels, "relationships": rels, "filled_by": filledBy(labels, rels)})
			}
			a.schema(labels, rels)
			return nil
		},
	}
}

// schemaOf returns what has that name; everything when it is empty. A label
// comes with the relationships that begin or end there.
func schemaOf(name string) ([]graph.LabelDoc, []graph.RelDoc, error) {
	if name == "" {
		return graph.Labels, graph.Rels, nil
	}
	var (
		labels []graph.LabelDoc
		rels   []graph.RelDoc
		names  []string
	)
	for _, l := range graph.Labels {
		names = append(names, l.Label)
		if strings.EqualFold(l.Label, name) {
			labels = append(labels, l)
		}
	}
	for _, r := range graph.Rels {
		names = append(names, r.Type)
		if strings.EqualFold(r.Type, name) || len(labels) > 0 && (r.From == labels[0].Label || r.To == labels[0].Label) {
			rels = append(rels, r)
		}
	}
	if len(labels)+len(rels) > 0 {
		return labels, rels, nil
	}
	hint := "; assim schema lists all"
	if near := config.Nearest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return nil, nil, fmt.Errorf("the graph has no label or relationship %q%s", name, hint)
}

// filledBy is who fills those labels and relationships and their properties.
func filledBy(labels []graph.LabelDoc, rels []graph.RelDoc) map[string]string {
	who, by := writers(), map[string]string{}
	add := func(of string, props map[string]string) {
		by[of] = who(of)
		for p := range props {
			by[propKey(of, p)] = who(propKey(of, p))
		}
	}
	for _, l := range labels {
		add(l.Label, l.Props)
	}
	for _, r := range rels {
		add(relKey(r), r.Props)
	}
	return by
}

func (a *app) schema(labels []graph.LabelDoc, rels []graph.RelDoc) {
	who := writers()
	filled := func(of string) string {
		if w := who(of); w != "" {
			return " <" + w + ">"
		}
		return ""
	}
	for _, l := range labels {
		a.heading("%s", l.Label)
		fmt.Fprintf(a.out, "  %s; its key is %s%s\n", l.Meaning, l.ID, filled(l.Label))
		for _, p := range slices.Sorted(maps.Keys(l.Props)) {
			indexed := ""
			if slices.Contains(l.Index, p) {
				indexed = " (indexed)"
			}
			fmt.Fprintf(a.out, "    %-18s %s%s%s\n", p, l.Props[p], indexed, filled(propKey(l.Label, p)))
		}
	}
	if len(rels) > 0 {
		a.heading("Relationships")
	}
	for _, r := range rels {
		fmt.Fprintf(a.out, "  (%s)-[:%s]->(%s)  %s%s\n", r.From, r.Type, r.To, r.Meaning, filled(relKey(r)))
		for _, p := range slices.Sorted(maps.Keys(r.Props)) {
			fmt.Fprintf(a.out, "    %-18s %s%s\n", p, r.Props[p], filled(propKey(relKey(r), p)))
		}
	}
}

// schemaMarkdown prints docs/schema.md.
func schemaMarkdown(out io.Writer) error {
	var b strings.Builder
	b.WriteString(`# The graph

What the nodes and relationships are, for people who ask questions in Cypher. This page is made from graph/schema.go:
change it there, then ` + "`go run ./cmd/assim schema -markdown > docs/schema.md`" + `.

Every node and relationship also has what the store knows of it: ` + "`first_seen(x)`, `last_changed(x)`, `sources(x)`" + `.

"Filled by" names who writes it, found in the code by a test: a [discovery type](discovery.md), a rule of graph/derive (` + "`derive/...`" + `),
a part of the CMA (` + "`cma/...`" + `), or ` + "`oui`" + `, the list of hardware addresses. Where there are several, each says what it knows and the
latest counts; ` + "`sources(x)`" + ` tells who said so of one x.

## Labels
`)
	who := writers()
	for _, l := range graph.Labels {
		fmt.Fprintf(&b, "\n### %s\n\n%s. Its key: %s.\n", l.Label, sentence(l.Meaning), l.ID)
		if w := who(l.Label); w != "" {
			fmt.Fprintf(&b, "Filled by %s.\n", w)
		}
		if len(l.Props) == 0 {
			continue
		}
		b.WriteString("\n| property | meaning | indexed | filled by |\n|---|---|---|---|\n")
		for _, p := range slices.Sorted(maps.Keys(l.Props)) {
			indexed := ""
			if slices.Contains(l.Index, p) {
				indexed = "yes"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p, tableText(l.Props[p]), indexed, who(propKey(l.Label, p)))
		}
	}
	b.WriteString("\n## Relationships\n\n| from | type | to | meaning | properties | filled by |\n|---|---|---|---|---|---|\n")
	for _, r := range graph.Rels {
		var props []string
		for _, p := range slices.Sorted(maps.Keys(r.Props)) {
			by := ""
			if w := who(propKey(relKey(r), p)); w != who(relKey(r)) {
				by = " (" + w + ")"
			}
			props = append(props, "`"+p+"`: "+tableText(r.Props[p])+by)
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", r.From, r.Type, r.To, tableText(r.Meaning), strings.Join(props, "; "), who(relKey(r)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// sentence begins with a capital.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// tableText is a text that does not end its cell.
func tableText(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
