package trust

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"assim/wire"
)

const (
	joinPrefix = "assim1"
	pinSize    = 20 // bytes of the SHA-256 of the CMA's key
	secretSize = 16
	// Multicast in place of a join string's address: the CMA is looked for on
	// the local networks.
	Multicast = "*"
)

var base = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Join is where a CMA is, how to recognize it, and the permission to join.
type Join struct {
	Host   string // name, address, or Multicast
	Port   uint16
	Pin    Pin
	Secret [secretSize]byte
}

// Pin recognizes a public key: the first bytes of its SHA-256.
type Pin [pinSize]byte

// PinOf returns the pin of a key.
func PinOf(k wire.PubKey) Pin {
	sum := sha256.Sum256(k[:])
	return Pin(sum[:pinSize])
}

// String returns the pin as people see it: 32 letters and digits.
func (p Pin) String() string { return base.EncodeToString(p[:]) }

// String returns the one string that an operator carries to a new system:
// assim1:ADDRESS:PORT:PIN:SECRET.
func (j Join) String() string {
	host := j.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%s:%d:%s:%s", joinPrefix, host, j.Port, j.Pin, base.EncodeToString(j.Secret[:]))
}

var errJoin = errors.New("trust: this is not a join string (assim1:ADDRESS:PORT:PIN:SECRET); print one with: assim join-token create")

// ParseJoin is the inverse of Join.String.
func ParseJoin(s string) (Join, error) {
	var j Join
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), joinPrefix+":")
	if !ok {
		return j, errJoin
	}
	rest, secret, ok1 := cutLast(rest)
	rest, pin, ok2 := cutLast(rest)
	if !ok1 || !ok2 {
		return j, errJoin
	}
	if err := decodeInto(j.Secret[:], secret); err != nil {
		return j, fmt.Errorf("%w: its secret %w", errJoin, err)
	}
	if err := decodeInto(j.Pin[:], pin); err != nil {
		return j, fmt.Errorf("%w: its pin %w", errJoin, err)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil || host == "" {
		return j, fmt.Errorf("%w: its address %q is not HOST:PORT", errJoin, rest)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return j, fmt.Errorf("%w: its port %q is not a port", errJoin, port)
	}
	j.Host, j.Port = host, uint16(number)
	return j, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

func decodeInto(dst []byte, s string) error {
	b, err := base.DecodeString(s)
	if err != nil || len(b) != len(dst) {
		return fmt.Errorf("is not %d letters and digits 2-7", base.EncodedLen(len(dst)))
	}
	copy(dst, b)
	return nil
}

// Verifier is what the CMA keeps of a join secret and both ends prove with. It
// lets the CMA check a permission without being able to print it again.
func Verifier(secret [secretSize]byte) []byte {
	sum := sha256.Sum256(append([]byte("assim join verifier "), secret[:]...))
	return sum[:]
}

// TokenIDOf names the token of a secret.
func TokenIDOf(secret [secretSize]byte) wire.TokenID {
	sum := sha256.Sum256(append([]byte("assim join token "), secret[:]...))
	return wire.TokenID(sum[:8])
}

// Nonce returns fresh bytes for sealing one signal.
func Nonce() (n [12]byte) {
	_, _ = rand.Read(n[:]) // It never fails: see crypto/rand.Read.
	return n
}

// NewCookie returns a random cookie that is not zero.
func NewCookie() uint64 {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:])
		var v uint64
		for _, x := range b {
			v = v<<8 | uint64(x)
		}
		if v != 0 {
			return v
		}
	}
}

// newSecret draws the secret of a permission.
func newSecret() (s [secretSize]byte) {
	_, _ = rand.Read(s[:])
	return s
}
