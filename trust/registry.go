package trust

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"assim/graph"
	"assim/wire"
)

// Buckets of the records kept here.
const (
	nodeBucket    = "node"
	tokenBucket   = "token"
	pendingBucket = "pending"
	acceptBucket  = "accepted" // names and networks that a person let in before they asked
)

// KV is where a Registry keeps its records: a store of the graph, through a
// few lines of adapter.
type KV interface {
	// Put makes all records durable in one transaction; a nil Value deletes.
	Put(records ...graph.Record) error
	// Get returns one value, or graph.ErrNotFound.
	Get(bucket, name string) ([]byte, error)
	// Walk yields every record of a bucket.
	Walk(bucket string) iter.Seq2[graph.Record, error]
}

// NodeInfo is a registered nanoprobe.
type NodeInfo struct {
	ID      wire.ID
	Pub     wire.PubKey
	Name    string // as it called itself when it joined
	Machine [16]byte
	Token   wire.TokenID // the permission it used; zero: local socket or zero configuration
	Joined  time.Time
	How     string // "local", "token", "accepted"
	Weak    bool   // it pinned the first CMA it met: no code, no commands
	Was     wire.ID
	Revoked bool
}

// node is what is kept in memory of each.
type node struct {
	pub     wire.PubKey
	machine [16]byte
	revoked bool
	weak    bool
}

// Registry knows who joined, who may, and who asks to. It is safe for
// concurrent use; what is asked per packet is answered from memory.
type Registry struct {
	mu      sync.RWMutex
	kv      KV
	nodes   map[wire.ID]node
	byKey   map[wire.PubKey]wire.ID
	tokens  map[wire.TokenID]Token
	pending map[wire.PubKey]Pending
	names   []acceptance
}

// NewRegistry loads what kv holds.
func NewRegistry(kv KV) (*Registry, error) {
	r := &Registry{
		kv: kv, nodes: map[wire.ID]node{}, byKey: map[wire.PubKey]wire.ID{},
		tokens: map[wire.TokenID]Token{}, pending: map[wire.PubKey]Pending{},
	}
	for rec, err := range kv.Walk(nodeBucket) {
		info, err := decodeNode(rec, err)
		if err != nil {
			return nil, err
		}
		r.index(info)
	}
	for rec, err := range kv.Walk(tokenBucket) {
		t, err := decodeToken(rec, err)
		if err != nil {
			return nil, err
		}
		r.tokens[t.ID] = t
	}
	for rec, err := range kv.Walk(pendingBucket) {
		p, err := decodePending(rec, err)
		if err != nil {
			return nil, err
		}
		r.pending[p.Pub] = p
	}
	for rec, err := range kv.Walk(acceptBucket) {
		a, err := decodeAcceptance(rec, err)
		if err != nil {
			return nil, err
		}
		r.names = append(r.names, a)
	}
	return r, nil
}

func (r *Registry) index(info NodeInfo) {
	r.nodes[info.ID] = node{pub: info.Pub, machine: info.Machine, revoked: info.Revoked, weak: info.Weak}
	r.byKey[info.Pub] = info.ID
}

// Standing is what the CMA may do with a packet that claims an identity.
type Standing uint8

// The standings.
const (
	Stranger Standing = iota // nobody of that name: drop
	Member
	Outcast // revoked: refuse, with a sealed reason
)

// Standing looks an identity up; it is called for every packet.
func (r *Registry) Standing(id wire.ID) Standing {
	r.mu.RLock()
	n, ok := r.nodes[id]
	r.mu.RUnlock()
	switch {
	case !ok:
		return Stranger
	case n.revoked:
		return Outcast
	}
	return Member
}

// ByKey returns who has that public key.
func (r *Registry) ByKey(pub wire.PubKey) (id wire.ID, revoked, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id, ok = r.byKey[pub]
	return id, r.nodes[id].revoked, ok
}

// Weak reports whether a nanoprobe pinned the first CMA it met; such a one
// refuses code and commands.
func (r *Registry) Weak(id wire.ID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.nodes[id].weak
}

// SameMachine reports whether an announcement comes from the machine that
// joined under that identity. If not, the identity was copied or the machine
// changed its board.
func (r *Registry) SameMachine(id wire.ID, machine [16]byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n, ok := r.nodes[id]
	return ok && n.machine == machine
}

// Count returns how many nanoprobes are registered and not revoked.
func (r *Registry) Count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, x := range r.nodes {
		if !x.revoked {
			n++
		}
	}
	return n
}

// Nodes returns everybody registered, in order of name.
func (r *Registry) Nodes() ([]NodeInfo, error) {
	var out []NodeInfo
	for rec, err := range r.kv.Walk(nodeBucket) {
		info, err := decodeNode(rec, err)
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b NodeInfo) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.ID[:], b.ID[:]))
	})
	return out, nil
}

