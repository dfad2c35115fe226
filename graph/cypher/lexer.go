package cypher

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind says what a token is.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokName             // identifier or keyword
	tokQuoted           // `identifier`: never a keyword
	tokInt
	tokFloat
	tokString
	tokParam // $name
	tokSymbol
	tokBadNumber // begins like a number but is none
)

// token is one word of the query. text is a name without its back quotes, a
// string without quotes and escapes, a number as written, or a symbol.
type token struct {
	kind     tokenKind
	text     string
	from, to int // byte offsets in the query
}

// describe names a token in an error message.
func (t token) describe() string {
	switch t.kind {
	case tokEnd:
		return "the end of the query"
	case tokString:
		return "the string " + strconv.Quote(t.text)
	case tokParam:
		return "$" + t.text
	}
	return `"` + t.text + `"`
}

// maxText is the longest query accepted, in bytes.
const maxText = 1 << 20

// symbols, longest first where one begins another.
var symbols = []string{"<=", ">=", "<>", "=~", "..", "+=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|", "+", "-", "*", "/", "%", "^", "=", "<", ">", "$", ";", "!", "&"}

type lexer struct {
	text string
	pos  int
}

// lex cuts text into tokens, the last of which is tokEnd.
func lex(text string) ([]token, error) {
	if len(text) > maxText {
		return nil, failed(SyntaxError, "QueryTooLong", "the query has %d bytes, more than the %d allowed", len(text), maxText)
	}
	if !utf8.ValidString(text) {
		return nil, failed(SyntaxError, "UnexpectedSyntax", "the query is not valid UTF-8")
	}
	l := &lexer{text: text}
	tokens := make([]token, 0, len(text)/4+2)
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == tokEnd {
			return tokens, nil
		}
	}
}

func (l *lexer) fail(offset int, detail, format string, args ...any) error {
	return errorAt(l.text, offset, SyntaxError, detail, format, args...)
}

func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokEnd, from: start, to: start}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.text[start:])
	switch {
	case r == '\'' || r == '"':
		return l.str(byte(r))
	case r == '`':
		return l.quoted()
	case isDigit(r), r == '.' && start+1 < len(l.text) && isDigit(rune(l.text[start+1])) && !l.afterRange():
		return l.number()
	case isNameStart(r):
		return token{kind: tokName, text: l.name(), from: start, to: l.pos}, nil
	case r == '$':
		return l.param()
	}
	for _, s := range symbols {
		if strings.HasPrefix(l.text[start:], s) {
			l.pos += len(s)
			return token{kind: tokSymbol, text: s, from: start, to: l.pos}, nil
		}
	}
	what := fmt.Sprintf("the character %q has no meaning here", r)
	if hint := strange[r]; hint != "" {
		what += "; " + hint
	}
	return token{}, l.fail(start, "UnexpectedSyntax", "%s", what)
}

// afterRange reports whether the dot at hand is the second of "..".
func (l *lexer) afterRange() bool { return l.pos > 0 && l.text[l.pos-1] == '.' }

// skip passes white space and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r) || r == '\u2028' || r == '\ufeff' || (r >= 0x1c && r <= 0x1f):
			l.pos += size
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.fail(l.pos, "UnexpectedSyntax", `the comment is not closed by "*/"`)
			}
			l.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) name() string {
	start := l.pos
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if !isNamePart(r) {
			break
		}
		l.pos += size
	}
	return l.text[start:l.pos]
}

func (l *lexer) quoted() (token, error) {
	start := l.pos
	var b strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		if l.text[l.pos] != '`' {
			b.WriteByte(l.text[l.pos])
			continue
		}
		if strings.HasPrefix(l.text[l.pos:], "``") {
			b.WriteByte('`')
			l.pos++
			continue
		}
		l.pos++
		return token{kind: tokQuoted, text: b.String(), from: start, to: l.pos}, nil
	}
	return token{}, l.fail(start, "UnexpectedSyntax", "the name is not closed by a back quote")
}

