// Package attack tries to fool a real CMA with real packets: forged, replayed,
// reflected, cut, flipped, of strangers, of members who lie about who they are,
// in floods; and it kills the CMA while it takes reports in. It is all tests:
// see docs/protocol.md for what is attacked.
package attack
