package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Guard lets only those through who carry the secret of an operator.
func Guard(h http.Handler, allowed func(ctx context.Context, secret string) bool) http.Handler {
	refuse := answer(func(*http.Request) (any, error) {
		return nil, &Error{Problem{Error: "this operator string is not, or no longer, good here; make another on the CMA with assim operator create"}, http.StatusUnauthorized}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !allowed(r.Context(), secret) {
			refuse(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
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
