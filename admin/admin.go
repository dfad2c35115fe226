// Package admin is the vocabulary between the CMA and its operators: the health
// of the CMA and the permissions to join.
package admin

import (
	"fmt"
	"time"
)

// BadRequest is an error that is the asker's fault.
type BadRequest struct{ error }

// Unwrap returns the error inside.
func (b BadRequest) Unwrap() error { return b.error }

// Bad marks an error as the asker's fault.
func Bad(err error) error { return BadRequest{err} }

// Badf makes a BadRequest.
func Badf(format string, args ...any) error { return BadRequest{fmt.Errorf(format, args...)} }

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
	Malformed   []Malformed        `json:"malformed"`        // systems that send what cannot be read
	LastError   string             `json:"last_error,omitempty"`
	LastErrorAt time.Time          `json:"last_error_at,omitzero"`
	RSS         int64              `json:"rss_bytes"`
	Join        string             `json:"join_hint,omitempty"`
	Recovery    string             `json:"recovery_key,omitempty"` // file of the recovery key, while it lies on the CMA's own host
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

// Malformed is a system whose messages are authentic and cannot be read: it is
// listed until ten minutes after the last of them.
type Malformed struct {
	System string    `json:"system"`
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Last   time.Time `json:"last"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"` // of the last
}

// Token is a permission to join, without its secret.
type Token struct {
	ID      string    `json:"id"`
	Note    string    `json:"note,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Uses    int       `json:"uses"`
	MaxUses int       `json:"max_uses,omitempty"` // 0 = no limit
	Revoked bool      `json:"revoked,omitempty"`
	Bind    string    `json:"bind,omitempty"`
	Approve bool      `json:"approve,omitempty"`
	Join    string    `json:"join,omitempty"` // the string to give to a nanoprobe; only in the answer to create
}

// TokenRequest asks for a new Token.
type TokenRequest struct {
	Note    string        `json:"note,omitempty"`
	For     time.Duration `json:"for_ns,omitempty"`
	MaxUses int           `json:"max_uses,omitempty"`
	Address string        `json:"address,omitempty"` // where nanoprobes reach this CMA; guessed when empty
	Bind    string        `json:"bind,omitempty"`    // for one system only: its name or machine hash, or a network
	Approve bool          `json:"approve,omitempty"` // a person accepts each as well
}

// Reindexed says what working out the graph anew from the stored documents did.
type Reindexed struct {
	Before    string  `json:"hash_before"` // of the graph
	After     string  `json:"hash_after"`
	Documents int     `json:"documents"`
	Failed    int     `json:"failed"` // documents that could not be turned into graph; see set_aside of the status
	Millis    float64 `json:"millis"`
}

// Pending is a system that asked to join and waits for a person.
type Pending struct {
	Name        string    `json:"name"` // as it calls itself
	Fingerprint string    `json:"fingerprint"`
	From        string    `json:"from,omitempty"`
	Since       time.Time `json:"since"`
}

// Member is a system that joined.
type Member struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Joined  time.Time `json:"joined"`
	How     string    `json:"how"` // local, token, accepted
	Revoked bool      `json:"revoked"`
}

// RotateRequest asks for new keys.
type RotateRequest struct {
	What   string `json:"what"`             // node, cma or master
	System string `json:"system,omitempty"` // whose key, for node
}

// Rotation is how far a change of keys has come.
type Rotation struct {
	Pin     string   `json:"pin"`   // of the key that the CMA shows
	Epoch   uint16   `json:"epoch"` // of the master key
	Stage   string   `json:"stage"` // settled, or offering and then turned while the master key changes
	Waiting []string `json:"waiting"`
}
