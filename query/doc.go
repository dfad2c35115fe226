// Package query holds the canned questions: each is a file NAME.cypher whose
// head says what it answers and which arguments it takes.
//
//	// short: which system has this IP address
//	// long: ... any number of lines, continued by further // lines
//	// args: ip:ip, limit:integer=100
//	// line: ${system} has ${ip} on ${interface}
//	MATCH ...
//
// A site adds its own in a directory of the same form, and replaces ours by
// giving its file the same name.
package query
