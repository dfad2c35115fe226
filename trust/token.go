package trust

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"assim/graph"
	"assim/wire"
)

// Token is a permission to join. The zero limits mean: no limit, anybody.
type Token struct {
	ID       wire.TokenID
	Verifier []byte // see Verifier; whoever reads it can join until the token ends
	Note     string
	Created  time.Time
	Expires  time.Time // zero: never
	Max      int       // how many may join with it; 0: any number
	Used     int
	Revoked  bool
	Name     string       // only a system of this name
	Machine  string       // only a machine of this hash, 32 hex digits
	From     netip.Prefix // only from this network
	Approve  bool         // a person must accept each as well
}

// String names the token for people.
func (t Token) String() string { return hex.EncodeToString(t.ID[:]) }

// Bind makes the token one for a single system: for a network if what is a CIDR
// or an address, for a machine if it is the hash of one, for a name otherwise.
func (t *Token) Bind(what string) error {
	var machine [16]byte
	if p, ok := network(what); ok {
		t.From = p
	} else if strings.Contains(what, "/") {
		return notANetwork(what)
	} else if n, err := hex.Decode(machine[:], []byte(what)); len(what) == 2*len(machine) && n == len(machine) && err == nil {
		t.Machine = hex.EncodeToString(machine[:])
	} else {
		t.Name = what
	}
	return nil
}

// Bound is whom the token is for, for people.
func (t *Token) Bound() string {
	var all []string
	if t.From.IsValid() {
		all = append(all, t.From.String())
	}
	for _, s := range []string{t.Machine, t.Name} {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// Strict reports whether a token is narrow enough for a strict CMA.
func (t *Token) Strict() bool {
	return t.Max == 1 && (t.Name != "" || t.Machine != "" || t.From.IsValid())
}

// usable returns why a token does not let somebody in, or nil.
func (t *Token) usable(now time.Time, about *wire.Announce, from netip.Addr) error {
	switch {
	case t.Revoked:
		return wire.Refused{Code: wire.CodeRevoked, Text: "this join string was revoked: ask for another", RetryAfter: time.Hour}
	case !t.Expires.IsZero() && now.After(t.Expires), t.Max > 0 && t.Used >= t.Max:
		return wire.Refused{Code: wire.CodeExpired, Text: "this join string is used up: ask for another", RetryAfter: time.Hour}
	case t.Name != "" && t.Name != about.Name,
		t.Machine != "" && t.Machine != hex.EncodeToString(about.Machine[:]),
		t.From.IsValid() && !t.From.Contains(from.Unmap()):
		return wire.Refused{Code: wire.CodeBound, Text: "this join string is for another system", RetryAfter: time.Hour}
	}
	return nil
}

// CreateToken makes a permission within the limits that t gives, and the
// string that carries it to new systems. The string cannot be printed again.
func (r *Registry) CreateToken(now time.Time, t Token, host string, port uint16, cma wire.PubKey) (Join, Token, error) {
	j := Join{Host: host, Port: port, Pin: PinOf(cma)}
	_, _ = rand.Read(j.Secret[:])
	t.ID, t.Verifier, t.Created, t.Used, t.Revoked = TokenIDOf(j.Secret), Verifier(j.Secret), now, 0, false
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.kv.Put(encodeToken(t)); err != nil {
		return Join{}, Token{}, err
	}
	r.tokens[t.ID] = t
	return j, t, nil
}

// Token returns a token by its id.
func (r *Registry) Token(id wire.TokenID) (Token, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.tokens[id]
	return t, ok
}

// Tokens returns all tokens, oldest first.
func (r *Registry) Tokens() []Token {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]Token, 0, len(r.tokens))
	for _, t := range r.tokens {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Token) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.String(), b.String())) })
	return out
}

// RevokeToken ends a permission. With members, everybody who joined by it is
// revoked too; their identities are returned.
func (r *Registry) RevokeToken(id wire.TokenID, members bool) ([]wire.ID, error) {
	r.mu.Lock()
	t, ok := r.tokens[id]
	if !ok {
		r.mu.Unlock()
		return nil, fmt.Errorf("trust: no join token %s; list them with: assim join-token list", hex.EncodeToString(id[:]))
	}
	t.Revoked = true
	err := r.kv.Put(encodeToken(t))
	if err == nil {
		r.tokens[id] = t
	}
	r.mu.Unlock()
	if err != nil || !members {
		return nil, err
	}
	all, err := r.Nodes()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(n NodeInfo) bool { return n.Token != id })
	ids := make([]wire.ID, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids, r.revoke(all...)
}

type tokenRecord struct {
	Verifier hexBytes  `json:"verifier"`
	Note     string    `json:"note,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	Max      int       `json:"max,omitempty"`
	Used     int       `json:"used,omitempty"`
	Revoked  bool      `json:"revoked,omitempty"`
	Name     string    `json:"name,omitempty"`
	Machine  string    `json:"machine,omitempty"`
	From     string    `json:"from,omitempty"`
	Approve  bool      `json:"approve,omitempty"`
}

func encodeToken(t Token) graph.Record {
	f := tokenRecord{
		Verifier: t.Verifier, Note: t.Note, Created: t.Created.UTC(), Expires: t.Expires, Max: t.Max,
		Used: t.Used, Revoked: t.Revoked, Name: t.Name, Machine: t.Machine, Approve: t.Approve,
	}
	if t.From.IsValid() {
		f.From = t.From.String()
	}
	return record(tokenBucket, t.String(), f)
}

func decodeToken(rec graph.Record, err error) (Token, error) {
	var f tokenRecord
	if err := decode(rec, err, &f); err != nil {
		return Token{}, err
	}
	t := Token{
		Verifier: f.Verifier, Note: f.Note, Created: f.Created, Expires: f.Expires, Max: f.Max,
		Used: f.Used, Revoked: f.Revoked, Name: f.Name, Machine: f.Machine, Approve: f.Approve,
	}
	id, err := hex.DecodeString(rec.Name)
	if err == nil {
		err = exactly(t.ID[:], id)
	}
	if err == nil && f.From != "" {
		t.From, err = netip.ParsePrefix(f.From)
	}
	if err != nil {
		return t, fmt.Errorf("trust: record %s/%s is damaged: %w", rec.Bucket, rec.Name, err)
	}
	return t, nil
}
