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
// The law this package obeys is the public openCypher TCK; see tck_test.go. Over
// memory and over the embedded store (ASSIM_TCK_STORE=embedded, four minutes) the
// same 2,907 of its 2,925 reading scenarios pass.
// Beside it random questions of random graphs are held against an evaluator that
// knows no plan and tries everything (naive_test.go): 100,000 of them in memory
// and 20,000 over the embedded store without a difference, 300 over the store in
// Neo4j and 300 answered by Neo4j 5.26.30 itself (2 cores, Debian 12, 2026-11-25:
// go test ./graph/cypher -run 'Trying|EngineAnswersSo' -seeds 100000 -store-seeds
// 20000, and with ASSIM_NEO4J -store-seeds 900). Over a store each question is
// asked again as of its time, when other graphs have come since: 3,000 of the
// embedded store and 150 of that in Neo4j answered what they answered then.
// What is particular to it:
//
//   - A property that holds a date, time or duration holds it in its string
//     form, because the graph knows no other. Where an operator or a component
//     needs the value itself, the string form will do: n.since.year,
//     n.since + duration('P1D'), n.since < datetime(). Two strings compare and
//     join as strings.
//   - Regular expressions are RE2's: no back references, no catastrophic
//     patterns.
//   - first_seen(x), last_changed(x), sources(x) and key(n) tell what the store
//     knows beyond properties; key(n) = 'System:n-1' is a look-up.
//   - Conditions x.a = v, x.a IN list and ORs of them are looked up where the
//     reader has an index; a variable-length pattern of which only the distinct
//     ends matter is walked breadth first, each node once.
package cypher
