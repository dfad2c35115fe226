package cypher

import (
	"slices"
	"strings"
)

// foreignWords are words of other languages that people try, and what they
// write here.
var foreignWords = map[string]string{
	"SELECT":  "Cypher says MATCH (s:System) RETURN s.name where SQL says SELECT name FROM System",
	"FROM":    "Cypher says MATCH (s:System) RETURN s.name where SQL says SELECT name FROM System",
	"JOIN":    "a join is a pattern: MATCH (s:System)-[:HAS_NIC]->(n:NIC)",
	"GROUP":   "there is no GROUP BY: RETURN s.os, count(*) groups by what does not aggregate",
	"HAVING":  "instead of HAVING: WITH s.os AS os, count(*) AS n WHERE n > 1 RETURN os, n",
	"LIKE":    "instead of LIKE: STARTS WITH, ENDS WITH, CONTAINS, or =~ and a regular expression",
	"BETWEEN": "instead of BETWEEN: 1 <= n.x <= 10",
	"EXCEPT":  "instead of EXCEPT: WHERE NOT (a)-->(b), or NOT EXISTS { ... }",
	"SHOW":    "the graph tells of itself by CALL db.labels(), db.relationshipTypes() and db.propertyKeys()",
	"USE":     "there is one graph; begin with MATCH",
	"IS":      "IS is followed by NULL or NOT NULL; equality is =",
	"STARTS":  "it is STARTS WITH",
	"ENDS":    "it is ENDS WITH",
	"OFFSET":  "instead of OFFSET: SKIP",
	"TOP":     "instead of TOP: LIMIT at the end",
}

// misplaced are words that are right in another place.
var misplaced = map[string]string{
	"ORDER":    "ORDER BY follows the items of RETURN or WITH",
	"SKIP":     "SKIP follows the items of RETURN or WITH",
	"LIMIT":    "LIMIT follows the items of RETURN or WITH",
	"WHERE":    "WHERE follows MATCH or WITH",
	"OPTIONAL": "OPTIONAL is followed by MATCH",
	"UNION":    "UNION follows a RETURN",
}

// followWords may follow an expression or a clause, for guessing what was meant.
var followWords = append([]string{"AND", "XOR", "CONTAINS", "STARTS", "ENDS", "ASC", "DESC"}, clauseWords...)

// symbolAdvice is what to write instead of the symbol at hand; empty: no idea.
func (p *parser) symbolAdvice() string {
	t, prev := p.cur(), token{}
	if p.i > 0 {
		prev = p.tokens[p.i-1]
	}
	touches := p.i > 0 && prev.to == t.from
	switch {
	case t.text == "=" && touches && prev.kind == tokSymbol && prev.text == "=":
		return "equality is a single ="
	case t.text == "!" && p.isSym(1, "="):
		return "unequal is <>"
	case t.text == "!":
		return "negation is NOT"
	case t.text == "&":
		return "both is AND"
	case t.text == "|" && p.isSym(1, "|"):
		return "either is OR; texts are joined by +"
	case t.text == "-" && touches && prev.kind == tokName && p.at(1).kind == tokName:
		return "a name with other characters than letters, digits and _ stands in back quotes"
	case t.text == ")" && prev.kind == tokSymbol && prev.text == ",", t.text == "]" && prev.kind == tokSymbol && prev.text == ",":
		return "the comma before it is one too many"
	}
	return ""
}

// wordAdvice is about a word that cannot stand after prev.
func wordAdvice(word string, prev token) string {
	upper := strings.ToUpper(word)
	switch {
	case prev.kind == tokSymbol && prev.text == ";":
		return "ask one question at a time"
	case foreignWords[upper] != "":
		return foreignWords[upper]
	case misplaced[upper] != "":
		return misplaced[upper]
	}
	if n := nearest(word, followWords); n != "" && n != upper {
		return "did you mean " + n + "?"
	}
	switch prev.kind {
	case tokName, tokQuoted, tokString, tokInt, tokFloat:
		return "a comma or an operator is missing before it"
	}
	return ""
}

