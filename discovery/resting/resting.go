// Package resting tells which discovery types a nanoprobe looks at less often
// than it is to, because their looks cost too much or fail. Only the nanoprobe
// knows: it is asked as the host.
package resting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type "resting".
var Type = discovery.Type{
	Name:    "resting",
	Short:   "discovery types that are held back because their looks cost too much, and those that fail",
	On:      []discovery.Trigger{discovery.Budgets},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"the schedule of the nanoprobe; the lists are empty while all is well"},
		Keys: []discovery.Field{
			{Key: "types[].type", Meaning: "name of a type that is due, and waits"},
			{Key: "types[].until", Meaning: "RFC 3339 time before which it does not look; of one that rests again and again at most a minute old. None: what it looks at changes again and again, and it takes its time"},
			{Key: "types[].cost_ms", Meaning: "milliseconds of CPU that its last look took, programs that it ran included"},
			{Key: "failing[].type", Meaning: "name of a type of which no look has succeeded for a minute or longer"},
			{Key: "failing[].error", Meaning: "why, its first 300 bytes; at most an hour old"},
			{Key: "failing[].since", Meaning: "RFC 3339 time of the first look that failed"},
		},
		Graph: "(System)-[:RESTS {until, cost_ms}]->(DiscoveryType), (System)-[:FAILS {error, since}]->(DiscoveryType)",
	},
}

// Payload is the document.
type Payload struct {
	Types   []discovery.Rest    `json:"types"`
	Failing []discovery.Failure `json:"failing,omitempty"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	r, ok := h.(discovery.Rester)
	if !ok {
		return nil, discovery.ErrNotHere // no nanoprobe runs: it was asked for one document
	}
	// The empty list is told as well: it takes back what a nanoprobe before this
	// one said, and is the same on all systems.
	return &Payload{append([]discovery.Rest{}, r.Rests()...), r.Failures()}, nil
}

func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	var p *Payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("resting: %w", err)
	}
	if p == nil {
		return graph.Change{}, errors.New("resting: the document is null")
	}
	var c graph.Change
	known := map[string]bool{}
	typ := func(name string) graph.Key {
		key := graph.Key{Label: graph.DiscoveryType, ID: name}
		if !known[name] {
			known[name] = true
			c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("name", name)})
		}
		return key
	}
	for _, r := range p.Types {
		if r.Type == "" {
			return graph.Change{}, errors.New("resting: a type without a name")
		}
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Rests, To: typ(r.Type), Props: graph.P("until", r.Until, "cost_ms", r.CostMS)})
	}
	for _, f := range p.Failing {
		if f.Type == "" {
			return graph.Change{}, errors.New("resting: a type without a name")
		}
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Fails, To: typ(f.Type), Props: graph.P("error", f.Error, "since", f.Since)})
	}
	return c, nil
}
