package cypher

import (
	"fmt"
	"strings"
)

// maxDepth bounds how deep expressions and subqueries nest.
const maxDepth = 200

// The parser reads some texts twice, once as a pattern and once as an
// expression, and what nests within them more often. workPerToken bounds that.
const workPerToken = 64

// parser turns tokens into clauses by recursive descent.
type parser struct {
	text   string
	tokens []token
	i      int
	depth  int
	work   int // expressions begun, those begun again after a wrong guess among them
	used   names
}

// bail is how the parser leaves a deep recursion; parse catches it.
type bail struct{ err error }

func (p *parser) fail(at int, detail, format string, args ...any) {
	panic(bail{p.errorAt(at, SyntaxError, detail, format, args...)})
}

func (p *parser) errorAt(at int, typ, detail, format string, args ...any) *Error {
	return errorAt(p.text, p.tokens[min(at, len(p.tokens)-1)].from, typ, detail, format, args...)
}

// expected fails at the current token, naming what could stand here.
func (p *parser) expected(what string) {
	p.fail(p.i, expectedDetail, "expected %s but found %s", what, p.cur().describe())
}

func (p *parser) cur() token { return p.tokens[p.i] }

func (p *parser) at(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *parser) from(start int) span { return span{start, p.i} }

// enter counts nesting; use as defer p.enter()().
func (p *parser) enter() func() {
	p.depth++
	p.work++
	if p.work > workPerToken*(len(p.tokens)+64) {
		panic(tooMuch{p.errorAt(p.i, SyntaxError, "NestedTooDeep", "the query is too tangled to be read")})
	}
	if p.depth > maxDepth {
		p.fail(p.i, "NestedTooDeep", "the query nests deeper than %d levels", maxDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) isWord(n int, words ...string) bool {
	t := p.at(n)
	if t.kind != tokName {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

func (p *parser) isSym(n int, s string) bool {
	t := p.at(n)
	return t.kind == tokSymbol && t.text == s
}

func (p *parser) word(w string) bool {
	if p.isWord(0, w) {
		p.i++
		return true
	}
	return false
}

// words takes a sequence of keywords or nothing.
func (p *parser) words(ws ...string) bool {
	for n, w := range ws {
		if !p.isWord(n, w) {
			return false
		}
	}
	p.i += len(ws)
	return true
}

func (p *parser) sym(s string) bool {
	if p.isSym(0, s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) needSym(s, where string) {
	if !p.sym(s) {
		p.expected(fmt.Sprintf("%q %s", s, where))
	}
}

func (p *parser) needWord(w, where string) {
	if !p.word(w) {
		p.expected(w + " " + where)
	}
}

// name takes an identifier; keywords are allowed where only a name can stand.
func (p *parser) name(what string) string {
	t := p.cur()
	if t.kind != tokName && t.kind != tokQuoted {
		p.expected(what)
	}
	p.i++
	return t.text
}

// variable takes a name that may not be a literal word.
func (p *parser) variable() string {
	if p.isWord(0, "null", "true", "false") {
		p.expected("a variable")
	}
	return p.name("a variable")
}

// tooMuch ends parsing without another guess.
type tooMuch struct{ err error }

// caught turns a panic of the parser or the compiler into its error.
func caught(r any) error {
	switch b := r.(type) {
	case nil:
		return nil
	case bail:
		return b.err
	case tooMuch:
		return b.err
	}
	panic(r)
}

// statement is a parsed query text.
type statement struct {
	mode   string // "", "EXPLAIN" or "PROFILE"
	text   string
	tokens []token
	query  *union
	used   names
}

// names are the labels, relationship types and properties that a query speaks of.
type names struct {
	labels, types []string
	props         []usedProp
	bound         map[string][]string // labels or types of the variables in patterns
}

// parse reads a whole query text.
func parse(text string) (st *statement, err error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	defer func() {
		if e := caught(recover()); e != nil {
			st, err = nil, p.advised(e)
		}
	}()
	st = &statement{text: text, tokens: tokens}
	switch {
	case p.word("EXPLAIN"):
		st.mode = "EXPLAIN"
	case p.word("PROFILE"):
		st.mode = "PROFILE"
	}
	st.query = p.union()
	p.sym(";")
	if p.cur().kind != tokEnd {
		p.unexpectedClause()
	}
	st.used = p.used
	return st, nil
}

func (p *parser) union() *union {
	defer p.enter()()
	start := p.i
	u := &union{parts: []*single{p.single()}}
	for n := 0; p.isWord(0, "UNION"); n++ {
		at := p.i
		p.i++
		all := p.word("ALL")
		if n > 0 && all != u.all {
			p.fail(at, "InvalidClauseComposition", "UNION and UNION ALL cannot be mixed in one query")
		}
		u.all = all
		u.parts = append(u.parts, p.single())
	}
	u.span = p.from(start)
	return u
}

// clauseWords are the words a clause may begin with.
var clauseWords = []string{"MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL", "UNION", "WHERE", "ORDER", "SKIP", "LIMIT"}

// writeWords begin clauses this engine refuses.
var writeWords = []string{"CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "FOREACH", "LOAD", "DROP", "ALTER", "GRANT", "START"}

func (p *parser) single() *single {
	start := p.i
	s := &single{}
	for {
		c := p.clause()
		if c == nil {
			break
		}
		s.clauses = append(s.clauses, c)
		if pc, ok := c.(*projectClause); ok && pc.last {
			break
		}
	}
	if len(s.clauses) == 0 {
		p.unexpectedClause()
	}
	s.span = p.from(start)
	return s
}

// unexpectedClause fails where a clause should begin, with the best advice.
func (p *parser) unexpectedClause() {
	if t := p.cur(); p.isWord(0, writeWords...) {
		p.fail(p.i, "InvalidClauseComposition", "%s would write, and queries only read: the graph is changed by what nanoprobes discover", strings.ToUpper(t.text))
	}
	p.expected("a clause such as MATCH, WITH or RETURN")
}

// clause reads the next clause, or nil when none begins here.
func (p *parser) clause() clause {
	start := p.i
	switch {
	case p.word("MATCH"):
		return p.match(start, false)
	case p.words("OPTIONAL", "MATCH"):
		return p.match(start, true)
	case p.word("UNWIND"):
		u := &unwindClause{list: p.expr()}
		p.needWord("AS", "and a variable after the list")
		u.name = p.variable()
		u.span = p.from(start)
		return u
	case p.word("WITH"):
		return p.project(start, false)
	case p.word("RETURN"):
		return p.project(start, true)
	case p.word("CALL"):
		return p.call(start)
	case p.isWord(0, writeWords...):
		p.unexpectedClause()
	}
	return nil
}

func (p *parser) match(start int, optional bool) clause {
	m := &matchClause{optional: optional, patterns: p.patterns()}
	if p.word("WHERE") {
		m.filter = p.expr()
	}
	m.span = p.from(start)
	return m
}

func (p *parser) project(start int, last bool) clause {
	c := &projectClause{last: last, distinct: p.word("DISTINCT")}
	if p.sym("*") {
		c.star = true
		if p.sym(",") {
			c.items = p.items()
		}
	} else {
		c.items = p.items()
	}
	if p.words("ORDER", "BY") {
		for {
			s := sortItem{e: p.expr()}
			if p.word("DESC") || p.word("DESCENDING") {
				s.desc = true
			} else if !p.word("ASC") {
				p.word("ASCENDING")
			}
			c.order = append(c.order, s)
			if !p.sym(",") {
				break
			}
		}
	}
	if p.word("SKIP") || p.word("OFFSET") {
		c.skip = p.expr()
	}
	if p.word("LIMIT") {
		c.limit = p.expr()
	}
	if !last && p.word("WHERE") {
		c.filter = p.expr()
	}
	c.span = p.from(start)
	return c
}

func (p *parser) items() []item {
	var items []item
	for {
		start := p.i
		it := item{e: p.expr()}
		it.name = p.text[p.tokens[start].from:p.tokens[p.i-1].to]
		if p.word("AS") {
			it.name, it.aliased = p.variable(), true
		} else if v, ok := it.e.(*varExpr); ok {
			it.name, it.aliased = v.name, true
		}
		it.span = p.from(start)
		items = append(items, it)
		if !p.sym(",") {
			return items
		}
	}
}

func (p *parser) call(start int) clause {
	if p.isSym(0, "{") {
		p.fail(p.i, "UnexpectedSyntax", "CALL { } is not part of this language; use EXISTS { }, COUNT { }, COLLECT { } or WITH")
	}
	c := &callClause{implicit: true, name: p.name("a procedure's name")}
	for p.sym(".") {
		c.name += "." + p.name("the rest of a procedure's name")
	}
	if p.sym("(") {
		c.implicit = false
		if !p.sym(")") {
			c.args = p.exprList()
			p.needSym(")", "after the procedure's arguments")
		}
	}
	if p.word("YIELD") {
		c.yielded = true
		p.yields(c)
	}
	c.span = p.from(start)
	return c
}

func (p *parser) yields(c *callClause) {
	if p.sym("*") {
		c.star = true
		return
	}
	if p.sym("-") {
		return
	}
	for {
		start := p.i
		y := yieldItem{column: p.name("a column of the procedure")}
		y.name = y.column
		if p.word("AS") {
			y.name = p.variable()
		}
		y.span = p.from(start)
		c.yield = append(c.yield, y)
		if !p.sym(",") {
			break
		}
	}
	if p.word("WHERE") {
		c.filter = p.expr()
	}
}

func (p *parser) exprList() []expr {
	list := []expr{p.expr()}
	for p.sym(",") {
		list = append(list, p.expr())
	}
	return list
}
