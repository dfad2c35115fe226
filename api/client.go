package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"assim/event"
	"assim/trust"
	"assim/trust/bulk"
)

// SocketName is the local socket's name in the CMA's run directory.
const SocketName = "cma.sock"

// DefaultRun is the CMA's run directory unless it is told another.
const DefaultRun = "/run/assim"

// maxAnswer bounds what a client reads of one answer, in bytes.
const maxAnswer = 1 << 30

// ErrNoCMA means that no CMA answered; the message says what to do.
var ErrNoCMA = errors.New("no CMA")

// Client asks one CMA.
type Client struct {
	http   *http.Client
	base   string
	secret string // of an operator on the TLS port; empty on the local socket
	Where  string // for people
}

// LocalSockets lists where the CMA of this machine may listen, likeliest first.
func LocalSockets() []string {
	list := []string{filepath.Join(DefaultRun, SocketName)}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		list = append(list, filepath.Join(dir, "assim", SocketName))
	}
	return list
}

// NewClient returns a client of the CMA at target: a socket path, an operator
// string for another machine's, or empty for the CMA of this machine.
func NewClient(target string) (*Client, error) {
	if trust.IsOperator(target) {
		return newRemote(target)
	}
	path := strings.TrimPrefix(target, "unix:")
	if path == "" {
		path = LocalSockets()[0]
		for _, p := range LocalSockets() {
			if _, err := os.Stat(p); err == nil {
				path = p
				break
			}
		}
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		return conn, explainDial(path, err)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://cma", Where: path}, nil
}

// NewClientOf returns a client of what answers in this process, without a
// network: a face over a store that no CMA serves.
func NewClientOf(h http.Handler, where string) *Client {
	return &Client{http: &http.Client{Transport: direct{h}}, base: "http://here", Where: where}
}

// newRemote returns a client of a CMA elsewhere: TLS with the pinned key, and
// the operator's secret with every request.
func newRemote(target string) (*Client, error) {
	j, err := trust.ParseOperator(target)
	if err != nil {
		return nil, fmt.Errorf("-cma is not an operator string as assim operator create prints it: %w", err)
	}
	address := net.JoinHostPort(j.Host, strconv.Itoa(int(j.Port)))
	cfg := bulk.OperatorConfig(j.Pin)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("%w answers at %s: %w", ErrNoCMA, address, err)
		}
		return conn, nil
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://cma", secret: trust.SecretString(j), Where: address}, nil
}

func explainDial(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w on this machine (%s is not there); start one with `cma`, or ask one elsewhere: on its host, assim operator create prints a string for -cma", ErrNoCMA, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w for this user: %s is for root and the group of the CMA; try sudo", ErrNoCMA, path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w answers on %s: it has stopped; start it with `cma`", ErrNoCMA, path)
	}
	return fmt.Errorf("%w: %w", ErrNoCMA, err)
}

// Status asks for the CMA's health.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Query asks one question.
func (c *Client) Query(ctx context.Context, q QueryRequest) (QueryResult, error) {
	var r QueryResult
	return r, c.do(ctx, http.MethodPost, "/v1/query", q, &r)
}

// Queries lists the canned queries.
func (c *Client) Queries(ctx context.Context) ([]Canned, error) {
	var list []Canned
	return list, c.do(ctx, http.MethodGet, "/v1/queries", nil, &list)
}

// Complete returns what an argument of a canned query may be that begins so.
func (c *Client) Complete(ctx context.Context, typ, prefix string) ([]string, error) {
	var list []string
	v := url.Values{"type": {typ}, "prefix": {prefix}}
	return list, c.do(ctx, http.MethodGet, "/v1/complete?"+v.Encode(), nil, &list)
}

// Docs returns the documents of a system, by name or id, that were stored at a
// time, zero for now; all types when typ is empty.
func (c *Client) Docs(ctx context.Context, system, typ string, at time.Time) ([]Document, error) {
	var d []Document
	v := url.Values{"system": {system}, "type": {typ}}
	if !at.IsZero() {
		v.Set("at", at.Format(time.RFC3339Nano))
	}
	return d, c.do(ctx, http.MethodGet, "/v1/docs?"+v.Encode(), nil, &d)
}

