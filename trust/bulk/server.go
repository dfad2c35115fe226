package bulk

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"assim/trust"
	"assim/wire"
)

// Limits of the server.
const (
	maxConns         = 1024             // served at once; the rest wait in the kernel's queue
	maxConnsPerHost  = 128              // of one address, or IPv6 network of 64 bits: nobody takes all
	handshakeTimeout = 10 * time.Second // for TLS and the first frame
	idleTimeout      = 30 * time.Second // between frames
	maxWants         = 1024             // documents wanted in one contact
)

// Backend is what the CMA does with what arrives. Its methods are called from
// many goroutines.
type Backend interface {
	// Document makes a document durable and says so; or what it wants instead.
	Document(ctx context.Context, from wire.ID, d *wire.Document) wire.DocumentAck
	// Recall returns what a nanoprobe said last, by type and instance, where it may
	// ask for that; nil: nothing.
	Recall(ctx context.Context, from wire.ID, r wire.DocRef) []byte
	// Finish returns what the CMA wants to tell at the end of a contact; a zero
	// generation means that there is nothing.
	Finish(from wire.ID) (wire.BulkDesired, []wire.DocRef)
}

// Server serves the bulk plane.
type Server struct {
	Enroller *trust.Enroller
	Backend  Backend
	// API serves operators' connections (ALPN wire.ALPNAPI) with the
	// configuration APIConfig; nil: none are served. It closes the connection.
	API       func(context.Context, *tls.Conn)
	APIConfig *tls.Config
	// LocalUser may join by the local socket besides root and the user that this
	// process runs as, who has its keys anyway; 0: nobody.
	LocalUser uint32
	// Enrolled and Refused hear about newcomers and the rejected; both may be
	// nil. from is invalid for the local socket.
	Enrolled func(who wire.ID, about *wire.Announce, from netip.AddrPort)
	Refused  func(about *wire.Announce, from netip.AddrPort, why error)
}

// Serve accepts nanoprobes, and operators, from l until ctx ends, and returns
// when all connections are closed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	cfg := ServerConfig(s.Enroller.Keys, s.APIConfig)
	return s.serve(ctx, l, func(ctx context.Context, conn net.Conn) {
		s.secure(ctx, tls.Server(conn, cfg))
	})
}

// ServeLocal accepts nanoprobes of this host by a Unix socket: those of root, of
// the user that this process runs as, and of LocalUser. The kernel tells who it is.
func (s *Server) ServeLocal(ctx context.Context, l *net.UnixListener) error {
	return s.serve(ctx, l, s.local)
}

// ListenLocal makes the socket at path. Who may join by it is decided when
// somebody connects; all may connect only if all means that it is not for root
// alone. A socket left behind by a killed CMA is replaced.
func ListenLocal(path string, all bool) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("bulk: the local socket: %w; choose another directory with -run", err)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("bulk: another CMA serves %s: stop it first, or choose another directory with -run", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("bulk: the local socket: %w; choose another directory with -run", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("bulk: the local socket: %w; choose another directory with -run", err)
	}
	mode := fs.FileMode(0o600)
	if all {
		mode = 0o666
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("bulk: the local socket: %w; choose another directory with -run", err)
	}
	return l, nil
}

func (s *Server) serve(ctx context.Context, l net.Listener, one func(context.Context, net.Conn)) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	slots := make(chan struct{}, maxConns)
	var hosts crowd
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			// Out of descriptors, most likely: others will close.
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		host, ok := hosts.enter(conn.RemoteAddr())
		if !ok {
			_ = conn.Close() // A nanoprobe comes again.
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer hosts.leave(host)
			defer func() { _ = conn.Close() }()
			cut := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer cut()
			one(ctx, conn)
		})
	}
}

