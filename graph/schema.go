package graph

// LabelDoc describes one label for docs/schema.md and for people at the shell.
type LabelDoc struct {
	Label   string
	Meaning string
	ID      string            // how Key.ID is formed
	Props   map[string]string // property → meaning with unit
	Index   []string          // properties a store indexes for this label
}

// RelDoc describes one relationship type.
type RelDoc struct {
	From, Type, To string
	Meaning        string
	Props          map[string]string
}

// Unwritten ends the meaning of a label that is agreed on and that nothing
// writes: a question about it has no answer, which says nothing of the systems.
const Unwritten = "; nothing writes it so far"

// The labels in use. Plugins use these constants, not strings of their own.
const (
	System      = "System"
	NIC         = "NIC"
	IPAddr      = "IPAddr"
	Subnet      = "Subnet"
	SwitchPort  = "SwitchPort"
	Process     = "Process"
	Endpoint    = "Endpoint"
	Ring        = "Ring"
	Incident    = "Incident"
	PackageSet  = "PackageSet"
	Package     = "Package"
	SettingSet  = "SettingSet"
	Setting     = "Setting"
	ChecksumSet = "ChecksumSet"
	NeighborSet = "NeighborSet"
	Checksum    = "Checksum"
	FileSystem  = "FileSystem"
	BlockDevice = "BlockDevice"
	Check       = "Check"
	Finding     = "Finding"
	Rule        = "Rule"

	Container      = "Container"
	VirtualMachine = "VirtualMachine"
	DiscoveryType  = "DiscoveryType"
)

// The relationship types in use, read left to right.
const (
	HasNIC      = "HAS_NIC"      // (System)-->(NIC)
	HasIP       = "HAS_IP"       // (NIC)-->(IPAddr)
	InSubnet    = "IN_SUBNET"    // (IPAddr)-->(Subnet)
	HasPort     = "HAS_PORT"     // (System:switch)-->(SwitchPort)
	CabledTo    = "CABLED_TO"    // (NIC)-->(SwitchPort)
	Runs        = "RUNS"         // (System)-->(Process)
	ListensOn   = "LISTENS_ON"   // (Process)-->(Endpoint)
	ConnectsTo  = "CONNECTS_TO"  // (Process)-->(Endpoint)
	DependsOn   = "DEPENDS_ON"   // derived
	HostedBy    = "HOSTED_BY"    // (System)-->(System)
	Sees        = "SEES"         // (NIC)-->(NeighborSet|IPAddr): who saw whom by ARP
	Contests    = "CONTESTS"     // (NIC)-->(NIC): answers for an address that the other carries
	MemberOf    = "MEMBER_OF"    // (System)-->(Ring)
	Watches     = "WATCHES"      // (System)-->(System): heartbeats with it
	About       = "ABOUT"        // (Incident)-->(anything)
	HasPackages = "HAS_PACKAGES" // (System)-->(PackageSet)
	Contains    = "CONTAINS"     // (PackageSet)-->(Package)
	Mounts      = "MOUNTS"       // (System)-->(FileSystem)
	On          = "ON"           // (FileSystem)-->(BlockDevice)
	Monitors    = "MONITORS"     // (Check)-->(Process|System)
	HasFinding  = "HAS_FINDING"  // (System)-->(Finding)
	Of          = "OF"           // (Finding)-->(Rule)

	HasBlockDevice = "HAS_BLOCK_DEVICE" // (System)-->(BlockDevice)
	ResolvesBy     = "RESOLVES_BY"      // (System)-->(Endpoint): asks this name server
	Is             = "IS"               // (System)-->(VirtualMachine): the same machine, seen from inside
	HasSettings    = "HAS_SETTINGS"     // (System)-->(SettingSet)
	HasChecksums   = "HAS_CHECKSUMS"    // (System)-->(ChecksumSet)
	Translates     = "TRANSLATES"       // (System)-->(Endpoint): sends elsewhere what is called there
	Rests          = "RESTS"            // (System)-->(DiscoveryType): looks less often than it is to
	Fails          = "FAILS"            // (System)-->(DiscoveryType): cannot look
	ForwardsTo     = "FORWARDS_TO"      // (Endpoint)-->(Endpoint): who calls the one is answered by the other
)

