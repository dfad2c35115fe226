package api

import (
	"context"
	"net/http"

	"assim/admin"
)

// What is said about who is in, in the vocabulary of package admin.
type (
	Pending       = admin.Pending
	Member        = admin.Member
	RotateRequest = admin.RotateRequest
	Rotation      = admin.Rotation
)

// Gate decides who is in, and with which keys.
type Gate interface {
	// Pending lists who waits for a person.
	Pending(ctx context.Context) ([]Pending, error)
	// Accept and Refuse take a name, a fingerprint or a CIDR and tell how many
	// of those waiting it meant.
	Accept(ctx context.Context, what string) (int, error)
	Refuse(ctx context.Context, what string) (int, error)
	// Revoke and Pardon take the name or id of a system.
	Revoke(ctx context.Context, system string) (Member, error)
	Pardon(ctx context.Context, system string) (Member, error)
	// Rotate changes keys; Rotation tells how far that has come.
	Rotate(ctx context.Context, r RotateRequest) (Rotation, error)
	Rotation(ctx context.Context) (Rotation, error)
	// Recover replaces all keys of the CMA; recovery is the recovery key in a line.
	Recover(ctx context.Context, recovery string) (Rotation, error)
}

// recoverPath is for the CMA's own host only: the recovery key does not travel,
// least of all to whoever has the CMA's key now.
const recoverPath = "/v1/recover"

// Recovery carries the recovery key.
type Recovery struct {
	Key string `json:"key"`
}

// Choice names whom a person means.
type Choice struct {
	What string `json:"what"`
}

// Chosen is how many of those waiting were meant.
type Chosen struct {
	Count int `json:"count"`
}

// gate adds the calls that decide who is in.
func gate(mux *http.ServeMux, g Gate) {
	mux.HandleFunc("GET /v1/pending", answer(func(r *http.Request) (any, error) { return g.Pending(r.Context()) }))
	mux.HandleFunc("POST /v1/pending/accept", answer(choose(g.Accept)))
	mux.HandleFunc("POST /v1/pending/refuse", answer(choose(g.Refuse)))
	mux.HandleFunc("POST /v1/members/revoke", answer(about(g.Revoke)))
	mux.HandleFunc("POST /v1/members/pardon", answer(about(g.Pardon)))
	mux.HandleFunc("GET /v1/keys", answer(func(r *http.Request) (any, error) { return g.Rotation(r.Context()) }))
	mux.HandleFunc("POST /v1/keys/rotate", answer(func(r *http.Request) (any, error) {
		var req RotateRequest
		if err := decode(r, &req); err != nil {
			return nil, err
		}
		return g.Rotate(r.Context(), req)
	}))
	mux.HandleFunc("POST "+recoverPath, answer(func(r *http.Request) (any, error) {
		var req Recovery
		if err := decode(r, &req); err != nil {
			return nil, err
		}
		return g.Recover(r.Context(), req.Key)
	}))
}

func choose(f func(context.Context, string) (int, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		what, err := choice(r)
		if err != nil {
			return nil, err
		}
		n, err := f(r.Context(), what)
		return Chosen{n}, err
	}
}

func about(f func(context.Context, string) (Member, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		what, err := choice(r)
		if err != nil {
			return nil, err
		}
		return f(r.Context(), what)
	}
}

func choice(r *http.Request) (string, error) {
	var req Choice
	if err := decode(r, &req); err != nil {
		return "", err
	}
	if req.What == "" {
		return "", admin.Badf("say whom: a name, an id, a fingerprint or a CIDR")
	}
	return req.What, nil
}

// Pending lists who waits for a person.
func (c *Client) Pending(ctx context.Context) ([]Pending, error) {
	var list []Pending
	return list, c.do(ctx, http.MethodGet, "/v1/pending", nil, &list)
}

// Accept lets in whom a name, a fingerprint or a CIDR means.
func (c *Client) Accept(ctx context.Context, what string) (int, error) {
	return c.choose(ctx, "accept", what)
}

// Refuse takes whom a name, a fingerprint or a CIDR means off the list.
func (c *Client) Refuse(ctx context.Context, what string) (int, error) {
	return c.choose(ctx, "refuse", what)
}

func (c *Client) choose(ctx context.Context, verb, what string) (int, error) {
	var n Chosen
	err := c.do(ctx, http.MethodPost, "/v1/pending/"+verb, Choice{what}, &n)
	return n.Count, err
}

// Revoke puts a system out.
func (c *Client) Revoke(ctx context.Context, system string) (Member, error) {
	var m Member
	return m, c.do(ctx, http.MethodPost, "/v1/members/revoke", Choice{system}, &m)
}

// Pardon lets a system in again.
func (c *Client) Pardon(ctx context.Context, system string) (Member, error) {
	var m Member
	return m, c.do(ctx, http.MethodPost, "/v1/members/pardon", Choice{system}, &m)
}

// Rotate changes keys.
func (c *Client) Rotate(ctx context.Context, r RotateRequest) (Rotation, error) {
	var out Rotation
	return out, c.do(ctx, http.MethodPost, "/v1/keys/rotate", r, &out)
}

// Rotation tells how far a change of keys has come.
func (c *Client) Rotation(ctx context.Context) (Rotation, error) {
	var out Rotation
	return out, c.do(ctx, http.MethodGet, "/v1/keys", nil, &out)
}

// Recover replaces all keys of the CMA by way of the recovery key.
func (c *Client) Recover(ctx context.Context, recovery string) (Rotation, error) {
	var out Rotation
	return out, c.do(ctx, http.MethodPost, recoverPath, Recovery{recovery}, &out)
}