// expectedDetail is that of errors that say what else could stand at the token
// at hand.
const expectedDetail = "UnexpectedSyntax"

// advised adds advice to the error that ended parsing. It is here and not
// where the error is made, because most of those only end a wrong guess.
func (p *parser) advised(err error) error {
	e, ok := err.(*Error)
	if !ok || e.Detail != expectedDetail || e.Hint != "" {
		return err
	}
	if line, col, _ := place(p.text, p.cur().from); line != e.Line || col != e.Column {
		return err
	}
	if p.i > 1 {
		// WHERE RETURN n: a clause was read as a name because nothing stood before it.
		word := p.tokens[p.i-1]
		if word.kind == tokName && p.cur().kind == tokName && slices.Contains(clauseWords, strings.ToUpper(word.text)) {
			return p.errorAt(p.i-1, SyntaxError, expectedDetail, "expected an expression but found %s; something is missing before it, or there is a word too many", word.describe())
		}
	}
	clause := strings.HasPrefix(e.Message, "expected a clause")
	switch t := p.cur(); {
	case strings.HasPrefix(e.Message, `expected "(" to begin a node`):
		e.Hint = "a node is (n:Label)"
	case strings.HasPrefix(e.Message, `expected "-" to end a relationship`):
		e.Hint = "an arrow is --> or -[:TYPE]->"
	case t.kind == tokName && clause && p.i > 0:
		e.Hint = wordAdvice(t.text, p.tokens[p.i-1])
	case t.kind == tokName && clause:
		e.Hint = wordAdvice(t.text, token{})
	case t.kind == tokSymbol:
		e.Hint = p.symbolAdvice()
	}
	return e
}

// foreignFunctions are names from elsewhere and what does the same here.
var foreignFunctions = map[string]string{
	"len": "size()", "strlen": "size()", "char_length": "size()", "cardinality": "size()",
	"now": "datetime()", "today": "date()", "current_timestamp": "datetime()", "sysdate": "datetime()",
	"concat": "+", "nvl": "coalesce()", "ifnull": "coalesce()", "isnull": "IS NULL", "isnotnull": "IS NOT NULL",
	"str": "toString()", "int": "toInteger()", "float": "toFloat()", "bool": "toBoolean()",
	"mean": "avg()", "average": "avg()", "group_concat": "collect()", "string_agg": "collect()", "array_agg": "collect()", "list": "collect()",
	"if": "CASE WHEN ... THEN ... ELSE ... END", "iif": "CASE WHEN ... THEN ... ELSE ... END", "decode": "CASE WHEN ... THEN ... ELSE ... END",
	"contains": "a CONTAINS b", "startswith": "a STARTS WITH b", "endswith": "a ENDS WITH b", "like": "=~", "match": "=~", "regexp_like": "=~",
	"instr": "a CONTAINS b", "strpos": "a CONTAINS b", "index_of": "a CONTAINS b", "unnest": "UNWIND",
}

// strange are characters that programs for writing letters put in place of
// those on the keyboard, and some that other languages have.
var strange = map[rune]string{
	'‘': "text stands in straight quotes: 'text'", '’': "text stands in straight quotes: 'text'", '“': `text stands in straight quotes: "text"`, '”': `text stands in straight quotes: "text"`,
	'–': "this is a dash; write -", '—': "this is a dash; write -", '→': "an arrow is -->", '≠': "unequal is <>", '≤': "write <=", '≥': "write >=",
	'?': "a parameter is $name", '#': "a comment begins with //", '@': "a parameter is $name", '~': "a regular expression is compared by =~",
}

// arguments counts them in words.
func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return itoa(n) + " arguments"
}

// located gives an error of running the place of what failed.
func (c *compiler) located(at span) func(error) error {
	st := c.st
	return func(err error) error {
		e, ok := err.(*Error)
		if !ok || e.Line > 0 || e.Type == LimitError {
			return err
		}
		placed := *e
		placed.Line, placed.Column, placed.Source = place(st.text, st.tokens[at.from].from)
		return &placed
	}
}
