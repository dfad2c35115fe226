// Package member is one nanoprobe's part in the rings: it composes the
// heartbeat core (one neighbor each) and the ring core (whose turn it is to be
// my neighbor) into one state machine that a daemon or a simulator drives.
//
// It sends nothing itself. Every call takes the time and an *Out to which it
// appends what should be sent and reported; the caller seals, transmits and
// authenticates:
//
//	datagram ─ m.Peer(edge) → key ─ open ─ m.Heard(now, from, tick, out) ┐
//	alarm at m.Deadline() ──────────────── m.Tick(now, out) ─────────────┤
//	desired state from the CMA ─────────── m.SetDesired(now, d, out) ────┤
//	                                                                     ▼
//	                            out.Sends → seal → UDP, out.Reports → CMA
//
// Read all datagrams that wait before calling Tick, so that a nanoprobe which
// was kept from running does not take its own sleep for others' silence.
package member
