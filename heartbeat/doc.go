// Package heartbeat decides whether one neighbor lives: when it is late, when
// to ask it again, and when enough has been asked in vain.
//
//	     proof of life                            proof of life
//	  ┌────────────────┐        ┌──────────────────────────────────────────────┐
//	  ▼                │        ▼                                              │
//	Alive ── 1.5 T ──▶ Late (burst: a ping every T/10) ─── Accuse ──▶ Unresponsive ── Dead
//	  ▲                                                                        │
//	  └─ Fresh (never heard: asked gently, accused late)    Gone, Stopped ─────┘
//
// A tick proves life only if it echoes my running session and one of my newest
// sequence numbers: it was made after something I sent a moment ago, so no
// recording of it can exist. Sessions only grow, and a 64-bit window turns away
// what was heard before.
//
// The package takes no clock: instants are durations since the start of its
// owner, 8 bytes instead of 24, and immune to a wall clock that jumps.
package heartbeat
