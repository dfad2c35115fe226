package cypher

import (
	"math"
	"strconv"
	"strings"
)

// The levels of precedence, loosest first:
//
//	OR, XOR, AND, NOT, comparison, + -, * / %, ^, unary + -, postfix, atom
//
// IS NULL, IN, STARTS WITH and the like bind tighter than comparison and
// looser than +.
func (p *parser) expr() expr {
	defer p.enter()()
	return p.left(0)
}

var booleanLevels = [...]string{"OR", "XOR", "AND"}

func (p *parser) left(level int) expr {
	if level == len(booleanLevels) {
		return p.not()
	}
	start := p.i
	e := p.left(level + 1)
	for p.word(booleanLevels[level]) {
		r := p.left(level + 1)
		e = &binaryExpr{p.from(start), booleanLevels[level], e, r}
	}
	return e
}

func (p *parser) not() expr {
	start := p.i
	if p.word("NOT") {
		defer p.enter()()
		e := p.not()
		return &unaryExpr{p.from(start), "NOT", e}
	}
	return p.comparison()
}

var comparisons = []string{"=", "<>", "<=", ">=", "<", ">"}

func (p *parser) comparison() expr {
	start := p.i
	args := []expr{p.predicate()}
	var ops []string
	for op := p.anySym(comparisons); op != ""; op = p.anySym(comparisons) {
		ops = append(ops, op)
		args = append(args, p.predicate())
	}
	if len(ops) == 0 {
		return args[0]
	}
	return &compareExpr{p.from(start), ops, args}
}

func (p *parser) anySym(symbols []string) string {
	for _, s := range symbols {
		if p.sym(s) {
			return s
		}
	}
	return ""
}

// predicate reads the string, list and null operators.
func (p *parser) predicate() expr {
	start := p.i
	e := p.sum()
	for {
		op := ""
		switch {
		case p.words("STARTS", "WITH"):
			op = "STARTS"
		case p.words("ENDS", "WITH"):
			op = "ENDS"
		case p.word("CONTAINS"):
			op = "CONTAINS"
		case p.word("IN"):
			op = "IN"
		case p.sym("=~"):
			op = "=~"
		case p.words("IS", "NULL"):
			e = &nullExpr{p.from(start), e, false}
			continue
		case p.words("IS", "NOT", "NULL"):
			e = &nullExpr{p.from(start), e, true}
			continue
		default:
			return e
		}
		r := p.sum()
		e = &binaryExpr{p.from(start), op, e, r}
	}
}

func (p *parser) sum() expr { return p.binary([]string{"+", "-"}, p.product) }

func (p *parser) product() expr { return p.binary([]string{"*", "/", "%"}, p.power) }

func (p *parser) power() expr { return p.binary([]string{"^"}, p.unary) }

func (p *parser) binary(ops []string, operand func() expr) expr {
	start := p.i
	e := operand()
	for op := p.anySym(ops); op != ""; op = p.anySym(ops) {
		r := operand()
		e = &binaryExpr{p.from(start), op, e, r}
	}
	return e
}

func (p *parser) unary() expr {
	start := p.i
	switch {
	case p.isSym(0, "-") && p.at(1).kind == tokInt:
		p.i++
		if strings.TrimLeft(p.cur().text, "0") != "" && p.tokens[p.i-1].to == p.cur().from || p.isMinInt() {
			v := p.integer(true)
			return p.postfix(start, &litExpr{p.from(start), v})
		}
		p.i--
		fallthrough
	case p.isSym(0, "-"):
		p.i++
		defer p.enter()()
		e := p.unary()
		return &unaryExpr{p.from(start), "-", e}
	case p.sym("+"):
		defer p.enter()()
		e := p.unary()
		return &unaryExpr{p.from(start), "+", e}
	}
	return p.postfix(start, p.atom())
}

// isMinInt reports whether the integer at hand fits only when negated.
func (p *parser) isMinInt() bool {
	v, err := strconv.ParseUint(p.cur().text, 0, 64)
	return err == nil && v == 1<<63
}

