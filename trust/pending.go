package trust

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"assim/graph"
	"assim/wire"
)

// Limits of the strangers waiting for a person.
const maxPending = 1000

// Pending is somebody who asked to join and waits for a person to accept.
type Pending struct {
	Pub      wire.PubKey
	Name     string
	From     netip.Addr
	Machine  [16]byte
	Since    time.Time
	Token    wire.TokenID
	Accepted bool   // it will be let in when it asks again
	Port     string // where its switch says it is plugged in, when that is known
}

// acceptance remembers whom a person accepted, for strangers who have not asked
// yet, until it runs out.
type acceptance struct {
	whom
	until time.Time
}

// acceptWindow is how long an acceptance by name or CIDR lets new ones in.
const acceptWindow = time.Hour

// Pending returns who waits, longest first.
func (r *Registry) Pending() []Pending {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []Pending
	for _, p := range r.pending {
		if !p.Accepted {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Pending) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name)) })
	return out
}

// Accept lets in, when they ask next, everybody waiting whom what means: a
// fingerprint, a CIDR, or a system's name. It returns how many that were. A name
// or CIDR holds for those who ask within the next hour, too.
func (r *Registry) Accept(now time.Time, what string) (int, error) {
	w := whomOf(what)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for pub, p := range r.pending {
		if p.Accepted || !w.means(pub, p.Name, p.From) {
			continue
		}
		p.Accepted = true
		if err := r.kv.Put(encodePending(p)); err != nil {
			return n, err
		}
		r.pending[pub] = p
		n++
	}
	switch {
	case w.fingerprint && n == 0:
		return 0, fmt.Errorf("trust: nobody with fingerprint %s waits; list them with: assim pending", what)
	case w.fingerprint:
		return n, nil // That is one system, and it is known.
	}
	r.names = slices.DeleteFunc(r.names, func(a acceptance) bool { return now.After(a.until) })
	if len(r.names) >= maxPending {
		return n, fmt.Errorf("trust: too many acceptances wait for somebody to ask; try again later")
	}
	r.names = append(r.names, acceptance{w, now.Add(acceptWindow)})
	return n, nil
}

// Refuse forgets everybody waiting whom what means, and takes an acceptance by
// that name or CIDR back. It returns how many that were. Who is forgotten may
// ask again.
func (r *Registry) Refuse(what string) (int, error) {
	w := whomOf(what)
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.names)
	r.names = slices.DeleteFunc(r.names, func(a acceptance) bool { return a.whom == w })
	n := before - len(r.names)
	for pub, p := range r.pending {
		if !w.means(pub, p.Name, p.From) {
			continue
		}
		if err := r.kv.Put(graph.Record{Bucket: pendingBucket, Name: pubName(pub)}); err != nil {
			return n, err
		}
		delete(r.pending, pub)
		n++
	}
	return n, nil
}

// whom is what a person may say of strangers: one thing at a time. Whoever calls
// himself by another's fingerprint, or by a network, is not meant by it.
type whom struct {
	text        string
	fingerprint bool
	from        netip.Prefix // if it is a CIDR
}

func whomOf(what string) whom {
	w := whom{text: what, fingerprint: isFingerprint(what)}
	if p, err := netip.ParsePrefix(what); err == nil {
		w.from = p.Masked()
	}
	return w
}

func (w *whom) means(pub wire.PubKey, name string, from netip.Addr) bool {
	switch {
	case w.fingerprint:
		return Fingerprint(pub) == w.text
	case w.from.IsValid():
		return w.from.Contains(from.Unmap())
	}
	return name == w.text
}

// accepted reports whether a person has let this one in; mu is held.
func (r *Registry) accepted(now time.Time, pub wire.PubKey, name string, from netip.Addr) bool {
	if r.pending[pub].Accepted {
		return true
	}
	return slices.ContainsFunc(r.names, func(a acceptance) bool {
		return now.Before(a.until) && a.means(pub, name, from)
	})
}

// wait puts somebody on the list; mu is held. When it is full, newcomers are
// told to come again.
func (r *Registry) wait(p Pending) error {
	if _, known := r.pending[p.Pub]; known {
		return nil
	}
	if len(r.pending) >= maxPending {
		return wire.Refused{Code: wire.CodeBusy, Text: "too many systems wait to be accepted", RetryAfter: 10 * time.Minute}
	}
	if err := r.kv.Put(encodePending(p)); err != nil {
		return err
	}
	r.pending[p.Pub] = p
	return nil
}

func pendingGone(r *Registry, pub wire.PubKey) []graph.Record {
	if _, waits := r.pending[pub]; !waits {
		return nil
	}
	return []graph.Record{{Bucket: pendingBucket, Name: pubName(pub)}}
}

type pendingRecord struct {
	Name     string    `json:"name"`
	From     string    `json:"from"`
	Machine  hexBytes  `json:"machine"`
	Since    time.Time `json:"since"`
	Token    hexBytes  `json:"token,omitempty"`
	Accepted bool      `json:"accepted,omitempty"`
}

func encodePending(p Pending) graph.Record {
	return record(pendingBucket, pubName(p.Pub), pendingRecord{
		Name: p.Name, From: p.From.String(), Machine: p.Machine[:], Since: p.Since.UTC(),
		Token: unlessZero(p.Token[:]), Accepted: p.Accepted,
	})
}

func decodePending(rec graph.Record, err error) (Pending, error) {
	var f pendingRecord
	if err := decode(rec, err, &f); err != nil {
		return Pending{}, err
	}
	p := Pending{Name: f.Name, Since: f.Since, Accepted: f.Accepted}
	copy(p.Machine[:], f.Machine)
	copy(p.Token[:], f.Token)
	p.From, _ = netip.ParseAddr(f.From) // Unknown for the local socket.
	pub, err := hex.DecodeString(rec.Name)
	if err == nil {
		err = exactly(p.Pub[:], pub)
	}
	if err != nil {
		return p, fmt.Errorf("trust: record %s/%s is damaged: %w", rec.Bucket, rec.Name, err)
	}
	return p, nil
}
