package bulk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"assim/trust"
	"assim/trust/trusttest"
	"assim/wire"
)

// cma is a real bulk server on loopback.
type cma struct {
	t      *testing.T
	dir    string
	keys   *trust.CMAKeys
	reg    *trust.Registry
	server *Server
	addr   string
	socket string

	mu      sync.Mutex
	docs    map[string]int // "id type" → bytes
	desired wire.BulkDesired
	wants   []wire.DocRef
	refused []error
}

func (c *cma) Document(_ context.Context, from wire.ID, d *wire.Document) wire.DocumentAck {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Encoding == wire.Patch {
		return wire.DocumentAck{Have: wire.Hash{7}}
	}
	c.docs[from.String()+" "+d.Type] = len(d.Data)
	return wire.DocumentAck{Stored: true}
}

func (c *cma) Recall(_ context.Context, from wire.ID, r wire.DocRef) []byte {
	if r.Type == "connections" {
		return []byte("of " + from.String())
	}
	return nil
}

func (c *cma) Finish(wire.ID) (wire.BulkDesired, []wire.DocRef) { return c.desired, c.wants }

func startCMA(t *testing.T, change ...func(*Server)) *cma {
	t.Helper()
	c := &cma{t: t, dir: t.TempDir(), docs: map[string]int{}}
	var err error
	if c.keys, _, err = trust.LoadCMAKeys(c.dir); err != nil {
		t.Fatal(err)
	}
	if c.reg, err = trust.NewRegistry(&trusttest.KV{}); err != nil {
		t.Fatal(err)
	}
	c.server = &Server{
		Enroller: &trust.Enroller{Registry: c.reg, Keys: c.keys},
		Backend:  c,
		Refused: func(_ *wire.Announce, _ netip.AddrPort, why error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.refused = append(c.refused, why)
		},
	}
	for _, do := range change {
		do(c.server)
	}
	c.serve(t)
	return c
}

