package cypher

import (
	"fmt"
	"strings"
)

// Error is what is wrong with a query or with running it. Type and Detail use
// the words of the openCypher TCK, e.g. SyntaxError and UndefinedVariable.
type Error struct {
	Type    string
	Detail  string
	Message string // what is wrong, one sentence without a period
	Hint    string // what to do next, or empty
	Line    int    // from 1; 0 when no place is known
	Column  int    // from 1, in characters
	Source  string // the line of the query the place is in
}

// The types an Error may have.
const (
	SyntaxError      = "SyntaxError"
	TypeError        = "TypeError"
	ArgumentError    = "ArgumentError"
	ArithmeticError  = "ArithmeticError"
	SemanticError    = "SemanticError"
	ParameterMissing = "ParameterMissing"
	ProcedureError   = "ProcedureError"
	EntityNotFound   = "EntityNotFound"
	LimitError       = "LimitError" // more rows, time or memory than allowed
)

// Error shows the message, the place and a caret under it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.Line > 0 {
		line, col := shorten(e.Source, e.Column)
		fmt.Fprintf(&b, "\n  %s\n  %s^", line, strings.Repeat(" ", col-1))
	}
	return b.String()
}

// maxShown is how much of a long line an Error shows around its place.
const maxShown = 100

// shorten cuts a long line to the neighborhood of column col and returns the
// column within what is left.
func shorten(line string, col int) (string, int) {
	r := []rune(strings.ReplaceAll(line, "\t", " "))
	col = min(max(col, 1), len(r)+1)
	if len(r) <= maxShown {
		return string(r), col
	}
	from := max(0, col-1-maxShown/2)
	to := min(len(r), from+maxShown)
	return string(r[from:to]), col - from
}

// place returns line, column and the line's text of a byte offset in text.
func place(text string, offset int) (line, col int, source string) {
	offset = min(offset, len(text))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	end := strings.IndexByte(text[start:], '\n')
	if end < 0 {
		end = len(text) - start
	}
	line = strings.Count(text[:offset], "\n") + 1
	return line, len([]rune(text[start:offset])) + 1, strings.TrimRight(text[start:start+end], "\r")
}

// errorAt makes an Error that points at a byte offset of the query text.
func errorAt(text string, offset int, typ, detail, format string, args ...any) *Error {
	e := &Error{Type: typ, Detail: detail, Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column, e.Source = place(text, offset)
	return e
}

// failed makes an Error of running, where no place in the text is known.
func failed(typ, detail, format string, args ...any) *Error {
	return &Error{Type: typ, Detail: detail, Message: fmt.Sprintf(format, args...)}
}

// nearest returns the candidate most like name, or "" when none is close.
func nearest(name string, candidates []string) string {
	best, bestCost := "", len(name)/3+2
	switch len(name) {
	case 0, 1, 2: // everything is close to it
		bestCost = 1
	case 3:
		bestCost = 2
	}
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c), bestCost); d < bestCost && 2*d <= len(c) {
			best, bestCost = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's, given up once it must reach limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
