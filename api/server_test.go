package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"assim/admin"
	"assim/event"
	"assim/graph"
	"assim/graph/graphtest"
	"assim/query"
)

// news is a Journal in memory.
type news struct {
	mu   sync.Mutex
	list []event.Event
	more chan struct{}
}

func (n *news) add(kind event.Kind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, event.Event{Serial: uint64(len(n.list) + 1), Kind: kind, Text: "a\nb"})
	close(n.more)
	n.more = make(chan struct{})
}

func (n *news) Since(since uint64, limit int) ([]event.Event, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	if since == 0 {
		list = list[max(0, len(list)-limit):]
	} else {
		list = list[min(len(list), int(since)-1):]
	}
	return append([]event.Event{}, list[:min(limit, len(list))]...), nil
}

func (n *news) Next() (uint64, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return uint64(len(n.list) + 1), n.more
}

// permits is a Tokens that remembers.
type permits struct{ list []Token }

func (p *permits) CreateToken(_ context.Context, r TokenRequest) (Token, error) {
	if r.MaxUses < 0 {
		return Token{}, admin.Badf("a negative number")
	}
	p.list = append(p.list, Token{ID: "1", Note: r.Note, Join: "assim1:..."})
	return p.list[len(p.list)-1], nil
}
func (p *permits) Tokens(context.Context) ([]Token, error) { return p.list, nil }
func (p *permits) RevokeToken(_ context.Context, id string, _ bool) error {
	p.list = nil
	return nil
}

// served returns a client of a server on a real socket, over a graph of two
// systems of which one listens.
func served(t *testing.T) (*Client, *news) {
	t.Helper()
	store := graphtest.NewMem()
	web, port := graph.Key{Label: graph.System, ID: "n-1"}, graph.Key{Label: graph.Endpoint, ID: "tcp/10.0.0.1:80"}
	process := graph.Key{Label: graph.Process, ID: "n-1/nginx"}
	doc := []byte(`{"a":1}`)
	_, err := store.Apply(t.Context(),
		graph.Change{Source: "n-1/os", Nodes: []graph.Node{{Key: web, Props: graph.P("name", "web", "id", "n-1")}},
			Document: &graph.Document{System: web, Type: "os", JSON: doc, Hash: "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"}},
		graph.Change{Source: "n-1/listeners", Nodes: []graph.Node{{Key: process, Props: graph.P("name", "nginx")}, {Key: port, Props: graph.P("port", 80)}},
			Rels: []graph.Rel{{From: web, Type: graph.Runs, To: process}, {From: process, Type: graph.ListensOn, To: port}}})
	if err != nil {
		t.Fatal(err)
	}
	queries, err := query.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	journal := &news{more: make(chan struct{})}
	s := &Server{Store: store, Queries: queries, Journal: journal, Tokens: &permits{}, Operators: &permits{},
		Status: func(context.Context) (Status, error) { return Status{Version: "v", Rings: 3}, nil }}
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Handler()}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	c, err := NewClient(path)
	if err != nil {
		t.Fatal(err)
	}
	return c, journal
}

func TestAQuestionIsAnsweredAsATable(t *testing.T) {
	c, _ := served(t)
	r, err := c.Query(t.Context(), QueryRequest{
		Query:  "MATCH (s:System)-[:RUNS]->(p)-[:LISTENS_ON]->(e) WHERE s.name = $n RETURN p.name AS process, e.port AS port, s",
		Params: map[string]any{"n": "web"}})
	if err != nil || len(r.Rows) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Columns[1] != "port" || r.Rows[0][0] != "nginx" || r.Rows[0][1] != json.Number("80") {
		t.Errorf("got %v %v", r.Columns, r.Rows)
	}
	if node, ok := r.Rows[0][2].(map[string]any); !ok || node["_key"] != "System:n-1" {
		t.Errorf("a node is %v", r.Rows[0][2])
	}
}

func TestAMistakeInAQueryIsPointedAt(t *testing.T) {
	c, _ := served(t)
	_, err := c.Query(t.Context(), QueryRequest{Query: "MATCH (s:System\nRETURN s"})
	var e *Error
	if !errors.As(err, &e) || e.Code != http.StatusBadRequest || e.Line != 2 || e.Column != 1 {
		t.Errorf("got %v (%+v)", err, e)
	}
	if _, err = c.Query(t.Context(), QueryRequest{Query: "CREATE (n)"}); err == nil {
		t.Error("a query that writes was run")
	}
	if _, err = c.Query(t.Context(), QueryRequest{Name: "allserverz"}); err == nil || !strings.Contains(err.Error(), "allservers") {
		t.Errorf("an unknown canned query: %v", err)
	}
}

