// Package embedded is the default store of the graph: one file, no other
// process, nothing to install.
//
// The file is an SQLite database, written by one goroutine that groups what
// comes in at the same time into one disk write, and read by a pool of
// connections that each see one moment of it.
//
//	Apply ──▶ canonical form, hash ──▶ queue ──▶ writer: compare, write, commit ──▶ answer
//	View  ──▶ connection of the pool, pinned to a moment ──▶ Reader
//
// What is in it (schema.go has the SQL):
//
//	name       every label, type and property name, once
//	place      where a node, a source or a document is found by name
//	source     who says something, the hash of it, and which elements
//	node, rel  what holds now: the union of what the sources say
//	claim      what each source says of an element that several speak of
//	value      label and property → node, for the indexed properties
//	oldnode,
//	oldrel     earlier versions, each with the time it began and ended
//	log        which elements each change touched: comparing, searching
//	doc        documents by hash, once;  docref: whose, from when to when
//	record     the server's own small values
//
// Expanding a node is one look-up in an index that is ordered by node and
// type, so the cost of a traversal follows its answer and not the graph.
//
// Opening reads no data: a store of 1,000,000 nodes and 1,000,000 relationships
// (280 MB) gave its first answer 10 ms after it was opened, 2 to 10 ms after its
// process was killed with -9 in the middle of a write, and 0.26 s where a reader
// had been open all the time, so that 25 MB of log were to be read (2 cores, Debian
// 12, ext4, load average 10 to 20, 2026-11-25: make big-store).
package embedded
