package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

type recoveryFile struct {
	Note string   `json:"note"`
	Key  hexBytes `json:"recovery_key"`
}

const recoveryNote = "Carry this file to a safe place off this machine. It makes a stolen CMA harmless: see SECURITY.md."

// recoveryPrefix begins a recovery key in one line, as it is put on paper.
const recoveryPrefix = "assim-recovery1:"

// LoadRecoveryKey reads the file that LoadCMAKeys wrote beside new keys, or one
// with nothing but the line that RecoveryString prints.
func LoadRecoveryKey(path string) (ed25519.PrivateKey, error) {
	text, err := readCarried(path)
	if err != nil {
		return nil, err
	}
	if line := strings.TrimSpace(string(text)); strings.HasPrefix(line, recoveryPrefix) {
		return ParseRecovery(line)
	}
	var f recoveryFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("trust: %s is no recovery key: %w", path, err)
	}
	key, err := keyFrom(f.Key)
	if err != nil {
		return nil, fmt.Errorf("trust: %s: %w", path, err)
	}
	return key, nil
}

// RecoveryString returns a recovery key in one line, for paper.
func RecoveryString(key ed25519.PrivateKey) string {
	return recoveryPrefix + base.EncodeToString(key.Seed())
}

// ParseRecovery is the inverse of RecoveryString.
func ParseRecovery(line string) (ed25519.PrivateKey, error) {
	var seed [ed25519.SeedSize]byte
	text, ok := strings.CutPrefix(strings.TrimSpace(line), recoveryPrefix)
	if !ok {
		return nil, fmt.Errorf("trust: a recovery key begins with %s", recoveryPrefix)
	}
	if err := decodeInto(seed[:], text); err != nil {
		return nil, fmt.Errorf("trust: the recovery key %w", err)
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}

// RecoveryPin is how a recovery key is told from others.
func RecoveryPin(key ed25519.PrivateKey) Pin { return PinOf(pubOf(key)) }

// Recover puts a new key in use that the recovery key endorses, and distrusts
// all before: for when the CMA's keys were stolen. A new master key begins and
// the one before ends at once; the heartbeats of nanoprobes go on with the keys
// they have until everybody is gathered: see Gathering.
func (k *CMAKeys) Recover(recovery ed25519.PrivateKey) error {
	if pubOf(recovery) != k.Recovery {
		return fmt.Errorf("trust: this is not the recovery key of this CMA (pin %s)", PinOf(k.Recovery))
	}
	key, err := generate()
	if err != nil {
		return err
	}
	next, err := generate()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	signing, announced, endorsed, were := k.signing, k.next, k.endorsed, k.epochs
	k.endorsed = nil
	k.adopt(key, next, endorse(recovery, pubOf(key)))
	k.begin(k.epoch + 2)
	k.gathering = true
	if err := k.save(); err != nil {
		k.signing, k.next, k.endorsed, k.epochs = signing, announced, endorsed, were
		return err
	}
	return nil
}

// lostEpochs is where the epochs of keys begin that replace lost ones. Which
// epoch was the last is not known then: it was none of those.
const lostEpochs = 1 << 12

// RecoverCMAKeys makes new keys in dir that the recovery key endorses: for when
// the old ones were lost. There must be none.
func RecoverCMAKeys(dir string, recovery ed25519.PrivateKey) (*CMAKeys, error) {
	k := &CMAKeys{path: filepath.Join(dir, CMAKeysFile)}
	switch err := k.load(); {
	case err == nil:
		return nil, fmt.Errorf("trust: %s is there: to replace keys that were stolen, use assim rotate cma -recovery", k.path)
	case !missing(err):
		return nil, err
	}
	var chance [2]byte
	_, _ = rand.Read(chance[:])
	if err := k.generate(recovery, lostEpochs+binary.BigEndian.Uint16(chance[:])%lostEpochs); err != nil {
		return nil, err
	}
	k.gathering = true
	k.endorsed = []Endorsement{endorse(recovery, pubOf(k.signing))}
	if err := k.save(); err != nil {
		return nil, err
	}
	return k, nil
}

// Gathered ends the gathering: from now on edges get their new keys.
func (k *CMAKeys) Gathered() error {
	return k.change(func(e *epochs) error { e.gathering = false; return nil })
}
