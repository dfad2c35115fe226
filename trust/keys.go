package trust

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"assim/wire"
)

// The CMA's files in its directory.
const (
	CMAKeysFile  = "cma-keys.json"     // stays; 0600
	RecoveryFile = "cma-recovery.json" // to be carried away to a safe place
)

// MaxEndorsements is how many earlier keys vouch for the present one: a
// nanoprobe that slept through that many rotations must join again.
const MaxEndorsements = 4

// CMAKeys are the secrets of a CMA. Losing them means that every nanoprobe
// must join again; whoever steals them can be the CMA until RotateSigning and
// a new epoch have run, with the recovery key if the thief may still act.
type CMAKeys struct {
	Recovery wire.PubKey // its private half is elsewhere

	signing  ed25519.PrivateKey
	next     ed25519.PrivateKey // announced, not yet in use
	endorsed []Endorsement      // by earlier keys or the recovery key, newest first

	mu sync.RWMutex // rotation meets the receive path
	epochs
	path   string
	former bool // an earlier version wrote the file: see RenewFormer

	cutter edgeCutter
}

// epochs are the secrets that all symmetric keys derive from.
type epochs struct {
	epoch  uint16
	edges  uint16 // the epoch whose keys ticks are sent with: epoch, or for a while epoch-1
	master [32]byte
	before [32]byte // of epoch-1; all zero when there is none

	gathering bool
}

// Stage is how far a change of epoch has come. It has two, so that no tick is
// lost: everybody can open what is sealed with the other epoch's keys before
// anybody seals with them, and as long as anybody does.
type Stage uint8

// The stages.
const (
	Settled   Stage = iota // there is one epoch
	Offering               // ticks are sent with the former keys, the new ones are accepted
	Turned                 // ticks are sent with the new keys, the former ones are accepted
	Gathering              // the keys were recovered: everybody fetches its new one before anybody is told of edges
)

// Endorsement is the statement of an earlier key, or of the recovery key, that
// Key is the CMA's from now on.
type Endorsement struct {
	Key  wire.PubKey
	By   wire.PubKey
	Sign [ed25519.SignatureSize]byte
}

func endorsementText(key wire.PubKey) []byte {
	return append([]byte("assim endorses "), key[:]...)
}

// Valid reports whether By really signed it.
func (e *Endorsement) Valid() bool {
	return ed25519.Verify(e.By[:], endorsementText(e.Key), e.Sign[:])
}

func endorse(by ed25519.PrivateKey, key wire.PubKey) Endorsement {
	e := Endorsement{Key: key, By: pubOf(by)}
	copy(e.Sign[:], ed25519.Sign(by, endorsementText(key)))
	return e
}

// Trusts reports whether key is the CMA's: it is pinned, or a chain of
// endorsements leads to it from a key that is.
func Trusts(pinned func(wire.PubKey) bool, key wire.PubKey, chain []Endorsement) bool {
	for range MaxEndorsements + 1 {
		if pinned(key) {
			return true
		}
		i := slices.IndexFunc(chain, func(e Endorsement) bool { return e.Key == key && e.Valid() })
		if i < 0 {
			return false
		}
		key = chain[i].By
	}
	return false
}

type cmaKeysFile struct {
	Signing  hexBytes          `json:"signing_key"`
	Next     hexBytes          `json:"next_key"`
	Recovery hexBytes          `json:"recovery_pub"`
	Endorsed []endorsementFile `json:"endorsements,omitempty"`
	Epoch    uint16            `json:"epoch"`
	Edges    uint16            `json:"edge_epoch,omitempty"`
	Master   hexBytes          `json:"master"`
	Before   hexBytes          `json:"master_before,omitempty"`
	Gather   bool              `json:"gathering,omitempty"`
	Cutter   string            `json:"edge_keys"` // how the keys of edges are made
}

// cutterName is in the file since there is an edgeCutter.
const cutterName = "aes"

type endorsementFile struct {
	Key  hexBytes `json:"key"`
	By   hexBytes `json:"by"`
	Sign hexBytes `json:"signature"`
}

