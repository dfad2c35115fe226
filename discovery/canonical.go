package discovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxDocument is the largest document, in bytes of canonical JSON. A package
// list of 3,000 packages is 200 kB; what is larger is no fact about one system.
const MaxDocument = 8 << 20

// maxDepth is how deep objects and lists may be nested.
const maxDepth = 32

// Canonical returns payload as canonical JSON, in which equal facts are equal
// bytes, and the lower-case hex SHA-256 of it: keys sorted bytewise, no white
// space, no HTML escapes, integral numbers without fraction or exponent, text
// that is not UTF-8 mended with U+FFFD. A payload that is already JSON is given
// as json.RawMessage.
func Canonical(payload any) (doc []byte, hash string, err error) {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(payload); err != nil {
		return nil, "", fmt.Errorf("discovery: the payload cannot be written as JSON: %w", err)
	}
	if raw.Len() > 2*MaxDocument {
		return nil, "", fmt.Errorf("discovery: a document of %d bytes is over the limit of %d", raw.Len(), MaxDocument)
	}
	value, err := decodeExact(raw.Bytes())
	if err != nil {
		return nil, "", err
	}
	doc, err = appendCanonical(make([]byte, 0, raw.Len()), value, 0)
	if err != nil {
		return nil, "", err
	}
	if len(doc) > MaxDocument {
		return nil, "", fmt.Errorf("discovery: a document of %d bytes is over the limit of %d", len(doc), MaxDocument)
	}
	return doc, Hash(doc), nil
}

// Hash names a document: lower-case hex SHA-256 of its canonical JSON.
func Hash(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// decodeExact reads one JSON value and keeps numbers as they are written, since
// an inode of 64 bits does not survive a float64.
func decodeExact(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, fmt.Errorf("discovery: not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("discovery: something follows the JSON value at byte %d; print one value only", dec.InputOffset())
	}
	return value, nil
}

func appendCanonical(out []byte, value any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("discovery: the document is nested deeper than %d", maxDepth)
	}
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case string:
		return appendString(out, v), nil
	case json.Number:
		return appendNumber(out, string(v))
	case []any:
		return appendList(out, v, depth)
	case map[string]any:
		return appendObject(out, v, depth)
	}
	return nil, fmt.Errorf("discovery: a document cannot hold a %T", value)
}

func appendList(out []byte, list []any, depth int) ([]byte, error) {
	var err error
	out = append(out, '[')
	for i, item := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendCanonical(out, item, depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, object map[string]any, depth int) ([]byte, error) {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var err error
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		if out, err = appendCanonical(out, object[key], depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendNumber writes what 1, 1.0 and 1e0 have in common: 1.
func appendNumber(out []byte, text string) ([]byte, error) {
	if !bytes.ContainsAny([]byte(text), ".eE") {
		if text == "-0" {
			text = "0"
		}
		return append(out, text...), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("discovery: number %s is out of range", text)
	}
	const exact = 1 << 53 // integers up to here are exact in a float64
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return strconv.AppendInt(out, int64(f), 10), nil
	}
	return strconv.AppendFloat(out, f, 'g', -1, 64), nil
}

// appendString escapes what JSON demands and nothing else.
func appendString(out []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\t':
			out = append(out, `\t`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c < 0x20 || c == 0x7f:
			out = append(out, `\u00`...)
			out = append(out, hexDigits[c>>4], hexDigits[c&15])
		default:
			out = append(out, c)
		}
		i++
	}
	return append(out, '"')
}
