// Package units discovers the services a system is set up to run and whether
// they do: systemd units where systemd runs, System V init scripts otherwise.
//
// What comes and goes by itself is left out: login sessions, units made per
// connection, and one-shot jobs count as inactive whether or not they run just
// now.
package units

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/graph"
)

// Type is the discovery type "units".
var Type = discovery.Type{
	Name:    "units",
	Short:   "services set up to run, and whether they do",
	Every:   2 * time.Minute,
	On:      []discovery.Trigger{discovery.Changed("packages")},
	Files:   []string{"/etc/systemd/system", "/etc/init.d", "/etc/rc2.d", "/etc/rc3.d"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"systemctl show", "systemctl list-unit-files", "/etc/init.d", "/etc/rc?.d", "of another root: /{etc,usr/lib}/systemd/system"},
		Keys: []discovery.Field{
			{Key: "manager", Meaning: "systemd or sysv"},
			{Key: "units[].name", Meaning: "name with its suffix; of System V the script's"},
			{Key: "units[].description", Meaning: "one line of its author"},
			{Key: "units[].load", Meaning: "loaded, not-found, masked, bad-setting, error; absent for what is only installed"},
			{Key: "units[].active", Meaning: "active, inactive or failed; absent for System V"},
			{Key: "units[].result", Meaning: "why it failed: exit-code, signal, timeout, ..."},
			{Key: "units[].enabled", Meaning: "enabled, disabled, static, masked, generated, ..."},
			{Key: "units[].type", Meaning: "of a service: simple, forking, oneshot, notify, dbus, ..."},
			{Key: "units[].file", Meaning: "unit file or script"},
			{Key: "units[].levels[]", Meaning: "run levels a System V script is started in"},
			{Key: "truncated", Meaning: "true when there were more units than the limit of 4096"},
		},
		Graph: "(System {service_manager, failed_units})",
	},
}

// maxUnits bounds a document.
const maxUnits = 4096

// Payload is the document.
type Payload struct {
	Manager   string `json:"manager"`
	Units     []Unit `json:"units"`
	Truncated bool   `json:"truncated,omitempty"`
}

// Unit is one service, socket, timer, path unit or init script.
type Unit struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Load        string   `json:"load,omitempty"`
	Active      string   `json:"active,omitempty"`
	Result      string   `json:"result,omitempty"`
	Enabled     string   `json:"enabled,omitempty"`
	Type        string   `json:"type,omitempty"`
	File        string   `json:"file,omitempty"`
	Levels      []string `json:"levels,omitempty"`
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	var list []Unit
	var err error
	doc := &Payload{Manager: "systemd"}
	switch {
	case h.Live() && has(h, "run/systemd/system"): // as sd_booted(3) does it
		list, err = systemd(ctx, h)
	case !h.Live() && (has(h, "usr/lib/systemd/systemd") || has(h, "lib/systemd/systemd")):
		list = installed(h)
	default:
		doc.Manager = "sysv"
		list, err = sysv(h)
	}
	if err != nil {
		return nil, err
	}
	discovery.Sort(list, func(a, b Unit) int { return cmp.Compare(a.Name, b.Name) })
	if doc.Truncated = len(list) > maxUnits; doc.Truncated {
		list = list[:maxUnits]
	}
	doc.Units = list
	return doc, nil
}

func has(h discovery.Host, name string) bool {
	_, err := fs.Stat(h.Root(), name)
	return err == nil
}

// kinds are the units that say what a system is for.
var kinds = []string{"*.service", "*.socket", "*.timer", "*.path"}

var (
	showArgs = append([]string{"show", "--all", "--no-pager", "--property=Id,Description,LoadState,ActiveState,UnitFileState,FragmentPath,Type,Result"}, kinds...)
	listArgs = append([]string{"list-unit-files", "--no-pager", "--no-legend", "--plain"}, kinds...)
)

func systemd(ctx context.Context, h discovery.Host) ([]Unit, error) {
	out, err := h.Run(ctx, "systemctl", showArgs...)
	if err != nil {
		return nil, err
	}
	units := parseShow(string(out))
	known := map[string]bool{}
	for _, u := range units {
		known[u.Name] = true
	}
	if out, err = h.Run(ctx, "systemctl", listArgs...); err != nil {
		return nil, err
	}
	for _, u := range parseUnitFiles(string(out)) {
		if !known[u.Name] {
			units = append(units, u)
		}
	}
	return units, nil
}