func TestALimitCutsAndSaysSo(t *testing.T) {
	c, _ := served(t)
	r, err := c.Query(t.Context(), QueryRequest{Query: "UNWIND range(1, 10) AS x RETURN x", Limit: 3})
	if err != nil || len(r.Rows) != 3 || !r.Truncated {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDocumentsAreFoundByNameAndById(t *testing.T) {
	c, _ := served(t)
	for _, who := range []string{"web", "n-1"} {
		docs, err := c.Docs(t.Context(), who, "os", time.Time{})
		if err != nil || len(docs) != 1 || string(docs[0].JSON) != `{"a":1}` || docs[0].Name != "web" {
			t.Errorf("%s: %+v, %v", who, docs, err)
		}
	}
	var e *Error
	if _, err := c.Docs(t.Context(), "nobody", "", time.Time{}); !errors.As(err, &e) || e.Code != http.StatusNotFound {
		t.Errorf("of nobody: %v", err)
	}
}

func TestEventsAreFollowedWithoutAGap(t *testing.T) {
	c, journal := served(t)
	journal.add(event.Joined)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	page, err := c.Events(ctx, 0, 10)
	if err != nil || len(page.Events) != 1 || page.Next != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	journal.add(event.Started)
	var got []event.Event
	err = c.Follow(ctx, page.Next, func(e event.Event) error {
		got = append(got, e)
		if len(got) == 3 {
			cancel()
		} else {
			journal.add(event.SystemDead)
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(got) != 3 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i, e := range got {
		if e.Serial != uint64(i+2) || e.Text != "a\nb" {
			t.Errorf("event %d is %+v", i, e)
		}
	}
}

func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	c, _ := served(t)
	for _, kind := range []Permission{ToJoin, ToOperate} {
		made, err := c.CreateToken(t.Context(), kind, TokenRequest{Note: "rack"})
		if err != nil || made.Join == "" {
			t.Fatalf("%+v, %v", made, err)
		}
		if _, err := c.CreateToken(t.Context(), kind, TokenRequest{MaxUses: -1}); err == nil {
			t.Error("a bad request was granted")
		}
		if list, err := c.Tokens(t.Context(), kind); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		if err := c.RevokeToken(t.Context(), kind, "1", false); err != nil {
			t.Error(err)
		}
	}
}

func TestForeignRequestsAreRefusedWithASentence(t *testing.T) {
	c, _ := served(t)
	for _, r := range []struct {
		method, path, body string
		code               int
	}{
		{"GET", "/v2/status", "", http.StatusNotFound},
		{"POST", "/v1/query", "{", http.StatusBadRequest},
		{"POST", "/v1/query", `{"quarry":"x"}`, http.StatusBadRequest},
		{"POST", "/v1/query", `{"query":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusRequestEntityTooLarge},
		{"GET", "/v1/events?since=soon", "", http.StatusBadRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, c.base+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Error == "" || resp.StatusCode != r.code {
			t.Errorf("%s %s: %d %+v %v, want %d and a sentence", r.method, r.path, resp.StatusCode, p, err, r.code)
		}
		resp.Body.Close()
	}
}

func TestWithoutACMATheClientSaysWhatToDo(t *testing.T) {
	c, err := NewClient("/nonexistent/cma.sock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Status(t.Context()); !errors.Is(err, ErrNoCMA) || !strings.Contains(err.Error(), "start one with") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoOperatorStringIsExplained(t *testing.T) {
	if _, err := NewClient("assim-op1:host:1984:short:x"); err == nil || !strings.Contains(err.Error(), "assim operator create") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyOperatorsPassTheGuard(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := Guard(inner, func(_ context.Context, secret string) bool { return secret == "right" })
	for header, code := range map[string]int{
		"": http.StatusUnauthorized, "Bearer ": http.StatusUnauthorized, "Bearer wrong": http.StatusUnauthorized,
		"right": http.StatusUnauthorized, "Bearer right": http.StatusTeapot,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/v1/status", nil)
		r.Header.Set("Authorization", header)
		h.ServeHTTP(w, r)
		if w.Code != code {
			t.Errorf("%q: %d, want %d", header, w.Code, code)
		}
	}
}

func TestValuesOfTheGraphAreOfferedForAnArgument(t *testing.T) {
	c, _ := served(t)
	if list, err := c.Complete(t.Context(), "host", "WE"); err != nil || len(list) != 1 || list[0] != "web" {
		t.Errorf("hosts: %v, %v", list, err)
	}
	for _, typ := range []string{"integer", "nonsense"} {
		if list, err := c.Complete(t.Context(), typ, ""); err != nil || len(list) != 0 {
			t.Errorf("%s: %v, %v", typ, list, err)
		}
	}
}
