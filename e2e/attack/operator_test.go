package attack

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/api"
	"assim/netio"
	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

func TestAnOperatorStringFollowsTheCMAsNewKeyAndEndsWhenItIsRevoked(t *testing.T) {
	s := startCMA(t)
	here := s.client()
	token, err := here.CreateToken(t.Context(), api.ToOperate, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		t.Helper()
		c, err := api.NewClient(token.Join)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Status(t.Context())
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := here.Rotate(t.Context(), api.RotateRequest{What: "cma"}); err != nil {
			t.Fatal(err)
		}
		if err := ask(); err != nil {
			t.Errorf("after the CMA's key was replaced: %v", err)
		}
	}
	away, err := api.NewClient(token.Join)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.CreateToken(t.Context(), api.ToOperate, tokenRequest()); err == nil {
		t.Error("an operator string makes its own successor")
	}
	if err := here.RevokeToken(t.Context(), api.ToOperate, token.ID, false); err != nil {
		t.Fatal(err)
	}
	if ask() == nil {
		t.Error("a revoked string is good yet")
	}
	forever := tokenRequest()
	forever.For = -time.Hour
	if _, err := here.CreateToken(t.Context(), api.ToOperate, forever); err == nil {
		t.Error("a string for a negative time is for ever")
	}
}

// What somebody recorded of a member before it was put out means nothing when
// it is in again.
func TestRecordingsFromBeforeAPardonAreWorthNothing(t *testing.T) {
	s := startCMA(t)
	a := s.join("web01")
	a.quiet()
	recorded := slices.Clone(a.sent)
	c := s.client()
	if _, err := c.Revoke(t.Context(), a.id.ID.String()); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart of the CMA"} {
		if _, err := c.Pardon(t.Context(), "web01"); err != nil {
			t.Fatal(err)
		}
		before := len(s.events())
		attacker := socket(t)
		for _, b := range recorded {
			if err := attacker.Write(netio.Packet{Data: b, Peer: s.at}); err != nil {
				t.Fatal(err)
			}
			listenFor(t, attacker, silence/5)
		}
		if got := s.events(); len(got) != before {
			t.Errorf("%s: a recording is news: %v", when, got[before:])
		}
		s.killAndRestart()
	}
	a.begin(wire.Announce{Name: "web01"}) // Itself comes back.
	a.quiet()
	if !slices.Contains(s.events()[1:], "joined web01") && !slices.Contains(s.events()[1:], "started web01") {
		t.Errorf("told is %v", s.events())
	}
}

// Somebody has copied all that the CMA has, and the CMA was recovered. Strings
// made before lead to the thief's key: nobody follows them any more.
func TestAfterARecoveryStringsMadeBeforeAreWorthNothing(t *testing.T) {
	t.Parallel()
	s := startCMA(t)
	here := s.client()
	key, err := trust.LoadRecoveryKey(filepath.Join(s.dir, trust.RecoveryFile))
	if err != nil {
		t.Fatal(err)
	}
	operator := func() (*api.Client, string) {
		t.Helper()
		token, err := here.CreateToken(t.Context(), api.ToOperate, tokenRequest())
		if err != nil {
			t.Fatal(err)
		}
		c, err := api.NewClient(token.Join)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c, token.Join
	}
	away, old := operator()
	join, err := here.CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.Recover(t.Context(), trust.RecoveryString(key)); err == nil || !strings.Contains(err.Error(), "own host") {
		t.Errorf("the recovery key travels: %v", err)
	}
	if _, err := here.Recover(t.Context(), trust.RecoveryString(key)); err != nil {
		t.Fatal(err)
	}
	again, err := api.NewClient(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Status(t.Context()); !errors.Is(err, bulk.ErrWrongCMA) {
		t.Errorf("an operator string of before: %v", err)
	}
	j, err := trust.ParseJoin(join.Join)
	if err != nil {
		t.Fatal(err)
	}
	id, err := trust.LoadIdentity(t.TempDir(), trust.Machine{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := bulk.Enroll(t.Context(), id, wire.Announce{Name: "x"}, s.at.String(), bulk.Permission{Join: j}); !errors.Is(err, bulk.ErrWrongCMA) {
		t.Errorf("a join string of before: %v", err)
	}
	operator() // New ones are good.
}