// Labels is the authority on labels; docs/schema.md is generated from it.
var Labels = []LabelDoc{
	{System, "any computer or switch we know of, with or without a nanoprobe", `node id given by the CMA ("n-<32 hex>"), "sw-<chassis id>" for a switch, "mac-<mac>" for an unknown`, map[string]string{
		"name": "host name, or what the switch calls itself", "id": "the same as the key", "kind": "server, switch, router, vm, container, unknown",
		"status": "up, unresponsive, dead, stopped, shutdown, revoked, unknown", "nanoprobe": "true when a nanoprobe speaks for it", "last_sign": "when it was last heard, if it is not up", "seen_by": "of an unknown system: ids of systems that see it by ARP, 16 at most",
		"os": "pretty name of the operating system", "os_id": "short name of the distribution", "os_version": "version of the distribution",
		"hostname": "what it calls itself", "kernel": "kernel release", "arch": "machine architecture",
		"cpu": "processor model", "cpu_sockets": "number", "cpu_cores": "number", "cpu_threads": "number", "cpu_vulnerable": "true when the kernel knows of an unmitigated weakness",
		"memory_bytes": "bytes", "swap_bytes": "bytes", "gateways": "list of default gateways", "search": "list of name search domains",
		"vendor": "who made it", "product": "product name", "serial": "serial number", "uuid": "hardware UUID", "bios_version": "firmware version",
		"virtual": "true in a virtual machine or container", "hypervisor": "kind of hypervisor", "cloud": "provider", "instance_id": "the provider's name for it", "instance_type": "the provider's size", "region": "the provider's region", "zone": "the provider's zone",
		"service_manager": "systemd, sysv, ...", "failed_units": "list of services that failed",
		"description": "what a switch says of itself", "chassis_id": "a switch's chassis", "platform": "a switch's platform", "management": "list of a switch's management addresses",
		"manufacturer": "a switch's maker", "model": "a switch's model", "firmware": "a switch's firmware", "vtp_domain": "a switch's VTP domain"},
		[]string{"name", "id", "kind", "status"}},
	{NIC, "a network interface of a system", `"<system id>/<permanent hardware address>", or "<system id>/<ifname>" for one without`, map[string]string{
		"mac": "permanent hardware address, aa:bb:cc:dd:ee:ff", "vendor": "to whom IEEE gave the address", "mac_in_use": "hardware address in use, where it differs", "ifname": "name on its system", "kind": "device, bridge, bond, vlan, veth, ...",
		"speed_mbps": "megabits per second", "duplex": "full or half", "carrier": "true when the link is up", "up": "true when switched on", "mtu": "bytes", "driver": "kernel driver",
		"virtual": "true for bridges, veth, tunnels", "master": "bridge or bond it belongs to", "parent": "lower interface", "vlan": "VLAN id"},
		[]string{"mac"}},
	{IPAddr, "an IPv4 or IPv6 address", `"<addr>", or "<system id>/<addr>" for loopback, link-local and host-internal addresses`, map[string]string{
		"addr": "textual address", "scope": "global, host or link", "version": "4 or 6"}, []string{"addr"}},
	{Subnet, "a network", `"<prefix>", or "<system id>/<prefix>" for one inside a system`, map[string]string{
		"prefix": "CIDR", "scope": "global, host or link"}, []string{"prefix"}},
	{SwitchPort, "a port of a switch as LLDP or CDP tells it", `"<switch id>/<port id>"`, map[string]string{
		"port": "port id", "cdp_port": "what CDP calls it", "description": "what the administrator wrote on it", "vlan": "port VLAN id", "vlans": "list of VLANs with their names", "voice_vlan": "VLAN id for telephones", "duplex": "full or half"},
		[]string{"port", "description"}},
	{Process, "a program running on one system (the same daemon on two systems is two nodes)", `"<system id>/<exe or name>/<what tells instances apart>"`, map[string]string{
		"name": "short name", "exe": "path of the executable", "args": "arguments", "user": "user name", "cwd": "working directory", "started": "RFC 3339 time",
		"unit": "systemd unit", "container": "container id", "package": "package that owns the executable"}, []string{"name", "exe"}},
	{Endpoint, "an address and port where somebody listens", `"<proto>/<addr>:<port>", scoped like IPAddr`, map[string]string{
		"proto": "tcp or udp", "addr": "address", "port": "number", "scope": "global, host or link", "name": "proto/port"}, []string{"port", "addr"}},
	{Ring, "who heartbeats whom", `"<level>/<name>"`, map[string]string{
		"name": "ring name", "level": "switch, subnet or top", "size": "members", "version": "roster version", "switch": "the switch its members hear", "subnet": "the network its members are in"}, []string{"name"}},
	{Incident, "one fault, with its evidence and consequences", `"<kind>/<serial>"`, map[string]string{
		"kind": "see package verdict", "state": "open or closed", "text": "one sentence", "name": "what broke", "cause": "why it is thought so", "about": "what broke, by id",
		"since": "RFC 3339 time from which on it was broken", "opened": "RFC 3339 time", "closed": "RFC 3339 time", "evidence": "list of sentences", "confidence": "how sure", "superseded_by": "the incident that explains this one"}, []string{"kind", "state"}},
	{PackageSet, "one distinct list of installed packages, shared by all systems that have it", `hash of the list`, map[string]string{
		"hash": "the same as the key", "size": "number of packages"}, []string{"hash"}},
	{Package, "a package of a certain version", `"<manager>/<name>/<version>/<arch>"`, map[string]string{
		"name": "package name", "version": "version", "arch": "architecture", "manager": "dpkg, rpm, apk, ...", "source": "source package", "source_version": "its version"}, []string{"name"}},
	{SettingSet, "one distinct list of kernel settings, shared by all systems that have it", `hash of the list`, map[string]string{
		"hash": "the same as the key", "size": "number of settings"}, []string{"hash"}},
	{Setting, "a kernel setting (sysctl) with one of its values", `"<name>=<value>"`, map[string]string{
		"name": "name as sysctl has it", "value": "value as text"}, []string{"name"}},
	{ChecksumSet, "one distinct list of files with their checksums: network-facing programs and their libraries, or configuration", `hash of the list`, map[string]string{
		"hash": "the same as the key", "size": "number of files"}, []string{"hash"}},
	{Checksum, "a file with one of its contents", `"<path>/<SHA-256>"`, map[string]string{
		"path": "absolute path", "sha256": "SHA-256 of the content, lower-case hex"}, []string{"path", "sha256"}},
	{NeighborSet, "one distinct neighbor table (ARP and NDP), shared by all systems that have it", `hash of the table`, map[string]string{
		"hash": "the same as the key", "size": "number of neighbors"}, []string{"hash"}},
	{FileSystem, "a mounted file system", `"<system id>/<device>" or "<system id>/<type>/<source>"`, map[string]string{
		"name": "what it is called", "fstype": "type", "source": "device or export", "server": "address of the server of a network file system", "size_bytes": "bytes"}, nil},
	{BlockDevice, "a disk or a part or layer of one", `"<system id>/<name>"`, map[string]string{
		"name": "kernel name", "type": "disk, part, lvm, crypt, raid, ...", "size_bytes": "bytes", "read_only": "true or false", "vendor": "who made it", "model": "model", "serial": "serial number", "wwid": "world-wide id",
		"volume": "name of the logical volume", "raid_disks": "number of disks in the set", "raid_degraded": "number of disks missing from the set"}, []string{"serial"}},
	{Container, "a container, running or not", `"<system id>/<engine>:<name>"`, map[string]string{
		"name": "engine:name", "id": "the engine's id", "engine": "docker, podman, lxc, ...", "image": "image", "published": "list of published ports"}, []string{"name"}},
	{VirtualMachine, "a virtual machine as its host knows it", `hardware UUID, or "mac-<hardware address>" of one without`, map[string]string{
		"name": "name on its host", "uuid": "hardware UUID, where it has one", "macs": "list of hardware addresses"}, []string{"uuid"}},
	{DiscoveryType, "a discovery type that some system holds back because it costs too much", `its name`, map[string]string{"name": "the same as the key"}, nil},
	{Check, "a monitored operation of a service" + Unwritten, `"<system id>/<what is checked>"`, map[string]string{
		"class": "ocf, lsb, nagios or systemd", "type": "agent", "state": "what it said last"}, []string{"state"}},
	{Finding, "what an audit rule found on a system" + Unwritten, `"<system id>/<rule>"`, map[string]string{
		"state": "pass, fail or unknown", "severity": "how bad a failure is"}, []string{"state"}},
	{Rule, "an audit rule" + Unwritten, `its name`, map[string]string{"name": "the same as the key"}, nil},
}

