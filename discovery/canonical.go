package discovery

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
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
	doc, err = appendCanonical(make([]byte, 0, raw.Len()), bytes.TrimSpace(raw.Bytes()), 0)
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

// appendCanonical rewrites what the encoder wrote, which is valid and without
// white space. It is taken as it stands, piece by piece: as a tree of values 4,000
// small objects are three megabytes, more than all else that an agent holds.
func appendCanonical(out, value []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("discovery: the document is nested deeper than %d", maxDepth)
	}
	switch value[0] {
	case 't', 'f', 'n':
		return append(out, value...), nil
	case '"':
		text, err := unquote(value)
		return appendString(out, text), err
	case '[':
		return appendList(out, value, depth)
	case '{':
		return appendObject(out, value, depth)
	}
	return appendNumber(out, string(value))
}

func appendList(out, list []byte, depth int) ([]byte, error) {
	var err error
	out = append(out, '[')
	for rest := list[1:]; rest[0] != ']'; {
		size := extent(rest)
		if out, err = appendCanonical(out, rest[:size], depth+1); err != nil {
			return nil, err
		}
		if rest = rest[size:]; rest[0] == ',' {
			out, rest = append(out, ','), rest[1:]
		}
	}
	return append(out, ']'), nil
}

// field is one of an object.
type field struct {
	key   string
	value []byte
}

func appendObject(out, object []byte, depth int) ([]byte, error) {
	var fields []field
	for rest := object[1:]; rest[0] != '}'; {
		size := extent(rest)
		key, err := unquote(rest[:size])
		if err != nil {
			return nil, err
		}
		rest = rest[size+1:] // and the colon
		size = extent(rest)
		fields = append(fields, field{key, rest[:size]})
		if rest = rest[size:]; rest[0] == ',' {
			rest = rest[1:]
		}
	}
	SortStable(fields, func(a, b field) int { return cmp.Compare(a.key, b.key) })
	var err error
	out = append(out, '{')
	for i, f := range fields {
		if i+1 < len(fields) && fields[i+1].key == f.key {
			continue // said again: the last one counts
		}
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(appendString(out, f.key), ':')
		if out, err = appendCanonical(out, f.value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// extent is the size of the value that text begins with.
func extent(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']' || c == ',':
			if depth == 0 {
				return i // after a number or a name
			}
			if c == ',' {
				continue
			}
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// unquote reads a string.
func unquote(text []byte) (string, error) {
	if inner := text[1 : len(text)-1]; utf8.Valid(inner) && bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "", fmt.Errorf("discovery: not JSON: %w", err)
	}
	return s, nil
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