// LoadCMAKeys reads the keys kept in dir, or makes them. made reports the
// latter: then the recovery key lies beside them and should be carried away. One
// that lies there already is used, so that the nanoprobes follow.
func LoadCMAKeys(dir string) (k *CMAKeys, made bool, err error) {
	k = &CMAKeys{path: filepath.Join(dir, CMAKeysFile)}
	err = k.load()
	if !missing(err) {
		return k, false, err
	}
	beside := filepath.Join(dir, RecoveryFile)
	recovery, err := LoadRecoveryKey(beside)
	if err == nil {
		k, err = RecoverCMAKeys(dir, recovery)
		return k, err == nil, err
	}
	if !missing(err) {
		return nil, false, err
	}
	if recovery, err = generate(); err != nil {
		return nil, false, err
	}
	if err := saveSecret(beside, recoveryFile{recoveryNote, recovery.Seed()}); err != nil {
		return nil, false, err
	}
	if err := k.generate(recovery, 1); err != nil {
		return nil, false, err
	}
	return k, true, k.save()
}

// generate makes all keys that a new CMA has.
func (k *CMAKeys) generate(recovery ed25519.PrivateKey, epoch uint16) (err error) {
	if k.signing, err = generate(); err != nil {
		return err
	}
	if k.next, err = generate(); err != nil {
		return err
	}
	k.Recovery = pubOf(recovery)
	k.begin(epoch)
	return nil
}

// begin begins an epoch that has nothing to do with those before.
func (e *epochs) begin(epoch uint16) {
	*e = epochs{epoch: epoch, edges: epoch}
	_, _ = rand.Read(e.master[:])
}

func generate() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("trust: making a key: %w", err)
	}
	return key, nil
}

// Pub returns the key that the CMA shows now.
func (k *CMAKeys) Pub() wire.PubKey {
	key, _ := k.Shown()
	return pubOf(key)
}

// Shown returns the signing key in use and the statements that vouch for it.
func (k *CMAKeys) Shown() (ed25519.PrivateKey, []Endorsement) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.signing, k.endorsed
}

// Pins returns what a nanoprobe shall accept: the present and the next key.
func (k *CMAKeys) Pins() []wire.PubKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return []wire.PubKey{pubOf(k.signing), pubOf(k.next)}
}

// Epoch returns the present epoch of symmetric keys.
func (k *CMAKeys) Epoch() uint16 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.epoch
}

// masterOf returns the secret of an epoch: only the present and the one before
// exist.
func (k *CMAKeys) masterOf(epoch uint16) ([32]byte, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	switch {
	case epoch == k.epoch:
		return k.master, true
	case epoch == k.epoch-1 && k.before != [32]byte{}:
		return k.before, true
	}
	return [32]byte{}, false
}

// NodeKey returns the key of a nanoprobe's signals in an epoch; ok is false
// for an epoch that has ended.
func (k *CMAKeys) NodeKey(id wire.ID, epoch uint16) (key wire.NodeKey, ok bool) {
	master, ok := k.masterOf(epoch)
	if !ok {
		return key, false
	}
	msg := append(make([]byte, 0, 32), "sig"...)
	msg = append(msg, id[:]...)
	return derive(master, binary.BigEndian.AppendUint16(msg, epoch)), true
}

// SweepKey returns the key of the questions and answers of a sweep of a ring.
func (k *CMAKeys) SweepKey(ring uint64) wire.EdgeKey {
	k.mu.RLock()
	epoch, _ := k.forEdges()
	master := k.secret(epoch)
	k.mu.RUnlock()
	msg := binary.BigEndian.AppendUint64(append(make([]byte, 0, 15), "sweep"...), ring)
	key := derive(master, binary.BigEndian.AppendUint16(msg, epoch))
	return wire.EdgeKey(key[:16])
}

func derive(master [32]byte, msg []byte) [32]byte { return wire.HMAC(master[:], msg) }

// Stage returns how far a change of epoch has come.
func (k *CMAKeys) Stage() Stage {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.stage()
}

func (e *epochs) stage() Stage {
	switch {
	case e.gathering:
		return Gathering
	case e.before == [32]byte{}:
		return Settled
	case e.edges == e.epoch:
		return Turned
	}
	return Offering
}

// ErrRotating means that the epoch before has not ended yet.
var ErrRotating = errors.New("the master key is being changed already")

// BeginEpoch makes the master key of the next epoch: Offering. Nanoprobes fetch
// their new keys by bulk meanwhile.
func (k *CMAKeys) BeginEpoch() error {
	return k.change(func(e *epochs) error {
		if e.stage() != Settled {
			return ErrRotating
		}
		e.before, e.edges = e.master, e.epoch
		e.epoch++
		_, _ = rand.Read(e.master[:])
		return nil
	})
}

