// Package all is the one place that lists the discovery types that are built in,
// and what the CMA makes of each. A new type is one folder under discovery and
// its name in both lists here.
package all

import (
	"assim/discovery"
	"assim/discovery/arp"
	"assim/discovery/arp/strangers"
	"assim/discovery/auditd"
	"assim/discovery/block"
	"assim/discovery/checksums"
	"assim/discovery/cloud"
	"assim/discovery/commands"
	"assim/discovery/connections"
	"assim/discovery/containers"
	"assim/discovery/cpu"
	"assim/discovery/cron"
	"assim/discovery/dmi"
	"assim/discovery/fileattrs"
	"assim/discovery/listeners"
	"assim/discovery/lldp"
	"assim/discovery/login_defs"
	"assim/discovery/memory"
	"assim/discovery/monitoring_agents"
	"assim/discovery/mounts"
	"assim/discovery/netconfig"
	"assim/discovery/nsswitch"
	osinfo "assim/discovery/os"
	"assim/discovery/packages"
	"assim/discovery/pam"
	"assim/discovery/pci"
	"assim/discovery/proc_sys"
	"assim/discovery/processes"
	"assim/discovery/resolv"
	"assim/discovery/resting"
	"assim/discovery/sensors"
	"assim/discovery/sshd"
	"assim/discovery/sudoers"
	"assim/discovery/ulimit"
	"assim/discovery/units"
	"assim/discovery/users"
	"assim/discovery/vm"
	"assim/discovery/vm/guests"
)

// Types are all built-in types, in the order in which people read them.
var Types = []discovery.Type{
	osinfo.Type,
	netconfig.Type,
	lldp.Type,
	arp.Type,
	resolv.Type,
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
	sshd.Type,
	pam.Type,
	login_defs.Type,
	nsswitch.Type,
	auditd.Type,
	sudoers.Type,
	users.Type,
	ulimit.Type,
	cron.Type,
	proc_sys.Type,
	fileattrs.Type,
	checksums.Type,
	pci.Type,
	sensors.Type,
	commands.Type,
	monitoring_agents.Type,
	containers.Type,
	vm.Type,
	cloud.Type,
	resting.Type,
}

// Plugins are what the CMA makes of documents, one of each type. The agent does
// not refer to them; they are pointers, so that the linker sees that nobody does.
var Plugins = []*discovery.Plugin{
	&osinfo.Plugin,
	&netconfig.Plugin,
	&lldp.Plugin,
	&arp.Plugin,
	&resolv.Plugin,
	&listeners.Plugin,
	&connections.Plugin,
	&processes.Plugin,
	&packages.Plugin,
	&mounts.Plugin,
	&block.Plugin,
	&cpu.Plugin,
	&memory.Plugin,
	&dmi.Plugin,
	&units.Plugin,
	&sshd.Plugin,
	&pam.Plugin,
	&login_defs.Plugin,
	&nsswitch.Plugin,
	&auditd.Plugin,
	&sudoers.Plugin,
	&users.Plugin,
	&ulimit.Plugin,
	&cron.Plugin,
	&proc_sys.Plugin,
	&fileattrs.Plugin,
	&checksums.Plugin,
	&pci.Plugin,
	&sensors.Plugin,
	&commands.Plugin,
	&monitoring_agents.Plugin,
	&containers.Plugin,
	&vm.Plugin,
	&cloud.Plugin,
	&resting.Plugin,
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

// FindPlugin returns what is made of the documents of that type.
func FindPlugin(name string) (discovery.Plugin, bool) {
	for _, p := range Plugins {
		if p.Of.Name == name {
			return *p, true
		}
	}
	return discovery.Plugin{}, false
}

// Wholes are what documents of many systems mean only together. The agent does
// not refer to them, so that they are no part of it.
var Wholes = []discovery.Whole{
	{Name: "who is seen by ARP and told of by nobody", Derive: strangers.Derive},
	{Name: "which systems are virtual machines of others, by hardware address", Derive: guests.Derive},
}