// integer takes an integer token.
func (p *parser) integer(negative bool) int64 {
	t := p.cur()
	text := strings.ToLower(t.text)
	v, err := strconv.ParseUint(text, 0, 64)
	if len(text) > 1 && text[0] == '0' && isDigit(rune(text[1])) {
		v, err = strconv.ParseUint(text, 10, 64)
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	if err != nil || v > limit {
		p.fail(p.i, "IntegerOverflow", "the integer %s does not fit into 64 bits", t.text)
	}
	p.i++
	if negative {
		return -int64(v)
	}
	return int64(v)
}

// postfix reads .name, [index], [low..high] and :Label after an atom.
func (p *parser) postfix(start int, e expr) expr {
	for {
		switch {
		case p.isSym(0, ".") && !p.isSym(1, "."):
			p.i++
			name := p.name("a property's name")
			p.used.prop(e, name)
			e = &propExpr{p.from(start), e, name}
		case p.sym("["):
			e = p.subscript(start, e)
		case p.isSym(0, ":") && (p.at(1).kind == tokName || p.at(1).kind == tokQuoted):
			labels := p.labels()
			e = &labelsExpr{p.from(start), e, labels}
		default:
			return e
		}
	}
}

func (p *parser) subscript(start int, e expr) expr {
	var low, high expr
	if !p.isSym(0, "..") {
		low = p.expr()
	}
	if p.sym("]") {
		return &indexExpr{p.from(start), e, low}
	}
	p.needSym("..", "or \"]\" in the subscript")
	if !p.isSym(0, "]") {
		high = p.expr()
	}
	p.needSym("]", "to end the subscript")
	return &sliceExpr{p.from(start), e, low, high}
}

func (p *parser) atom() expr {
	start := p.i
	t := p.cur()
	switch t.kind {
	case tokInt:
		v := p.integer(false)
		return &litExpr{p.from(start), v}
	case tokFloat:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail(p.i, "FloatingPointOverflow", "the number %s is too large", t.text)
		}
		p.i++
		return &litExpr{p.from(start), v}
	case tokBadNumber:
		p.fail(p.i, "InvalidNumberLiteral", "%q is not a number", t.text)
	case tokString:
		p.i++
		return &litExpr{p.from(start), t.text}
	case tokParam:
		p.i++
		return &paramExpr{p.from(start), t.text}
	case tokSymbol:
		return p.symbolAtom(start)
	case tokName:
		if e := p.wordAtom(start); e != nil {
			return e
		}
		fallthrough
	case tokQuoted:
		return p.nameAtom(start)
	}
	p.expected("an expression")
	return nil
}

func (p *parser) symbolAtom(start int) expr {
	switch {
	case p.isSym(0, "("):
		if e := p.tryPattern(); e != nil {
			return e
		}
		p.i++
		e := p.expr()
		p.needSym(")", "to close the parenthesis")
		return e
	case p.isSym(0, "["):
		return p.bracket(start)
	case p.isSym(0, "{"):
		return p.mapLiteral()
	}
	p.expected("an expression")
	return nil
}

// tryPattern reads a pattern such as (a)-->(b) where an expression may stand,
// or returns nil and stays.
func (p *parser) tryPattern() (e expr) {
	start, depth := p.i, p.depth
	if !p.looksLikeNode() {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(bail); !ok {
				panic(r)
			}
			p.i, p.depth, e = start, depth, nil
		}
	}()
	pt := p.chain()
	if len(pt.rels) == 0 {
		p.i = start
		return nil
	}
	return &patternExpr{span: p.from(start), pattern: pt}
}

// looksLikeNode reports whether "(" begins a node followed by a relationship.
// It looks for the matching parenthesis and what follows it.
func (p *parser) looksLikeNode() bool {
	depth := 0
	for n := 0; ; n++ {
		t := p.at(n)
		if t.kind == tokEnd {
			return false
		}
		if t.kind != tokSymbol {
			continue
		}
		switch t.text {
		case "(":
			depth++
			if depth > 1 && n < 2 {
				return false
			}
		case ")":
			if depth--; depth == 0 {
				return p.isSym(n+1, "-") && (p.isSym(n+2, "[") || p.isSym(n+2, "-")) ||
					p.isSym(n+1, "<") && p.isSym(n+2, "-") && (p.isSym(n+3, "[") || p.isSym(n+3, "-"))
			}
		}
	}
}

