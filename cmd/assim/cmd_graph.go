package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"assim/config"
	"assim/discovery/all"
	"assim/discovery/script"
	"assim/graph"
)

// maxGraphInput bounds the document that is read from standard input, in bytes.
const maxGraphInput = 64 << 20

type graphSettings struct {
	System  string `name:"system" default:"n-example" usage:"id of the system that the document is about"`
	Scripts string `name:"scripts" default:"/etc/assim/discover.d" usage:"directories, with : between, of mappings (NAME.toml) for documents of discovery scripts"`
}

func graphCommand() command {
	set := &graphSettings{}
	return command{
		name: "graph", args: "TYPE < DOCUMENT", short: "the nodes and relationships that a discovery document makes",
		long:     "For authors of discovery types and mappings: nothing is stored and no CMA is asked.",
		examples: "  assim graph netconfig < document.json\n  nanoprobe discover os -json | assim graph os\n  assim graph certificates -scripts ./discover.d < out.json",
		settings: set, offline: true,
		run: func(_ context.Context, a *app, args []string) error {
			if len(args) != 1 {
				return usagef("graph takes one discovery type, and the document on standard input: assim graph os < os.json")
			}
			doc, err := io.ReadAll(io.LimitReader(os.Stdin, maxGraphInput))
			if err != nil {
				return err
			}
			plugin, err := findPlugin(args[0], set.Scripts)
			if err != nil {
				return err
			}
			change, err := plugin(graph.Key{Label: graph.System, ID: set.System}, doc)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if a.JSON {
				return a.printJSON(change)
			}
			a.change(change)
			return tellLost(args[0], set.Scripts, doc)
		},
	}
}

// findPlugin returns what turns documents of a type into graph.
func findPlugin(name, scripts string) (func(graph.Key, []byte) (graph.Change, error), error) {
	var names []string
	for _, t := range all.Types {
		names = append(names, t.Name)
	}
	if p, ok := all.FindPlugin(name); ok && p.Graph != nil {
		return p.Graph, nil
	}
	mappings, problems := script.MappingsIn(scripts, os.DirFS)
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "left out:", p)
	}
	if g, ok := mappings[name]; ok {
		return g, nil
	}
	hint := ""
	if near := config.Nearest(name, names); near != "" && near != name {
		hint = "; did you mean " + near + "?"
	}
	return nil, fmt.Errorf("nothing makes a graph of %q: it is no built-in type that does, and there is no %s with [[node]] or [[rel]] (-scripts names another directory)%s", name, name+".toml in "+scripts, hint)
}

// tellLost names the rules of a mapping that find nothing in the document.
func tellLost(name, scripts string, doc []byte) error {
	if _, ok := all.FindPlugin(name); ok {
		return nil
	}
	lost, err := script.LostIn(scripts, name, os.DirFS, doc)
	for _, sentence := range lost {
		fmt.Fprintln(os.Stderr, sentence)
	}
	return err
}

func (a *app) change(c graph.Change) {
	rows := make([][]any, len(c.Nodes))
	for i, n := range c.Nodes {
		rows[i] = []any{n.Key.String(), propsText(n.Props)}
	}
	a.heading("Nodes")
	a.table([]string{"node", "properties"}, rows)
	rows = make([][]any, len(c.Rels))
	for i, r := range c.Rels {
		rows[i] = []any{r.From.String(), r.Type, r.To.String(), propsText(r.Props)}
	}
	a.heading("Relationships")
	a.table([]string{"from", "type", "to", "properties"}, rows)
}

func propsText(p graph.Props) string {
	text := ""
	for _, k := range sortedKeys(p) {
		text += fmt.Sprintf("%s=%v ", k, p[k])
	}
	return text
}