func (s *Server) secure(ctx context.Context, conn *tls.Conn) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := conn.HandshakeContext(ctx); err != nil {
		return // Scanners and foreign clients are no news.
	}
	cs := conn.ConnectionState()
	if cs.NegotiatedProtocol == wire.ALPNAPI && s.API != nil {
		_ = conn.SetDeadline(time.Time{})
		s.API(ctx, conn)
		return
	}
	key, _, err := peerKey(cs)
	if err != nil {
		return
	}
	bound, err := binding(cs)
	if err != nil {
		return
	}
	from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	p := &peer{server: s, conn: conn, key: key, binding: bound, from: from}
	p.converse(ctx)
	_ = conn.Close() // With TLS's own goodbye.
}

func (s *Server) local(ctx context.Context, conn net.Conn) {
	uid, err := peerUID(conn)
	p := &peer{server: s, conn: conn, local: true}
	if err != nil || !s.isLocal(uid, uint32(os.Geteuid())) {
		// It reads what it is told only after it has asked.
		_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
		_, _, _ = wire.ReadFrame(conn, wire.MaxStrangerFrame)
		p.refuse(nil, wire.Refused{Code: wire.CodeBound, Text: "only root, the user that the CMA runs as, and the one that -local-user of the CMA names may join by this socket", RetryAfter: time.Hour})
		return
	}
	p.converse(ctx)
}

// isLocal reports whether a user may join by the local socket of a CMA that runs
// as own.
func (s *Server) isLocal(uid, own uint32) bool {
	return uid == 0 || uid == own || s.LocalUser != 0 && uid == s.LocalUser
}

// peerUID asks the kernel who is at the other end.
func peerUID(conn net.Conn) (uid uint32, err error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errors.New("bulk: not a Unix socket")
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			failed = err
			return
		}
		uid = cred.Uid
	})
	return uid, errors.Join(err, failed)
}

// peer is one connection at the CMA.
type peer struct {
	server  *Server
	conn    net.Conn
	key     wire.PubKey // proven by TLS; on the local socket, claimed
	binding []byte
	from    netip.AddrPort
	local   bool
	id      wire.ID // once it is welcome
}

// converse answers frame after frame, until the other end is done, silent, or
// wrong.
func (p *peer) converse(ctx context.Context) {
	_ = p.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	for ctx.Err() == nil {
		limit := wire.MaxStrangerFrame
		if !p.id.IsZero() {
			limit = wire.MaxFrame
		}
		kind, body, err := wire.ReadFrame(p.conn, limit)
		if err != nil {
			return
		}
		_ = p.conn.SetDeadline(time.Now().Add(frameTimeout))
		if !p.answer(ctx, kind, body) {
			return
		}
		_ = p.conn.SetDeadline(time.Now().Add(idleTimeout))
	}
}

// answer returns false when the conversation is over.
func (p *peer) answer(ctx context.Context, kind wire.FrameKind, body []byte) bool {
	switch {
	case kind == wire.FrameEnroll && p.id.IsZero():
		return p.enroll(body)
	case kind == wire.FrameContact && p.id.IsZero() && !p.local:
		return p.contact(body)
	case p.id.IsZero():
		return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, Text: "say who you are first", RetryAfter: time.Minute})
	case !p.member():
		return p.refuse(nil, wire.Refused{Code: wire.CodeRevoked, RetryAfter: time.Hour})
	case kind == wire.FrameDocument:
		return p.document(ctx, body)
	case kind == wire.FrameRecall:
		return p.recall(ctx, body)
	case kind == wire.FrameRotate && !p.local:
		return p.rotate(body)
	case kind == wire.FrameDone:
		p.finish()
		return false
	}
	return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, Text: fmt.Sprintf("frame kind %d means nothing here", kind), RetryAfter: time.Minute})
}

// member is asked before every frame: a revocation cuts a contact short.
func (p *peer) member() bool { return p.server.Enroller.Registry.Standing(p.id) == trust.Member }