func (p *parser) mapLiteral() expr {
	start := p.i
	p.needSym("{", "to begin a map")
	m := &mapExpr{}
	for !p.isSym(0, "}") {
		if len(m.keys) > 0 {
			p.needSym(",", "or \"}\" in the map")
		}
		m.keys = append(m.keys, p.name("a key"))
		p.needSym(":", "after the key")
		m.values = append(m.values, p.expr())
	}
	p.i++
	m.span = p.from(start)
	return m
}

// bracket reads a list, a list comprehension or a pattern comprehension.
func (p *parser) bracket(start int) expr {
	p.i++
	if p.sym("]") {
		return &listExpr{span: p.from(start)}
	}
	if (p.at(0).kind == tokName || p.at(0).kind == tokQuoted) && p.isWord(1, "IN") {
		if e := p.listComp(start); e != nil {
			return e
		}
	}
	if e := p.patternComp(start); e != nil {
		return e
	}
	items := p.exprList()
	p.needSym("]", "to end the list")
	return &listExpr{p.from(start), items}
}

// listComp reads [x IN list WHERE .. | ..]; [x IN list] alone is one too.
func (p *parser) listComp(start int) expr {
	mark := p.i
	c := &listCompExpr{name: p.variable()}
	p.i++
	c.list = p.expr()
	if p.word("WHERE") {
		c.where = p.expr()
	}
	if p.sym("|") {
		c.project = p.expr()
	}
	if !p.sym("]") {
		if c.where != nil || c.project != nil {
			p.expected(`"]" to end the list comprehension`)
		}
		p.i = mark // a plain list whose first item is a membership test
		return nil
	}
	c.span = p.from(start)
	return c
}

func (p *parser) patternComp(start int) expr {
	mark := p.i
	name := ""
	if p.isSym(1, "=") && p.isSym(2, "(") && p.at(0).kind == tokName {
		name = p.variable()
		p.i++
	}
	if !p.isSym(0, "(") || !p.looksLikeNode() {
		p.i = mark
		return nil
	}
	pe, _ := p.tryPattern().(*patternExpr)
	if pe == nil || !p.isWord(0, "WHERE") && !p.isSym(0, "|") {
		p.i = mark
		return nil
	}
	pe.pattern.name = name
	if p.word("WHERE") {
		pe.where = p.expr()
	}
	p.needSym("|", "and what to make of each match")
	pe.project = p.expr()
	p.needSym("]", "to end the pattern comprehension")
	pe.span = p.from(start)
	return pe
}

// wordAtom reads the atoms that begin with a keyword, or returns nil.
func (p *parser) wordAtom(start int) expr {
	lit := func(v any) expr {
		p.i++
		return &litExpr{p.from(start), v}
	}
	paren, brace := p.isSym(1, "("), p.isSym(1, "{")
	switch word := strings.ToUpper(p.cur().text); {
	case word == "NULL":
		return lit(nil)
	case word == "TRUE":
		return lit(true)
	case word == "FALSE":
		return lit(false)
	case word == "CASE":
		return p.caseExpr(start)
	case brace && (word == "EXISTS" || word == "COUNT" || word == "COLLECT"):
		return p.sub(start, word)
	case paren && (word == "ALL" || word == "ANY" || word == "NONE" || word == "SINGLE"):
		return p.quantifier(start, strings.ToLower(word))
	case paren && word == "REDUCE":
		return p.reduce(start)
	case paren && (word == "SHORTESTPATH" || word == "ALLSHORTESTPATHS"):
		pt := p.shortest()
		return &patternExpr{span: p.from(start), pattern: pt}
	}
	return nil
}

func (p *parser) caseExpr(start int) expr {
	p.i++
	c := &caseExpr{}
	if !p.isWord(0, "WHEN") {
		c.test = p.expr()
	}
	for p.word("WHEN") {
		c.when = append(c.when, p.expr())
		p.needWord("THEN", "after the condition")
		c.then = append(c.then, p.expr())
	}
	if len(c.when) == 0 {
		p.expected("WHEN in the CASE expression")
	}
	if p.word("ELSE") {
		c.other = p.expr()
	}
	p.needWord("END", "to finish the CASE expression")
	c.span = p.from(start)
	return c
}

