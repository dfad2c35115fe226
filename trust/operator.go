package trust

import (
	"strings"

	"assim/wire"
)

// operatorPrefix begins the string by which an operator reaches a CMA from
// elsewhere. Behind it stands what stands in a join string: where, whom to
// trust, permission.
const operatorPrefix = "assim-op1"

// NewOperator makes a permission to ask the CMA of that key.
func NewOperator(host string, port uint16, cma wire.PubKey) Join {
	return Join{Host: host, Port: port, Pin: PinOf(cma), Secret: newSecret()}
}

// OperatorString prints such a permission.
func OperatorString(j Join) string {
	return operatorPrefix + strings.TrimPrefix(j.String(), joinPrefix)
}

// IsOperator reports whether s looks like a string of OperatorString.
func IsOperator(s string) bool { return strings.HasPrefix(s, operatorPrefix+":") }

// ParseOperator is the inverse of OperatorString.
func ParseOperator(s string) (Join, error) {
	return ParseJoin(joinPrefix + strings.TrimPrefix(strings.TrimSpace(s), operatorPrefix))
}

// SecretString prints the secret of a permission.
func SecretString(j Join) string { return base.EncodeToString(j.Secret[:]) }

// ParseSecret is the inverse of SecretString.
func ParseSecret(s string) (secret [secretSize]byte, err error) {
	return secret, decodeInto(secret[:], s)
}
