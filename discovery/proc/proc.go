// Package proc reads which programs run on a system and which sockets they
// hold, and gives each of them an identity that survives a restart. The
// discovery types listeners, connections and processes share it, so that all
// three mean the same Process node.
//
//	/proc/PID/*  ─┐                ┌─▶ Process   nginx, one per instance, whatever its workers
//	Host.Sockets ─┼─▶ Read ─▶ Snapshot ─▶ Listen    nginx on 0.0.0.0:80
//	Host.Addrs   ─┘                └─▶ Peer      nginx to 10.0.0.7:5432, client side only
//
// An identity never holds a process id: it is the executable, then what tells
// its instances apart (unit, container or user; the lowest fixed port it
// listens on, or a hash of its arguments). A restarted nginx is the same node,
// two redis servers on two ports are two.
package proc

import (
	"strings"

	"assim/graph"
)

// Process is one instance of a program: a daemon together with the workers it
// forked. Two looks at an unchanged system give the same Process.
type Process struct {
	ID        string   `json:"id"` // "<exe or name>/<discriminator>", unique within a system
	Name      string   `json:"name"`
	Exe       string   `json:"exe,omitempty"`
	Args      []string `json:"args,omitempty"` // secrets masked, see Mask
	Cwd       string   `json:"cwd,omitempty"`  // only when it says something, so not "/"
	User      string   `json:"user,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Container string   `json:"container,omitempty"` // "docker:<12 hex>", "lxc:<name>", "machine:<name>", ...
}

// Key names p in the graph.
func (p Process) Key(system graph.Key) graph.Key {
	return graph.Key{Label: graph.Process, ID: system.ID + "/" + p.ID}
}

// Piece returns the node of p and the relationships that tie it to its system
// and its container.
func (p Process) Piece(system graph.Key) (graph.Node, []graph.Rel) {
	node := graph.Node{Key: p.Key(system), Props: graph.P(
		"name", p.Name,
		"exe", p.Exe,
		"args", strings.Join(p.Args, " "),
		"cwd", p.Cwd,
		"user", p.User,
		"unit", p.Unit,
		"container", p.Container,
	)}
	rels := []graph.Rel{{From: system, Type: graph.Runs, To: node.Key}}
	if p.Container != "" && len(p.Container) <= maxID {
		rels = append(rels, graph.Rel{From: node.Key, Type: RunsIn, To: Container{Name: p.Container}.Key(system)})
	}
	return node, rels
}
