package proc_sys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Limits on what comes in a document and becomes a key.
const (
	maxName  = 256
	maxValue = 128 // longer ones stand for themselves by their hash
)

// individual are settings that name one system.
var individual = []string{"kernel.hostname", "kernel.domainname", "kernel.version", "kernel.osrelease"}

// general are the settings of interfaces that all systems have.
var general = []string{"all", "default", "lo"}

// shareable tells settings that systems can have alike. Those of one system, or
// of one interface, stay in the document: a list that holds them is shared by
// nobody.
func shareable(name string) bool {
	if slices.Contains(individual, name) {
		return false
	}
	part := strings.SplitN(name, ".", 5) // net.ipv4.conf.eth0.forwarding
	ofInterface := len(part) == 5 && part[0] == "net" && (part[2] == "conf" || part[2] == "neigh")
	return !ofInterface || slices.Contains(general, part[3])
}

// setting is one setting and its value as text.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// set is the list in a document that systems share, and its name.
func set(doc []byte) (graph.Key, []setting, error) {
	p, err := parse(doc)
	if err != nil {
		return graph.Key{}, nil, fmt.Errorf("proc_sys: the document does not parse: %w", err)
	}
	if p == nil || len(p.Settings) > maxSettings {
		return graph.Key{}, nil, fmt.Errorf("proc_sys: no settings, or more than the limit of %d", maxSettings)
	}
	var list []setting
	for name, value := range p.Settings {
		if name == "" || len(name) > maxName {
			return graph.Key{}, nil, fmt.Errorf("proc_sys: a setting's name has %d bytes; 1 to %d are right", len(name), maxName)
		}
		if shareable(name) {
			list = append(list, setting{name, fmt.Sprint(value)})
		}
	}
	discovery.Sort(list, func(a, b setting) int { return strings.Compare(a.Name, b.Name) })
	text, _, err := discovery.Canonical(list)
	if err != nil {
		return graph.Key{}, nil, fmt.Errorf("proc_sys: %w", err)
	}
	return graph.Key{Label: graph.SettingSet, ID: discovery.Hash(text)}, list, nil
}

// parse keeps numbers as they are written: some have more digits than a float.
func parse(doc []byte) (*Payload, error) {
	if !json.Valid(doc) {
		return nil, errors.New("it is not JSON")
	}
	var p *Payload
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	err := dec.Decode(&p)
	return p, err
}

// Graph says which set of settings a system has.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	key, list, err := set(doc)
	if err != nil || len(list) == 0 {
		return graph.Change{}, err
	}
	return graph.Change{
		Nodes: []graph.Node{{Key: key, Props: graph.P("hash", key.ID, "size", len(list))}},
		Rels:  []graph.Rel{{From: system, Type: graph.HasSettings, To: key}},
	}, nil
}

// Shared says what a set holds, once for all systems that have it.
func Shared(doc []byte) (graph.Change, error) {
	key, list, err := set(doc)
	if err != nil || len(list) == 0 {
		return graph.Change{}, err
	}
	c := graph.Change{Source: "proc_sys/" + key.ID}
	c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("hash", key.ID, "size", len(list))})
	for _, s := range list {
		node := graph.Node{Key: graph.Key{Label: graph.Setting, ID: s.Name + "=" + short(s.Value)}, Props: graph.P("name", s.Name, "value", s.Value)}
		c.Nodes = append(c.Nodes, node)
		c.Rels = append(c.Rels, graph.Rel{From: key, Type: graph.Contains, To: node.Key})
	}
	return c, nil
}

func short(value string) string {
	if len(value) <= maxValue {
		return value
	}
	return "sha256:" + discovery.Hash([]byte(value))
}
