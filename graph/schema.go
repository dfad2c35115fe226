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
	FileSystem  = "FileSystem"
	BlockDevice = "BlockDevice"
	Check       = "Check"
	Finding     = "Finding"
	Rule        = "Rule"
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
	Sees        = "SEES"         // (NIC)-->(IPAddr|NIC): who saw whom by ARP
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
)

// Labels is the authority on labels; docs/schema.md is generated from it.
var Labels = []LabelDoc{
	{System, "any computer or switch we know of, with or without a nanoprobe", `node id given by the CMA ("n-<32 hex>"), "sw-<chassis id>" for a switch, "mac-<mac>" for an unknown`, map[string]string{
		"name": "host name, or what the switch calls itself", "id": "the same as the key", "kind": "server, switch, router, vm, container, unknown",
		"status": "up, unresponsive, dead, shutdown, unknown", "os": "pretty name of the operating system", "kernel": "kernel release", "arch": "machine architecture"},
		[]string{"name", "id", "kind", "status"}},
	{NIC, "a network interface of a system", `"<system id>/<ifname>"`, map[string]string{
		"mac": "permanent hardware address, aa:bb:cc:dd:ee:ff", "ifname": "name on its system", "speed_mbps": "megabits per second", "carrier": "true when the link is up", "mtu": "bytes", "virtual": "true for bridges, veth, tunnels"},
		[]string{"mac"}},
	{IPAddr, "an IPv4 or IPv6 address", `"<addr>", or "<system id>/<addr>" for loopback, link-local and host-internal addresses`, map[string]string{
		"addr": "textual address", "scope": "global, host or link", "version": "4 or 6"}, []string{"addr"}},
	{Subnet, "a network", `"<prefix>"`, map[string]string{"prefix": "CIDR"}, []string{"prefix"}},
	{SwitchPort, "a port of a switch as LLDP or CDP tells it", `"<switch id>/<port id>"`, map[string]string{
		"port": "port id", "description": "what the administrator wrote on it", "vlan": "port VLAN id"}, []string{"port", "description"}},
	{Process, "a program running on one system (the same daemon on two systems is two nodes)", `"<system id>/<exe or name>/<what tells instances apart>"`, map[string]string{
		"name": "short name", "exe": "path of the executable", "args": "arguments", "user": "user name", "unit": "systemd unit", "container": "container id"}, []string{"name", "exe"}},
	{Endpoint, "an address and port where somebody listens", `"<proto>/<addr>:<port>", scoped like IPAddr`, map[string]string{
		"proto": "tcp or udp", "addr": "address", "port": "number", "scope": "global, host or link"}, []string{"port", "addr"}},
	{Ring, "who heartbeats whom", `"<level>/<name>"`, map[string]string{"name": "ring name", "level": "switch, subnet or top", "size": "members"}, []string{"name"}},
	{Incident, "one fault, with its evidence and consequences", `"<kind>/<serial>"`, map[string]string{"kind": "see package verdict", "state": "open or closed", "text": "one sentence"}, []string{"kind", "state"}},
}

// Rels is the authority on relationships.
var Rels = []RelDoc{
	{System, HasNIC, NIC, "the system has this interface", nil},
	{NIC, HasIP, IPAddr, "the interface carries this address", map[string]string{"prefix_len": "bits"}},
	{IPAddr, InSubnet, Subnet, "the address belongs to this network", nil},
	{System, HasPort, SwitchPort, "the switch has this port", nil},
	{NIC, CabledTo, SwitchPort, "the interface heard this port's LLDP or CDP frames", map[string]string{"via": "lldp or cdp"}},
	{System, Runs, Process, "the process runs on this system", nil},
	{Process, ListensOn, Endpoint, "the process accepts connections there", nil},
	{Process, ConnectsTo, Endpoint, "the process is a client of that endpoint", nil},
	{Process, DependsOn, Process, "derived: client of an endpoint the other listens on", nil},
	{System, DependsOn, System, "derived: one of its processes depends on one of theirs", nil},
	{System, HostedBy, System, "a virtual machine or container on its host", nil},
	{NIC, Sees, IPAddr, "the interface's neighbor table holds this address", map[string]string{"mac": "with this hardware address"}},
	{System, MemberOf, Ring, "membership", map[string]string{"position": "order in the ring"}},
	{System, Watches, System, "heartbeats with it", map[string]string{"ring": "in this ring"}},
	{Incident, About, System, "what the incident is about", nil},
}
