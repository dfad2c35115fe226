package trust

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"assim/wire"
)

var (
	here      = Machine{ID: "aaaa", Product: "1111"}
	elsewhere = Machine{ID: "aaaa", Product: "2222"}
	now       = time.Unix(1_700_000_000, 0)
)

func load(t *testing.T, dir string, m Machine) *Identity {
	t.Helper()
	id, err := LoadIdentity(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	id := load(t, dir, here)
	w := wire.Welcome{ID: wire.ID{9}, Epoch: 3, Key: wire.NodeKey{1}, Pins: []wire.PubKey{{1}, {2}}, Recovery: wire.PubKey{3}}
	if err := id.Accept(&w, "cma:1984"); err != nil {
		t.Fatal(err)
	}
	again := load(t, dir, here)
	if again.Pub() != id.Pub() || again.ID != w.ID || again.NodeKey != w.Key || again.Epoch != 3 ||
		len(again.Pins) != 2 || again.Recovery != w.Recovery || again.CMA[0] != "cma:1984" || !again.Enrolled() {
		t.Fatalf("came back as %+v", again)
	}
	info, err := os.Stat(filepath.Join(dir, IdentityFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("file mode %v, %v", info.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestAJoinStringConfirmsOrContradictsTheFirstCMAMet(t *testing.T) {
	dir := t.TempDir()
	id := load(t, dir, here)
	id.Weak = true
	w := wire.Welcome{ID: wire.ID{9}, Epoch: 1, Key: wire.NodeKey{1}, Pins: []wire.PubKey{{1}, {2}}, Recovery: wire.PubKey{3}}
	if err := id.Accept(&w, "cma:1984"); err != nil {
		t.Fatal(err)
	}
	if err := id.Confirm(Join{Pin: PinOf(wire.PubKey{3})}); !errors.Is(err, ErrOtherCMA) || !load(t, dir, here).Weak {
		t.Errorf("a string of another CMA: %v", err)
	}
	if err := id.Confirm(Join{Pin: PinOf(wire.PubKey{2})}); err != nil || load(t, dir, here).Weak {
		t.Errorf("a string of the CMA that was pinned: %v", err)
	}
	if err := id.Confirm(Join{Pin: PinOf(wire.PubKey{3})}); err != nil {
		t.Errorf("who knows its CMA wants to hear of strings: %v", err)
	}
}

func TestCopiedDiskIsAnotherIdentityThatSaysWhoItWas(t *testing.T) {
	dir := t.TempDir()
	id := load(t, dir, here)
	if err := id.Accept(&wire.Welcome{ID: wire.ID{9}, Epoch: 1, Pins: []wire.PubKey{{1}}}, "cma:1984"); err != nil {
		t.Fatal(err)
	}
	clone := load(t, dir, elsewhere)
	if clone.Enrolled() || clone.Pub() == id.Pub() || clone.Was != id.ID || len(clone.Pins) > 0 {
		t.Fatalf("the copy is %+v", clone)
	}
	if again := load(t, dir, elsewhere); again.Pub() != clone.Pub() || again.Was != id.ID {
		t.Fatal("the copy changes its mind")
	}
}

func TestMachinesDifferOnlyByWhatBothKnow(t *testing.T) {
	for _, c := range []struct {
		a, b Machine
		want bool
	}{
		{here, here, false},
		{here, elsewhere, true},
		{here, Machine{ID: "bbbb", Product: "1111"}, true},
		{here, Machine{ID: "aaaa"}, false},
		{here, Machine{}, false},
		{Machine{ID: "aaaa"}, Machine{ID: "bbbb"}, true},
	} {
		if c.a.Differs(c.b) != c.want || c.b.Differs(c.a) != c.want {
			t.Errorf("%+v and %+v: want differs = %v", c.a, c.b, c.want)
		}
	}
}

func TestProductLearnedLaterBinds(t *testing.T) {
	dir := t.TempDir()
	one := load(t, dir, Machine{ID: "aaaa"})
	load(t, dir, here) // as root
	if load(t, dir, Machine{ID: "aaaa"}).Pub() != one.Pub() {
		t.Fatal("not itself any more without root")
	}
	if load(t, dir, elsewhere).Pub() == one.Pub() {
		t.Fatal("the product UUID does not bind")
	}
}

func TestReadMachineTrimsAndBounds(t *testing.T) {
	root := fstest.MapFS{
		"etc/machine-id":                {Data: []byte("ABCD\n")},
		"sys/class/dmi/id/product_uuid": {Data: []byte(strings.Repeat("x", 1000))},
	}
	if m := ReadMachine(root); m != (Machine{ID: "abcd"}) {
		t.Fatalf("got %+v", m)
	}
}

func TestSessionsGrowWhateverTheClockDoes(t *testing.T) {
	dir := t.TempDir()
	var last wire.Session
	for _, at := range []time.Time{now, now.Add(-time.Hour), {}, time.Unix(0, 0), now.Add(time.Hour)} {
		s, err := load(t, dir, here).NextSession(at)
		if err != nil || s <= last {
			t.Fatalf("session %d after %d at %v: %v", s, last, at, err)
		}
		last = s
	}
}

func TestIdentityThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	load(t, dir, here)
	if err := os.Chmod(filepath.Join(dir, IdentityFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(dir, here); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("got %v", err)
	}
}

func TestDamagedIdentityIsNeverReplacedSilently(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "cut": `{"key":"00`, "short key": `{"key":"00ff"}`, "wrong id": `{"key":"` + strings.Repeat("00", 32) + `","id":"x"}`,
		"huge": strings.Repeat(" ", maxSecretFile+1),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, IdentityFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(dir, here); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if b, _ := os.ReadFile(filepath.Join(dir, IdentityFile)); string(b) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestInterruptedRotationIsKept(t *testing.T) {
	dir := t.TempDir()
	id := load(t, dir, here)
	if err := id.BeginRotation(); err != nil {
		t.Fatal(err)
	}
	again := load(t, dir, here)
	if again.Next == nil || !again.Next.Equal(id.Next) || again.Pub() != id.Pub() {
		t.Fatal("the next key is forgotten")
	}
	if err := again.EndRotation(); err != nil {
		t.Fatal(err)
	}
	if last := load(t, dir, here); last.Pub() == id.Pub() || last.Next != nil {
		t.Fatal("the next key is not in use")
	}
}

func TestJoinStringsComeBackAsTheyWere(t *testing.T) {
	for _, host := range []string{"10.1.2.3", "2001:db8::1", "cma.example.org", Multicast} {
		j := Join{Host: host, Port: 1984, Pin: Pin{1, 2}, Secret: [secretSize]byte{3, 4}}
		got, err := ParseJoin(" " + j.String() + "\n")
		if err != nil || got != j {
			t.Errorf("%s came back as %+v: %v", j, got, err)
		}
	}
}

func TestBrokenJoinStringsSayWhatIsWrong(t *testing.T) {
	good := Join{Host: "h", Port: 1984}.String()
	for s, want := range map[string]string{
		"":                                    "join-token create",
		"assim2" + good[6:]:                   "join-token create",
		"assim1:h":                            "join-token create",
		good[:len(good)-1]:                    "secret",
		good + "a":                            "secret",
		strings.Replace(good, ":a", ":!", 1):  "pin",
		strings.Replace(good, "1984", "0", 1): "port",
		strings.Replace(good, "1984", "99999", 1): "port",
		strings.Replace(good, ":h:", "::", 1):     "HOST:PORT",
		strings.Replace(good, ":h:", ":a:b:", 1):  "HOST:PORT",
	} {
		if _, err := ParseJoin(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a word about %s", s, err, want)
		}
	}
}

func FuzzParseJoin(f *testing.F) {
	f.Add(Join{Host: "2001:db8::1", Port: 1984, Pin: Pin{1}}.String())
	f.Add("assim1:*:1:a:b")
	f.Fuzz(func(t *testing.T, s string) {
		j, err := ParseJoin(s)
		if err != nil {
			return
		}
		if again, err := ParseJoin(j.String()); err != nil || again != j {
			t.Fatalf("%q is read as %+v, then as %+v: %v", s, j, again, err)
		}
	})
}
