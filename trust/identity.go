package trust

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"assim/wire"
)

// IdentityFile is the name of a nanoprobe's identity in its directory.
const IdentityFile = "identity.json"

// Identity is everything a nanoprobe keeps about who it is and whom it trusts.
type Identity struct {
	ID       wire.ID // zero until enrolled
	Key      ed25519.PrivateKey
	Next     ed25519.PrivateKey // while the key is being rotated: made, not yet accepted
	Epoch    uint16
	NodeKey  wire.NodeKey
	Old      wire.NodeKey // of Epoch-1, as long as the CMA may still use it
	Pins     []wire.PubKey
	Recovery wire.PubKey
	CMA      []string // HOST:PORT where it was reached, newest first
	Weak     bool     // pinned the first CMA it met: that one may not push code or commands
	Session  wire.Session
	Machine  Machine
	Was      wire.ID // who the disk was on another machine

	path string
}

// identityFile is the form on disk.
type identityFile struct {
	ID       string        `json:"id,omitempty"`
	Seed     hexBytes      `json:"key"`
	NextSeed hexBytes      `json:"next_key,omitempty"`
	Epoch    uint16        `json:"epoch,omitempty"`
	NodeKey  hexBytes      `json:"node_key,omitempty"`
	OldKey   hexBytes      `json:"old_node_key,omitempty"`
	Pins     []hexBytes    `json:"pins,omitempty"`
	Recovery hexBytes      `json:"recovery_pin,omitempty"`
	CMA      []string      `json:"cma,omitempty"`
	Weak     bool          `json:"weak,omitempty"`
	Session  uint64        `json:"session"`
	Machine  machineInFile `json:"machine"`
	Was      string        `json:"was,omitempty"`
}

type machineInFile struct {
	ID      string `json:"id,omitempty"`
	Product string `json:"product,omitempty"`
}

// hexBytes is a byte string that reads well in a file.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// LoadIdentity reads the identity kept in dir, or makes one. When the disk was
// copied to another machine it makes a new one that says who it was: two
// machines never share an identity knowingly.
func LoadIdentity(dir string, here Machine) (*Identity, error) {
	id := &Identity{path: filepath.Join(dir, IdentityFile)}
	err := id.load()
	switch {
	case missing(err):
		return id, id.renew(here, wire.ID{})
	case err != nil:
		return nil, err
	case here.Differs(id.Machine):
		was := id.ID
		if was.IsZero() {
			was = id.Was
		}
		fresh := &Identity{path: id.path, Pins: nil, CMA: id.CMA}
		return fresh, fresh.renew(here, was)
	}
	if learned := here.merge(id.Machine); learned != id.Machine {
		id.Machine = learned
		return id, id.Save()
	}
	return id, nil
}

// merge returns what is known of the machine from either look.
func (m Machine) merge(was Machine) Machine {
	if m.ID == "" {
		m.ID = was.ID
	}
	if m.Product == "" {
		m.Product = was.Product
	}
	return m
}

func (id *Identity) renew(here Machine, was wire.ID) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("trust: making a key: %w", err)
	}
	id.Key, id.Machine, id.Was = key, here, was
	return id.Save()
}

// Pub returns the public key.
func (id *Identity) Pub() wire.PubKey { return pubOf(id.Key) }

func pubOf(k ed25519.PrivateKey) wire.PubKey { return wire.PubKey(k.Public().(ed25519.PublicKey)) }

// Trusts reports whether key, endorsed by chain, is the CMA's.
func (id *Identity) Trusts(key wire.PubKey, chain []Endorsement) bool {
	return Trusts(func(k wire.PubKey) bool {
		return slices.Contains(id.Pins, k) || k == id.Recovery && k != wire.PubKey{}
	}, key, chain)
}

// Enrolled reports whether a CMA gave this nanoprobe an id.
func (id *Identity) Enrolled() bool { return !id.ID.IsZero() }

// NextSession begins a session that is greater than all before, and remembers
// it. The clock only helps: when it runs backward the sessions still grow.
func (id *Identity) NextSession(now time.Time) (wire.Session, error) {
	return id.SetSession(max(id.Session+1, wire.Session(max(0, now.UnixMicro()))))
}

// SetSession remembers a session that was begun.
func (id *Identity) SetSession(s wire.Session) (wire.Session, error) {
	id.Session = max(id.Session, s)
	return id.Session, id.Save()
}

