package units

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"assim/discovery"
	"assim/discovery/conf"
)

// unitDirs are where unit files lie, the stronger first (systemd.unit(5)).
var unitDirs = []string{"etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// installed lists the unit files of a root that does not run, and whether they
// are enabled, as "systemctl --root" tells it.
func installed(h discovery.Host) []Unit {
	wanted := links(h)
	byName := map[string]Unit{}
	for _, dir := range unitDirs {
		for _, name := range conf.Names(h, dir) {
			if _, stronger := byName[name]; stronger || !slices.Contains(kinds, "*"+path.Ext(name)) || len(byName) > maxUnits {
				continue
			}
			byName[name] = unitFile(h, dir+"/"+name, wanted)
		}
	}
	list := make([]Unit, 0, len(byName))
	for _, u := range byName {
		list = append(list, u)
	}
	return list
}

// links returns the names that something wants: the links in *.wants and
// *.requires below /etc, with instances beside their template, and the files
// that aliases in /etc point to.
func links(h discovery.Host) map[string]bool {
	wanted := map[string]bool{}
	for _, pattern := range []string{"etc/systemd/system/*.wants/*", "etc/systemd/system/*.requires/*"} {
		names, _ := fs.Glob(h.Root(), pattern)
		for _, n := range names {
			name := path.Base(n)
			wanted[name] = true
			if before, instance, ok := strings.Cut(name, "@"); ok {
				wanted[before+"@"+path.Ext(instance)] = true
			}
		}
	}
	for _, name := range conf.Names(h, "etc/systemd/system") {
		if target, err := h.ReadLink("etc/systemd/system/" + name); err == nil {
			wanted[path.Base(target)] = true
		}
	}
	return wanted
}

func unitFile(h discovery.Host, file string, wanted map[string]bool) Unit {
	u := Unit{Name: path.Base(file), File: "/" + file}
	if target, err := h.ReadLink(file); err == nil {
		u.Enabled = "alias"
		if target == "/dev/null" {
			u.Enabled = "masked"
		}
		return u
	}
	text, err := conf.Read(h, file)
	if err != nil {
		u.Enabled = "bad"
		return u
	}
	install, also := false, false
	section := ""
	for _, line := range conf.Lines(text) {
		switch {
		case line[0] == '[':
			section = line
		case section == "[Install]":
			install = install || strings.HasPrefix(line, "WantedBy=") || strings.HasPrefix(line, "RequiredBy=") || strings.HasPrefix(line, "Alias=")
			also = also || strings.HasPrefix(line, "Also=")
		case section == "[Unit]" && strings.HasPrefix(line, "Description=") && u.Description == "":
			u.Description = strings.TrimPrefix(line, "Description=")
		case section == "[Service]" && strings.HasPrefix(line, "Type="):
			u.Type = strings.TrimPrefix(line, "Type=")
		}
	}
	switch {
	case wanted[u.Name]:
		u.Enabled = "enabled"
	case install:
		u.Enabled = "disabled"
	case also:
		u.Enabled = "indirect"
	default:
		u.Enabled = "static"
	}
	return u
}
