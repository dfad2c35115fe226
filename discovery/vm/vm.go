// Package vm discovers whether this system is a virtual machine and of what
// kind, and which virtual machines run on it, by their processes. Guest and host
// meet in the graph by the machine's UUID, or by hardware address where one of
// them has none to tell (package guests), and no hypervisor is asked.
//
//	(System guest)-[:IS]->(VirtualMachine {uuid})-[:HOSTED_BY]->(System host)
package vm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/discovery/proc"
	"assim/graph"
)

// Label and relationship that only this type makes.
const (
	VirtualMachine = "VirtualMachine" // by UUID in lower case
	Is             = "IS"             // (System)-->(VirtualMachine): seen from inside
)

// Type is the discovery type "vm".
var Type = discovery.Type{
	Name:    "vm",
	Short:   "virtual machine or not, and the virtual machines that run here",
	Every:   5 * time.Minute,
	On:      []discovery.Trigger{discovery.Links},
	Needs:   []string{"root: the UUID that guest and host share is not read"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/sys/class/dmi/id", "/proc/cpuinfo", "/sys/hypervisor", "/proc/xen", "/run/systemd/container", "/.dockerenv", "/proc/PID/cmdline of qemu"},
		Keys: []discovery.Field{
			{Key: "kind", Meaning: "physical, kvm, vmware, virtualbox, hyperv, xen, parallels, bhyve, amazon, google, or virtual where only that is known"},
			{Key: "container", Meaning: "engine, when this system itself is a container"},
			{Key: "uuid", Meaning: "product UUID, lower case"},
			{Key: "guests[].name", Meaning: "name of a virtual machine that runs here"},
			{Key: "guests[].uuid", Meaning: "its UUID, lower case"},
			{Key: "guests[].macs[]", Meaning: "hardware addresses of its interfaces"},
		},
		Graph: "(System {virtual})-[:IS]->(VirtualMachine), (VirtualMachine)-[:HOSTED_BY]->(System)",
	},
}

// Payload is the document.
type Payload struct {
	Kind      string  `json:"kind"`
	Container string  `json:"container,omitempty"`
	UUID      string  `json:"uuid,omitempty"`
	Guests    []Guest `json:"guests,omitempty"`
}

// Guest is a virtual machine that runs here.
type Guest struct {
	Name string   `json:"name,omitempty"`
	UUID string   `json:"uuid,omitempty"`
	MACs []string `json:"macs,omitempty"`
}

// maxGuests bounds a document.
const maxGuests = 2048

func collect(ctx context.Context, h discovery.Host) (any, error) {
	cpuinfo, err := conf.ReadMost(h, "proc/cpuinfo", 8<<20)
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	doc := &Payload{Kind: kind(h, cpuinfo), Container: container(h)}
	if doc.Kind == "" {
		return nil, discovery.ErrNotHere // another root: neither processor nor DMI
	}
	if uuid := strings.ToLower(conf.Text(h, "sys/class/dmi/id/product_uuid")); isUUID(uuid) {
		doc.UUID = uuid
	}
	lines, err := proc.CommandLines(ctx, h, func(name string) bool {
		return strings.HasPrefix(name, "qemu") || name == "kvm" || strings.HasPrefix(name, "cloud-hyperviso")
	})
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	for _, args := range lines {
		if g := guest(args); (g.UUID != "" || g.Name != "") && len(doc.Guests) < maxGuests {
			doc.Guests = append(doc.Guests, g)
		}
	}
	discovery.Sort(doc.Guests, func(a, b Guest) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	return doc, nil
}

// makers are what the firmware of a virtual machine calls itself, in lower case.
var makers = []struct{ text, kind string }{
	{"amazon ec2", "amazon"}, {"google compute engine", "google"}, {"google", "google"}, {"vmware", "vmware"}, {"virtualbox", "virtualbox"}, {"innotek", "virtualbox"},
	{"qemu", "kvm"}, {"kvm", "kvm"}, {"bochs", "kvm"}, {"openstack", "kvm"}, {"proxmox", "kvm"}, {"nutanix ahv", "kvm"}, {"rhev", "kvm"}, {"ovirt", "kvm"}, {"digitalocean", "kvm"},
	{"xen", "xen"}, {"parallels", "parallels"}, {"bhyve", "bhyve"}, {"apple virtualization", "apple"},
}

// kind says what this system runs on.
func kind(h discovery.Host, cpuinfo string) string {
	vendor, product := conf.Text(h, "sys/class/dmi/id/sys_vendor"), conf.Text(h, "sys/class/dmi/id/product_name")
	text := strings.ToLower(vendor + " " + product)
	if strings.HasPrefix(text, "microsoft corporation") && strings.Contains(text, "virtual machine") {
		return "hyperv"
	}
	for _, m := range makers {
		// Google and Amazon also make laptops and bare metal.
		if strings.Contains(text, m.text) && !strings.Contains(text, ".metal") {
			return m.kind
		}
	}
	if conf.Text(h, "sys/hypervisor/type") == "xen" {
		return "xen"
	}
	for line := range strings.Lines(cpuinfo) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "flags" {
			if slices.Contains(strings.Fields(value), "hypervisor") {
				return "virtual"
			}
			break
		}
	}
	if cpuinfo == "" && strings.TrimSpace(text) == "" {
		return ""
	}
	return "physical"
}

