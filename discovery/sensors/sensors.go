// Package sensors discovers which sensors a system has and at which values they
// alarm. What they read at the moment is not discovery but monitoring.
package sensors

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "sensors".
var Type = discovery.Type{
	Name:    "sensors",
	Short:   "temperature, fan, voltage and power sensors, and their limits",
	Every:   24 * time.Hour,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/sys/class/hwmon", "/sys/class/thermal"},
		Keys: []discovery.Field{
			{Key: "chips[].name", Meaning: "driver's name of the chip"},
			{Key: "chips[].device", Meaning: "device it sits on"},
			{Key: "chips[].sensors[].name", Meaning: "temp1, fan2, in0, power1, ..."},
			{Key: "chips[].sensors[].label", Meaning: "what it measures, where the driver knows"},
			{Key: "chips[].sensors[].limits", Meaning: "min, max, crit, cap by name: thousandths of a degree or volt, revolutions per minute, microwatts"},
			{Key: "zones[].type", Meaning: "thermal zone"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Chips []Chip `json:"chips"`
	Zones []Zone `json:"zones,omitempty"`
}

// Chip is one monitoring chip.
type Chip struct {
	Name    string   `json:"name"`
	Device  string   `json:"device,omitempty"`
	Sensors []Sensor `json:"sensors"`
}

// Sensor is one input of a chip.
type Sensor struct {
	Name   string         `json:"name"`
	Label  string         `json:"label,omitempty"`
	Limits map[string]any `json:"limits,omitempty"`
}

// Zone is a thermal zone.
type Zone struct {
	Type string `json:"type"`
}

// Limits of a document.
const (
	maxChips   = 256
	maxSensors = 512
)

// input matches the file a sensor is read by.
var input = regexp.MustCompile(`^((?:temp|fan|in|power|curr|energy|humidity)\d+)_(?:input|average)$`)

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Chips: []Chip{}}
	chips, _ := fs.ReadDir(h.Root(), "sys/class/hwmon")
	for _, e := range chips[:min(len(chips), maxChips)] {
		doc.Chips = append(doc.Chips, chip(h, "sys/class/hwmon/"+e.Name()))
	}
	zones, _ := fs.ReadDir(h.Root(), "sys/class/thermal")
	for _, e := range zones[:min(len(zones), maxChips)] {
		if kind := conf.Text(h, "sys/class/thermal/"+e.Name()+"/type"); strings.HasPrefix(e.Name(), "thermal_zone") && kind != "" {
			doc.Zones = append(doc.Zones, Zone{kind})
		}
	}
	if len(doc.Chips) == 0 && len(doc.Zones) == 0 {
		return nil, discovery.ErrNotHere
	}
	// Numbers of chips are given as drivers load; names and devices hold.
	discovery.Sort(doc.Chips, func(a, b Chip) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Device, b.Device)) })
	discovery.Sort(doc.Zones, func(a, b Zone) int { return cmp.Compare(a.Type, b.Type) })
	return doc, nil
}

func chip(h discovery.Host, dir string) Chip {
	c := Chip{Name: conf.Text(h, dir+"/name"), Sensors: []Sensor{}}
	if target, err := h.ReadLink(dir + "/device"); err == nil {
		c.Device = path.Base(target)
	}
	files, _ := fs.ReadDir(h.Root(), dir)
	for _, f := range files {
		m := input.FindStringSubmatch(f.Name())
		if m == nil || len(c.Sensors) == maxSensors {
			continue
		}
		s := Sensor{Name: m[1], Label: conf.Text(h, dir+"/"+m[1]+"_label")}
		for _, limit := range []string{"min", "max", "crit", "lcrit", "emergency", "cap"} {
			if text := conf.Text(h, dir+"/"+m[1]+"_"+limit); text != "" {
				if s.Limits == nil {
					s.Limits = map[string]any{}
				}
				s.Limits[limit] = conf.Value(text)
			}
		}
		c.Sensors = append(c.Sensors, s)
	}
	discovery.Sort(c.Sensors, func(a, b Sensor) int { return cmp.Compare(a.Name, b.Name) })
	return c
}
