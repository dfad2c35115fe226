package attack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/api"
)

// key is the private key that a nanoprobe keeps.
func (p *probe) key() string {
	p.t.Helper()
	var k struct {
		Key string `json:"key"`
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "identity.json"))
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil || k.Key == "" {
		p.t.Fatalf("no key: %v", err)
	}
	return k.Key
}

// says waits for words in the log of a nanoprobe.
func (p *probe) says(words string) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if text, _ := os.ReadFile(p.log); strings.Contains(string(text), words) {
			return
		}
	}
	text, _ := os.ReadFile(p.log)
	p.t.Fatalf("the nanoprobe does not say %q:\n%s", words, text)
}

func (s *server) refusals() uint64 { s.t.Helper(); return s.counted("refusals") }

// counted is what the CMA has counted of something.
func (s *server) counted(what string) uint64 {
	s.t.Helper()
	status, err := s.client().Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return status.Counters[what]
}

// A strict CMA makes no wide join strings, wants a person besides a narrow one,
// and whoever it refuses is patient and stays who it is.
func TestAStrictCMALetsInByANarrowStringAndAPerson(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-strict")
	c := s.client()
	wide := tokenRequest()
	if _, err := c.CreateToken(t.Context(), api.ToJoin, wide); err == nil {
		t.Error("a strict CMA makes a string for anybody")
	}
	narrow := func(bind string) string {
		t.Helper()
		r := tokenRequest()
		r.MaxUses, r.Bind = 1, bind
		token, err := c.CreateToken(t.Context(), api.ToJoin, r)
		if err != nil {
			t.Fatal(err)
		}
		return token.Join
	}
	p := s.startProbe("-run", t.TempDir(), "-join", narrow("somebody else"))
	p.says("for another system")
	key, refused := p.key(), s.refusals()
	<-time.After(3 * time.Second)
	if n := s.refusals(); n != refused {
		t.Errorf("whoever was told to come in an hour was there %d times in three seconds", n-refused)
	}
	p.stop()

	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	p.start("-run", t.TempDir(), "-join", narrow(name))
	for end := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		if list, err := c.Pending(t.Context()); err == nil && len(list) == 1 {
			if n, err := c.Accept(t.Context(), name); err != nil || n != 1 {
				t.Fatalf("accepted %d, %v", n, err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not wait for a person")
		}
	}
	p.id()
	if p.key() != key {
		t.Error("a refusal made it forget who it is")
	}
	if p.identity().Weak {
		t.Error("it had a join string, and says that it pinned the first CMA it met")
	}
}

// By the local socket join root, and the one user that the CMA was told of.
func TestTheLocalSocketIsForTheNanoprobesUserOnly(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-local-user", "nobody")
	for _, dir := range []string{built, filepath.Dir(s.dir), s.dir} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as := func(uid int) *probe {
		t.Helper()
		p := &probe{t: t, dir: t.TempDir(), uid: uid}
		for _, err := range []error{os.Chmod(filepath.Dir(p.dir), 0o755), os.Chown(p.dir, uid, uid)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		p.start("-run", s.dir)
		return p
	}
	stranger := as(1)
	stranger.says("only root")
	as(65534).id()
	if id := stranger.identity().ID; id != "" {
		t.Errorf("a user like any other joined as %s", id)
	}
}

// A person accepts a name before the system is unpacked; the CMA is killed in
// between.
func TestAnAcceptanceAheadOutlivesTheCMA(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-zero-configuration")
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.client().Accept(t.Context(), name); err != nil || n != 0 {
		t.Fatalf("accepted %d who wait, %v", n, err)
	}
	s.killAndRestart()
	p := s.startProbe("-run", t.TempDir(), "-zero-configuration", "-cma", s.at.String())
	p.id()
	if list, err := s.client().Pending(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("it waits, though it was accepted ahead: %v, %v", list, err)
	}
}
