package trust

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
// fingerprint, an address, a CIDR, or a system's name. It returns how many that
// were. All but a fingerprint hold for those who ask within the next hour, too.
func (r *Registry) Accept(now time.Time, what string) (int, error) {
	w := whomOf(what)
	if !w.from.IsValid() && strings.Contains(what, "/") {
		return 0, notANetwork(what)
	}
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
	return n, r.acceptLater(acceptance{w, now.Add(acceptWindow)}, now)
}

// acceptLater keeps an acceptance for those who have not asked yet, and forgets
// those that have run out; mu is held.
func (r *Registry) acceptLater(a acceptance, now time.Time) error {
	records := []graph.Record{encodeAcceptance(a)}
	kept := make([]acceptance, 0, len(r.names)+1)
	for _, old := range r.names {
		switch {
		case old.whom == a.whom: // It is prolonged.
		case now.After(old.until):
			records = append(records, acceptanceGone(old))
		default:
			kept = append(kept, old)
		}
	}
	if len(kept) >= maxPending {
		return fmt.Errorf("trust: too many acceptances wait for somebody to ask; try again later")
	}
	if err := r.kv.Put(records...); err != nil {
		return err
	}
	r.names = append(kept, a)
	return nil
}

// Refuse forgets everybody waiting whom what means, and takes an acceptance by
// that name or CIDR back. It returns how many that were. Who is forgotten may
// ask again.
func (r *Registry) Refuse(what string) (int, error) {
	w := whomOf(what)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	if i := slices.IndexFunc(r.names, func(a acceptance) bool { return a.whom == w }); i >= 0 {
		if err := r.kv.Put(acceptanceGone(r.names[i])); err != nil {
			return n, err
		}
		r.names = slices.Delete(r.names, i, i+1)
		n++
	}
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
	from        netip.Prefix // if it is an address or a CIDR
}

func whomOf(what string) whom {
	w := whom{text: what, fingerprint: isFingerprint(what)}
	w.from, _ = network(what)
	return w
}

// network reads a CIDR, or an address, which is a network of its own.
func network(what string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(what); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(what)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
}

// notANetwork is said of what has a slash, as no name has, and is no CIDR: as a
// name it would wait for somebody who never comes.
func notANetwork(what string) error {
	return fmt.Errorf("%q is not a network: write 10.0.7.0/24 or fd00:7::/64", what)
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

type acceptanceRecord struct {
	What  string    `json:"what"`
	Until time.Time `json:"until"`
}

// The name of a record is the hash of what a person said: that may be anything.
func acceptanceName(what string) string {
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:])
}

func encodeAcceptance(a acceptance) graph.Record {
	return record(acceptBucket, acceptanceName(a.text), acceptanceRecord{What: a.text, Until: a.until.UTC()})
}

func acceptanceGone(a acceptance) graph.Record {
	return graph.Record{Bucket: acceptBucket, Name: acceptanceName(a.text)}
}

func decodeAcceptance(rec graph.Record, err error) (acceptance, error) {
	var f acceptanceRecord
	err = decode(rec, err, &f)
	return acceptance{whomOf(f.What), f.Until}, err
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
