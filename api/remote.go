package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// recheckEvery is how long an answer that goes on, as a stream of events does,
// outlives the permission to ask for it.
const recheckEvery = 10 * time.Second

// Guard lets only those through who carry the secret of an operator, for as
// long as it is good. Who operators are is decided on the CMA's own host: a
// leaked string cannot make itself a successor.
func Guard(h http.Handler, allowed func(ctx context.Context, secret string) bool) http.Handler {
	refuse := refusal(http.StatusUnauthorized, "this operator string is not, or no longer, good here; make another on the CMA with assim operator create")
	here := refusal(http.StatusForbidden, "who may ask from elsewhere is decided on the CMA's own host: run assim operator there")
	atHome := refusal(http.StatusForbidden, "the recovery key is used on the CMA's own host only")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !ok || !allowed(r.Context(), secret):
			w.Header().Set("Connection", "close") // Strangers hold no connection.
			refuse(w, r)
			return
		case strings.HasPrefix(path.Clean("/"+r.URL.Path), "/v1/"+string(ToOperate)):
			here(w, r)
			return
		case strings.HasPrefix(path.Clean("/"+r.URL.Path), recoverPath):
			atHome(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go recheck(ctx, cancel, recheckEvery, func() bool { return allowed(ctx, secret) })
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func refusal(code int, text string) http.HandlerFunc {
	return answer(func(*http.Request) (any, error) { return nil, &Error{Problem{Error: text}, code} })
}

// recheck ends an answer when its asker may not ask any more.
func recheck(ctx context.Context, cancel func(), every time.Duration, good func() bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !good() {
				cancel()
				return
			}
		}
	}
}

// ServeConn serves HTTP on one connection until it ends or ctx does.
func ServeConn(ctx context.Context, conn *tls.Conn, h http.Handler) {
	one := &single{conn: make(chan net.Conn, 1), ended: make(chan struct{}), addr: conn.LocalAddr()}
	one.conn <- &noticed{Conn: conn, closed: one.end}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	_ = server.Serve(one) // It ends when the connection has: that is no error.
}

// single is a listener that has one connection to give.
type single struct {
	conn  chan net.Conn
	ended chan struct{}
	once  sync.Once
	addr  net.Addr
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case c := <-s.conn:
		return c, nil
	case <-s.ended:
		return nil, net.ErrClosed
	}
}

func (s *single) end()           { s.once.Do(func() { close(s.ended) }) }
func (s *single) Close() error   { s.end(); return nil }
func (s *single) Addr() net.Addr { return s.addr }

// noticed is a connection that tells when it is closed.
type noticed struct {
	net.Conn
	closed func()
}

func (n *noticed) Close() error {
	defer n.closed()
	return n.Conn.Close()
}
