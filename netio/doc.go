// Package netio is the project's UDP: one socket for both IP families on one
// port, which tells for each datagram the address it was sent to and the
// interface it came by, sends from a chosen address, hears "port unreachable",
// and takes part in multicast on all interfaces. It decides nothing.
package netio
