package proc

import (
	"cmp"
	"context"
	"encoding/json"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Container is a container that processes of this system run in.
type Container struct {
	Name      string          `json:"name"` // "docker:web", as in Process.Container
	Engine    string          `json:"engine"`
	ID        string          `json:"id,omitempty"` // short id, where the engine gives one
	Image     string          `json:"image,omitempty"`
	Published []PublishedPort `json:"published,omitempty"`
}

// Label and relationship of containers in the graph.
const (
	ContainerLabel = "Container" // a container, "<system id>/<engine>:<name>"
	RunsIn         = "RUNS_IN"   // (Process)-->(Container)
)

// Key names c in the graph.
func (c Container) Key(system graph.Key) graph.Key {
	return graph.Key{Label: ContainerLabel, ID: system.ID + "/" + c.Name}
}

// PublishedPort is a port of the host that leads into a container.
type PublishedPort struct {
	Proto         string `json:"proto"`
	HostAddr      string `json:"host_addr,omitempty"` // empty for any
	HostPort      uint16 `json:"host_port"`
	ContainerPort uint16 `json:"container_port"`
}

// Limits on what engines keep about containers.
const (
	maxContainers = 4096
	maxEngineFile = 4 << 20
	maxPublished  = 256
)

// Containers lists the containers that have processes, by name.
func Containers(ctx context.Context, h discovery.Host) ([]Container, error) {
	if !h.Live() {
		return nil, discovery.ErrNotHere
	}
	t := newTable(h)
	pids, err := t.pids()
	if err != nil {
		return nil, err
	}
	found := map[string]Container{}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw := t.inContainer(pid)
		if c := t.container(raw); raw != "" && len(found) < maxContainers {
			found[c.Name] = c
		}
	}
	list := make([]Container, 0, len(found))
	for _, c := range found {
		list = append(list, c)
	}
	discovery.Sort(list, func(a, b Container) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// inContainer is what the kernel calls the container that a process runs in, empty
// for none. Of a thousand processes most are in the same few control groups.
func (t *table) inContainer(pid int) string {
	text := t.text("proc/"+strconv.Itoa(pid)+"/cgroup", maxCgroup)
	if name, known := t.cgroups[string(text)]; known {
		return name
	}
	said := string(text)
	name := parseCgroup(said).container
	if t.cgroups == nil {
		t.cgroups = map[string]string{}
	}
	if len(t.cgroups) < maxContainers {
		t.cgroups[said] = name
	}
	return name
}

// container describes what the kernel calls "docker:1a2b3c4d5e6f". Where the
// engine's files tell the name a person gave it, that is its name, since it
// holds when the container is made anew; no engine is asked for it.
func (t *table) container(raw string) Container {
	if c, ok := t.containers[raw]; ok {
		return c
	}
	engine, id, _ := strings.Cut(raw, ":")
	c := Container{Name: raw, Engine: engine, ID: id}
	switch engine {
	case "docker":
		t.docker(&c)
	case "podman":
		t.podman(&c)
	case "containerd", "crio":
		t.containerd(&c)
	case "lxc", "machine":
		c.ID = "" // the name itself
	}
	t.containers[raw] = c
	return c
}

// named gives a container the name its engine knows.
func (c *Container) named(name string) {
	if name = printable(strings.Trim(name, "/"), maxName); name != "" {
		c.Name = c.Engine + ":" + name
	}
}

// readOne reads the only file that a pattern matches.
func (t *table) readOne(pattern string) []byte {
	names, _ := fs.Glob(t.root, pattern)
	if len(names) != 1 {
		return nil
	}
	return []byte(readSome(t.root, names[0], maxEngineFile))
}

// docker reads what dockerd keeps of a container.
func (t *table) docker(c *Container) {
	var info struct {
		Name            string
		Config          struct{ Image string }
		NetworkSettings struct {
			Ports map[string][]struct {
				HostIP   string `json:"HostIp"`
				HostPort string
			}
		}
	}
	if json.Unmarshal(t.readOne("var/lib/docker/containers/"+c.ID+"*/config.v2.json"), &info) != nil {
		return
	}
	c.named(info.Name)
	c.Image = printable(info.Config.Image, maxName)
	for inside, outside := range info.NetworkSettings.Ports {
		port, proto, _ := strings.Cut(inside, "/")
		number, err := strconv.ParseUint(port, 10, 16)
		for _, o := range outside {
			host, bad := strconv.ParseUint(o.HostPort, 10, 16)
			if err != nil || bad != nil || len(c.Published) == maxPublished {
				continue
			}
			p := PublishedPort{Proto: proto, HostPort: uint16(host), ContainerPort: uint16(number)}
			if a, err := netip.ParseAddr(o.HostIP); err == nil && !a.IsUnspecified() {
				p.HostAddr = a.String()
			}
			c.Published = append(c.Published, p)
		}
	}
	discovery.Sort(c.Published, func(a, b PublishedPort) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.HostAddr, b.HostAddr))
	})
	c.Published = slices.Compact(c.Published) // once for IPv4 and once for IPv6
}

// podman reads the list that containers/storage keeps, of root's containers.
func (t *table) podman(c *Container) {
	var list []struct {
		ID       string
		Names    []string
		Metadata string // JSON in a text
	}
	if json.Unmarshal(t.readOne("var/lib/containers/storage/*-containers/containers.json"), &list) != nil {
		return
	}
	for _, x := range list {
		if !strings.HasPrefix(x.ID, c.ID) || len(x.Names) == 0 {
			continue
		}
		var meta struct {
			Image string `json:"image-name"`
		}
		_ = json.Unmarshal([]byte(x.Metadata), &meta) // an image without a name has none
		c.named(x.Names[0])
		c.Image = printable(meta.Image, maxName)
		return
	}
}

// containerd reads the runtime's bundle, in which Kubernetes notes its names.
func (t *table) containerd(c *Container) {
	var bundle struct{ Annotations map[string]string }
	if json.Unmarshal(t.readOne("run/containerd/io.containerd.runtime.v2.task/*/"+c.ID+"*/config.json"), &bundle) != nil {
		return
	}
	const prefix = "io.kubernetes.cri."
	a := bundle.Annotations
	c.Image = printable(a[prefix+"image-name"], maxName)
	if name := a[prefix+"container-name"]; name != "" {
		c.named(a[prefix+"sandbox-namespace"] + "/" + a[prefix+"sandbox-name"] + "/" + name)
	}
}

// forward returns where a docker-proxy sends what it is sent: Docker's rules in
// the kernel do the same without any connection of the proxy's own.
//
//	docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80
func forward(e *entry) (to netip.AddrPort, proto string, ok bool) {
	if base(e.exe) != "docker-proxy" {
		return netip.AddrPort{}, "", false
	}
	var addr netip.Addr
	var port uint64
	for i := 0; i+1 < len(e.args); i++ {
		switch value := e.args[i+1]; e.args[i] {
		case "-proto":
			proto = value
		case "-container-ip":
			addr, _ = netip.ParseAddr(value)
		case "-container-port":
			port, _ = strconv.ParseUint(value, 10, 16)
		}
	}
	return netip.AddrPortFrom(addr, uint16(port)), proto, addr.IsValid() && port != 0 && (proto == "tcp" || proto == "udp")
}
