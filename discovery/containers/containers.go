// Package containers discovers the containers that run on this system, from the
// kernel's control groups and the files that engines keep: no engine is asked.
//
//	(Process)-[:RUNS_IN]->(Container {name, engine, image, published})-[:HOSTED_BY]->(System)
//
// That a process runs in a container is said by who discovers the process.
package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"assim/discovery"
	"assim/discovery/proc"
	"assim/graph"
)

// Type is the discovery type "containers".
var Type = discovery.Type{
	Name:    "containers",
	Short:   "containers that run here, their images and published ports",
	Every:   time.Minute,
	On:      []discovery.Trigger{discovery.Links, discovery.Changed("listeners")},
	Needs:   []string{"root: names, images and published ports of containers are not known"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/PID/cgroup", "/var/lib/docker/containers/*/config.v2.json", "/var/lib/containers/storage/*-containers/containers.json",
			"/run/containerd/io.containerd.runtime.v2.task/*/*/config.json"},
		Keys: []discovery.Field{
			{Key: "containers[].name", Meaning: "engine:name; the short id where no name is known"},
			{Key: "containers[].engine", Meaning: "docker, podman, containerd, crio, lxc, machine (systemd-nspawn)"},
			{Key: "containers[].id", Meaning: "short id, twelve hex digits"},
			{Key: "containers[].image", Meaning: "image it was made of"},
			{Key: "containers[].published[].proto", Meaning: "tcp or udp"},
			{Key: "containers[].published[].host_addr", Meaning: "address of the host, absent for any"},
			{Key: "containers[].published[].host_port", Meaning: "port of the host"},
			{Key: "containers[].published[].container_port", Meaning: "port in the container it leads to"},
		},
		Graph: "(Container)-[:HOSTED_BY]->(System)",
	},
}

// maxContainers bounds a document.
const maxContainers = 4096

// Payload is the document.
type Payload struct {
	Containers []proc.Container `json:"containers"`
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	list, err := proc.Containers(ctx, h)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, discovery.ErrNotHere
	}
	return &Payload{list}, nil
}

// Graph turns a document into containers on their host.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("containers: the document does not parse: %w", err)
	}
	if len(p.Containers) > maxContainers {
		return graph.Change{}, fmt.Errorf("containers: %d containers in one document, the limit is %d", len(p.Containers), maxContainers)
	}
	var c graph.Change
	for _, x := range p.Containers {
		if x.Name == "" || len(x.Name) > 512 {
			return graph.Change{}, errors.New("containers: a container without a proper name")
		}
		key := x.Key(system)
		var ports []string
		for _, port := range x.Published {
			ports = append(ports, fmt.Sprintf("%s:%d/%s>%d", port.HostAddr, port.HostPort, port.Proto, port.ContainerPort))
		}
		c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("name", x.Name, "engine", x.Engine, "id", x.ID, "image", x.Image)})
		if len(ports) > 0 {
			c.Nodes[len(c.Nodes)-1].Props["published"] = ports
		}
		c.Rels = append(c.Rels, graph.Rel{From: key, Type: graph.HostedBy, To: system})
	}
	return c, nil
}
