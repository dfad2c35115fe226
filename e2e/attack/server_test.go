package attack

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"assim/api"
	"assim/cma"
	"assim/graph/embedded"
	"assim/netio"
	"assim/session"
	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

// patience is how long anything may take on a loaded machine.
const patience = 90 * time.Second

// server is a real cma process on loopback.
type server struct {
	t    *testing.T
	bin  string
	dir  string
	at   netip.AddrPort
	proc *exec.Cmd
	with []string // more flags
}

// build builds the programs once for all tests; TestMain removes them.
var build = sync.OnceValues(func() (string, error) {
	if out, err := exec.Command("go", "build", "-o", built, "assim/cmd/cma", "assim/cmd/nanoprobe").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return filepath.Join(built, "cma"), nil
})

var built string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if built, err = os.MkdirTemp("", "assim-attack"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

func startCMA(t *testing.T, with ...string) *server {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("attacks on a real CMA are not shown: its members join by the root-only socket")
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), bin: bin, with: with}
	s.start("127.0.0.1:0")
	t.Cleanup(s.kill)
	return s
}

// start runs it and waits until it serves.
func (s *server) start(listen string) {
	s.t.Helper()
	address := filepath.Join(s.dir, "address")
	_ = os.Remove(address)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.proc = exec.Command(s.bin, append([]string{"-data", s.dir, "-run", s.dir, "-listen", listen}, s.with...)...)
	s.proc.Stderr = log
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		b, err := os.ReadFile(address)
		if err != nil {
			continue
		}
		if s.at, err = netip.ParseAddrPort(strings.TrimSpace(string(b))); err == nil {
			// It receives already; operators are served a moment later.
			ctx, cancel := context.WithTimeout(s.t.Context(), patience)
			defer cancel()
			if err := s.client().WaitReady(ctx); err != nil {
				s.t.Fatal(err)
			}
			return
		}
	}
	text, _ := os.ReadFile(log.Name())
	s.t.Fatalf("the cma does not come up:\n%s", text)
}

func (s *server) kill() {
	_ = s.proc.Process.Kill()
	_ = s.proc.Wait()
}

// killAndRestart is kill -9, and the same port again.
func (s *server) killAndRestart() {
	s.kill()
	s.start(s.at.String())
}

func (s *server) client() *api.Client {
	s.t.Helper()
	c, err := api.NewClient(filepath.Join(s.dir, api.SocketName))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// actor is a nanoprobe in our hands: the shipped session core, a socket, and
// whatever we want to do with them.
type actor struct {
	t       *testing.T
	cma     *server
	id      *trust.Identity
	udp     *netio.UDP
	session *session.Node
	sent    [][]byte // all datagrams
	heard   [][]byte
}

func (s *server) join(name string) *actor {
	s.t.Helper()
	id, err := trust.LoadIdentity(s.t.TempDir(), trust.Machine{ID: name})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	about := wire.Announce{Name: name, Machine: id.Machine.Hash()}
	if err := bulk.EnrollLocal(ctx, id, about, filepath.Join(s.dir, "join.sock"), s.at.String()); err != nil {
		s.t.Fatal(err)
	}
	a := &actor{t: s.t, cma: s, id: id, udp: socket(s.t)}
	a.begin(about)
	return a
}

func socket(t *testing.T) *netio.UDP {
	t.Helper()
	u, err := netio.Listen(netio.Options{Bind: netip.AddrFrom4([4]byte{127, 0, 0, 1})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

// begin starts a session.
func (a *actor) begin(about wire.Announce) {
	a.t.Helper()
	s, err := a.id.NextSession(time.Now())
	if err != nil {
		a.t.Fatal(err)
	}
	about.Addrs = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.udp.Port())}
	a.session = session.NewNode(time.Now(), session.DefaultOptions, s, rand.New(rand.NewPCG(uint64(s), 1)))
	a.session.Announce(about)
}

func (a *actor) seal(m *wire.Signal) []byte {
	e := wire.Envelope{Epoch: a.id.Epoch, ID: a.id.ID, Nonce: trust.Nonce()}
	return wire.AppendSignal(nil, wire.NewSealer(a.id.NodeKey), e, m)
}

// live speaks with the CMA until done or patience ends.
func (a *actor) live(done func() bool) bool {
	a.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for m, ok := a.session.Poll(time.Now()); ok; m, ok = a.session.Poll(time.Now()) {
			b := a.seal(&m)
			a.sent = append(a.sent, b)
			_ = a.udp.Write(netio.Packet{Data: b, Peer: a.cma.at})
		}
		if done() {
			return true
		}
		wait := 50 * time.Millisecond
		if d := a.session.Deadline(); !d.IsZero() {
			wait = max(0, min(wait, time.Until(d)))
		}
		if b := listenFor(a.t, a.udp, wait); b != nil {
			a.heard = append(a.heard, b)
			if m, err := wire.OpenSignal(b, wire.NewSealer(a.id.NodeKey), true); err == nil {
				a.session.Receive(time.Now(), &m)
				a.session.Events()
			}
		}
	}
	return false
}

// quiet lives until everything said is acknowledged.
func (a *actor) quiet() {
	a.t.Helper()
	if !a.live(a.session.Quiet) {
		text, _ := os.ReadFile(filepath.Join(a.cma.dir, "log"))
		a.t.Fatalf("%s is not acknowledged\n%s", a.id.ID, text)
	}
}

// listenFor waits for one datagram; nil when none came.
func listenFor(t *testing.T, u *netio.UDP, wait time.Duration) []byte {
	t.Helper()
	if err := u.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	packets := make([]netio.Packet, 1)
	n, err := u.Read(packets)
	if err != nil || n == 0 {
		return nil
	}
	return append([]byte(nil), packets[0].Data...)
}

func (s *server) events() []string {
	s.t.Helper()
	got, err := s.client().Events(s.t.Context(), 0, 10_000)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range got.Events {
		out = append(out, fmt.Sprint(e.Kind, " ", e.Name))
	}
	return out
}

func tokenRequest() api.TokenRequest { return api.TokenRequest{For: time.Hour, Address: "127.0.0.1"} }

// joinBy joins with a join string, over TLS.
func (s *server) joinBy(text string) *actor {
	s.t.Helper()
	j, err := trust.ParseJoin(text)
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := trust.LoadIdentity(s.t.TempDir(), trust.Machine{ID: text})
	if err != nil {
		s.t.Fatal(err)
	}
	about := wire.Announce{Name: "guest", Machine: id.Machine.Hash()}
	if err := bulk.Enroll(s.t.Context(), id, about, s.at.String(), bulk.Permission{Join: j}); err != nil {
		s.t.Fatal(err)
	}
	a := &actor{t: s.t, cma: s, id: id, udp: socket(s.t)}
	a.begin(about)
	return a
}

// durable returns up to which number a member's messages are processed, as the
// stopped CMA's store says.
func (s *server) durable(id wire.ID) uint32 {
	s.t.Helper()
	store, err := embedded.Open(filepath.Join(s.dir, "graph.db"), embedded.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	said, err := cma.Marks(s.t.Context(), store)
	if err != nil {
		s.t.Fatal(err)
	}
	return said[id].Seq
}