// Diff tells what differs between two times about a system, by name or id; about
// all when it is empty.
func (c *Client) Diff(ctx context.Context, system string, from, to time.Time) (Diff, error) {
	var d Diff
	v := url.Values{"system": {system}, "from": {from.Format(time.RFC3339Nano)}}
	if !to.IsZero() {
		v.Set("to", to.Format(time.RFC3339Nano))
	}
	return d, c.do(ctx, http.MethodGet, "/v1/diff?"+v.Encode(), nil, &d)
}

// Backup makes the CMA copy its store into a file of its host.
func (c *Client) Backup(ctx context.Context, file string) (Backup, error) {
	var b Backup
	return b, c.do(ctx, http.MethodPost, "/v1/backup", BackupRequest{file}, &b)
}

// Check asks whether the CMA's store is sound.
func (c *Client) Check(ctx context.Context) (CheckResult, error) {
	var r CheckResult
	return r, c.do(ctx, http.MethodPost, "/v1/check", nil, &r)
}

// Reindex makes the CMA work out its graph anew from the documents.
func (c *Client) Reindex(ctx context.Context) (Reindexed, error) {
	var r Reindexed
	return r, c.do(ctx, http.MethodPost, "/v1/reindex", nil, &r)
}

// Events returns news from serial since on; the newest limit of them when since is 0.
func (c *Client) Events(ctx context.Context, since uint64, limit int) (Events, error) {
	var e Events
	return e, c.do(ctx, http.MethodGet, fmt.Sprintf("/v1/events?since=%d&limit=%d", since, limit), nil, &e)
}

// Follow calls got with every event from serial since on until ctx ends or the
// CMA goes away.
func (c *Client) Follow(ctx context.Context, since uint64, got func(event.Event) error) error {
	req, err := c.request(ctx, http.MethodGet, "/v1/events?since="+strconv.FormatUint(since, 10), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		return unwrapURL(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e event.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("event stream: %w", err)
		}
		if err := got(e); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: it closed the event stream; follow again with assim events -f", ErrNoCMA)
}

// Permission is a kind of permission.
type Permission string

// The kinds of permission.
const (
	ToJoin    Permission = "tokens"    // for nanoprobes
	ToOperate Permission = "operators" // for people and programs that ask from elsewhere
)

// CreateToken makes a permission.
func (c *Client) CreateToken(ctx context.Context, p Permission, r TokenRequest) (Token, error) {
	var t Token
	return t, c.do(ctx, http.MethodPost, "/v1/"+string(p), r, &t)
}

// Tokens lists the permissions of a kind.
func (c *Client) Tokens(ctx context.Context, p Permission) ([]Token, error) {
	var t []Token
	return t, c.do(ctx, http.MethodGet, "/v1/"+string(p), nil, &t)
}

// RevokeToken ends a permission; with its systems, those that joined by it lose theirs too.
func (c *Client) RevokeToken(ctx context.Context, p Permission, id string, systems bool) error {
	return c.do(ctx, http.MethodDelete, "/v1/"+string(p)+"/"+url.PathEscape(id)+"?systems="+strconv.FormatBool(systems), nil, nil)
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err == nil && c.secret != "" {
		req.Header.Set("Authorization", "Bearer "+c.secret)
	}
	return req, err
}

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return unwrapURL(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Where, err)
	}
	if resp.StatusCode/100 != 2 {
		return problem(resp.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// Error is a Problem as the client returns it.
type Error struct {
	Problem
	Code int // HTTP status
}

func (e *Error) Error() string { return e.Problem.Error }

func problem(code int, text []byte) error {
	e := &Error{Code: code}
	if json.Unmarshal(text, &e.Problem) != nil || e.Problem.Error == "" {
		e.Problem.Error = fmt.Sprintf("the CMA answered %d: %.200s", code, text)
	}
	return e
}

// unwrapURL takes off the "Get http://cma/...:" that net/http puts before an error.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// WaitReady waits until the CMA answers or ctx ends.
func (c *Client) WaitReady(ctx context.Context) error {
	for {
		_, err := c.Status(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
