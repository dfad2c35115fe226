// Package tidy keeps the tree in the shape that ARCHITECTURE.md draws. It reads
// the source, never runs it, and answers in sentences that say what to do:
//
//	heartbeat/late.go:12: heartbeat is pure and may not call time.Now: take now time.Time as an argument
//
// What it looks at, one file each:
//
//	layers.go     who may import whom, and that every folder is on the map
//	purity.go     cores have no clock, no sockets, no goroutines
//	agent.go      what the agent never links
//	discovery.go  every discovery type is in the one list
//	manners.go    package comments, init, blank imports, long files
//
// Exceptions are entries of a table beside the rule, each with its reason.
package tidy
