// Package resting tells which discovery types a nanoprobe looks at less often
// than it is to, because their looks cost too much. Only the nanoprobe knows:
// it is asked as the host.
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
	Short:   "discovery types that are held back because their last look cost too much",
	On:      []discovery.Trigger{discovery.Budgets},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"the schedule of the nanoprobe; the list is empty while nothing is held back"},
		Keys: []discovery.Field{
			{Key: "types[].type", Meaning: "name of a type that is due, and waits"},
			{Key: "types[].until", Meaning: "RFC 3339 time before which it does not look; of one that rests again and again at most a minute old"},
			{Key: "types[].cost_ms", Meaning: "milliseconds of CPU that its last look took, programs that it ran included"},
		},
		Graph: "(System)-[:RESTS {until, cost_ms}]->(DiscoveryType)",
	},
}

// Payload is the document.
type Payload struct {
	Types []discovery.Rest `json:"types"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	r, ok := h.(discovery.Rester)
	if !ok {
		return nil, discovery.ErrNotHere // no nanoprobe runs: it was asked for one document
	}
	// The empty list is told as well: it takes back what a nanoprobe before this
	// one said, and is the same on all systems.
	return &Payload{append([]discovery.Rest{}, r.Rests()...)}, nil
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
	for _, r := range p.Types {
		if r.Type == "" {
			return graph.Change{}, errors.New("resting: a type without a name")
		}
		key := graph.Key{Label: graph.DiscoveryType, ID: r.Type}
		c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("name", r.Type)})
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: graph.Rests, To: key, Props: graph.P("until", r.Until, "cost_ms", r.CostMS)})
	}
	return c, nil
}
