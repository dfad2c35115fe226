// Package monitoring_agents discovers with what services here could be
// monitored: OCF resource agents, LSB init scripts, Nagios plugins, systemd.
package monitoring_agents

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"assim/discovery"
)

// Type is the discovery type "monitoring_agents".
var Type = discovery.Type{
	Name:    "monitoring_agents",
	Short:   "OCF, LSB, Nagios and systemd agents that are installed",
	Every:   time.Hour,
	On:      []discovery.Trigger{discovery.Changed("packages")},
	Files:   []string{"/usr/lib/ocf/resource.d", "/etc/init.d"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/usr/lib/ocf/resource.d/*", "/etc/init.d", "/usr/lib/nagios/plugins and its like", "/run/systemd/system"},
		Keys: []discovery.Field{
			{Key: "ocf.PROVIDER[]", Meaning: "resource agents by provider"},
			{Key: "lsb[]", Meaning: "init scripts"},
			{Key: "nagios.DIRECTORY[]", Meaning: "plugins"},
			{Key: "systemd", Meaning: "true where systemd runs"},
		},
	},
}

// Payload is the document.
type Payload struct {
	OCF     map[string][]string `json:"ocf,omitempty"`
	LSB     []string            `json:"lsb,omitempty"`
	Nagios  map[string][]string `json:"nagios,omitempty"`
	Systemd bool                `json:"systemd"`
}

const (
	ocfTop   = "usr/lib/ocf/resource.d"
	maxNames = 4096 // agents of one provider or directory
	maxOCF   = 64   // providers
)

// nagiosDirs are where distributions and Nagios itself put plugins.
var nagiosDirs = []string{"usr/lib/nagios/plugins", "usr/lib64/nagios/plugins", "usr/local/nagios/libexec", "usr/lib/monitoring-plugins", "usr/local/libexec/nagios"}

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := &Payload{}
	providers, _ := fs.ReadDir(h.Root(), ocfTop)
	for _, p := range providers[:min(len(providers), maxOCF)] {
		if agents := executables(h, ocfTop+"/"+p.Name()); len(agents) > 0 {
			if doc.OCF == nil {
				doc.OCF = map[string][]string{}
			}
			doc.OCF[p.Name()] = agents
		}
	}
	doc.LSB = executables(h, "etc/init.d")
	for _, dir := range nagiosDirs {
		if plugins := executables(h, dir); len(plugins) > 0 {
			if doc.Nagios == nil {
				doc.Nagios = map[string][]string{}
			}
			doc.Nagios["/"+dir] = plugins
		}
	}
	info, err := fs.Stat(h.Root(), "run/systemd/system")
	doc.Systemd = err == nil && info.IsDir()
	if doc.OCF == nil && doc.LSB == nil && doc.Nagios == nil && !doc.Systemd {
		return nil, discovery.ErrNotHere
	}
	return doc, nil
}

// executables lists the programs in a directory. Agents may be links, as all of
// a BusyBox-like package are.
func executables(h discovery.Host, dir string) []string {
	entries, err := fs.ReadDir(h.Root(), dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || len(names) == maxNames {
			continue
		}
		info, err := fs.Stat(h.Root(), dir+"/"+e.Name())
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
