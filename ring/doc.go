// Package ring knows who heartbeats whom. It has two halves that never meet in
// one process: Plan, with which the CMA decides membership and order, and
// Roster with Hunt, with which a nanoprobe finds its living neighbor on its own
// when the one it had is lost.
//
//	top ring        o────────────────o────────────────o          deputies of subnet rings
//	                │                │                │
//	subnet ring     o──o──o          o──o             o──o       deputies of switch rings
//	                │  │  │
//	switch ring     o  o  o          systems that hear the same switch, in port order
//	                o  o  o
//
// Switch and subnet rings are bounded and split when they grow too big. The top
// ring is not split, so that no part of it can die unseen; its members are told
// a bounded window of it.
package ring
