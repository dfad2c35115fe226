// Package lab builds an installation out of network namespaces: switches that
// speak LLDP, systems cabled to their ports, one of them the CMA's. Real
// programs run in all of them.
//
//	┌──────────── cell sw1 ────────────┐            ┌─────── cell sw2 ───────┐
//	│ lldpd   br0 10.77.15.1           │            │ lldpd   br0 10.77.15.2 │
//	│         ├─ swp1 ├─ swp2 └─ to-sw2 ├── trunk ──┤ to-sw1 ─┴─ swp1        │
//	└─────────┼───────┼────────────────┘            └─────────────┼──────────┘
//	       ┌──┴──┐ ┌──┴──┐                                     ┌──┴──┐
//	       │eth0 │ │eth0 │                                     │eth0 │
//	       │ cma │ │ h01 │                                     │ h02 │  cells
//	       └─────┘ └─────┘                                     └─────┘
//
// A cell is one set of namespaces (network, processes, mounts, host name),
// held by its process 1, tini. Process 1 reads a pipe whose other end this
// process holds: when this process is gone, for whatever reason, the pipe
// closes, process 1 ends, and the kernel removes the processes, the mounts and
// the interfaces of the cell. The host never sees an interface, an address or a
// name in /run/netns, so that labs run side by side.
//
// Faults are those of a machine room: a cable cut, mended or moved, a system
// without power, a switch that falls silent, packets lost, a network split.
// Loss and partitions are made by the switches, so that the systems are not
// told that their packets are lost.
//
// Addresses are derived from the plan and stay inside the cells: subnet k is
// 10.77.(16k).0/20 and fd77:0:0:k::/64; the second network card of a system
// lives in subnet k+8 of its own. A system leaves its subnets by the first card
// that has a carrier and a router.
package lab
