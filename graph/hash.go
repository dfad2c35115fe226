package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Hash returns a fingerprint of all nodes and relationships that r shows: keys,
// labels, types and properties. Two stores that say the same have the same
// hash, whatever the order in which they were told and however they keep it;
// times and sources do not count.
//
// It is the sum of the SHA-256 of every element, so it needs no sorting and
// counts parallel relationships.
func Hash(r Reader) (string, error) {
	var total sum
	keys := map[NodeID]sum{}
	for v, err := range r.Nodes("") {
		if err != nil {
			return "", err
		}
		b := AppendKey([]byte{'n'}, v.Key)
		keys[v.ID] = sha256.Sum256(b)
		for _, l := range extraLabels(v) {
			b = appendText(b, l)
		}
		total.add(sha256.Sum256(AppendProps(append(b, 0), v.Props)))
	}
	for e, err := range r.Rels("") {
		if err != nil {
			return "", err
		}
		from, to := keys[e.From], keys[e.To]
		b := append([]byte{'r'}, from[:]...)
		b = appendText(b, e.Type)
		b = append(b, to[:]...)
		total.add(sha256.Sum256(AppendProps(b, e.Props)))
	}
	return hex.EncodeToString(total[:]), nil
}

// extraLabels returns the labels beyond the primary one, which come sorted.
func extraLabels(v Vertex) []string {
	if v.Key.Label != "" && len(v.Labels) > 0 {
		return v.Labels[1:]
	}
	return v.Labels
}

// sum is a 256-bit number.
type sum [sha256.Size]byte

func (s *sum) add(t sum) {
	var carry uint64
	for i := len(s) - 8; i >= 0; i -= 8 {
		a := binary.BigEndian.Uint64(s[i:])
		b := binary.BigEndian.Uint64(t[i:])
		c := a + b
		overflow := c < a
		c2 := c + carry
		overflow = overflow || c2 < c
		binary.BigEndian.PutUint64(s[i:], c2)
		carry = 0
		if overflow {
			carry = 1
		}
	}
}
