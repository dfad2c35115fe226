package trust

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"assim/wire"
)

func cmaKeys(t *testing.T, dir string) *CMAKeys {
	t.Helper()
	k, _, err := LoadCMAKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCMAKeysAreMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	k, made, err := LoadCMAKeys(dir)
	if err != nil || !made {
		t.Fatalf("made %v: %v", made, err)
	}
	again, made, err := LoadCMAKeys(dir)
	if err != nil || made || again.Pub() != k.Pub() || again.Epoch() != 1 {
		t.Fatalf("made again %v: %v", made, err)
	}
	a, _ := k.NodeKey(wire.ID{1}, 1)
	b, ok := again.NodeKey(wire.ID{1}, 1)
	if !ok || a != b {
		t.Fatal("a restart changes the keys of nanoprobes")
	}
	for _, name := range []string{CMAKeysFile, RecoveryFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestKeysOfAnEarlierVersionAreRenewedOnce(t *testing.T) {
	dir := t.TempDir()
	k := cmaKeys(t, dir)
	if begun, err := k.RenewFormer(); begun || err != nil {
		t.Errorf("new keys are renewed: %v, %v", begun, err)
	}
	file := filepath.Join(dir, CMAKeysFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	former := regexp.MustCompile(`,\s*"edge_keys": ?"aes"`).ReplaceAll(text, nil)
	if len(former) == len(text) {
		t.Fatalf("the file does not say how keys are made:\n%s", text)
	}
	if err := os.WriteFile(file, former, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} { // The second time, a change goes on.
		k, _, err := LoadCMAKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := k.RenewFormer()
		if err != nil || begun != want || k.Stage() != Offering || k.Epoch() != 2 {
			t.Errorf("begun %v, stage %d, epoch %d, %v; want begun %v", begun, k.Stage(), k.Epoch(), err, want)
		}
	}
}

func TestKeysDifferByNodeEdgeAndEpoch(t *testing.T) {
	k := cmaKeys(t, t.TempDir())
	one, _ := k.NodeKey(wire.ID{1}, 1)
	two, _ := k.NodeKey(wire.ID{2}, 1)
	if one == two {
		t.Error("two nanoprobes share a key")
	}
	a, b, c := wire.ID{1}, wire.ID{2}, wire.ID{3}
	if k.EdgeKey(a, b) != k.EdgeKey(b, a) {
		t.Error("the two ends of an edge get different keys")
	}
	if k.EdgeKey(a, b) == k.EdgeKey(a, c) || k.EdgeKey(a, b) == k.EdgeKey(c, b) {
		t.Error("two edges share a key")
	}
	before := k.EdgeKey(a, b)
	if err := k.BeginEpoch(); err != nil {
		t.Fatal(err)
	}
	if also, ok := k.EdgeAlso(a, b); k.EdgeKey(a, b) != before || !ok || also == before {
		t.Error("new keys are sent with before everybody accepts them, or are not offered")
	}
	if err := k.TurnEdges(); err != nil {
		t.Fatal(err)
	}
	if also, ok := k.EdgeAlso(a, b); k.EdgeKey(a, b) == before || !ok || also != before {
		t.Error("an edge keeps its key, or the former one is not accepted, in the next epoch")
	}
	if err := k.EndEpoch(); err != nil {
		t.Fatal(err)
	}
	if _, ok := k.EdgeAlso(a, b); ok {
		t.Error("a former key is accepted after its epoch's end")
	}
}

func TestAnEpochEndsWhenItIsEnded(t *testing.T) {
	dir := t.TempDir()
	k := cmaKeys(t, dir)
	first, _ := k.NodeKey(wire.ID{1}, 1)
	if err := k.BeginEpoch(); err != nil {
		t.Fatal(err)
	}
	if err := k.BeginEpoch(); !errors.Is(err, ErrRotating) || k.Epoch() != 2 {
		t.Errorf("a second change begins within the first: %v, epoch %d", err, k.Epoch())
	}
	k = cmaKeys(t, dir)
	if k.Stage() != Offering {
		t.Errorf("a restart forgets the stage: %d", k.Stage())
	}
	if old, ok := k.NodeKey(wire.ID{1}, 1); !ok || old != first {
		t.Error("the epoch before is forgotten: nanoprobes lose their CMA")
	}
	if _, ok := k.NodeKey(wire.ID{1}, 2); !ok {
		t.Error("the present epoch has no key")
	}
	if _, ok := k.NodeKey(wire.ID{1}, 3); ok {
		t.Error("a future epoch has a key")
	}
	if err := k.TurnEdges(); err != nil {
		t.Fatal(err)
	}
	if k = cmaKeys(t, dir); k.Stage() != Turned {
		t.Errorf("a restart forgets the stage: %d", k.Stage())
	}
	if err := k.EndEpoch(); err != nil {
		t.Fatal(err)
	}
	k = cmaKeys(t, dir)
	if _, ok := k.NodeKey(wire.ID{1}, 1); ok || k.Stage() != Settled {
		t.Error("an ended epoch still has keys")
	}
	if _, ok := k.NodeKey(wire.ID{1}, 2); !ok {
		t.Error("the present epoch ended as well")
	}
}

func TestAChangeThatCannotBeKeptDoesNotHappen(t *testing.T) {
	k := cmaKeys(t, t.TempDir())
	pub, key := k.Pub(), k.EdgeKey(wire.ID{1}, wire.ID{2})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.path = filepath.Join(file, CMAKeysFile) // A directory it cannot be.
	if k.BeginEpoch() == nil || k.RotateSigning() == nil {
		t.Fatal("what was not written is said to be")
	}
	if k.Epoch() != 1 || k.Stage() != Settled || k.EdgeKey(wire.ID{1}, wire.ID{2}) != key || k.Pub() != pub {
		t.Error("after a restart the CMA would have other keys than now")
	}
}

func TestNanoprobesFollowRotationsEvenWhenTheySleptThroughSome(t *testing.T) {
	k := cmaKeys(t, t.TempDir())
	awake := &Identity{Pins: k.Pins(), Recovery: k.Recovery}
	asleep := &Identity{Pins: k.Pins(), Recovery: k.Recovery}
	for i := range MaxEndorsements {
		if err := k.RotateSigning(); err != nil {
			t.Fatal(err)
		}
		key, chain := k.Shown()
		if !awake.Trusts(pubOf(key), chain) || !asleep.Trusts(pubOf(key), chain) {
			t.Fatalf("after %d rotations the CMA is a stranger", i+1)
		}
		awake.Pins = k.Pins()
	}
}

func TestRecoveryKeyReplacesStolenKeys(t *testing.T) {
	dir := t.TempDir()
	k := cmaKeys(t, dir)
	node := &Identity{Pins: k.Pins(), Recovery: k.Recovery}
	stolen, _ := k.Shown()
	recovery, err := LoadRecoveryKey(filepath.Join(dir, RecoveryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Recover(recovery); err != nil {
		t.Fatal(err)
	}
	key, chain := k.Shown()
	if !node.Trusts(pubOf(key), chain) {
		t.Fatal("nanoprobes do not follow the recovery key")
	}
	node.Pins, node.Recovery = k.Pins(), k.Recovery // It was welcomed by the recovered CMA.
	if node.Trusts(pubOf(stolen), nil) {
		t.Fatal("the stolen key is still good")
	}
	if _, ok := k.NodeKey(wire.ID{1}, 1); ok {
		t.Fatal("the stolen master is still good")
	}
	other, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Recover(other); err == nil {
		t.Fatal("any key recovers")
	}
}

func TestRecoveringIsFinishedWhenEverybodyIsGathered(t *testing.T) {
	dir := t.TempDir()
	k := cmaKeys(t, dir)
	recovery, err := LoadRecoveryKey(filepath.Join(dir, RecoveryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Recover(recovery); err != nil {
		t.Fatal(err)
	}
	if k = cmaKeys(t, dir); k.Stage() != Gathering {
		t.Fatalf("a restart forgets that it gathers: %d", k.Stage())
	}
	if err := k.BeginEpoch(); !errors.Is(err, ErrRotating) {
		t.Errorf("another change begins meanwhile: %v", err)
	}
	if err := k.Gathered(); err != nil {
		t.Fatal(err)
	}
	if k = cmaKeys(t, dir); k.Stage() != Settled || k.BeginEpoch() != nil {
		t.Errorf("after it the keys are not settled: %d", k.Stage())
	}
}

// The keys are gone, and a nanoprobe knows nothing but the recovery key's pin.
func TestLostKeysAreReplacedByTheRecoveryKey(t *testing.T) {
	for name, beside := range map[string]bool{"beside them": true, "elsewhere": false} {
		dir := t.TempDir()
		k := cmaKeys(t, dir)
		node := &Identity{Pins: k.Pins(), Recovery: k.Recovery, path: filepath.Join(t.TempDir(), IdentityFile)}
		file := filepath.Join(dir, RecoveryFile)
		if err := os.Remove(filepath.Join(dir, CMAKeysFile)); err != nil {
			t.Fatal(err)
		}
		if !beside {
			safe := filepath.Join(t.TempDir(), "safe")
			if err := os.Rename(file, safe); err != nil {
				t.Fatal(err)
			}
			recovery, err := LoadRecoveryKey(safe)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := RecoverCMAKeys(dir, recovery); err != nil {
				t.Fatal(err)
			}
			if _, err := RecoverCMAKeys(dir, recovery); err == nil {
				t.Error("keys that are there are written over")
			}
		}
		k = cmaKeys(t, dir)
		key, chain := k.Shown()
		if !node.Trusts(pubOf(key), chain) || k.Stage() != Gathering || k.Epoch() < lostEpochs {
			t.Errorf("recovery key %s: trusted %v, stage %d, epoch %d", name, node.Trusts(pubOf(key), chain), k.Stage(), k.Epoch())
		}
	}
}

func TestARecoveryKeyIsKeptOnPaperToo(t *testing.T) {
	dir := t.TempDir()
	cmaKeys(t, dir)
	key, err := LoadRecoveryKey(filepath.Join(dir, RecoveryFile))
	if err != nil {
		t.Fatal(err)
	}
	typed := filepath.Join(dir, "typed")
	if err := os.WriteFile(typed, []byte("\n "+RecoveryString(key)+" \n"), 0o644); err != nil { // as a stick has it
		t.Fatal(err)
	}
	if again, err := LoadRecoveryKey(typed); err != nil || !again.Equal(key) {
		t.Errorf("typed in again it is another: %v", err)
	}
	for _, wrong := range []string{"", "assim-recovery1:", RecoveryString(key)[1:], RecoveryString(key) + "a"} {
		if _, err := ParseRecovery(wrong); err == nil {
			t.Errorf("%q is a recovery key", wrong)
		}
	}
}

// Whoever stole the CMA's key can speak as the CMA until it is recovered. What
// it is recovered by he cannot replace, and what was sealed before is worthless
// after.
func TestAThiefOfTheCMAsKeyCannotReplaceTheRecoveryKey(t *testing.T) {
	k := cmaKeys(t, t.TempDir())
	node, err := LoadIdentity(t.TempDir(), Machine{})
	if err != nil {
		t.Fatal(err)
	}
	welcome := func(epoch uint16, pins []wire.PubKey, recovery wire.PubKey) {
		t.Helper()
		w := wire.Welcome{ID: wire.ID{1}, Epoch: epoch, Key: wire.NodeKey{byte(epoch)}, Pins: pins, Recovery: recovery}
		if err := node.Accept(&w, "cma:1984"); err != nil {
			t.Fatal(err)
		}
	}
	welcome(1, k.Pins(), k.Recovery)
	welcome(2, k.Pins(), wire.PubKey{66})
	if node.Recovery != k.Recovery {
		t.Error("a thief's recovery key is pinned")
	}
	if node.Old != (wire.NodeKey{1}) {
		t.Error("in a regular change the former key is forgotten")
	}
	welcome(4, []wire.PubKey{{7}, {8}}, k.Recovery)
	if node.Old != (wire.NodeKey{}) {
		t.Error("after a recovery the stolen node key is good yet")
	}
}

func TestStrangersEndorsementsAreWorthNothing(t *testing.T) {
	k := cmaKeys(t, t.TempDir())
	node := &Identity{Pins: k.Pins(), Recovery: k.Recovery}
	thief, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	mine := pubOf(thief)
	forged := Endorsement{Key: mine, By: k.Pub()}
	copy(forged.Sign[:], ed25519.Sign(thief, endorsementText(mine)))
	loop := endorse(thief, mine)
	for name, chain := range map[string][]Endorsement{
		"none": nil, "by itself": {loop}, "in the CMA's name": {forged}, "by the zero key": {{Key: mine}},
	} {
		if node.Trusts(mine, chain) {
			t.Errorf("endorsed %s: trusted", name)
		}
	}
	if (&Identity{}).Trusts(wire.PubKey{}, nil) {
		t.Error("the zero key is trusted by one who pinned nobody")
	}
}

func BenchmarkEdgeKey(b *testing.B) {
	k := &CMAKeys{epochs: epochs{epoch: 1, edges: 1, master: [32]byte{1}}}
	b.ReportAllocs()
	for b.Loop() {
		k.EdgeKey(wire.ID{1}, wire.ID{2})
	}
}

func FuzzParseRecovery(f *testing.F) {
	key, err := generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(RecoveryString(key))
	f.Add("assim-recovery1:")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParseRecovery(s)
		if err != nil {
			return
		}
		if again, err := ParseRecovery(RecoveryString(key)); err != nil || !again.Equal(key) {
			t.Fatalf("%q is read as %s, and that as another", s, RecoveryString(key))
		}
	})
}
