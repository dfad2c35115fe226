// Package cypher reads the graph in openCypher: it parses a query, plans it
// over a graph.Reader and streams its rows. It never writes.
//
//	text ──lexer──▶ tokens ──parser──▶ clauses ──compiler──▶ closures over slots
//	                                                              │
//	graph.Reader ──counts, indexes──▶ planner ──▶ operators ◀─────┘
//	                                                  │ push, depth first
//	                                                  ▼
//	                                                Rows
//
// Every variable of a query has one slot in one flat frame. An operator fills
// its slots and pushes on; when that returns it tries the next candidate. So a
// row costs no copy until something has to keep it: sorting, grouping,
// DISTINCT and the caller are the only ones that do.
//
// The law this package obeys is the public openCypher TCK; see tck_test.go.
package cypher