func (p *peer) enroll(body []byte) bool {
	m, err := wire.ParseEnroll(body)
	if err != nil || !p.local && m.Pub != p.key {
		return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, RetryAfter: time.Minute})
	}
	w, err := p.server.Enroller.Decide(time.Now(), &trust.Applicant{Enroll: &m, From: p.from.Addr(), Binding: p.binding, Local: p.local})
	if err != nil {
		return p.refuse(&m.About, err)
	}
	p.id = w.ID
	if p.server.Enrolled != nil {
		p.server.Enrolled(w.ID, &m.About, p.from)
	}
	return p.write(wire.FrameWelcome, wire.AppendWelcome(nil, &w))
}

func (p *peer) contact(body []byte) bool {
	m, err := wire.ParseContact(body)
	if err != nil {
		return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, RetryAfter: time.Minute})
	}
	id, revoked, known := p.server.Enroller.Registry.ByKey(p.key)
	switch {
	case !known || id != m.ID:
		return p.refuse(nil, wire.Refused{Code: wire.CodeUnknownNode, Text: "this CMA does not know that key", RetryAfter: time.Minute})
	case revoked:
		return p.refuse(nil, wire.Refused{Code: wire.CodeRevoked, Text: "this system was put out", RetryAfter: time.Hour})
	}
	p.id = id
	return p.welcome()
}

func (p *peer) welcome() bool {
	w := p.server.Enroller.Welcome(p.id)
	return p.write(wire.FrameWelcome, wire.AppendWelcome(nil, &w))
}

func (p *peer) document(ctx context.Context, body []byte) bool {
	d, err := wire.ParseDocument(body)
	if err != nil {
		return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, Text: "document: " + err.Error(), RetryAfter: time.Minute})
	}
	ack := p.server.Backend.Document(ctx, p.id, &d)
	ack.DocRef = d.DocRef
	return p.write(wire.FrameDocumentAck, wire.AppendDocumentAck(nil, &ack))
}

func (p *peer) recall(ctx context.Context, body []byte) bool {
	refs, err := wire.ParseRefs(body)
	if err != nil || len(refs) != 1 {
		return p.refuse(nil, wire.Refused{Code: wire.CodeMalformed, Text: "recall names one document", RetryAfter: time.Minute})
	}
	return p.write(wire.FrameRecalled, p.server.Backend.Recall(ctx, p.id, refs[0]))
}

func (p *peer) rotate(body []byte) bool {
	m, err := wire.ParseRotate(body)
	if err != nil || !ed25519.Verify(m.Pub[:], wire.RotateText(p.id, m.Pub, p.binding), m.Proof[:]) {
		return p.refuse(nil, wire.Refused{Code: wire.CodeBadProof, RetryAfter: time.Minute})
	}
	if err := p.server.Enroller.Registry.Rekey(p.id, m.Pub); err != nil {
		return p.refuse(nil, wire.Refused{Code: wire.CodeBusy, Text: err.Error(), RetryAfter: time.Minute})
	}
	return p.welcome()
}

func (p *peer) finish() {
	desired, wants := p.server.Backend.Finish(p.id)
	wants = wants[:min(len(wants), maxWants)]
	for len(wants) > 0 {
		var body []byte
		body, wants = wire.AppendRefs(nil, wants)
		if !p.write(wire.FrameWant, body) {
			return
		}
	}
	if desired.Gen != 0 {
		p.write(wire.FrameDesired, wire.AppendBulkDesired(nil, &desired))
	}
}

// refuse tells why and ends the conversation. An error that is no Refused is
// the CMA's own trouble.
func (p *peer) refuse(about *wire.Announce, why error) bool {
	var r wire.Refused
	if !errors.As(why, &r) {
		r = wire.Refused{Code: wire.CodeBusy, Text: "the CMA is in trouble", RetryAfter: time.Minute}
	}
	if p.server.Refused != nil {
		p.server.Refused(about, p.from, why)
	}
	p.write(wire.FrameRefused, wire.AppendRefused(nil, &r))
	return false
}

func (p *peer) write(kind wire.FrameKind, body []byte) bool {
	_, err := p.conn.Write(wire.AppendFrame(nil, kind, body))
	return err == nil
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
