package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"assim/graph"
)

// NodeRule makes nodes of a document.
//
//	[[node]]
//	each  = "jobs"                       # a list in the document; none = the document itself
//	label = "BackupJob"
//	id    = "{system}/{name}"            # fields of the item; {system} is the system's id
//	props = { name = "name", size_bytes = "last.bytes" }
type NodeRule struct {
	Each  string            `toml:"each"`
	Label string            `toml:"label"`
	ID    string            `toml:"id"`
	Props map[string]string `toml:"props"` // property → path of a field
}

// RelRule makes relationships. Ends are written Label:id.
//
//	[[rel]]
//	each = "jobs"
//	from = "System:{system}"
//	type = "BACKED_UP_BY"
//	to   = "BackupJob:{system}/{name}"
type RelRule struct {
	Each  string            `toml:"each"`
	From  string            `toml:"from"`
	Type  string            `toml:"type"`
	To    string            `toml:"to"`
	ID    string            `toml:"id"` // tells parallel relationships apart
	Props map[string]string `toml:"props"`
}

// Limits on what a document may make.
const (
	maxRules = 64
	maxMade  = 10_000 // nodes and relationships of one document
	maxID    = 512    // bytes
)

var (
	label    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,63}$`)
	relType  = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	property = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	field    = regexp.MustCompile(`\{[^{}]*\}`)
)

// Mappings returns the graph function of every sibling file in the CMA's
// directory, by type. Files without rules are left out, those with mistakes told
// in problems.
func Mappings(fsys fs.FS) (map[string]func(graph.Key, []byte) (graph.Change, error), []error) {
	found := map[string]func(graph.Key, []byte) (graph.Change, error){}
	files, err := fs.Glob(fsys, "*.toml")
	if err != nil {
		return found, []error{err}
	}
	var problems []error
	for _, file := range files {
		name := strings.TrimSuffix(file, ".toml")
		s, err := Load(fsys, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if g := s.Graph(); g != nil {
			found[name] = g
		}
	}
	return found, problems
}

func (s *Settings) checkRules() error {
	if len(s.Nodes)+len(s.Rels) > maxRules {
		return fmt.Errorf("%d rules are more than %d", len(s.Nodes)+len(s.Rels), maxRules)
	}
	for i, n := range s.Nodes {
		if err := checkEnd(n.Label + ":" + n.ID); err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		if err := checkProps(n.Props); err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	for i, r := range s.Rels {
		for _, end := range []string{r.From, r.To} {
			if err := checkEnd(end); err != nil {
				return fmt.Errorf("rel %d: %w", i+1, err)
			}
		}
		if !relType.MatchString(r.Type) {
			return fmt.Errorf("rel %d: %q is not a type; write a verb in capitals", i+1, r.Type)
		}
		if err := checkProps(r.Props); err != nil {
			return fmt.Errorf("rel %d: %w", i+1, err)
		}
	}
	return nil
}

// checkEnd holds a node to a label and an id. A document may say things of its
// own system only: what it prints must not change what others say of themselves.
func checkEnd(end string) error {
	name, id, _ := strings.Cut(end, ":")
	switch {
	case !label.MatchString(name):
		return fmt.Errorf("%q is not a label; write Label:id", name)
	case id == "":
		return fmt.Errorf("%s has no id", name)
	case name == graph.System && id != "{system}":
		return fmt.Errorf("%s is another system; only System:{system} can be told of", end)
	}
	return nil
}

func checkProps(props map[string]string) error {
	for name := range props {
		if !property.MatchString(name) {
			return fmt.Errorf("%q is not a property; write lower-case letters, digits and _", name)
		}
	}
	return nil
}

// Graph returns the function that turns a document into a piece of graph by the
// rules; nil when there are none. The CMA takes the rules from its own directory,
// never from a nanoprobe.
func (s *Settings) Graph() func(system graph.Key, doc []byte) (graph.Change, error) {
	if len(s.Nodes)+len(s.Rels) == 0 {
		return nil
	}
	return func(system graph.Key, doc []byte) (graph.Change, error) {
		value, err := decode(doc)
		if err != nil {
			return graph.Change{}, err
		}
		m := &maker{system: system, seen: map[string]bool{}}
		for _, rule := range s.Nodes {
			m.nodes(rule, value)
		}
		for _, rule := range s.Rels {
			m.rels(rule, value)
		}
		if m.made > maxMade {
			return graph.Change{}, fmt.Errorf("script: the document makes more than %d nodes and relationships", maxMade)
		}
		return m.change, nil
	}
}

// decode reads a document, which is an object or a list.
func decode(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var value any
	err := dec.Decode(&value)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("script: the document is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("script: the document is no JSON: %w", err)
	}
	switch value.(type) {
	case map[string]any, []any:
		return value, nil
	}
	return nil, fmt.Errorf("script: the document is %T, neither an object nor a list", value)
}

// maker makes the change. An item that lacks what an id needs makes nothing.
type maker struct {
	system graph.Key
	change graph.Change
	seen   map[string]bool
	made   int
}

func (m *maker) room(key string) bool {
	if m.seen[key] {
		return false
	}
	m.seen[key] = true
	m.made++
	return m.made <= maxMade
}

func (m *maker) nodes(rule NodeRule, doc any) {
	for _, item := range items(doc, rule.Each) {
		key, ok := m.key(rule.Label+":"+rule.ID, item)
		if ok && m.room(key.String()) {
			m.change.Nodes = append(m.change.Nodes, graph.Node{Key: key, Props: propsOf(item, rule.Props)})
		}
	}
}

func (m *maker) rels(rule RelRule, doc any) {
	for _, item := range items(doc, rule.Each) {
		from, ok1 := m.key(rule.From, item)
		to, ok2 := m.key(rule.To, item)
		id, ok3 := m.fill(rule.ID, item)
		if ok1 && ok2 && ok3 && m.room(from.String()+"\x00"+rule.Type+"\x00"+to.String()+"\x00"+id) {
			m.change.Rels = append(m.change.Rels, graph.Rel{From: from, Type: rule.Type, To: to, ID: id, Props: propsOf(item, rule.Props)})
		}
	}
}

func (m *maker) key(template string, item any) (graph.Key, bool) {
	name, id, _ := strings.Cut(template, ":")
	id, ok := m.fill(id, item)
	return graph.Key{Label: name, ID: id}, ok && id != "" && len(id) <= maxID
}

// fill puts the item's fields into a template.
func (m *maker) fill(template string, item any) (string, bool) {
	complete := true
	text := field.ReplaceAllStringFunc(template, func(f string) string {
		name := f[1 : len(f)-1]
		if name == "system" {
			return m.system.ID
		}
		value, ok := scalar(at(item, name))
		if !ok || value == "" || value == nil {
			complete = false
			return ""
		}
		return fmt.Sprint(value)
	})
	return text, complete
}

func propsOf(item any, rules map[string]string) graph.Props {
	props := graph.Props{}
	for name, where := range rules {
		value := at(item, where)
		if list, ok := value.([]any); ok {
			value = scalars(list)
		} else if v, ok := scalar(value); ok {
			value = v
		} else {
			continue
		}
		for n, v := range graph.P(name, value) {
			props[n] = v
		}
	}
	return props
}

// items are the elements of the list at a path; lists on the way are walked, so
// "volumes.disks" are the disks of all volumes.
func items(doc any, where string) []any {
	list := flat(doc) // a document that is a list is its elements
	if where == "" {
		return list
	}
	for step := range strings.SplitSeq(where, ".") {
		var next []any
		for _, item := range list {
			next = append(next, flat(at(item, step))...)
			if len(next) > maxMade {
				break
			}
		}
		list = next
	}
	return list
}

func flat(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

// at follows a path of fields; "." is the item itself.
func at(item any, where string) any {
	if where == "." {
		return item
	}
	for step := range strings.SplitSeq(where, ".") {
		object, ok := item.(map[string]any)
		if !ok {
			return nil
		}
		item = object[step]
	}
	return item
}

// scalar turns what JSON calls a number, text or truth into what a property can
// hold.
func scalar(value any) (any, bool) {
	switch v := value.(type) {
	case string, bool:
		return v, true
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, true
		}
		if f, err := v.Float64(); err == nil {
			return f, true
		}
		return string(v), true
	}
	return nil, false
}

func scalars(list []any) []any {
	var out []any
	for _, item := range list {
		if v, ok := scalar(item); ok {
			out = append(out, v)
		}
	}
	return out
}