func (l *lexer) param() (token, error) {
	start := l.pos
	l.pos++
	if strings.HasPrefix(l.text[l.pos:], "`") {
		t, err := l.quoted()
		t.kind, t.from = tokParam, start
		return t, err
	}
	name := l.name()
	if name == "" {
		return token{}, l.fail(start, "UnexpectedSyntax", `a parameter's name must follow "$"`)
	}
	return token{kind: tokParam, text: name, from: start, to: l.pos}, nil
}

// number reads an integer (decimal, 0x, 0o) or a float.
func (l *lexer) number() (token, error) {
	start, kind := l.pos, tokInt
	rest := l.text[start:]
	if len(rest) > 1 && rest[0] == '0' && strings.ContainsRune("xXoO", rune(rest[1])) {
		l.pos += 2
		l.name()
		return l.finish(start, tokInt)
	}
	l.digits()
	if l.peek(0) == '.' && isDigit(rune(l.peek(1))) {
		kind = tokFloat
		l.pos++
		l.digits()
	}
	if e := l.peek(0); e == 'e' || e == 'E' {
		sign := 0
		if s := l.peek(1); s == '-' || s == '+' {
			sign = 1
		}
		if isDigit(rune(l.peek(1 + sign))) {
			kind = tokFloat
			l.pos += 1 + sign
			l.digits()
		}
	}
	return l.finish(start, kind)
}

// finish checks what was read as a number, and that nothing is glued to it.
func (l *lexer) finish(start int, kind tokenKind) (token, error) {
	body := l.text[start:l.pos]
	l.name()
	all := l.text[start:l.pos]
	bad := len(all) > len(body)
	if kind == tokInt && !bad {
		digits := strings.ToLower(strings.ReplaceAll(body, "_", "x"))
		_, err := strconv.ParseUint(digits, 0, 64)
		if len(body) > 1 && body[0] == '0' && isDigit(rune(body[1])) {
			_, err = strconv.ParseUint(body, 10, 64)
		}
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrSyntax {
			bad = true
		}
	}
	if bad {
		return token{kind: tokBadNumber, text: all, from: start, to: l.pos}, nil
	}
	return token{kind: kind, text: body, from: start, to: l.pos}, nil
}

func (l *lexer) digits() {
	for l.pos < len(l.text) && isDigit(rune(l.text[l.pos])) {
		l.pos++
	}
}

func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

func (l *lexer) str(quote byte) (token, error) {
	start := l.pos
	l.pos++
	if end := strings.IndexByte(l.text[l.pos:], quote); end >= 0 && strings.IndexByte(l.text[l.pos:l.pos+end], '\\') < 0 {
		l.pos += end + 1
		return token{kind: tokString, text: l.text[start+1 : l.pos-1], from: start, to: l.pos}, nil
	}
	var b strings.Builder
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch c {
		case quote:
			l.pos++
			return token{kind: tokString, text: b.String(), from: start, to: l.pos}, nil
		case '\\':
			r, err := l.escape()
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return token{}, l.fail(start, "UnexpectedSyntax", "the string is not closed by %c", quote)
}

// escape reads what follows a backslash in a string.
func (l *lexer) escape() (rune, error) {
	start := l.pos
	c := l.peek(1)
	l.pos += 2
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case '\\', '\'', '"', '`', '/':
		return rune(c), nil
	case 'u', 'U':
		size := 4
		if c == 'U' {
			size = 8
		}
		if l.pos+size <= len(l.text) {
			if v, err := strconv.ParseUint(l.text[l.pos:l.pos+size], 16, 32); err == nil {
				l.pos += size
				return rune(v), nil
			}
		}
		return 0, l.fail(start, "InvalidUnicodeLiteral", `\%c must be followed by %d hexadecimal digits`, c, size)
	}
	return 0, l.fail(start, "UnexpectedSyntax", `a string knows the escapes \n \t \r \b \f \\ \' \" \uXXXX, not this one`)
}

func isDigit(r rune) bool     { return r >= '0' && r <= '9' }
func isNameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) }
func isNamePart(r rune) bool {
	return isNameStart(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Pc, r)
}
