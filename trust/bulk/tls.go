package bulk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"assim/trust"
	"assim/wire"
)

// endorsementOID marks the certificate extension that holds what vouches for
// the CMA's key: concatenated triples of key 32, by 32, signature 64. It lies
// under the arc for UUIDs, where nobody registers.
var endorsementOID = asn1.ObjectIdentifier{2, 25, 1984, 2, 1}

const (
	endorsementSize = 32 + 32 + ed25519.SignatureSize
	bindingLabel    = "EXPORTER-assim-bulk"
	bindingSize     = 32
)

// certificate wraps a key, so that TLS can show it.
func certificate(key ed25519.PrivateKey, vouched []trust.Endorsement) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "assim"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(253402300799, 0), // RFC 5280 section 4.1.2.5: no expiry
	}
	if len(vouched) > 0 {
		var list []byte
		for _, e := range vouched {
			list = append(append(append(list, e.Key[:]...), e.By[:]...), e.Sign[:]...)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: endorsementOID, Value: list}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("bulk: wrapping a key: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// peerKey returns the key that the other end of a connection has proven.
func peerKey(cs tls.ConnectionState) (wire.PubKey, *x509.Certificate, error) {
	if len(cs.PeerCertificates) == 0 {
		return wire.PubKey{}, nil, errors.New("bulk: the other end shows no key")
	}
	leaf := cs.PeerCertificates[0]
	key, ok := leaf.PublicKey.(ed25519.PublicKey)
	if !ok {
		return wire.PubKey{}, nil, fmt.Errorf("bulk: the other end shows a %T, not an Ed25519 key", leaf.PublicKey)
	}
	return wire.PubKey(key), leaf, nil
}

// endorsements reads what vouches for a key: no more than an honest CMA shows,
// since each costs the check of a signature.
func endorsements(leaf *x509.Certificate) []trust.Endorsement {
	var out []trust.Endorsement
	for _, x := range leaf.Extensions {
		if !x.Id.Equal(endorsementOID) {
			continue
		}
		for b := x.Value; len(b) >= endorsementSize && len(out) < trust.MaxEndorsements; b = b[endorsementSize:] {
			out = append(out, trust.Endorsement{
				Key: wire.PubKey(b[:32]), By: wire.PubKey(b[32:64]), Sign: [ed25519.SignatureSize]byte(b[64:endorsementSize]),
			})
		}
	}
	return out
}

// baseConfig is common to both ends. There is no resumption: a contact is rare,
// and a resumed one would not ask who is there. Confidential documents travel
// here, so the exchange withstands a recording that is broken by a quantum
// computer later: see docs/decisions/0008-key-exchange.md for what that costs.
func baseConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768, tls.X25519},
		SessionTicketsDisabled: true,
	}
}

// ErrWrongCMA means that the key shown by the server is not the pinned one:
// another CMA, or somebody between.
var ErrWrongCMA = errors.New("the server that answered is not the CMA that was pinned")

// clientConfig is the nanoprobe's. trusts decides about the key that is shown;
// names and dates play no part.
func clientConfig(key ed25519.PrivateKey, trusts func(wire.PubKey, []trust.Endorsement) bool) (*tls.Config, error) {
	cert, err := certificate(key, nil)
	if err != nil {
		return nil, err
	}
	cfg := baseConfig()
	cfg.NextProtos = []string{wire.ALPNBulk}
	cfg.Certificates = []tls.Certificate{cert}
	cfg.InsecureSkipVerify = true // VerifyConnection does it, by pin.
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		shown, leaf, err := peerKey(cs)
		if err != nil {
			return err
		}
		if cs.NegotiatedProtocol != wire.ALPNBulk {
			return errors.New("bulk: the server does not speak " + wire.ALPNBulk)
		}
		if !trusts(shown, endorsements(leaf)) {
			return fmt.Errorf("bulk: %w: it shows pin %s", ErrWrongCMA, trust.PinOf(shown))
		}
		return nil
	}
	return cfg, nil
}

// OperatorConfig is the TLS configuration of an operator who knows the CMA by
// its pin, or by the pin of a key that vouches for the present one.
func OperatorConfig(pin trust.Pin) *tls.Config {
	cfg := baseConfig()
	cfg.NextProtos = []string{wire.ALPNAPI}
	cfg.InsecureSkipVerify = true // VerifyConnection does it, by pin.
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		shown, leaf, err := peerKey(cs)
		if err != nil {
			return err
		}
		if cs.NegotiatedProtocol != wire.ALPNAPI {
			return errors.New("the server does not serve operators")
		}
		if !trust.Trusts(func(k wire.PubKey) bool { return trust.PinOf(k) == pin }, shown, endorsements(leaf)) {
			return fmt.Errorf("%w: it shows pin %s", ErrWrongCMA, trust.PinOf(shown))
		}
		return nil
	}
	return cfg
}

// ServerConfig returns the CMA's TLS configuration. It shows the key that keys
// uses at the moment, and asks nanoprobes for theirs. For operators api is
// used as it is, with the CMA's key added; nil means that only nanoprobes are
// served.
func ServerConfig(keys *trust.CMAKeys, api *tls.Config) *tls.Config {
	w := &wrapped{keys: keys}
	cfg := baseConfig()
	cfg.NextProtos = []string{wire.ALPNBulk}
	cfg.GetCertificate = w.get
	cfg.ClientAuth = tls.RequireAnyClientCert
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		_, _, err := peerKey(cs)
		return err
	}
	if api == nil {
		return cfg
	}
	operators := api.Clone()
	operators.MinVersion = tls.VersionTLS13
	operators.NextProtos = []string{wire.ALPNAPI}
	operators.GetCertificate = w.get
	front := baseConfig()
	front.NextProtos = []string{wire.ALPNBulk, wire.ALPNAPI}
	front.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, proto := range hello.SupportedProtos {
			switch proto {
			case wire.ALPNBulk:
				return cfg, nil
			case wire.ALPNAPI:
				return operators, nil
			}
		}
		return nil, errors.New("bulk: the client speaks neither " + wire.ALPNBulk + " nor " + wire.ALPNAPI)
	}
	return front
}

// wrapped keeps the certificate of the key in use.
type wrapped struct {
	keys *trust.CMAKeys
	mu   sync.Mutex
	cert *tls.Certificate
}

func (w *wrapped) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	key, vouched := w.keys.Shown()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cert != nil && bytes.Equal(w.cert.PrivateKey.(ed25519.PrivateKey), key) {
		return w.cert, nil
	}
	cert, err := certificate(key, vouched)
	if err != nil {
		return nil, err
	}
	w.cert = &cert
	return w.cert, nil
}

// binding names a TLS session: the same at both ends, unlike any other.
func binding(cs tls.ConnectionState) ([]byte, error) {
	b, err := cs.ExportKeyingMaterial(bindingLabel, nil, bindingSize)
	if err != nil {
		return nil, fmt.Errorf("bulk: %w", err)
	}
	return b, nil
}