// container says whether this system itself is a container.
func container(h discovery.Host) string {
	if name := conf.Text(h, "run/systemd/container"); name != "" {
		return name
	}
	for file, name := range map[string]string{".dockerenv": "docker", "run/.containerenv": "podman"} {
		if _, err := fs.Stat(h.Root(), file); err == nil {
			return name
		}
	}
	return ""
}

var mac = regexp.MustCompile(`"?mac"?[=:]"?([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})`)

// guest reads the command line of qemu, as libvirt, Proxmox and people write it:
//
//	qemu-system-x86_64 -name guest=web,debug-threads=on -uuid 5f0c... -device virtio-net-pci,mac=52:54:00:12:34:56
//	qemu-system-x86_64 -device {"driver":"virtio-net-pci","mac":"52:54:00:12:34:56"} -smbios type=1,uuid=5f0c...
func guest(args []string) Guest {
	var g Guest
	for i, a := range args {
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		switch a {
		case "-name":
			first, _, _ := strings.Cut(value, ",")
			g.Name = strings.TrimPrefix(first, "guest=")
		case "-uuid":
			if uuid := strings.ToLower(value); isUUID(uuid) {
				g.UUID = uuid
			}
		case "-smbios":
			for part := range strings.SplitSeq(value, ",") {
				if uuid, ok := strings.CutPrefix(strings.ToLower(part), "uuid="); ok && isUUID(uuid) && g.UUID == "" {
					g.UUID = uuid
				}
			}
		}
		for _, m := range mac.FindAllStringSubmatch(a, 8) {
			if addr := strings.ToLower(m[1]); !slices.Contains(g.MACs, addr) && len(g.MACs) < 64 {
				g.MACs = append(g.MACs, addr)
			}
		}
	}
	slices.Sort(g.MACs)
	return g
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// isUUID refuses the UUIDs of careless makers, which a thousand machines share.
func isUUID(s string) bool {
	return uuidForm.MatchString(s) && strings.Trim(s, "0-") != "" && strings.Trim(s, "f-") != ""
}

// Graph ties the system to the virtual machine it is, and to those it hosts.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("vm: the document does not parse: %w", err)
	}
	if len(p.Guests) > maxGuests {
		return graph.Change{}, fmt.Errorf("vm: %d guests in one document, the limit is %d", len(p.Guests), maxGuests)
	}
	virtual := p.Kind != "physical"
	c := graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("virtual", virtual, "hypervisor", p.hypervisor())}}}
	if virtual && isUUID(p.UUID) {
		me := machine(p.UUID, "", nil)
		c.Nodes = append(c.Nodes, me)
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: Is, To: me.Key})
	}
	for _, g := range p.Guests {
		id := g.UUID
		switch {
		case isUUID(id):
		case len(g.MACs) > 0:
			id = "mac-" + g.MACs[0] // see package guests
		default:
			continue // nothing that its inside could be known by
		}
		node := machine(id, g.Name, g.MACs)
		c.Nodes = append(c.Nodes, node)
		c.Rels = append(c.Rels, graph.Rel{From: node.Key, Type: graph.HostedBy, To: system})
	}
	return c, nil
}

func (p *Payload) hypervisor() string {
	if p.Kind == "physical" {
		return ""
	}
	return p.Kind
}

func machine(uuid, name string, macs []string) graph.Node {
	n := graph.Node{Key: graph.Key{Label: VirtualMachine, ID: uuid}, Props: graph.P("name", name)}
	if isUUID(uuid) {
		n.Props["uuid"] = uuid
	}
	if len(macs) > 0 {
		n.Props["macs"] = macs
	}
	return n
}