// Node returns one registered nanoprobe.
func (r *Registry) Node(id wire.ID) (NodeInfo, error) {
	value, err := r.kv.Get(nodeBucket, id.String())
	return decodeNode(graph.Record{Bucket: nodeBucket, Name: id.String(), Value: value}, err)
}

// Revoke withdraws an identity, effective with the next packet. The row stays
// as a tombstone, so that its key cannot join again with a token that lives.
func (r *Registry) Revoke(id wire.ID) error {
	info, err := r.Node(id)
	if err != nil {
		return err
	}
	return r.revoke(info)
}

func (r *Registry) revoke(infos ...NodeInfo) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var recs []graph.Record
	for i := range infos {
		infos[i].Revoked = true
		recs = append(recs, encodeNode(infos[i]))
	}
	if err := r.kv.Put(recs...); err != nil {
		return err
	}
	for _, info := range infos {
		r.index(info)
	}
	return nil
}

// Pardon takes a revocation back.
func (r *Registry) Pardon(id wire.ID) error {
	info, err := r.Node(id)
	if err != nil {
		return err
	}
	info.Revoked = false
	return r.store(info)
}

func (r *Registry) store(info NodeInfo, more ...graph.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.storeLocked(info, more...)
}

func (r *Registry) storeLocked(info NodeInfo, more ...graph.Record) error {
	if err := r.kv.Put(append(more, encodeNode(info))...); err != nil {
		return err
	}
	if old, ok := r.nodes[info.ID]; ok && old.pub != info.Pub {
		delete(r.byKey, old.pub)
	}
	r.index(info)
	return nil
}

// Rekey replaces the public key of a nanoprobe. Its caller has checked that
// the old key asked for it and that the new one agrees.
func (r *Registry) Rekey(id wire.ID, pub wire.PubKey) error {
	info, err := r.Node(id)
	if err != nil {
		return err
	}
	if who, _, taken := r.ByKey(pub); taken && who != id {
		return fmt.Errorf("trust: the new key of %s belongs to %s", id, who)
	}
	info.Pub = pub
	return r.store(info)
}

func newID() (id wire.ID) {
	_, _ = rand.Read(id[:])
	return id
}

// nodeRecord is the stored form of NodeInfo.
type nodeRecord struct {
	Pub     hexBytes  `json:"pub"`
	Name    string    `json:"name"`
	Machine hexBytes  `json:"machine"`
	Token   hexBytes  `json:"token,omitempty"`
	Joined  time.Time `json:"joined"`
	How     string    `json:"how"`
	Weak    bool      `json:"weak,omitempty"`
	Was     string    `json:"was,omitempty"`
	Revoked bool      `json:"revoked,omitempty"`
}

func encodeNode(n NodeInfo) graph.Record {
	f := nodeRecord{
		Pub: n.Pub[:], Name: n.Name, Machine: n.Machine[:], Token: unlessZero(n.Token[:]),
		Joined: n.Joined.UTC(), How: n.How, Weak: n.Weak, Revoked: n.Revoked,
	}
	if !n.Was.IsZero() {
		f.Was = n.Was.String()
	}
	return record(nodeBucket, n.ID.String(), f)
}

func record(bucket, name string, v any) graph.Record {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // Only plain structs are passed.
	}
	return graph.Record{Bucket: bucket, Name: name, Value: b}
}

func decodeNode(rec graph.Record, err error) (NodeInfo, error) {
	var f nodeRecord
	if err := decode(rec, err, &f); err != nil {
		return NodeInfo{}, err
	}
	n := NodeInfo{Name: f.Name, Joined: f.Joined, How: f.How, Weak: f.Weak, Revoked: f.Revoked}
	if n.ID, err = wire.ParseID(rec.Name); err != nil {
		return n, err
	}
	if n.Was, err = optionalID(f.Was); err != nil {
		return n, err
	}
	copy(n.Token[:], f.Token)
	copy(n.Machine[:], f.Machine)
	return n, exactly(n.Pub[:], f.Pub)
}

func decode(rec graph.Record, err error, v any) error {
	if err != nil {
		return fmt.Errorf("trust: reading the register: %w", err)
	}
	if err := json.Unmarshal(rec.Value, v); err != nil {
		return fmt.Errorf("trust: record %s/%s is damaged: %w", rec.Bucket, rec.Name, err)
	}
	return nil
}

// Fingerprint is how people see a stranger's key.
func Fingerprint(pub wire.PubKey) string {
	p := PinOf(pub).String()
	return p[:4] + "-" + p[4:8] + "-" + p[8:12] + "-" + p[12:16]
}

// isFingerprint reports whether s has the form that Fingerprint prints.
func isFingerprint(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 4 {
		return false
	}
	for _, p := range parts {
		if _, err := base.DecodeString(p + p); err != nil || len(p) != 4 { // Eight characters are five bytes.
			return false
		}
	}
	return true
}

func pubName(pub wire.PubKey) string { return hex.EncodeToString(pub[:]) }

func inPrefixes(a netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}
