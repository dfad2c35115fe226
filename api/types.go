// Package api is the CMA's face for programs: JSON over HTTP, on the local
// socket and on the operators' TLS port. The operator's command and the pages
// use nothing else.
//
//	GET  /v1/status                      health of the CMA
//	POST /v1/query                       one Cypher text or canned query, with parameters, at a time
//	GET  /v1/queries                     the canned queries
//	GET  /v1/complete?type=T&prefix=P    values of the graph for an argument of that type
//	GET  /v1/events?since=N&limit=M      news; Accept: text/event-stream follows it
//	GET  /v1/docs?system=S&type=T&at=TIME         stored documents
//	GET  /v1/diff?system=S&from=TIME&to=TIME      what differs between two times
//	POST /v1/backup {"file": NAME}       copy the store into a file of the CMA's host
//	POST /v1/check                       is the store sound?
//	POST /v1/reindex                     work out the graph anew from the documents
//	GET  /v1/schema                      labels and relationships with their meaning
//	POST /v1/tokens, GET, DELETE /v1/tokens/ID    permissions to join
//	GET  /v1/pending, POST /v1/pending/accept, refuse    systems that wait for a person
//	POST /v1/members/revoke, pardon      put a system out, let it in again
//	GET  /v1/keys, POST /v1/keys/rotate  the keys, and how far a change has come
//
// Every error is a Problem with a sentence that says what to do next.
package api

import (
	"encoding/json"
	"time"

	"assim/admin"
	"assim/event"
)

// Problem is the body of every answer that is not 2xx.
type Problem struct {
	Error  string `json:"error"`            // one sentence, says what to do next
	Line   int    `json:"line,omitempty"`   // place in a query text, from 1
	Column int    `json:"column,omitempty"` // in characters, from 1
}

// QueryRequest asks one question: Cypher text or the name of a canned query.
type QueryRequest struct {
	Query  string            `json:"query,omitempty"`  // Cypher
	Name   string            `json:"name,omitempty"`   // canned query, instead of Query
	Args   map[string]string `json:"args,omitempty"`   // of a canned query, as typed by a person
	Params map[string]any    `json:"params,omitempty"` // of Cypher text
	At     time.Time         `json:"at,omitzero"`      // the past moment to ask about
	Limit  int               `json:"limit,omitempty"`  // rows at most; the server has a limit of its own
}

// QueryResult is a table. Nodes and relationships are objects (see Vertex, Edge).
type QueryResult struct {
	Columns   []string `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Truncated bool     `json:"truncated,omitempty"` // there were more rows than the limit
	Millis    float64  `json:"millis"`
	Notes     []string `json:"notes,omitempty"` // why there may be no rows, or nothing in a column
}

// Vertex is a node in a result.
type Vertex struct {
	Key    string         `json:"_key"`
	Labels []string       `json:"_labels"`
	Props  map[string]any `json:"properties"`
}

// Edge is a relationship in a result.
type Edge struct {
	Type  string         `json:"_type"`
	From  string         `json:"_from,omitempty"`
	To    string         `json:"_to,omitempty"`
	Props map[string]any `json:"properties"`
}

// Document is one stored discovery document.
type Document struct {
	System   string          `json:"system"` // node id
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Instance string          `json:"instance,omitempty"`
	Hash     string          `json:"hash"`
	At       time.Time       `json:"at"`
	JSON     json.RawMessage `json:"json"`
}

// What the CMA and its operators tell each other.
type (
	Status       = admin.Status
	Queue        = admin.Queue
	SetAside     = admin.SetAside
	Token        = admin.Token
	TokenRequest = admin.TokenRequest
)

// Events is one page of news.
type Events struct {
	Events []event.Event `json:"events"`
	Next   uint64        `json:"next"` // ask since=Next for what follows
}

// Canned is a canned query as people choose it.
type Canned struct {
	Name  string `json:"name"`
	Short string `json:"short"`
	Long  string `json:"long,omitempty"`
	Args  []Arg  `json:"args,omitempty"`
	Line  string `json:"line,omitempty"` // template of one line per row
	Text  string `json:"text"`
}

// Arg is an argument of a canned query.
type Arg struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Help     string `json:"help,omitempty"`
}
