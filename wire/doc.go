// Package wire is the vocabulary of the network: the messages between
// nanoprobes and the CMA, and their encoding. It knows bytes and keys, no
// sockets, no clocks and no state.
//
// Three planes share one port number (1984):
//
//	tick    UDP, one authenticated datagram    heartbeats between neighbors
//	signal  UDP, one sealed datagram ≤ 1200 B  announce, report, small document, desired state
//	bulk    TLS 1.3 over TCP                   enrollment, large documents
package wire
