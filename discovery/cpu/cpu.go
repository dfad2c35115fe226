// Package cpu discovers the processors: what they are, how many, what they can
// do, and which of the known hardware faults the kernel guards against.
package cpu

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/graph"
)

// Type is the discovery type "cpu".
var Type = discovery.Type{
	Name:    "cpu",
	Short:   "processors, their abilities and known faults",
	Every:   time.Hour,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/cpuinfo", "/sys/devices/system/cpu/vulnerabilities"},
		Keys: []discovery.Field{
			{Key: "vendor", Meaning: "vendor_id, or the implementer on ARM"},
			{Key: "model", Meaning: "model name"},
			{Key: "family", Meaning: "family and model number, stepping: \"26/2/1\""},
			{Key: "microcode", Meaning: "revision of the microcode"},
			{Key: "sockets", Meaning: "packages"},
			{Key: "cores", Meaning: "physical cores of all packages"},
			{Key: "threads", Meaning: "logical processors online"},
			{Key: "flags[]", Meaning: "abilities, in alphabetical order"},
			{Key: "bugs[]", Meaning: "faults the kernel knows of"},
			{Key: "vulnerabilities", Meaning: "by fault, what the kernel does about it"},
		},
		Graph: "(System {cpu, cpu_cores, cpu_threads})",
	},
}

// Payload is the document.
type Payload struct {
	Vendor          string            `json:"vendor,omitempty"`
	Model           string            `json:"model,omitempty"`
	Family          string            `json:"family,omitempty"`
	Microcode       string            `json:"microcode,omitempty"`
	Sockets         int               `json:"sockets"`
	Cores           int               `json:"cores"`
	Threads         int               `json:"threads"`
	Flags           []string          `json:"flags,omitempty"`
	Bugs            []string          `json:"bugs,omitempty"`
	Vulnerabilities map[string]string `json:"vulnerabilities,omitempty"`
}

// maxFaults bounds the directory of vulnerabilities.
const maxFaults = 256

// maxCPUInfo fits some 4,000 processors.
const maxCPUInfo = 8 << 20

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := conf.ReadMost(h, "proc/cpuinfo", maxCPUInfo)
	if err != nil {
		return nil, err
	}
	doc := parse(text)
	const dir = "sys/devices/system/cpu/vulnerabilities"
	for _, name := range conf.Names(h, dir) {
		if len(doc.Vulnerabilities) == maxFaults {
			break
		}
		if doc.Vulnerabilities == nil {
			doc.Vulnerabilities = map[string]string{}
		}
		doc.Vulnerabilities[name] = conf.Text(h, dir+"/"+name)
	}
	return doc, nil
}

// parse reads /proc/cpuinfo: a paragraph per logical processor, of which all
// but the frequency and the numbers are alike.
func parse(text string) *Payload {
	doc := &Payload{}
	packages, cores := map[string]bool{}, map[string]bool{}
	var family, number, stepping, socket string
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch name {
		case "processor":
			doc.Threads++
			socket = ""
		case "vendor_id", "CPU implementer":
			doc.Vendor = value
		case "model name", "Processor", "cpu model":
			doc.Model = value
		case "cpu family", "CPU architecture":
			family = value
		case "model", "CPU part":
			number = value
		case "stepping", "CPU revision":
			stepping = value
		case "microcode":
			doc.Microcode = value
		case "physical id":
			socket = value
			packages[value] = true
		case "core id":
			cores[socket+"/"+value] = true
		case "flags", "Features":
			doc.Flags = words(value)
		case "bugs":
			doc.Bugs = words(value)
		}
	}
	if family != "" {
		doc.Family = family + "/" + number + "/" + stepping
	}
	// Machines that say nothing of packages and cores have one, and one each.
	doc.Sockets, doc.Cores = max(len(packages), min(1, doc.Threads)), len(cores)
	if doc.Cores == 0 {
		doc.Cores = doc.Threads
	}
	return doc
}

func words(text string) []string {
	list := strings.Fields(text)
	slices.Sort(list)
	return slices.Compact(list)
}

// Graph puts what people ask for most on the system's node.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("cpu: the document does not parse: %w", err)
	}
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("cpu", p.Model, "cpu_sockets", p.Sockets, "cpu_cores", p.Cores, "cpu_threads", p.Threads,
		"cpu_vulnerable", p.vulnerable())}}}, nil
}

// vulnerable says whether the kernel itself calls the system vulnerable.
func (p *Payload) vulnerable() bool {
	for _, state := range p.Vulnerabilities {
		if strings.HasPrefix(state, "Vulnerable") {
			return true
		}
	}
	return false
}