// Accept takes over what the CMA said: id, key of the epoch, pins. What is
// known already costs no write. The first recovery key stays: whoever has stolen
// the CMA's key must not be able to replace what it is recovered by.
func (id *Identity) Accept(w *wire.Welcome, cma string) error {
	recovery := id.Recovery
	if recovery == (wire.PubKey{}) {
		recovery = w.Recovery
	}
	known := id.ID == w.ID && id.Epoch == w.Epoch && id.NodeKey == w.Key && slices.Equal(id.Pins, w.Pins) &&
		id.Recovery == recovery && (cma == "" || len(id.CMA) > 0 && id.CMA[0] == cma)
	if known {
		return nil
	}
	switch {
	case recovered(id.Pins, w.Pins):
		id.Old = wire.NodeKey{} // Whoever stole the keys has it.
	case id.Epoch != 0 && w.Epoch != id.Epoch:
		id.Old = id.NodeKey
	}
	id.ID, id.Epoch, id.NodeKey = w.ID, w.Epoch, w.Key
	id.Pins, id.Recovery = slices.Clone(w.Pins), recovery
	if cma != "" {
		id.CMA = append([]string{cma}, slices.DeleteFunc(slices.Clone(id.CMA), func(s string) bool { return s == cma })...)
		id.CMA = id.CMA[:min(len(id.CMA), maxCMAs)]
	}
	return id.Save()
}

// ErrOtherCMA means that a join string was made by another CMA than the one that
// this nanoprobe took for its own because it was the first to answer.
var ErrOtherCMA = errors.New("this join string was made by another CMA than the one that this nanoprobe believed without any; if that was a stranger (or the string is older than the CMA's key), stop the nanoprobe and remove its " + IdentityFile + " (or create a string anew)")

// Confirm compares the pinned CMA with a join string, which says by what key to
// recognize it. Only who pinned the first CMA it met has something to learn from
// that: others had a string, and the CMA's key may have changed since.
func (id *Identity) Confirm(j Join) error {
	switch {
	case !id.Weak:
		return nil
	case !slices.ContainsFunc(id.Pins, func(k wire.PubKey) bool { return PinOf(k) == j.Pin }):
		return ErrOtherCMA
	}
	id.Weak = false
	return id.Save()
}

// recovered reports whether none of the CMA's keys is known any more: they were
// replaced by way of the recovery key, and not one by the next.
func recovered(old, now []wire.PubKey) bool {
	return len(old) > 0 && !slices.ContainsFunc(now, func(k wire.PubKey) bool { return slices.Contains(old, k) })
}

// maxCMAs is how many addresses of the CMA are remembered.
const maxCMAs = 8

// BeginRotation makes the next key and keeps it until the CMA accepts it, so
// that a crash in between costs nothing.
func (id *Identity) BeginRotation() error {
	if id.Next != nil {
		return nil
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("trust: making a key: %w", err)
	}
	id.Next = key
	return id.Save()
}

// EndRotation makes the next key the key.
func (id *Identity) EndRotation() error {
	if id.Next == nil {
		return nil
	}
	id.Key, id.Next = id.Next, nil
	return id.Save()
}

// Save writes the identity to its file.
func (id *Identity) Save() error {
	f := identityFile{
		Seed: id.Key.Seed(), Epoch: id.Epoch, CMA: id.CMA, Weak: id.Weak, Session: uint64(id.Session),
		Machine: machineInFile(id.Machine), NodeKey: unlessZero(id.NodeKey[:]), OldKey: unlessZero(id.Old[:]),
		Recovery: unlessZero(id.Recovery[:]),
	}
	if id.Next != nil {
		f.NextSeed = id.Next.Seed()
	}
	if !id.ID.IsZero() {
		f.ID = id.ID.String()
	}
	if !id.Was.IsZero() {
		f.Was = id.Was.String()
	}
	for _, p := range id.Pins {
		f.Pins = append(f.Pins, slices.Clone(p[:]))
	}
	return saveSecret(id.path, f)
}

func unlessZero(b []byte) hexBytes {
	for _, x := range b {
		if x != 0 {
			return slices.Clone(b)
		}
	}
	return nil
}

func (id *Identity) load() (err error) {
	var f identityFile
	if err := loadSecret(id.path, &f); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("trust: %s is damaged: %w; move it away to begin anew", id.path, err)
		}
	}()
	if id.Key, err = keyFrom(f.Seed); err != nil {
		return err
	}
	if f.NextSeed != nil {
		if id.Next, err = keyFrom(f.NextSeed); err != nil {
			return err
		}
	}
	if id.ID, err = optionalID(f.ID); err != nil {
		return err
	}
	if id.Was, err = optionalID(f.Was); err != nil {
		return err
	}
	for _, p := range f.Pins {
		var pin wire.PubKey
		if err := exactly(pin[:], p); err != nil {
			return err
		}
		id.Pins = append(id.Pins, pin)
	}
	id.Epoch, id.CMA, id.Weak, id.Session = f.Epoch, f.CMA, f.Weak, wire.Session(f.Session)
	id.Machine = Machine(f.Machine)
	for _, x := range []struct{ dst, src []byte }{{id.NodeKey[:], f.NodeKey}, {id.Old[:], f.OldKey}, {id.Recovery[:], f.Recovery}} {
		if err := exactly(x.dst, x.src); err != nil && len(x.src) > 0 {
			return err
		}
	}
	return nil
}

func keyFrom(seed []byte) (ed25519.PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("a key has %d bytes instead of %d", len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func exactly(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("a key has %d bytes instead of %d", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func optionalID(s string) (wire.ID, error) {
	if s == "" {
		return wire.ID{}, nil
	}
	return wire.ParseID(s)
}
