package attack

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"assim/api"
	"assim/trust"
	"assim/trust/bulk"
)

// until waits for a condition.
func until(t *testing.T, otherwise string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise)
		}
	}
}

// A nanoprobe believed the first CMA it met, which was ours. Another one that
// answers in its place, or that somebody sends it to, gets nothing; and a join
// string tells it whether it was right.
func TestWhoMetItsCMAByZeroConfigurationObeysNoOther(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-zero-configuration")
	accepted := func() {
		t.Helper()
		name, err := os.Hostname()
		if err == nil {
			_, err = s.client().Accept(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	accepted()
	alone := t.TempDir() // where there is no CMA's socket
	p := s.startProbe("-run", alone, "-zero-configuration", "-cma", s.at.String())
	first := p.id()
	was := p.identity()
	p.stop()

	s.kill()
	x := newImpostor(t)
	p.start("-run", alone, "-zero-configuration", "-cma", x.at.String())
	for heard := 0; heard < 3; { // It looks for its CMA there,
		if x.signal(patience).Data == nil {
			t.Fatal("it does not speak to the impostor at all: nothing is shown")
		}
		heard++
	}
	if x.knocked.Load() > 0 {
		t.Error("it asks to be let in by another CMA")
	}
	p.stop()
	id, err := trust.LoadIdentity(p.dir, trust.ReadMachine(os.DirFS("/")))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := bulk.Dial(t.Context(), id, x.at.String()); !errors.Is(err, bulk.ErrWrongCMA) { // and tells it nothing.
		t.Errorf("by bulk it takes an impostor for its CMA: %v, %v", c, err)
	}
	if is := p.identity(); is.ID != was.ID || !slices.Equal(is.Pins, was.Pins) {
		t.Errorf("it was %v and is %v", was, is)
	}

	s.start(s.at.String())
	elsewhere := startCMA(t)
	stringOf := func(s *server) string {
		t.Helper()
		token, err := s.client().CreateToken(t.Context(), api.ToJoin, tokenRequest())
		if err != nil {
			t.Fatal(err)
		}
		return token.Join
	}
	p.start("-run", alone, "-join", stringOf(elsewhere))
	p.says("made by another CMA")
	p.stop()
	if is := p.identity(); is.ID != was.ID || !is.Weak {
		t.Errorf("it was %v and is %v", was, is)
	}
	p.start("-run", alone, "-join", stringOf(s))
	until(t, "its CMA made the string, and it is not sure", func() bool { return !p.identity().Weak })
	if got := p.id(); got != first {
		t.Errorf("it was %s and is %s", first, got)
	}
}

// forgets takes from a nanoprobe what the CMA answered, as when it lost power
// between the answer and its disk.
func (p *probe) forgets() {
	p.t.Helper()
	file := filepath.Join(p.dir, "identity.json")
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	k := map[string]any{}
	if err := json.Unmarshal(text, &k); err != nil {
		p.t.Fatal(err)
	}
	for _, what := range []string{"id", "epoch", "node_key", "pins", "recovery_pin", "cma"} {
		delete(k, what)
	}
	if text, err = json.Marshal(k); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// status is what the graph says of the one system that has joined, which is
// this host.
func (s *server) status() any {
	s.t.Helper()
	name, err := os.Hostname()
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.client().Query(s.t.Context(), api.QueryRequest{Query: "MATCH (s:System) WHERE s.name = $name RETURN s.status", Params: map[string]any{"name": name}})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(r.Rows) != 1 {
		return nil // It has not said anything yet.
	}
	return r.Rows[0][0]
}

// A string for one system lets in one. The same one may use it again, and is who
// it was; put out, it is patient, and comes back as who it was.
func TestAJoinStringForOneIsGoodForThatOneAgain(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	c := s.client()
	r := tokenRequest()
	r.MaxUses = 1
	token, err := c.CreateToken(t.Context(), api.ToJoin, r)
	if err != nil {
		t.Fatal(err)
	}
	alone := t.TempDir()
	p := s.startProbe("-run", alone, "-join", token.Join)
	id := p.id()
	p.stop()
	p.forgets()
	other := s.startProbe("-run", alone, "-join", token.Join)
	other.says("used up")
	p.start("-run", alone, "-join", token.Join)
	if again := p.id(); again != id {
		t.Errorf("asked again by the same key, it is %s and was %s", again, id)
	}
	if got := other.identity().ID; got != "" {
		t.Errorf("another got in as %s", got)
	}

	up := func() bool { return s.status() == "up" }
	until(t, "it is not up", up)
	if _, err := c.Revoke(t.Context(), id.String()); err != nil {
		t.Fatal(err)
	}
	p.says("the CMA refuses")
	was, refused, heard := p.key(), s.refusals(), s.counted("signals of outcasts")
	<-time.After(3 * time.Second)
	if n := s.refusals() - refused + s.counted("signals of outcasts") - heard; n > 0 || heard == 0 {
		t.Errorf("whoever was put out asked %d times more in three seconds, after %d", n, heard)
	}
	until(t, "it was put out, and is not shown so", func() bool { return s.status() == "revoked" })
	if p.key() != was || p.identity().ID != id.String() {
		t.Error("a refusal made it forget who it is")
	}
	p.stop()
	if _, err := c.Pardon(t.Context(), id.String()); err != nil {
		t.Fatal(err)
	}
	p.start("-run", alone)
	until(t, "it does not come back", up)
}

// A disk is copied to another machine, with the identity on it.
func TestACopiedDiskOnAnotherMachineIsAnotherSystem(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	p := s.startProbe()
	id := p.id()
	p.stop()
	copied := &probe{t: t, dir: t.TempDir()}
	text, err := os.ReadFile(filepath.Join(p.dir, "identity.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied.dir, "identity.json"), text, 0o600)
	}
	machine := filepath.Join(t.TempDir(), "machine-id")
	if err == nil {
		err = os.WriteFile(machine, []byte("0123456789abcdef0123456789abcdef\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	copied.within = exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/machine-id && exec "$@"`, machine).Args
	copied.start("-run", s.dir)
	copied.says("this disk was copied from another system")
	until(t, "the copy has no identity of its own", func() bool {
		got := copied.identity().ID
		return got != "" && got != id.String()
	})
	p.start("-run", s.dir)
	if got := p.id(); got != id {
		t.Errorf("the original was %s and is %s", id, got)
	}
}
