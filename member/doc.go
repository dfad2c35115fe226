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
//
// When a neighbor X falls silent, with the default timing:
//
//	0    the last proof of life
//	1.5  X is late: a ping every 0.1 s, on all its addresses from the second on
//	1.8  X is suspect: all at once, the one beyond X is asked whether it hears
//	     X, the roster is searched for the nearest living member (ring.Hunt),
//	     and the ring for which X speaks is swept
//	2.0  X is accused, in one report with whoever was found lost beside it, and
//	     the nearest living member is my neighbor; or another witness hears X,
//	     and a second later the path between us is called broken; or nobody at
//	     all answers me, then I ask the CMA whether I am deaf, and accuse nobody
//	     until somebody answers
//	7    X is dead. That is no report: the CMA has the same clock
//
// X comes back by itself: the nearest lost member is pinged every 5 intervals,
// and whoever begins to speak is asked to prove itself. If I accused it and its
// session is the same, I take the accusation back, together with that of all
// others who were lost with it and answer again. A new session is no news of
// mine: it announces itself to the CMA; unless it is back so soon that it may
// have done so before I accused it.
package member
