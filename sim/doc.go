// Package sim runs the shipped cores of nanoprobes and CMA for any number of
// systems over a modelled network, on one virtual clock, from one seed.
//
//	member, session (per system) ─┐                      ┌─ authority, session (one)
//	                              ├─ network model ──────┤
//	faults, from a story ─────────┘  latency, loss, cuts └─▶ news, checked against
//	or from the seed                                         the story or the faults
//
// Time advances in quanta. Everything that happens to one system within one
// quantum happens at its beginning, datagrams before alarms; every datagram
// takes at least one quantum. So systems are independent of each other within
// a quantum, large estates can be split over two threads, and the result is the
// same with one thread or two.
//
// A tick is handed over as a value: sealing and opening are proven elsewhere.
// A signal is counted in datagrams as it would be encoded.
package sim
