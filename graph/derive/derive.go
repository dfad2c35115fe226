// Package derive holds the relationships that need the graph of more than one
// system: one file NAME.cypher per kind. A plugin sees one document of one
// system; that a process here depends on one there, only the graph knows.
//
//	document of system S changed ──▶ Rule.Affected($system = S) ──▶ S and the systems it touches
//	for each: Rule.Query ──▶ rows ──▶ Rule.Change ──▶ store, source "derive/NAME/SYSTEM"
//
// The queries start at one system, so that their cost follows its neighborhood
// and not the size of the graph.
package derive

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"assim/graph"
)

//go:embed *.cypher
var files embed.FS

// Rule is one kind of derived relationship.
type Rule struct {
	Name     string
	Short    string   // one line for people
	Triggers []string // discovery types whose documents make it worth another look
	// Query returns rows of from, type, to and properties of the relationship,
	// for the system $system.
	Query string
	// Affected returns the ids of other systems whose rows may differ after
	// system $system said something new. Empty when there are none.
	Affected string
}

// Built returns the rules that are built in, by name.
func Built() []Rule {
	rules, err := Load(files)
	if err != nil {
		panic("derive: " + err.Error()) // the embedded files are proven by the tests
	}
	return rules
}

const affectedSuffix = ".affected.cypher"

// Load reads the rules in the top directory of a file system.
func Load(dir fs.FS) ([]Rule, error) {
	names, err := fs.Glob(dir, "*.cypher")
	if err != nil {
		return nil, err
	}
	var rules []Rule
	for _, name := range names {
		if strings.HasSuffix(name, affectedSuffix) {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		r, err := parse(strings.TrimSuffix(name, ".cypher"), string(text))
		if err != nil {
			return nil, err
		}
		if affected, err := fs.ReadFile(dir, r.Name+affectedSuffix); err == nil {
			r.Affected = string(affected)
		}
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return rules, nil
}

// parse reads the comment lines "// short: ..." and "// triggers: a, b".
func parse(name, text string) (Rule, error) {
	r := Rule{Name: name, Query: text}
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//")
		if !ok {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(comment), ":")
		switch key {
		case "short":
			r.Short = strings.TrimSpace(value)
		case "triggers":
			for t := range strings.SplitSeq(value, ",") {
				r.Triggers = append(r.Triggers, strings.TrimSpace(t))
			}
		}
	}
	if r.Short == "" || len(r.Triggers) == 0 {
		return Rule{}, fmt.Errorf("derive: %s.cypher must begin with the lines \"// short: what it says\" and \"// triggers: discovery types\"", name)
	}
	return r, nil
}

// Row is one answer of a rule's query.
type Row struct {
	From, To graph.Key
	Type     string
	Props    graph.Props
}

// Source names what a rule says about one system.
func (r Rule) Source(system graph.Key) string { return "derive/" + r.Name + "/" + system.ID }

// Change turns the rows for one system into what the graph then holds.
func (r Rule) Change(system graph.Key, rows []Row) graph.Change {
	c := graph.Change{Source: r.Source(system)}
	for _, row := range rows {
		c.Rels = append(c.Rels, graph.Rel{From: row.From, Type: row.Type, To: row.To, Props: row.Props})
	}
	return c
}