func (c *cma) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.addr, c.socket = l.Addr().String(), filepath.Join(c.dir, "join.sock")
	local, err := ListenLocal(c.socket, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.server.Serve(ctx, l) })
	wg.Go(func() { _ = c.server.ServeLocal(ctx, local) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func (c *cma) permission(limits trust.Token) Permission {
	c.t.Helper()
	j, _, err := c.reg.CreateToken(time.Now(), limits, "127.0.0.1", 1984, c.keys.Pub())
	if err != nil {
		c.t.Fatal(err)
	}
	return Permission{Join: j}
}

func identity(t *testing.T) *trust.Identity {
	t.Helper()
	id, err := trust.LoadIdentity(t.TempDir(), trust.Machine{ID: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var about = wire.Announce{Name: "web01"}

func (c *cma) enrolled(t *testing.T) *trust.Identity {
	t.Helper()
	id := identity(t)
	if err := Enroll(t.Context(), id, about, c.addr, c.permission(trust.Token{})); err != nil {
		t.Fatal(err)
	}
	return id
}

func dialed(t *testing.T, id *trust.Identity, addr string) *Conn {
	t.Helper()
	conn, err := Dial(t.Context(), id, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestNanoprobeEnrollsUploadsAndIsToldWhatIsWanted(t *testing.T) {
	c := startCMA(t)
	c.desired = wire.BulkDesired{Gen: 4, Data: bytes.Repeat([]byte("x"), 50_000)}
	c.wants = []wire.DocRef{{Type: "os"}, {Type: "arp"}}
	id := c.enrolled(t)
	key, _ := c.keys.NodeKey(id.ID, 1)
	if !id.Enrolled() || id.NodeKey != key || id.Pins[0] != c.keys.Pub() {
		t.Fatalf("enrolled as %+v", id)
	}
	conn := dialed(t, id, c.addr)
	for typ, size := range map[string]int{"small": 1, "packages": 3 << 20} {
		d := wire.Document{DocRef: wire.DocRef{Type: typ, Hash: wire.Hash{byte(size)}}, Encoding: wire.Zstd, Data: make([]byte, size)}
		ack, err := conn.Send(&d)
		if err != nil || !ack.Stored || c.docs[id.ID.String()+" "+typ] != size {
			t.Fatalf("%s: %+v, %v; the CMA has %v", typ, ack, err, c.docs)
		}
	}
	patch := wire.Document{DocRef: wire.DocRef{Type: "p"}, Encoding: wire.Patch}
	if ack, err := conn.Send(&patch); err != nil || ack.Stored || ack.Have != (wire.Hash{7}) {
		t.Fatalf("a patch on an unknown version: %+v, %v", ack, err)
	}
	for typ, want := range map[string]string{"connections": "of " + id.ID.String(), "os": ""} {
		if text, err := conn.Recall(wire.DocRef{Type: typ}); err != nil || string(text) != want {
			t.Fatalf("%s is recalled as %q, %v, want %q", typ, text, err, want)
		}
	}
	var desired wire.BulkDesired
	var wants []wire.DocRef
	err := conn.Finish(func(d wire.BulkDesired) { desired = d }, func(w []wire.DocRef) { wants = append(wants, w...) })
	if err != nil || desired.Gen != 4 || len(desired.Data) != 50_000 || len(wants) != 2 {
		t.Fatalf("generation %d of %d bytes, %d wanted: %v", desired.Gen, len(desired.Data), len(wants), err)
	}
}

func TestRefusalsSayWhyAndWhen(t *testing.T) {
	c := startCMA(t)
	err := Enroll(t.Context(), identity(t), about, c.addr, c.permission(trust.Token{Name: "db01"}))
	var r wire.Refused
	if !errors.As(err, &r) || r.Code != wire.CodeBound || r.RetryAfter == 0 {
		t.Fatalf("got %v", err)
	}
}

func TestNanoprobeDoesNotTalkToAnotherCMA(t *testing.T) {
	c, other := startCMA(t), startCMA(t)
	if err := Enroll(t.Context(), identity(t), about, other.addr, c.permission(trust.Token{})); !errors.Is(err, ErrWrongCMA) {
		t.Errorf("enrolling: %v", err)
	}
	if _, err := Dial(t.Context(), c.enrolled(t), other.addr); !errors.Is(err, ErrWrongCMA) {
		t.Errorf("contact: %v", err)
	}
	if err := Enroll(t.Context(), identity(t), about, other.addr, Permission{CMA: c.keys.Pub()}); !errors.Is(err, ErrWrongCMA) {
		t.Errorf("zero configuration: %v", err)
	}
	if err := Enroll(t.Context(), identity(t), about, other.addr, Permission{}); !errors.Is(err, ErrWrongCMA) {
		t.Errorf("with nobody to recognize: %v", err)
	}
}

// The holder of a leaked token stands between a newcomer and the CMA: it can
// show no key but its own, and a proof is good for one connection only.
func TestProofCannotBeRelayed(t *testing.T) {
	c := startCMA(t)
	p := c.permission(trust.Token{})
	id := identity(t)
	cfg, err := clientConfig(id.Key, p.trusts)
	if err != nil {
		t.Fatal(err)
	}
	one, err := dial(t.Context(), c.addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = one.Close() }()
	two, err := dial(t.Context(), c.addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = two.Close() }()
	m := wire.Enroll{Pub: id.Pub(), About: about, Token: trust.TokenIDOf(p.Join.Secret)}
	m.Proof = wire.EnrollProof(trust.Verifier(p.Join.Secret), m.Pub, one.binding)
	var r wire.Refused
	if err := two.enroll(id, &m); !errors.As(err, &r) || r.Code != wire.CodeBadProof {
		t.Fatalf("relayed: %v", err)
	}
}

func TestCompromisedNanoprobeCannotSpeakForAnother(t *testing.T) {
	c := startCMA(t)
	evil, victim := c.enrolled(t), c.enrolled(t)
	pretender := *evil
	pretender.ID = victim.ID
	var r wire.Refused
	if _, err := Dial(t.Context(), &pretender, c.addr); !errors.As(err, &r) || r.Code != wire.CodeUnknownNode {
		t.Fatalf("got %v", err)
	}
	conn := dialed(t, evil, c.addr)
	stolen := wire.Enroll{Pub: victim.Pub(), About: about}
	if err := conn.enroll(evil, &stolen); err == nil {
		t.Fatal("enrolled with another's key")
	}
}

func TestRevocationCutsAnOpenContact(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	conn := dialed(t, id, c.addr)
	if err := c.reg.Revoke(id.ID); err != nil {
		t.Fatal(err)
	}
	var r wire.Refused
	if _, err := conn.Send(&wire.Document{DocRef: wire.DocRef{Type: "os"}, Encoding: wire.Zstd}); !errors.As(err, &r) || r.Code != wire.CodeRevoked {
		t.Fatalf("open contact: %v", err)
	}
	if _, err := Dial(t.Context(), id, c.addr); !errors.As(err, &r) || r.Code != wire.CodeRevoked {
		t.Fatalf("new contact: %v", err)
	}
	if !id.Enrolled() {
		t.Fatal("a refused nanoprobe forgot who it is")
	}
}

func TestNodeKeyIsRotatedInsideTheOldKeysContact(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	old := *id
	if err := dialed(t, id, c.addr).Rotate(id); err != nil {
		t.Fatal(err)
	}
	if id.Pub() == old.Pub() || id.ID != old.ID {
		t.Fatal("not rotated")
	}
	dialed(t, id, c.addr)
	var r wire.Refused
	if _, err := Dial(t.Context(), &old, c.addr); !errors.As(err, &r) || r.Code != wire.CodeUnknownNode {
		t.Fatalf("the old key: %v", err)
	}
}

func TestRotationThatWasInterruptedIsCompleted(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	if err := id.BeginRotation(); err != nil {
		t.Fatal(err)
	}
	dialed(t, id, c.addr) // Interrupted before the CMA heard of it: the old key works.
	next := id.Next
	if err := c.reg.Rekey(id.ID, wire.PubKey(next.Public().(ed25519.PublicKey))); err != nil {
		t.Fatal(err)
	}
	dialed(t, id, c.addr) // Interrupted after it.
	if !id.Key.Equal(next) || id.Next != nil {
		t.Fatal("not completed")
	}
}

func TestCMAKeyRotationIsFollowedWithoutJoiningAgain(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	sleeper := *c.enrolled(t)
	for range 3 {
		if err := c.keys.RotateSigning(); err != nil {
			t.Fatal(err)
		}
		dialed(t, id, c.addr)
		if id.Pins[0] != c.keys.Pub() {
			t.Fatal("the new pin is not taken over")
		}
	}
	dialed(t, &sleeper, c.addr)
	if err := Enroll(t.Context(), identity(t), about, c.addr, c.permission(trust.Token{})); err != nil {
		t.Fatalf("a newcomer with a new string: %v", err)
	}
}

func TestRecoveredCMAIsFollowedByTheRecoveryPin(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	recovery, err := trust.LoadRecoveryKey(filepath.Join(c.dir, trust.RecoveryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.keys.Recover(recovery); err != nil {
		t.Fatal(err)
	}
	dialed(t, id, c.addr)
	key, ok := c.keys.NodeKey(id.ID, id.Epoch)
	if id.Pins[0] != c.keys.Pub() || !ok || key != id.NodeKey {
		t.Fatal("the recovered CMA's keys are not taken over")
	}
}

func TestMasterRotationIsFetchedByBulk(t *testing.T) {
	c := startCMA(t)
	id := c.enrolled(t)
	before := id.NodeKey
	if err := c.keys.BeginEpoch(); err != nil {
		t.Fatal(err)
	}
	dialed(t, id, c.addr)
	if id.Epoch != 2 || id.NodeKey == before || id.Old != before {
		t.Fatalf("epoch %d", id.Epoch)
	}
}

func TestWhoRunsTheCMAJoinsByTheLocalSocketAndNobodyElse(t *testing.T) {
	c := startCMA(t)
	id := identity(t)
	if err := EnrollLocal(t.Context(), id, about, c.socket, c.addr); err != nil {
		t.Fatal(err)
	}
	dialed(t, id, c.addr)
	if info, err := os.Stat(c.socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if id.Weak {
		t.Error("who joined on the CMA's host is called weak")
	}
}

// Who runs the CMA without being root has its keys: his nanoprobe joins as well.
func TestTheCMAsOwnUserJoinsByTheLocalSocket(t *testing.T) {
	for _, c := range []struct {
		named, uid, own uint32
		may             bool
	}{{0, 0, 0, true}, {0, 0, 1000, true}, {0, 1000, 1000, true}, {0, 1000, 0, false}, {0, 1000, 998, false}, {997, 997, 998, true}, {997, 1000, 998, false}} {
		if may := (&Server{LocalUser: c.named}).isLocal(c.uid, c.own); may != c.may {
			t.Errorf("user %d at the CMA of user %d, which was told of %d: %v", c.uid, c.own, c.named, may)
		}
	}
}

func TestSecondCMADoesNotTakeTheSocketAway(t *testing.T) {
	c := startCMA(t)
	if _, err := ListenLocal(c.socket, false); err == nil {
		t.Fatal("taken")
	}
}

func TestSocketLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "join.sock")
	one, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	one.SetUnlinkOnClose(false)
	_ = one.Close()
	two, err := ListenLocal(path, false)
	if err != nil {
		t.Fatal(err)
	}
	_ = two.Close()
}

func TestOperatorsAndNanoprobesShareThePort(t *testing.T) {
	got := make(chan string, 1)
	c := startCMA(t, func(s *Server) {
		s.APIConfig = &tls.Config{}
		s.API = func(_ context.Context, conn *tls.Conn) {
			b, _ := io.ReadAll(io.LimitReader(conn, 5))
			got <- string(b)
		}
	})
	conn, err := tls.Dial("tcp", c.addr, &tls.Config{NextProtos: []string{wire.ALPNAPI}, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "GET /" {
		t.Fatalf("got %q", s)
	}
	c.enrolled(t)
	if conn, err := tls.Dial("tcp", c.addr, &tls.Config{NextProtos: []string{"h2"}, InsecureSkipVerify: true}); err == nil {
		_ = conn.Close()
		t.Fatal("a foreign protocol is served")
	}
}

func TestStrangersCannotMakeTheCMATakeMemoryOrTime(t *testing.T) {
	c := startCMA(t)
	id := identity(t)
	cfg, err := clientConfig(id.Key, func(wire.PubKey, []trust.Endorsement) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for name, frame := range map[string][]byte{
		"a frame of 4 GB":              {0xff, 0xff, 0xff, 0xff, byte(wire.FrameEnroll)},
		"a frame over its limit":       wire.AppendFrame(nil, wire.FrameEnroll, make([]byte, wire.MaxStrangerFrame)),
		"a document before its name":   wire.AppendFrame(nil, wire.FrameDocument, wire.AppendDocument(nil, &wire.Document{DocRef: wire.DocRef{Type: "os"}, Encoding: wire.Zstd})),
		"a malformed enrollment":       wire.AppendFrame(nil, wire.FrameEnroll, []byte("x")),
		"a malformed contact":          wire.AppendFrame(nil, wire.FrameContact, []byte("x")),
		"a frame of an unknown kind":   wire.AppendFrame(nil, 99, nil),
		"a frame of the CMA's own":     wire.AppendFrame(nil, wire.FrameWelcome, nil),
		"a rotation by nobody":         wire.AppendFrame(nil, wire.FrameRotate, make([]byte, 96)),
		"a goodbye without a greeting": wire.AppendFrame(nil, wire.FrameDone, nil),
	} {
		conn, err := dial(t.Context(), c.addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.conn.Write(frame)
		for err == nil {
			var kind wire.FrameKind
			if kind, _, err = conn.read(); err == nil && kind != wire.FrameRefused {
				t.Errorf("%s is answered by kind %d", name, kind)
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", name)
		}
		_ = conn.Close()
	}
	if len(c.docs) > 0 {
		t.Errorf("a stranger's document is stored: %v", c.docs)
	}
}

func TestKeyOfAnotherKindIsRefused(t *testing.T) {
	c := startCMA(t)
	conn, err := tls.Dial("tcp", c.addr, &tls.Config{NextProtos: []string{wire.ALPNBulk}, InsecureSkipVerify: true})
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1)) // TLS 1.3 tells a client afterwards.
		_ = conn.Close()
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a client without a key is served: %v", err)
	}
}

func TestHundredNanoprobesAtOnceAreServed(t *testing.T) {
	c := startCMA(t)
	p := c.permission(trust.Token{})
	ids := make([]*trust.Identity, 100)
	for i := range ids {
		var err error
		if ids[i], err = trust.LoadIdentity(t.TempDir(), trust.Machine{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	errs := make(chan error, len(ids))
	for _, id := range ids {
		go func() { errs <- Enroll(t.Context(), id, about, c.addr, p) }()
	}
	for range ids {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if c.reg.Count() != len(ids) {
		t.Errorf("%d members", c.reg.Count())
	}
}

func TestStoppedServerHasClosedItsConnections(t *testing.T) {
	var open []*Conn
	t.Run("a life", func(t *testing.T) {
		c := startCMA(t) // Serve has returned when its cleanup has.
		id := c.enrolled(t)
		for range 5 {
			conn, err := Dial(t.Context(), id, c.addr)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
	})
	for _, conn := range open {
		if _, _, err := conn.read(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection outlives its server: %v", err)
		}
		_ = conn.Close()
	}
}

func BenchmarkContact(b *testing.B) {
	c := &cma{dir: b.TempDir(), docs: map[string]int{}}
	keys, _, err := trust.LoadCMAKeys(c.dir)
	if err != nil {
		b.Fatal(err)
	}
	reg, err := trust.NewRegistry(&trusttest.KV{})
	if err != nil {
		b.Fatal(err)
	}
	srv := &Server{Enroller: &trust.Enroller{Registry: reg, Keys: keys}, Backend: c}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.Serve(ctx, l) }()
	id, err := trust.LoadIdentity(b.TempDir(), trust.Machine{})
	if err != nil {
		b.Fatal(err)
	}
	j, _, err := reg.CreateToken(time.Now(), trust.Token{}, "x", 1, keys.Pub())
	if err != nil {
		b.Fatal(err)
	}
	if err := Enroll(ctx, id, about, l.Addr().String(), Permission{Join: j}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		conn, err := Dial(ctx, id, l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		_ = conn.Close()
	}
	cancel()
	<-done
}
