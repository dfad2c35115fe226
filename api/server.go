package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/admin"
	"assim/event"
	"assim/graph"
	"assim/graph/cypher"
	"assim/query"
)

// Limits of one request.
const (
	maxBody       = 1 << 20          // bytes of a request
	maxRows       = 100_000          // of one answer
	maxEvents     = 10_000           // of one page
	queryTime     = 30 * time.Second // of one question
	keepAliveTime = 20 * time.Second // between comments on an idle event stream
)

// Journal is where news comes from.
type Journal interface {
	// Since returns at most limit events with serials of since and above; the
	// newest limit events when since is 0.
	Since(since uint64, limit int) ([]event.Event, error)
	// Next returns the serial that the next event will have, and a channel that
	// is closed when it has come.
	Next() (serial uint64, more <-chan struct{})
}

// Tokens gives and takes permissions to join.
type Tokens interface {
	CreateToken(ctx context.Context, r TokenRequest) (Token, error)
	Tokens(ctx context.Context) ([]Token, error)
	RevokeToken(ctx context.Context, id string, systems bool) error
}

// Server answers. All fields but the last two are needed.
type Server struct {
	Store     graph.Store
	Queries   *query.Catalog
	Journal   Journal
	Tokens    Tokens // to join
	Operators Tokens // to ask from elsewhere
	Gate      Gate   // who is in; nil: not decided here
	Status    func(context.Context) (Status, error)
	// Reindex works out the graph anew from the stored documents; nil if this CMA cannot.
	Reindex func(context.Context) (Reindexed, error)
	Backups string // the directory of backups on this host; empty: none are made
}

// Handler returns the routes of the package comment.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(func(r *http.Request) (any, error) { return s.Status(r.Context()) }))
	mux.HandleFunc("POST /v1/query", answer(s.query))
	mux.HandleFunc("GET /v1/queries", answer(s.queries))
	mux.HandleFunc("GET /v1/complete", answer(s.complete))
	mux.HandleFunc("GET /v1/docs", answer(s.docs))
	mux.HandleFunc("GET /v1/schema", answer(func(*http.Request) (any, error) {
		return map[string]any{"labels": graph.Labels, "relationships": graph.Rels}, nil
	}))
	permissions(mux, "tokens", s.Tokens)
	permissions(mux, "operators", s.Operators)
	if s.Gate != nil {
		gate(mux, s.Gate)
	}
	mux.HandleFunc("GET /v1/events", s.events)
	s.upkeep(mux)
	mux.HandleFunc("/", answer(func(r *http.Request) (any, error) {
		return nil, &Error{Problem{Error: fmt.Sprintf("there is no %s %s here; the calls are under /v1/", r.Method, r.URL.Path)}, http.StatusNotFound}
	}))
	return mux
}

// answer turns a function into a handler that prints JSON or a Problem.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(r)
		code := http.StatusOK
		if err != nil {
			v, code = problemOf(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // the reader may be gone; there is nobody left to tell
	}
}

func problemOf(err error) (Problem, int) {
	var (
		own  *Error
		bad  admin.BadRequest
		text *cypher.Error
		size *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own.Problem, own.Code
	case errors.As(err, &text):
		return Problem{Error: strings.SplitN(text.Error(), "\n", 2)[0], Line: text.Line, Column: text.Column}, http.StatusBadRequest
	case errors.As(err, &bad):
		return Problem{Error: err.Error()}, http.StatusBadRequest
	case errors.As(err, &size):
		return Problem{Error: fmt.Sprintf("the request is over %d bytes", maxBody)}, http.StatusRequestEntityTooLarge
	case errors.Is(err, graph.ErrNotFound):
		return Problem{Error: err.Error()}, http.StatusNotFound
	case errors.Is(err, graph.ErrTooOld):
		return Problem{Error: err.Error() + "; ask about a later time, or keep more with cma -retention"}, http.StatusBadRequest
	case errors.Is(err, graph.ErrNoDiff):
		return Problem{Error: err.Error()}, http.StatusNotImplemented
	}
	return Problem{Error: err.Error()}, http.StatusInternalServerError
}

func (s *Server) query(r *http.Request) (any, error) {
	var req QueryRequest
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	limit := min(max(req.Limit, 0), maxRows)
	if limit == 0 {
		limit = maxRows
	}
	view, err := s.Store.View(r.Context(), req.At)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	start := time.Now()
	rows, notes, err := s.run(r.Context(), view, req)
	if err != nil {
		return nil, err
	}
	out := QueryResult{Columns: rows.Columns(), Rows: [][]any{}}
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		if len(out.Rows) == limit {
			out.Truncated = true
			break
		}
		plain := make([]any, len(row))
		for i, v := range row {
			plain[i] = plainValue(v)
		}
		out.Rows = append(out.Rows, plain)
	}
	if nothingInAColumn(out) {
		out.Notes = notes(view, len(out.Rows) > 0)
	}
	out.Millis = float64(time.Since(start).Microseconds()) / 1000
	return out, nil
}

// nothingInAColumn reports that no row says anything in one of the columns,
// which is what a property with a slip in its name looks like.
func nothingInAColumn(r QueryResult) bool {
	for i := range r.Columns {
		if !slices.ContainsFunc(r.Rows, func(row []any) bool { return row[i] != nil }) {
			return true
		}
	}
	return len(r.Rows) == 0
}

func (s *Server) run(ctx context.Context, view graph.Reader, req QueryRequest) (rows *cypher.Rows, notes func(r graph.Reader, some bool) []string, err error) {
	limits := cypher.Limits{Time: queryTime}
	if req.Name != "" {
		q, err := s.Queries.Find(req.Name)
		if err != nil {
			return nil, nil, admin.Bad(err)
		}
		rows, err = q.Run(ctx, view, req.Args, limits)
		return rows, q.Notes, err
	}
	q, err := cypher.Parse(req.Query)
	if err != nil {
		return nil, nil, err
	}
	rows, err = q.Run(ctx, view, wholeNumbers(req.Params), limits)
	return rows, q.Notes, err
}

