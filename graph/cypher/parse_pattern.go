package cypher

import (
	"slices"
	"strconv"
	"strings"

	"assim/graph"
)

func (p *parser) patterns() []*pattern {
	list := []*pattern{p.pattern()}
	for p.sym(",") {
		list = append(list, p.pattern())
	}
	return list
}

// pattern reads one chain, perhaps named, perhaps in shortestPath(...).
func (p *parser) pattern() *pattern {
	start := p.i
	name := ""
	if p.isSym(1, "=") {
		name = p.variable()
		p.needSym("=", "after the path's name")
	}
	var pt *pattern
	if p.isWord(0, "shortestPath", "allShortestPaths") && p.isSym(1, "(") {
		pt = p.shortest()
	} else {
		pt = p.chain()
	}
	pt.name = name
	pt.span = p.from(start)
	return pt
}

func (p *parser) shortest() *pattern {
	start := p.i
	kind := "shortestPath"
	if p.isWord(0, "allShortestPaths") {
		kind = "allShortestPaths"
	}
	p.i++
	p.needSym("(", "after "+kind)
	pt := p.chain()
	p.needSym(")", "after the pattern of "+kind)
	if len(pt.rels) != 1 {
		p.fail(start, "InvalidRelationshipPattern", "%s takes a pattern of exactly one relationship, e.g. (a)-[:CABLED_TO*]-(b)", kind)
	}
	pt.shortest = kind
	pt.span = p.from(start)
	return pt
}

func (p *parser) chain() *pattern {
	start := p.i
	pt := &pattern{nodes: []*nodePattern{p.node()}}
	for p.isSym(0, "-") || p.isSym(0, "<") {
		pt.rels = append(pt.rels, p.rel())
		pt.nodes = append(pt.nodes, p.node())
	}
	pt.span = p.from(start)
	return pt
}

func (p *parser) node() *nodePattern {
	start := p.i
	p.needSym("(", "to begin a node")
	n := &nodePattern{}
	if k := p.cur().kind; k == tokName || k == tokQuoted {
		n.name = p.variable()
	}
	n.labels = p.labels()
	n.props = p.patternProps()
	p.used.pattern(n.name, n.labels, n.props)
	p.needSym(")", "to end the node")
	n.span = p.from(start)
	return n
}

// labels reads :A:B or :A&B.
func (p *parser) labels() []string {
	var labels []string
	for p.sym(":") {
		labels = append(labels, p.name("a label"))
		for p.sym("&") {
			labels = append(labels, p.name("a label"))
		}
	}
	for _, l := range labels {
		p.used.labels = addName(p.used.labels, l)
	}
	return labels
}

func (p *parser) patternProps() expr {
	switch {
	case p.isSym(0, "{"):
		return p.mapLiteral()
	case p.cur().kind == tokParam:
		p.fail(p.i, "InvalidParameterUse", "a parameter cannot stand for all properties in a pattern; write {name: $%s.name}", p.cur().text)
	}
	return nil
}

func (p *parser) rel() *relPattern {
	start := p.i
	r := &relPattern{min: 1, max: 1}
	left := p.sym("<")
	p.needSym("-", "to begin a relationship")
	if p.sym("[") {
		p.relBody(r)
		p.needSym("]", "to end the relationship")
	}
	p.needSym("-", "to end a relationship")
	right := p.sym(">")
	r.dir = graph.Both
	switch {
	case left && !right:
		r.dir = graph.In
	case right && !left:
		r.dir = graph.Out
	}
	r.span = p.from(start)
	return r
}

func (p *parser) relBody(r *relPattern) {
	if k := p.cur().kind; k == tokName || k == tokQuoted {
		r.name = p.variable()
	}
	if p.sym(":") {
		r.types = append(r.types, p.name("a relationship type"))
		for p.sym("|") {
			p.sym(":")
			r.types = append(r.types, p.name("a relationship type"))
		}
	}
	for _, t := range r.types {
		p.used.types = addName(p.used.types, t)
	}
	if p.sym("*") {
		p.relRange(r)
	} else if p.isSym(0, "..") {
		p.fail(p.i, "InvalidRelationshipPattern", `the length of a path begins with "*", e.g. [:TYPE*1..3]`)
	}
	r.props = p.patternProps()
	p.used.pattern(r.name, r.types, r.props)
}

// relRange reads what follows the star: nothing, n, n.., ..m or n..m.
func (p *parser) relRange(r *relPattern) {
	r.variable, r.max = true, -1
	low, hasLow := p.bound()
	if hasLow {
		r.min = low
	}
	if !p.sym("..") {
		if hasLow {
			r.max = low
		}
		return
	}
	if high, ok := p.bound(); ok {
		r.max = high
	}
}

// bound reads an integer; the lexer never makes "1..2" a float.
func (p *parser) bound() (int, bool) {
	if p.isSym(0, "-") {
		p.fail(p.i, "InvalidRelationshipPattern", "the length of a path cannot be negative")
	}
	t := p.cur()
	if t.kind != tokInt {
		return 0, false
	}
	n, err := strconv.Atoi(strings.ToLower(t.text))
	if err != nil {
		p.fail(p.i, "InvalidRelationshipPattern", "%q is not a usable path length", t.text)
	}
	p.i++
	return n, true
}

func addName(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