// Rels is the authority on relationships.
var Rels = []RelDoc{
	{System, HasNIC, NIC, "the system has this interface", nil},
	{NIC, HasIP, IPAddr, "the interface carries this address", map[string]string{"prefix_len": "bits"}},
	{IPAddr, InSubnet, Subnet, "the address belongs to this network", nil},
	{System, HasPort, SwitchPort, "the switch has this port", nil},
	{NIC, CabledTo, SwitchPort, "the interface heard this port's LLDP or CDP frames", map[string]string{"via": "lldp, cdp, or both"}},
	{System, Runs, Process, "the process runs on this system", nil},
	{Process, ListensOn, Endpoint, "the process accepts connections there", map[string]string{"bind": "the address it is bound to"}},
	{Process, ConnectsTo, Endpoint, "the process is a client of that endpoint", nil},
	{Process, DependsOn, Process, "derived: client of an endpoint the other listens on", map[string]string{"ports": "list of proto/port"}},
	{System, DependsOn, System, "derived: one of its processes depends on one of theirs", map[string]string{"by": "list of client > server"}},
	{System, Translates, Endpoint, "the system sends elsewhere what is called there (destination NAT)", nil},
	{Endpoint, ForwardsTo, Endpoint, "who calls the one is answered by the other", nil},
	{System, HostedBy, System, "derived: a virtual machine's system on its host", map[string]string{"uuid": "list of hardware UUIDs", "mac": "hardware address, where they met by that"}},
	{VirtualMachine, HostedBy, System, "the machine runs on this host", nil},
	{Container, HostedBy, System, "the container runs on this host", nil},
	{System, Is, VirtualMachine, "the same machine, seen from inside", nil},
	{System, ResolvesBy, Endpoint, "the system asks this name server", map[string]string{"position": "order of asking, from 1"}},
	{NIC, Sees, NeighborSet, "the interface is one of those whose neighbors the table has", nil},
	{NeighborSet, Contains, IPAddr, "the table has this address", map[string]string{"mac": "with this hardware address", "was": "and with this one before, within the last day", "link": "at the interface of this name", "router": "true for a default gateway"}},
	{NIC, Contests, NIC, "the interface answers for an address that the other one carries, and a neighbor had from it before", map[string]string{
		"address": "which", "mac": "hardware address that answers", "seen_by": "ids of systems that have it so, 16 at most", "told": "true once the event was raised"}},
	{NIC, Sees, IPAddr, "the interface's neighbor table holds this address, which only exists within the system", map[string]string{"mac": "with this hardware address"}},
	{System, MemberOf, Ring, "membership", map[string]string{"position": "order in the ring", "deputy": "true when it also sits on the ring above"}},
	{System, Watches, System, "heartbeats with it", map[string]string{"ring": "in this ring", "level": "switch, subnet or top"}},
	{Incident, About, System, "what the incident is about", nil},
	{System, HasPackages, PackageSet, "what is installed", nil},
	{PackageSet, Contains, Package, "the list has this package", nil},
	{System, HasSettings, SettingSet, "its kernel settings, but for those of one system or interface", nil},
	{SettingSet, Contains, Setting, "the list has this setting", nil},
	{System, HasChecksums, ChecksumSet, "its files with their checksums", nil},
	{ChecksumSet, Contains, Checksum, "the list has this file", nil},
	{System, Mounts, FileSystem, "the file system is mounted", map[string]string{"target": "where", "root": "the part of the file system that is seen there", "read_only": "true or false"}},
	{FileSystem, On, BlockDevice, "it lies on this device", nil},
	{FileSystem, On, IPAddr, "it is served from this address", nil},
	{System, Rests, DiscoveryType, "the type waits on the system, or takes its time, because its looks cost too much", map[string]string{"until": "RFC 3339 time; none: it takes its time", "cost_ms": "milliseconds of CPU that the last look took"}},
	{System, Fails, DiscoveryType, "no look of the type has succeeded on the system for a minute or longer", map[string]string{"error": "why", "since": "RFC 3339 time"}},
	{System, HasBlockDevice, BlockDevice, "the device is in this system", nil},
	{BlockDevice, On, BlockDevice, "the upper device is made of the lower", nil},
	{Check, Monitors, Process, "it checks this process", nil},
	{Check, Monitors, System, "it checks this system", nil},
	{System, HasFinding, Finding, "what an audit found here", nil},
	{Finding, Of, Rule, "by this rule", nil},
}