// wholeNumbers undoes encoding/json's habit of making every number a float.
func wholeNumbers(params map[string]any) map[string]any {
	out := make(map[string]any, len(params))
	for k, v := range params {
		if f, ok := v.(float64); ok && f == float64(int64(f)) {
			v = int64(f)
		}
		out[k] = v
	}
	return out
}

func plainValue(v any) any {
	switch v := v.(type) {
	case *cypher.Node:
		if v == nil {
			return nil
		}
		vertex := v.Vertex()
		return Vertex{vertex.Key.String(), vertex.Labels, vertex.Props}
	case *cypher.Rel:
		if v == nil {
			return nil
		}
		edge := v.Edge()
		return Edge{Type: edge.Type, Props: edge.Props}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainValue(e)
		}
		return out
	}
	return cypher.Plain(v)
}

func (s *Server) queries(*http.Request) (any, error) {
	list := []Canned{}
	for _, q := range s.Queries.All() {
		c := Canned{Name: q.Name, Short: q.Short, Long: q.Long, Line: q.Line, Text: q.Text}
		for _, a := range q.Args {
			c.Args = append(c.Args, Arg{Name: a.Name, Type: string(a.Type), Optional: a.HasDefault, Help: a.Default})
		}
		list = append(list, c)
	}
	return list, nil
}

// complete answers GET /v1/complete?type=&prefix= with what an argument of a
// canned query may be.
func (s *Server) complete(r *http.Request) (any, error) {
	view, err := s.Store.View(r.Context(), time.Time{})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	list, err := query.Type(r.URL.Query().Get("type")).Complete(r.Context(), view, r.URL.Query().Get("prefix"))
	if list == nil {
		list = []string{}
	}
	return list, err
}

func (s *Server) docs(r *http.Request) (any, error) {
	who, typ := r.URL.Query().Get("system"), r.URL.Query().Get("type")
	at, err := timeOf(r, "at")
	if err != nil {
		return nil, err
	}
	view, err := s.Store.View(r.Context(), at)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	system, err := findSystem(view, who)
	if err != nil {
		return nil, err
	}
	name, _ := system.Props["name"].(string)
	docs := []Document{}
	for d, err := range view.Documents(system.Key, typ) {
		if err != nil {
			return nil, err
		}
		docs = append(docs, Document{d.System.ID, name, d.Type, d.Instance, d.Hash, d.At, d.JSON})
	}
	return docs, nil
}

// findSystem returns the system of that id or name.
func findSystem(view graph.Reader, who string) (graph.Vertex, error) {
	if v, err := view.Find(graph.Key{Label: graph.System, ID: who}); err == nil {
		return v, nil
	}
	for v, err := range view.NodesWith(graph.System, "name", who) {
		return v, err
	}
	return graph.Vertex{}, fmt.Errorf("no system has the name or id %q, assim systems lists all: %w", who, graph.ErrNotFound)
}

// permissions are the calls that give, list and take one kind of permission.
func permissions(mux *http.ServeMux, name string, tokens Tokens) {
	mux.HandleFunc("GET /v1/"+name, answer(func(r *http.Request) (any, error) { return tokens.Tokens(r.Context()) }))
	mux.HandleFunc("POST /v1/"+name, answer(func(r *http.Request) (any, error) {
		var req TokenRequest
		if err := decode(r, &req); err != nil {
			return nil, err
		}
		return tokens.CreateToken(r.Context(), req)
	}))
	mux.HandleFunc("DELETE /v1/"+name+"/{id}", answer(func(r *http.Request) (any, error) {
		systems := r.URL.Query().Get("systems") == "true"
		return struct{}{}, tokens.RevokeToken(r.Context(), r.PathValue("id"), systems)
	}))
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var size *http.MaxBytesError
		if errors.As(err, &size) {
			return err
		}
		return admin.Badf("the request is not the JSON expected here: %w", err)
	}
	return nil
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		s.follow(w, r)
		return
	}
	answer(func(r *http.Request) (any, error) {
		since, err := number(r, "since", 0)
		if err != nil {
			return nil, err
		}
		limit, err := number(r, "limit", 100)
		if err != nil {
			return nil, err
		}
		list, err := s.Journal.Since(since, int(min(limit, maxEvents)))
		next, _ := s.Journal.Next()
		if n := len(list); n > 0 && since > 0 {
			next = list[n-1].Serial + 1
		}
		return Events{list, next}, err
	})(w, r)
}

func number(r *http.Request, name string, otherwise uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, admin.Badf("%s=%s is not a number", name, text)
	}
	return n, nil
}

// follow streams events as server-sent events (WHATWG HTML, section 9.2). A
// browser that comes again tells the last one it saw.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	since, err := number(r, "since", 0)
	if last, perr := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); perr == nil {
		since = last + 1
	}
	if err != nil {
		answer(func(*http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	if since == 0 {
		since, _ = s.Journal.Next()
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for r.Context().Err() == nil {
		next, more := s.Journal.Next()
		for since < next {
			list, err := s.Journal.Since(since, maxEvents)
			if err != nil || len(list) == 0 {
				break
			}
			for _, e := range list {
				text, err := json.Marshal(e)
				if err != nil {
					return
				}
				fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Serial, text)
			}
			since = list[len(list)-1].Serial + 1
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
		case <-more:
		case <-time.After(keepAliveTime):
			fmt.Fprint(w, ": still here\n\n")
		}
	}
}
