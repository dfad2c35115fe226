package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"assim/admin"
)

// gatekeeper is a Gate that remembers what it was asked.
type gatekeeper struct{ asked []string }

func (g *gatekeeper) note(s string) { g.asked = append(g.asked, s) }

func (g *gatekeeper) Pending(context.Context) ([]Pending, error) {
	return []Pending{{Name: "web7", Fingerprint: "k3f2-m7qa-77de-obx4"}}, nil
}
func (g *gatekeeper) Accept(_ context.Context, what string) (int, error) {
	g.note("accept " + what)
	return 2, nil
}
func (g *gatekeeper) Refuse(_ context.Context, what string) (int, error) {
	return 0, admin.Badf("nobody is called %s", what)
}
func (g *gatekeeper) Revoke(_ context.Context, system string) (Member, error) {
	g.note("revoke " + system)
	return Member{Name: system, Revoked: true}, nil
}
func (g *gatekeeper) Pardon(_ context.Context, system string) (Member, error) {
	g.note("pardon " + system)
	return Member{Name: system}, nil
}
func (g *gatekeeper) Rotate(_ context.Context, r RotateRequest) (Rotation, error) {
	g.note("rotate " + r.What + " " + r.System)
	return Rotation{Epoch: 2, Stage: "offering"}, nil
}
func (g *gatekeeper) Rotation(context.Context) (Rotation, error) {
	return Rotation{Epoch: 2, Stage: "settled"}, nil
}

func (g *gatekeeper) Recover(_ context.Context, key string) (Rotation, error) {
	g.note("recover " + key)
	return Rotation{Epoch: 3, Stage: "gathering"}, nil
}

func TestWhoIsInIsDecidedByCalls(t *testing.T) {
	g := &gatekeeper{}
	server := httptest.NewServer((&Server{Gate: g, Tokens: &permits{}, Operators: &permits{}}).Handler())
	defer server.Close()
	c := &Client{http: server.Client(), base: server.URL}
	if list, err := c.Pending(t.Context()); err != nil || len(list) != 1 || list[0].Fingerprint != "k3f2-m7qa-77de-obx4" {
		t.Errorf("pending: %v, %v", list, err)
	}
	if n, err := c.Accept(t.Context(), "10.0.7.0/24"); err != nil || n != 2 {
		t.Errorf("accept: %d, %v", n, err)
	}
	if _, err := c.Refuse(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "nobody is called nobody") {
		t.Errorf("refuse: %v", err)
	}
	if _, err := c.Accept(t.Context(), ""); err == nil {
		t.Error("an empty name is accepted")
	}
	if m, err := c.Revoke(t.Context(), "web7"); err != nil || !m.Revoked {
		t.Errorf("revoke: %+v, %v", m, err)
	}
	if m, err := c.Pardon(t.Context(), "web7"); err != nil || m.Revoked {
		t.Errorf("pardon: %+v, %v", m, err)
	}
	if r, err := c.Rotate(t.Context(), RotateRequest{What: "node", System: "web7"}); err != nil || r.Stage != "offering" {
		t.Errorf("rotate: %+v, %v", r, err)
	}
	if r, err := c.Rotation(t.Context()); err != nil || r.Stage != "settled" {
		t.Errorf("rotation: %+v, %v", r, err)
	}
	if r, err := c.Recover(t.Context(), "assim-recovery1:x"); err != nil || r.Stage != "gathering" {
		t.Errorf("recovery: %+v, %v", r, err)
	}
	want := []string{"accept 10.0.7.0/24", "revoke web7", "pardon web7", "rotate node web7", "recover assim-recovery1:x"}
	if !slices.Equal(g.asked, want) {
		t.Errorf("asked was %v, want %v", g.asked, want)
	}
}

func TestALeakedOperatorStringMakesItselfNoSuccessor(t *testing.T) {
	reached := false
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	h := Guard(inner, func(context.Context, string) bool { return true })
	for path, code := range map[string]int{
		"/v1/operators": http.StatusForbidden, "/v1/operators/3f2a": http.StatusForbidden,
		"/v1//operators": http.StatusForbidden, "/v1/%6fperators": http.StatusForbidden, "/v1/x/../operators": http.StatusForbidden,
		"/v1/recover": http.StatusForbidden, "/v1//recover": http.StatusForbidden, // The recovery key does not travel.
		"/v1/tokens": http.StatusOK,
	} {
		reached = false
		r := httptest.NewRequest(http.MethodPost, path, nil)
		r.Header.Set("Authorization", "Bearer leaked")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != code || reached != (code == http.StatusOK) {
			t.Errorf("%s: %d, reached %v", path, w.Code, reached)
		}
	}
}

func TestARefusedStrangerHoldsNoConnection(t *testing.T) {
	h := Guard(http.NotFoundHandler(), func(context.Context, string) bool { return false })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/status", nil))
	if w.Code != http.StatusUnauthorized || w.Header().Get("Connection") != "close" {
		t.Errorf("%d, Connection: %q", w.Code, w.Header().Get("Connection"))
	}
}

func TestAnAnswerThatGoesOnEndsWithItsPermission(t *testing.T) {
	asked := 0
	ctx, cancel := context.WithCancel(t.Context())
	good := func() bool { asked++; return asked < 3 }
	recheck(ctx, cancel, 1, good) // It returns when the third look says no.
	if ctx.Err() == nil || asked != 3 {
		t.Errorf("looked %d times, context %v", asked, ctx.Err())
	}
}
