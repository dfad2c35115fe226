// Package session makes small messages between a nanoprobe and the CMA
// reliable over datagrams: each numbered message is processed exactly once and
// in order, whatever the network loses, doubles, delays or replays, and
// whichever end restarts. It is pure: no clock, no sockets, no keys.
//
//	nanoprobe (Node)                                    CMA (CMA)
//	outbox ── n ─────────────────────────────────────▶ n = last + 1? process
//	        ◀──────────────────────────── Hold(n, 4 s)  (only when busy)
//	                                                    commit change and (session, n)
//	        ◀────────────────────────────────── Ack(n)  only now
//	next    ── n+1 ──────────────────────────────────▶ n+1 = last + 1? process
//
// A nanoprobe has at most one numbered message in flight: what it has to say
// is small, rare and merged while it waits. The CMA keeps 16 bytes per
// nanoprobe, written in the transaction that makes the message's change
// durable; so a CMA killed at any moment neither loses nor doubles anything.
//
// Sessions only grow. A message of an older session than the CMA knows is
// answered with the newest it knows; the nanoprobe begins a greater one and
// announces itself again. So it does when the CMA lacks something that was
// acknowledged to it: that one was put back from a backup, or is not the only one.
//
// The cookie names one run of the CMA. The first message after the CMA
// restarted is answered with a demand to say it again with the new cookie, so
// messages recorded earlier cannot be played into it. Only an Announce that
// begins a greater session passes without: it is a message that the CMA has
// never committed, and demanding would double the packets of a power-on storm.
package session