// sub reads EXISTS { pattern or query } and its COUNT and COLLECT siblings.
func (p *parser) sub(start int, kind string) expr {
	p.i += 2
	s := &subExpr{kind: kind}
	if p.isSym(0, "(") || p.isSym(1, "=") || p.isWord(0, "shortestPath", "allShortestPaths") {
		m := p.match(p.i, false)
		s.query = &union{span: m.loc(), parts: []*single{{m.loc(), []clause{m}}}}
	} else {
		s.query = p.union()
	}
	if p.isWord(0, writeWords...) {
		p.unexpectedClause()
	}
	p.needSym("}", "to end the subquery")
	s.span = p.from(start)
	return s
}

func (p *parser) quantifier(start int, kind string) expr {
	mark := p.i
	p.i += 2
	q := &quantExpr{kind: kind, name: p.variable()}
	if !p.word("IN") {
		p.i = mark
		p.fail(mark+3, "UnexpectedSyntax", "%s() needs a variable, IN and a list, e.g. %s(x IN list WHERE x > 0)", kind, kind)
	}
	q.list = p.expr()
	if !p.word("WHERE") {
		p.expected("WHERE and a predicate")
	}
	q.where = p.expr()
	p.needSym(")", "to end "+kind)
	q.span = p.from(start)
	return q
}

func (p *parser) reduce(start int) expr {
	p.i += 2
	r := &reduceExpr{acc: p.variable()}
	p.needSym("=", "after the accumulator's name")
	r.start = p.expr()
	p.needSym(",", "after the first value")
	r.name = p.variable()
	p.needWord("IN", "and a list")
	r.list = p.expr()
	p.needSym("|", "and what to make of each item")
	r.body = p.expr()
	p.needSym(")", "to end reduce")
	r.span = p.from(start)
	return r
}

// nameAtom reads a variable, a map projection or a function call.
func (p *parser) nameAtom(start int) expr {
	n := 1
	for p.isSym(n, ".") && (p.at(n+1).kind == tokName || p.at(n+1).kind == tokQuoted) {
		n += 2
	}
	if p.isSym(n, "(") {
		return p.function(start)
	}
	name := p.variable()
	if p.isSym(0, "{") {
		return p.projection(start, name)
	}
	return &varExpr{p.from(start), name}
}

func (p *parser) function(start int) expr {
	c := &callExpr{name: p.name("a function")}
	for p.sym(".") {
		c.name += "." + p.name("a function")
	}
	p.i++
	if strings.EqualFold(c.name, "count") && p.isSym(0, "*") && p.isSym(1, ")") {
		p.i += 2
		c.star = true
		c.span = p.from(start)
		return c
	}
	c.distinct = p.word("DISTINCT")
	if !p.sym(")") {
		c.args = p.exprList()
		p.needSym(")", "or \",\" in the arguments of "+c.name)
	}
	c.span = p.from(start)
	return c
}

func (p *parser) projection(start int, name string) expr {
	p.i++
	m := &projectExpr{name: name}
	for n := 0; !p.isSym(0, "}"); n++ {
		if n > 0 {
			p.needSym(",", "or \"}\" in the map projection")
		}
		at := p.i
		switch {
		case p.isSym(0, ".") && p.isSym(1, "*"):
			p.i += 2
			m.all = true
		case p.sym("."):
			key := p.name("a property's name")
			v := &varExpr{span{start, start + 1}, name}
			p.used.prop(v, key)
			m.keys = append(m.keys, key)
			m.exprs = append(m.exprs, &propExpr{p.from(at), v, key})
		default:
			key := p.name("a key")
			var v expr = &varExpr{p.from(at), key}
			if p.sym(":") {
				v = p.expr()
			}
			m.keys = append(m.keys, key)
			m.exprs = append(m.exprs, v)
		}
	}
	p.i++
	m.span = p.from(start)
	return m
}
