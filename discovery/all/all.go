// Package all is the one list of discovery types that are built in. A new type
// is one folder under discovery and one line here.
package all

import (
	"assim/discovery"
	"assim/discovery/block"
	"assim/discovery/connections"
	"assim/discovery/cpu"
	"assim/discovery/dmi"
	"assim/discovery/listeners"
	"assim/discovery/lldp"
	"assim/discovery/memory"
	"assim/discovery/mounts"
	"assim/discovery/netconfig"
	osinfo "assim/discovery/os"
	"assim/discovery/packages"
	"assim/discovery/processes"
	"assim/discovery/units"
)

// Types are all built-in types, in the order in which people read them.
var Types = []discovery.Type{
	osinfo.Type,
	netconfig.Type,
	lldp.Type,
	listeners.Type,
	connections.Type,
	processes.Type,
	packages.Type,
	mounts.Type,
	block.Type,
	cpu.Type,
	memory.Type,
	dmi.Type,
	units.Type,
}

// Find returns the built-in type of that name.
func Find(name string) (discovery.Type, bool) {
	for _, t := range Types {
		if t.Name == name {
			return t, true
		}
	}
	return discovery.Type{}, false
}
