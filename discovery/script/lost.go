package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Lost tells an author, a sentence each, which rules make less of a document
// than they ask for, and what they look for in vain. A document that holds none
// of a thing is as good as one that holds it elsewhere: it is for people to say.
func (s *Settings) Lost(doc []byte) ([]string, error) {
	value, err := decode(doc)
	if err != nil {
		return nil, err
	}
	var lost []string
	for i, n := range s.Nodes {
		rule := fmt.Sprintf("node %d (%s)", i+1, n.Label)
		lost = append(lost, missing(rule, items(value, n.Each), n.Each, []string{n.ID}, n.Props)...)
	}
	for i, r := range s.Rels {
		rule := fmt.Sprintf("rel %d (%s)", i+1, r.Type)
		lost = append(lost, missing(rule, items(value, r.Each), r.Each, []string{r.From, r.To, r.ID}, r.Props)...)
	}
	return lost, nil
}

// missing says what one rule does not find.
func missing(rule string, list []any, each string, templates []string, props map[string]string) (lost []string) {
	if len(list) == 0 {
		return []string{fmt.Sprintf("%s makes nothing: the document has nothing at each = %q", rule, each)}
	}
	for _, template := range templates {
		for _, f := range field.FindAllString(template, -1) {
			name := strings.Trim(f, "{}")
			if n := lacking(list, name); n > 0 && name != "system" {
				lost = append(lost, fmt.Sprintf("%s leaves out %d of %d items, which have no %s", rule, n, len(list), f))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if n := lacking(list, props[name]); n == len(list) {
			lost = append(lost, fmt.Sprintf("%s sets no property %s: no item has %q", rule, name, props[name]))
		}
	}
	return lost
}

// lacking counts the items that have nothing at a path.
func lacking(list []any, where string) (n int) {
	for _, item := range list {
		if len(propsOf(item, map[string]string{"it": where})) == 0 {
			n++
		}
	}
	return n
}
