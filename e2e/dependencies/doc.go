// Package dependencies proves that the graph knows who depends on whom. A lab
// runs 60 pairs of a client and a server that are known beforehand: over IPv4
// and IPv6, TCP and UDP, for ever, for 100 ms every 5 s and by processes that live no longer, from and to network
// namespaces behind address translation, through a router. Each must become one
// DEPENDS_ON relationship between the two processes by name, and nothing else
// may.
//
//	make dependencies                 5 minutes, as the claim says
//	go test ./e2e/dependencies        until all are there, 75 s at least
package dependencies