// passing matches units that exist as long as a login, a connection or a job.
var passing = regexp.MustCompile(`^(user@|user-runtime-dir@|systemd-coredump@|run-[ur]|session-|.*@\d+-(.*:\d+|\d+-\d+))`)

// parseShow reads the answers of systemctl show: paragraphs of Name=value.
func parseShow(text string) []Unit {
	var list []Unit
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		u := Unit{}
		for line := range strings.Lines(paragraph) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "Id":
				u.Name = value
			case "Description":
				u.Description = value
			case "LoadState":
				u.Load = value
			case "ActiveState":
				u.Active = value
			case "UnitFileState":
				u.Enabled = value
			case "FragmentPath":
				u.File = value
			case "Type":
				u.Type = value
			case "Result":
				u.Result = value
			}
		}
		// What other units merely mention is not there.
		if u.Name == "" || passing.MatchString(u.Name) || u.Load == "not-found" && u.Active == "inactive" {
			continue
		}
		u.settle()
		list = append(list, u)
	}
	return list
}

// settle replaces states of a moment by lasting ones.
func (u *Unit) settle() {
	switch {
	case u.Active == "failed":
	case u.Type == "oneshot" && u.Active != "active":
		u.Active = "inactive" // a job is running just now, or not
	case u.Active == "reloading" || u.Active == "activating" || u.Active == "deactivating":
		u.Active = "active"
	}
	// A service that dies again and again is between two attempts, not active.
	if u.Active != "failed" && u.Result != "success" && u.Result != "" {
		u.Active = "failed"
	}
	if u.Result == "success" {
		u.Result = ""
	}
	if u.Description == u.Name {
		u.Description = ""
	}
	if strings.HasPrefix(u.File, "/run/") {
		u.File = "" // made by a generator
	}
}

// parseUnitFiles reads "name state preset" lines.
func parseUnitFiles(text string) []Unit {
	var list []Unit
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) >= 2 && !passing.MatchString(f[0]) {
			list = append(list, Unit{Name: f[0], Enabled: f[1]})
		}
	}
	return list
}

// sysv reads the scripts of /etc/init.d and where run levels link to them.
func sysv(h discovery.Host) ([]Unit, error) {
	levels := map[string][]string{}
	for _, level := range []string{"0", "1", "2", "3", "4", "5", "6", "S"} {
		entries, err := fs.ReadDir(h.Root(), "etc/rc"+level+".d")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			// "S01cron" starts cron.
			if name := e.Name(); len(name) > 3 && name[0] == 'S' && len(levels[name[3:]]) < 8 {
				levels[name[3:]] = append(levels[name[3:]], level)
			}
		}
	}
	var list []Unit
	for _, name := range conf.Names(h, "etc/init.d") {
		if name == "README" || name == "functions" || strings.Contains(name, ".dpkg-") {
			continue
		}
		text, err := conf.Read(h, "etc/init.d/"+name)
		if err != nil {
			continue // a directory, or a link to nowhere
		}
		u := Unit{Name: name, File: "/etc/init.d/" + name, Description: lsbDescription(text), Levels: levels[name], Enabled: "disabled"}
		if len(u.Levels) > 0 {
			u.Enabled = "enabled"
		}
		list = append(list, u)
	}
	if len(list) == 0 {
		return nil, discovery.ErrNotHere
	}
	return list, nil
}

// lsbDescription reads the short description of the LSB header of a script.
func lsbDescription(text string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# Short-Description:"); ok {
			return strings.TrimSpace(rest)
		}
		if strings.HasPrefix(line, "### END INIT INFO") {
			return ""
		}
	}
	return ""
}

// Graph puts the failed units on the system's node.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("units: the document does not parse: %w", err)
	}
	failed := []string{}
	for _, u := range p.Units {
		if u.Active == "failed" && len(failed) < maxFailed {
			failed = append(failed, u.Name)
		}
	}
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("service_manager", p.Manager, "failed_units", failed)}}}, nil
}

// maxFailed bounds the list on a system's node; the document has them all.
const maxFailed = 64
