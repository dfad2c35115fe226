package cma

import (
	"context"
	"strings"
	"time"

	"assim/graph"
)

// switchNames are what people call the switches, by chassis id: the cores know
// chassis ids only, and nobody else does.
type switchNames map[string]string

// named puts the names of switches in place of their chassis ids in a text.
func (s switchNames) named(text string) string {
	if !strings.Contains(text, "switch") {
		return text
	}
	for chassis, name := range s {
		text = strings.ReplaceAll(text, chassis, name)
	}
	return text
}

// name is what people call one switch.
func (s switchNames) name(chassis string) string {
	if name := s[chassis]; name != "" {
		return name
	}
	return chassis
}

// readSwitches reads the names of all switches in the graph.
func readSwitches(ctx context.Context, store graph.Store) (switchNames, error) {
	names := switchNames{}
	view, err := store.View(ctx, time.Time{})
	if err != nil {
		return names, err
	}
	defer view.Close()
	for v, err := range view.NodesWith(graph.System, "kind", "switch") {
		if err != nil {
			return names, err
		}
		names.learn(v)
	}
	return names, nil
}

// learn takes the name of a switch from its node.
func (s switchNames) learn(v graph.Vertex) {
	chassis, ok := strings.CutPrefix(v.Key.ID, "sw-")
	if name := text(v.Props["name"]); ok && name != "" && name != chassis {
		s[chassis] = name
	}
}
