package bulk

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"time"

	"assim/trust"
)

// used is the CPU time of this process so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What a contact costs both ends together, by key exchange; the rest of it is the
// same. See docs/decisions/0008-key-exchange.md.
func BenchmarkKeyExchange(b *testing.B) {
	keys, _, err := trust.LoadCMAKeys(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	id, err := trust.LoadIdentity(b.TempDir(), trust.Machine{ID: "x"})
	if err != nil {
		b.Fatal(err)
	}
	id.Pins = keys.Pins()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	server := ServerConfig(keys, nil)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(c, server)
			_ = conn.Handshake()
			_, _ = conn.Write([]byte{1})
			_ = conn.Close()
		}
	}()
	for name, curves := range map[string][]tls.CurveID{"hybrid": {tls.X25519MLKEM768}, "X25519": {tls.X25519}} {
		b.Run(name, func(b *testing.B) {
			began := used(b)
			for b.Loop() {
				cfg, err := clientConfig(id.Key, id.Trusts)
				if err != nil {
					b.Fatal(err)
				}
				cfg.CurvePreferences = curves
				c, err := tls.Dial("tcp", l.Addr().String(), cfg)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(make([]byte, 1)); err != nil {
					b.Fatal(err)
				}
				_ = c.Close()
			}
			b.ReportMetric(float64((used(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
