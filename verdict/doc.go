// Package verdict turns evidence into one incident per fault.
//
// Nanoprobes accuse each other, the CMA pings, systems announce themselves or
// say goodbye. None of that is the news: the news is the smallest set of broken
// things that explains all of it.
//
//	accusations  ─┐                    ┌─▶ events   (what people read)
//	sweeps        ├─▶ Judge ── window ─┼─▶ pings    (what would tell most)
//	pings, hellos ┘                    └─▶ status   (up, dead, unknown, ...)
//
//	what is seen                                       what it is called
//	─────────────────────────────────────────────────  ─────────────────────
//	both witnesses hear nothing                         system dead
//	port unreachable                                    nanoprobe stopped
//	goodbye                                             shut down
//	one network lost, another path answers              link down
//	A does not hear B, others hear both                 path broken
//	A and C hear B, B answers neither                  system deaf
//	every system behind a switch is silent              switch unreachable
//	every switch of a subnet, or three at once          partition
//	nobody answers the CMA                              cma network problem
//	systems had to do with another one of its identity  two cmas
//
// The core is pure: it is told the time, it owns no clock and no socket, and it
// holds state for systems in trouble only.
package verdict
