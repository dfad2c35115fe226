package cma

import (
	"context"
	"strings"
	"time"

	"assim/authority"
	"assim/graph"
)

// switchNames are what people call switches, by chassis id.
type switchNames map[string]string

// tell tells the authority, whose news and incidents speak of switches.
func (s switchNames) tell(a *authority.Authority) {
	for chassis, name := range s {
		a.Call(chassis, name)
	}
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
