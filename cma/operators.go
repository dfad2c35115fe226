package cma

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"assim/admin"
	"assim/graph"
	"assim/trust"
)

// operatorBucket keeps the permissions to ask this CMA from elsewhere.
const operatorBucket = "operator"

// operator is one of them. The secret itself is not kept.
type operator struct {
	Verifier string    `json:"verifier"` // hex
	Note     string    `json:"note,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
}

// Operators gives and takes permissions to ask this CMA over the network, for
// package api.
type Operators struct{ c *CMA }

// Operators returns the permissions to ask from elsewhere.
func (c *CMA) Operators() Operators { return Operators{c} }

// CreateToken makes a permission and the string that carries it.
func (o Operators) CreateToken(ctx context.Context, r admin.TokenRequest) (admin.Token, error) {
	if r.For < 0 || r.MaxUses != 0 || r.Bind != "" || r.Approve {
		return admin.Token{}, admin.Badf("an operator string cannot be for a negative time, a number of uses or a system")
	}
	host, port, err := o.c.reachedAt(r.Address)
	if err != nil {
		return admin.Token{}, err
	}
	j := trust.NewOperator(host, port, o.c.keys.Pub())
	made := operator{Verifier: hex.EncodeToString(trust.Verifier(j.Secret)), Note: r.Note}
	if r.For > 0 {
		made.Expires = o.c.now().Add(r.For)
	}
	text, err := json.Marshal(made)
	if err != nil {
		return admin.Token{}, err
	}
	id := trust.TokenIDOf(j.Secret)
	name := hex.EncodeToString(id[:])
	err = o.c.commits.do(ctx, graph.Change{Source: "cma/operators", Keep: true,
		Records: []graph.Record{{Bucket: operatorBucket, Name: name, Value: text}}})
	return admin.Token{ID: name, Note: made.Note, Expires: made.Expires, Join: trust.OperatorString(j)}, err
}

// Tokens lists the permissions.
func (o Operators) Tokens(ctx context.Context) ([]admin.Token, error) {
	list := []admin.Token{}
	for r, err := range o.c.store.Records(ctx, operatorBucket) {
		if err != nil {
			return nil, err
		}
		var one operator
		if err := json.Unmarshal(r.Value, &one); err != nil {
			return nil, fmt.Errorf("cma: operator %s: %w", r.Name, err)
		}
		list = append(list, admin.Token{ID: r.Name, Note: one.Note, Expires: one.Expires})
	}
	return list, nil
}

// RevokeToken ends a permission with the next request.
func (o Operators) RevokeToken(ctx context.Context, id string, _ bool) error {
	switch _, err := o.c.store.Record(ctx, operatorBucket, id); {
	case errors.Is(err, graph.ErrNotFound):
		return admin.Badf("there is no operator %s; assim operator list shows them", id)
	case err != nil:
		return err
	}
	return o.c.commits.do(ctx, graph.Change{Source: "cma/operators", Keep: true,
		Records: []graph.Record{{Bucket: operatorBucket, Name: id}}})
}

// Allowed reports whether a secret is that of an operator.
func (o Operators) Allowed(ctx context.Context, secret string) bool {
	raw, err := trust.ParseSecret(secret)
	if err != nil {
		return false
	}
	id := trust.TokenIDOf(raw)
	text, err := o.c.store.Record(ctx, operatorBucket, hex.EncodeToString(id[:]))
	if err != nil {
		return false
	}
	var one operator
	if json.Unmarshal(text, &one) != nil {
		return false
	}
	verifier, err := hex.DecodeString(one.Verifier)
	return err == nil && hmac.Equal(verifier, trust.Verifier(raw)) && (one.Expires.IsZero() || o.c.now().Before(one.Expires))
}
