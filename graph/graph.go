// Package graph is the vocabulary of the central graph: what a node, a
// relationship and a change are, and what every store of them promises.
//
// Who writes says all it knows in one Change; the store replaces what the same
// source said before. Who reads gets a Reader: one consistent moment, now or in
// the past. Queries are written in Cypher (package graph/cypher) over a Reader,
// never against a store directly.
//
//	plugin ──▶ Change ──▶ Store.Apply ──▶ nodes, relationships, documents, history
//	                      Store.View  ──▶ Reader ──▶ cypher, api, alert
package graph

import (
	"strings"
	"time"
)

// Key names one node for ever: its primary label and an identity unique within
// that label. The empty label is legal and means "no primary label".
type Key struct {
	Label string // see schema.go for the labels in use
	ID    string // e.g. a System's "n-<hex>", an IPAddr's "10.1.2.3" or "<system>/172.17.0.1" when the address is scoped
}

// String returns "Label:ID", e.g. "System:n-01ab".
func (k Key) String() string { return k.Label + ":" + k.ID }

// ParseKey is the inverse of Key.String.
func ParseKey(s string) Key {
	label, id, _ := strings.Cut(s, ":")
	return Key{Label: label, ID: id}
}

// Props are the properties of a node or relationship. Values are nil-free and
// of one of: bool, int64, float64, string, []any of those (one level), or the
// temporal values of package graph/cypher in their string form. Normalize
// brings ordinary Go values into this form.
type Props map[string]any

// Node is what one source says of one node. Labels are additional to
// Key.Label. A node exists while at least one source says so; its properties
// are the union of what its sources say.
type Node struct {
	Key    Key
	Labels []string
	Props  Props
}

// Rel is what one source says of one relationship, read From-Type->To. ID tells
// parallel relationships of one type between the same two nodes apart; it is
// empty where there can be only one. Both ends need not be in the same Change:
// an end that no source has said yet is created bare, by this source.
type Rel struct {
	From  Key
	Type  string // a verb in capitals, e.g. "HAS_NIC"
	To    Key
	ID    string
	Props Props
}

// Document is one discovery's JSON as it was collected, stored once per
// distinct content however many systems have it.
type Document struct {
	System   Key    // who it is about
	Type     string // discovery type, e.g. "netconfig"
	Instance string // empty for types that have one document per system
	Hash     string // lower-case hex SHA-256 of JSON; empty in a Change = the system has no such document any more
	JSON     []byte // canonical JSON (see discovery.Canonical); nil in a Change = the content already stored under Hash
	At       time.Time
}

// Record is a small opaque value that a server keeps for itself beside the
// graph: registered keys, tokens, the number up to which a nanoprobe's reports
// are processed. It is written in the same transaction as the Change that
// carries it. A nil Value deletes the record.
type Record struct {
	Bucket string // e.g. "node", "token", "seen"
	Name   string
	Value  []byte
}

// Change is all that one source says at one time. The store makes it true in
// one transaction: what Source said before and does not say now ceases (its
// interval in history closes), the rest is created or updated.
type Change struct {
	Source   string // "SYSTEMID/TYPE" or "SYSTEMID/TYPE/INSTANCE", "cma/rings", "derive/NAME", ...
	At       time.Time
	Nodes    []Node
	Rels     []Rel
	Document *Document // stored and linked with the change, or nil
	Records  []Record

	// Keep leaves alone what Source said of nodes and relationships before:
	// the Change carries only Document and Records, or adds to the earlier.
	Keep bool
}

// Empty reports whether c says nothing but, perhaps, that Source has nothing
// to say any more.
func (c Change) Empty() bool {
	return len(c.Nodes) == 0 && len(c.Rels) == 0 && c.Document == nil && len(c.Records) == 0
}