// RenewFormer begins an epoch when the keys were kept by a version that made those
// of edges in another way: nanoprobes have the former, and only a change tells
// all of them. It reports whether it did; a change that goes on does as well.
func (k *CMAKeys) RenewFormer() (begun bool, err error) {
	if !k.former || k.Stage() != Settled {
		return false, nil
	}
	k.former = false
	return true, k.BeginEpoch()
}

// TurnEdges begins to send ticks with the keys of the new epoch: Turned. It is
// for when everybody accepts them.
func (k *CMAKeys) TurnEdges() error {
	return k.change(func(e *epochs) error { e.edges = e.epoch; return nil })
}

// EndEpoch makes the keys of the epoch before worthless at once: Settled.
func (k *CMAKeys) EndEpoch() error {
	return k.change(func(e *epochs) error { e.edges, e.before = e.epoch, [32]byte{}; return nil })
}

// change makes a change that is durable, or none.
func (k *CMAKeys) change(f func(*epochs) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.epochs
	err := f(&k.epochs)
	if err == nil {
		err = k.save()
	}
	if err != nil {
		k.epochs = was
	}
	return err
}

// RotateSigning puts the announced next key in use, endorsed by the present
// one, and announces another.
func (k *CMAKeys) RotateSigning() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	by, key := k.signing, k.next
	next, err := generate()
	if err != nil {
		return err
	}
	endorsed := k.endorsed
	k.adopt(key, next, endorse(by, pubOf(key)))
	if err := k.save(); err != nil {
		k.signing, k.next, k.endorsed = by, key, endorsed
		return err
	}
	return nil
}

func (k *CMAKeys) adopt(key, next ed25519.PrivateKey, e Endorsement) {
	k.signing, k.next = key, next
	k.endorsed = append([]Endorsement{e}, k.endorsed...) // A new slice: Shown gave the old one away.
	k.endorsed = k.endorsed[:min(len(k.endorsed), MaxEndorsements)]
}

// save makes durable what every change of the keys ends with, and has what
// derives from them made anew.
func (k *CMAKeys) save() error {
	k.cutter.fresh.Store(false)
	f := cmaKeysFile{
		Signing: k.signing.Seed(), Next: k.next.Seed(), Recovery: k.Recovery[:],
		Epoch: k.epoch, Edges: k.edges, Master: k.master[:], Before: unlessZero(k.before[:]), Gather: k.gathering, Cutter: cutterName,
	}
	for _, e := range k.endorsed {
		f.Endorsed = append(f.Endorsed, endorsementFile{slices.Clone(e.Key[:]), slices.Clone(e.By[:]), slices.Clone(e.Sign[:])})
	}
	return saveSecret(k.path, f)
}

func (k *CMAKeys) load() error {
	var f cmaKeysFile
	if err := loadSecret(k.path, &f); err != nil {
		return err
	}
	var err error
	if k.signing, err = keyFrom(f.Signing); err != nil {
		return k.damaged(err)
	}
	if k.next, err = keyFrom(f.Next); err != nil {
		return k.damaged(err)
	}
	k.epoch, k.edges, k.gathering = f.Epoch, cmp.Or(f.Edges, f.Epoch), f.Gather
	k.former = f.Cutter != cutterName
	for _, x := range []struct{ dst, src []byte }{{k.Recovery[:], f.Recovery}, {k.master[:], f.Master}} {
		if err := exactly(x.dst, x.src); err != nil {
			return k.damaged(err)
		}
	}
	if len(f.Before) > 0 {
		if err := exactly(k.before[:], f.Before); err != nil {
			return k.damaged(err)
		}
	}
	for _, e := range f.Endorsed {
		var got Endorsement
		if exactly(got.Key[:], e.Key) != nil || exactly(got.By[:], e.By) != nil || exactly(got.Sign[:], e.Sign) != nil {
			return k.damaged(fmt.Errorf("an endorsement is malformed"))
		}
		k.endorsed = append(k.endorsed, got)
	}
	return nil
}

func (k *CMAKeys) damaged(err error) error {
	return fmt.Errorf("trust: %s is damaged: %w; restore it from a backup, or move it away and start the CMA with -recovery and the recovery key", k.path, err)
}
