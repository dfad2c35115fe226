// Package api is the CMA's face for programs: JSON over HTTP, on the local
// socket and on the operators' TLS port. The operator's command and the pages
// use nothing else.
//
//	GET  /v1/status                      health of the CMA
//	POST /v1/query                       one Cypher text or canned query, with parameters, at a time
//	GET  /v1/queries                     the canned queries
//	GET  /v1/events?since=N&limit=M      news; Accept: text/event-stream follows it
//	GET  /v1/docs?system=S&type=T        stored documents
//	GET  /v1/schema                      labels and relationships with their meaning
//	POST /v1/tokens, GET, DELETE /v1/tokens/ID    permissions to join
//
// Every error is a Problem with a sentence that says what to do next.
package api

import (
	"encoding/json"
	"time"

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

// Status is the health of a CMA.
type Status struct {
	Version     string             `json:"version"`
	Started     time.Time          `json:"started"`
	Store       string             `json:"store"`
	Listen      string             `json:"listen"`
	Systems     map[string]int     `json:"systems"` // by status
	Rings       int                `json:"rings"`
	Queues      []Queue            `json:"queues"`
	Counters    map[string]uint64  `json:"counters"`         // since start, by name
	Rates       map[string]float64 `json:"rates_per_minute"` // over the last minute
	SetAside    []SetAside         `json:"set_aside"`        // documents that could not be processed
	LastError   string             `json:"last_error,omitempty"`
	LastErrorAt time.Time          `json:"last_error_at,omitzero"`
	RSS         int64              `json:"rss_bytes"`
	Join        string             `json:"join_hint,omitempty"`
}

// Queue is a bounded queue of the CMA.
type Queue struct {
	Name    string `json:"name"`
	Length  int    `json:"length"`
	Limit   int    `json:"limit"`
	Dropped uint64 `json:"dropped"`
}

// SetAside is a document kept for later because it could not be turned into graph.
type SetAside struct {
	System   string    `json:"system"`
	Type     string    `json:"type"`
	Instance string    `json:"instance,omitempty"`
	Hash     string    `json:"hash"`
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`
}

// Token is a permission to join, without its secret.
type Token struct {
	ID      string    `json:"id"`
	Note    string    `json:"note,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Uses    int       `json:"uses"`
	MaxUses int       `json:"max_uses,omitempty"` // 0 = no limit
	Revoked bool      `json:"revoked,omitempty"`
	Join    string    `json:"join,omitempty"` // the string to give to a nanoprobe; only in the answer to create
}

// TokenRequest asks for a new Token.
type TokenRequest struct {
	Note    string        `json:"note,omitempty"`
	For     time.Duration `json:"for_ns,omitempty"`
	MaxUses int           `json:"max_uses,omitempty"`
	Address string        `json:"address,omitempty"` // where nanoprobes reach this CMA; guessed when empty
}

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
	Text  string `json:"text"`
}

// Arg is an argument of a canned query.
type Arg struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Help     string `json:"help,omitempty"`
}
