package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"assim/netio"
	"assim/trust"
	"assim/trust/bulk"
	"assim/trust/trusttest"
	"assim/wire"
)

// plane is the cost of one contact, both ends together.
type plane struct {
	Name       string  `json:"name"`
	CPUMicros  float64 `json:"cpu_us"`
	WallMicros float64 `json:"wall_us"`
	Contacts   int     `json:"contacts"`
}

// edges is how many pairs the tick plane is measured over, so that keys are
// not all in the processor's cache.
const edges = 100_000

func measurePlanes(each time.Duration) ([]plane, error) {
	dir, err := os.MkdirTemp("", "bench-transport")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var out []plane
	for _, m := range []struct {
		name    string
		prepare func(dir string) (contact func(i int) error, end func(), err error)
	}{
		{"peer: bare UDP datagram, proves nothing", bareDatagrams},
		{"tick: authenticated, over 100,000 edges", ticks},
		{"signal: announce and acknowledgment, sealed", signals},
		{"bulk: TLS contact with welcome", contacts},
		{"peer: HTTPS POST, keys on both sides", posts},
	} {
		contact, end, err := m.prepare(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		p, err := measure(m.name, each, contact)
		end()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// measure repeats contact for a while.
func measure(name string, each time.Duration, contact func(int) error) (plane, error) {
	began, used := time.Now(), processorTime()
	n := 0
	for time.Since(began) < each {
		for range 16 {
			if err := contact(n); err != nil {
				return plane{}, err
			}
			n++
		}
	}
	wall, cpu := time.Since(began), processorTime()-used
	return plane{name, micros(cpu, n), micros(wall, n), n}, nil
}

func micros(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(n) }

// processorTime is what all threads of this process have used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// link is two sockets.
type link struct {
	a, b     *netio.UDP
	toA, toB netip.AddrPort
	packets  []netio.Packet
}

func newLink() (*link, error) {
	home := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	l := &link{packets: make([]netio.Packet, 1)}
	var err error
	if l.a, err = netio.Listen(netio.Options{}); err != nil {
		return nil, err
	}
	if l.b, err = netio.Listen(netio.Options{}); err != nil {
		return nil, err
	}
	l.toA, l.toB = netip.AddrPortFrom(home, l.a.Port()), netip.AddrPortFrom(home, l.b.Port())
	return l, nil
}

func (l *link) close() {
	_ = l.a.Close()
	_ = l.b.Close()
}

func (l *link) pass(from, to *netio.UDP, at netip.AddrPort, data []byte) (*netio.Packet, error) {
	if err := from.Write(netio.Packet{Data: data, Peer: at}); err != nil {
		return nil, err
	}
	n, err := to.Read(l.packets)
	if err == nil && n != 1 {
		err = errors.New("nothing arrived")
	}
	return &l.packets[0], err
}

func bareDatagrams(string) (func(int) error, func(), error) {
	l, err := newLink()
	if err != nil {
		return nil, nil, err
	}
	data := make([]byte, wire.TickSize)
	return func(int) error {
		_, err := l.pass(l.a, l.b, l.toB, data)
		return err
	}, l.close, nil
}

func ticks(string) (func(int) error, func(), error) {
	l, err := newLink()
	if err != nil {
		return nil, nil, err
	}
	keys := make(map[wire.Edge]wire.EdgeKey, edges)
	list := make([]wire.Edge, edges)
	for i := range list {
		a, b := wire.ID{byte(i), byte(i >> 8), byte(i >> 16), 1}, wire.ID{byte(i), byte(i >> 8), byte(i >> 16), 2}
		list[i] = wire.EdgeOf(a, b)
		keys[list[i]] = wire.EdgeKey{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	var buf []byte
	return func(i int) error {
		e := list[i*7919%edges]
		t := wire.Tick{Kind: wire.Heartbeat, Edge: e, Session: 1, Seq: uint32(i)}
		buf = wire.AppendTick(buf[:0], &t, keys[e], wire.Up)
		p, err := l.pass(l.a, l.b, l.toB, buf)
		if err != nil {
			return err
		}
		edge, _ := wire.TickEdge(p.Data)
		_, err = wire.OpenTick(p.Data, keys[edge], wire.Up)
		return err
	}, l.close, nil
}

func signals(dir string) (func(int) error, func(), error) {
	l, err := newLink()
	if err != nil {
		return nil, nil, err
	}
	keys, _, err := trust.LoadCMAKeys(filepath.Join(dir, "signals"))
	if err != nil {
		return nil, nil, err
	}
	id := wire.ID{1}
	key, _ := keys.NodeKey(id, 1)
	mine := wire.NewSealer(key)
	body := wire.AppendAnnounce(nil, &wire.Announce{Name: "web01", Version: "1", Addrs: []netip.AddrPort{l.toA}})
	var buf []byte
	return func(i int) error {
		e := wire.Envelope{Epoch: 1, ID: id, Nonce: trust.Nonce()}
		buf = wire.AppendSignal(buf[:0], mine, e, &wire.Signal{Session: 1, Seq: uint32(i), Kind: wire.KindAnnounce, Body: body})
		p, err := l.pass(l.a, l.b, l.toB, buf)
		if err != nil {
			return err
		}
		// The CMA keeps no key: it derives it for each packet.
		if e, err = wire.SignalEnvelope(p.Data); err != nil {
			return err
		}
		derived, _ := keys.NodeKey(e.ID, e.Epoch)
		its := wire.NewSealer(derived)
		m, err := wire.OpenSignal(p.Data, its, false)
		if err != nil {
			return err
		}
		e.FromCMA, e.Nonce = true, trust.Nonce()
		buf = wire.AppendSignal(buf[:0], its, e, &wire.Signal{Session: m.Session, Seq: m.Seq, AckThrough: m.Seq, Kind: wire.KindAck})
		if p, err = l.pass(l.b, l.a, l.toA, buf); err != nil {
			return err
		}
		_, err = wire.OpenSignal(p.Data, mine, true)
		return err
	}, l.close, nil
}

func contacts(dir string) (func(int) error, func(), error) {
	keys, _, err := trust.LoadCMAKeys(filepath.Join(dir, "bulk"))
	if err != nil {
		return nil, nil, err
	}
	reg, err := trust.NewRegistry(&trusttest.KV{})
	if err != nil {
		return nil, nil, err
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	server := &bulk.Server{Enroller: &trust.Enroller{Registry: reg, Keys: keys}}
	go func() {
		defer close(done)
		_ = server.Serve(ctx, tcp)
	}()
	end := func() { cancel(); <-done }
	id, err := trust.LoadIdentity(filepath.Join(dir, "node"), trust.Machine{})
	if err != nil {
		return nil, end, err
	}
	join, _, err := reg.CreateToken(time.Now(), trust.Token{}, "127.0.0.1", 1, keys.Pub())
	if err != nil {
		return nil, end, err
	}
	address := tcp.Addr().String()
	if err := bulk.Enroll(ctx, id, wire.Announce{Name: "web01"}, address, bulk.Permission{Join: join}); err != nil {
		return nil, end, err
	}
	return func(int) error {
		c, err := bulk.Dial(ctx, id, address)
		if err != nil {
			return err
		}
		return c.Close()
	}, end, nil
}

// posts is the usual agent: one HTTPS request per message, on a connection of
// its own, as it is when they come minutes apart.
func posts(string) (func(int) error, func(), error) {
	cert, pool, err := selfSigned()
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS13},
	}}
	return func(int) error {
		r, err := client.Post(server.URL, "application/json", strings.NewReader(`{"name":"web01","version":"1"}`))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		return errors.Join(err, r.Body.Close())
	}, server.Close, nil
}

func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, nil
}
